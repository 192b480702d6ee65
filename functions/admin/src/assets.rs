//! Style, script and icon: compiled in, named by their content, so that browsers may keep them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::PageError;

struct Asset {
    name: String,
    kind: &'static str,
    text: &'static str,
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| Asset::new("css", "text/css", include_str!("assets/callmark.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("js", "text/javascript", include_str!("assets/callmark.js")));
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_str!("assets/callmark.svg")));

/// The address of the style sheet.
pub(crate) fn style() -> String {
    STYLE.address()
}

/// The address of the script.
pub(crate) fn script() -> String {
    SCRIPT.address()
}

/// The address of the icon.
pub(crate) fn icon() -> String {
    ICON.address()
}

/// One of them, by the name that its content gives it.
pub(crate) async fn serve(Path(name): Path<String>) -> Result<Response, PageError> {
    let asset = [&*STYLE, &*SCRIPT, &*ICON]
        .into_iter()
        .find(|asset| asset.name == name)
        .ok_or(PageError::NotFound("There is no such file."))?;
    let kind = format!("{}; charset=utf-8", asset.kind);
    let forever = "public, max-age=31536000, immutable".to_owned();
    Ok((
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, forever)],
        asset.text,
    )
        .into_response())
}

impl Asset {
    fn new(ending: &str, kind: &'static str, text: &'static str) -> Self {
        let name = format!("callmark-{:016x}.{ending}", xxh3_64(text.as_bytes()));
        Self { name, kind, text }
    }

    fn address(&self) -> String {
        format!("/admin/assets/{}", self.name)
    }
}
