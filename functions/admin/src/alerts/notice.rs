//! The line by which other pages say that something is failing.

use askama::Template;
use askama::filters::HtmlSafe;
use shared::store::incident::Incident;

use super::failing::words;
use crate::format;
use crate::viewer::Viewer;

/// One line, that leads to the page on alerts; blank while all is well.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<div id="failing" data-live>
{%- if let Some((what, ago)) = oldest %}<p class="banner bad"><b>{{ what }}</b>{% if others > 0 %} and {{ others }} more{% endif %}, since {{ ago }}. <a href="/admin/alerts">What is failing, and who was told</a></p>{% endif -%}
</div>"#
)]
pub(crate) struct Notice {
    oldest: Option<(String, String)>,
    others: usize,
}

impl HtmlSafe for Notice {}

/// What is failing, given the open incidents, of which the oldest comes first.
pub(crate) fn notice(open: &[Incident], viewer: &Viewer) -> Notice {
    Notice {
        oldest: open.first().map(|incident| {
            let what = format!("{}: {}", incident.subject, words(incident.kind));
            (what, format::ago(incident.since, viewer.now))
        }),
        others: open.len().saturating_sub(1),
    }
}
