//! Puts bodies together from texts that are already rendered, and compressed, once.

use std::sync::Arc;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::document::Document;

/// One element of a page.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    /// A document as it is kept.
    Stored(Arc<Document>),
    /// What a fault has made of one.
    Spoilt(Bytes),
}

/// Consecutive parts of a body.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Stored(Arc<Document>),
    Text(Bytes),
}

/// The parts of a bare array.
pub(crate) fn array(rows: Vec<Row>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(rows.len() * 2 + 1);
    for (at, row) in rows.into_iter().enumerate() {
        let separator = if at == 0 { "[" } else { "," };
        parts.push(Part::Text(Bytes::from_static(separator.as_bytes())));
        parts.push(match row {
            Row::Stored(document) => Part::Stored(document),
            Row::Spoilt(text) => Part::Text(text),
        });
    }
    let end = if parts.is_empty() { "[]" } else { "]" };
    parts.push(Part::Text(Bytes::from_static(end.as_bytes())));
    parts
}

impl Part {
    pub(crate) fn text(&self) -> &Bytes {
        match self {
            Self::Stored(document) => &document.text,
            Self::Text(text) => text,
        }
    }
}

impl Row {
    /// The id of a document that nothing has spoilt yet.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Stored(document) => document.id.as_deref(),
            Self::Spoilt(_) => None,
        }
    }

    pub(crate) fn text(&self) -> &Bytes {
        match self {
            Self::Stored(document) => &document.text,
            Self::Spoilt(text) => text,
        }
    }
}

/// All parts as one text.
pub(crate) fn joined(parts: &[Part]) -> Bytes {
    let mut text = Vec::with_capacity(parts.iter().map(|part| part.text().len()).sum());
    for part in parts {
        text.extend_from_slice(part.text());
    }
    Bytes::from(text)
}

/// A text compressed so that it can stand anywhere inside a gzip stream.
///
/// The compressed form ends on a byte boundary and is not the last block, so that a page is
/// its documents' compressed forms laid end to end; no document is compressed twice.
#[derive(Debug)]
pub(crate) struct Deflated {
    blocks: Bytes,
    check: Crc,
}

impl Deflated {
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut compressor = Compress::new(Compression::new(6), false);
        let mut blocks = Vec::with_capacity(text.len() / 4 + 64);
        let mut read = 0;
        loop {
            let status = compressor.compress_vec(&text[read..], &mut blocks, FlushCompress::Full);
            read = usize::try_from(compressor.total_in()).unwrap_or(text.len());
            let has_room = blocks.len() < blocks.capacity();
            if matches!(status, Ok(Status::StreamEnd) | Err(_)) || (read == text.len() && has_room) {
                break;
            }
            blocks.reserve(blocks.capacity().max(64));
        }
        let mut check = Crc::new();
        check.update(text);
        Self {
            blocks: Bytes::from(blocks),
            check,
        }
    }
}

/// The gzip form of all parts, in pieces.
pub(crate) fn gzipped(parts: &[Part]) -> Vec<Bytes> {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    const LAST_BLOCK: [u8; 2] = [3, 0];
    let mut pieces = vec![Bytes::from_static(&HEADER)];
    let mut check = Crc::new();
    for part in parts {
        let fresh;
        let deflated = match part {
            Part::Stored(document) => document.deflated(),
            Part::Text(text) => {
                fresh = Deflated::new(text);
                &fresh
            }
        };
        pieces.push(deflated.blocks.clone());
        check.combine(&deflated.check);
    }
    let mut end = Vec::from(LAST_BLOCK);
    end.extend_from_slice(&check.sum().to_le_bytes());
    end.extend_from_slice(&check.amount().to_le_bytes());
    pieces.push(Bytes::from(end));
    pieces
}
