//! The id of a run in an address.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use uuid::Uuid;

use crate::error::PageError;

/// What an address says that names no run.
pub(crate) const NO_SUCH_RUN: PageError =
    PageError::NotFound("There is no run of this id. Old runs stay, so the address may be cut or mistyped.");

/// The id of a run in the path of an address.
pub(crate) fn id_of(path: Result<Path<String>, PathRejection>) -> Result<Uuid, PageError> {
    let Path(text) = path.map_err(|_| NO_SUCH_RUN)?;
    let id = Uuid::parse_str(&text).ok().filter(|_| text.len() == 36);
    id.ok_or(NO_SUCH_RUN)
}
