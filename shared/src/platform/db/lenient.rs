//! A `jsonb` column as a value, whatever is in it.

use std::error::Error;

use serde_json::Value;
use tokio_postgres::types::{FromSql, Type};

use crate::domain::json::lenient;

/// A `jsonb` column, read as [`lenient`] reads: a row with a document that no [`Value`] holds is a row all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Lenient(pub Value);

impl<'a> FromSql<'a> for Lenient {
    fn from_sql(_kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        // The first byte is the version of jsonb's binary form, the rest is text.
        let text = raw.get(1..).unwrap_or_default();
        Ok(Self(lenient(std::str::from_utf8(text)?)))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSONB
    }
}
