//! The second floor: the rows that the sync wrote, sent by `COPY` into a table of the same definition.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use bytes::{Bytes, BytesMut};
use futures::future::try_join_all;
use futures::{SinkExt as _, TryStreamExt as _};
use tokio_postgres::{Client, NoTls};

use crate::child;
use crate::measured::Watch;

/// As the product has them.
const WRITERS: usize = 3;
const BATCH_BYTES: usize = 3_000_000;
const BATCH_ROWS: usize = 500;

/// What a binary copy begins with: its signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
const TRAILER: &[u8] = b"\xff\xff";

/// Rows of one `COPY`.
type Batch = Vec<Bytes>;

/// Takes the rows of one database into memory, then times sending them to the other.
pub(crate) async fn run(from: &str, to: &str) -> Result<()> {
    let source = connect(from).await?;
    let columns = columns(&source).await?;
    let batches = read(&source, &columns).await?;
    let queue = Mutex::new(batches);
    let targets = try_join_all([to; WRITERS].map(connect)).await?;
    let statement = format!("copy vapi_calls_raw ({columns}) from stdin (format binary)");

    let watch = Watch::start()?;
    let written = try_join_all(targets.iter().map(|target| write(target, &statement, &queue))).await?;
    child::say(&watch.stop(written.iter().sum())?)
}

pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The columns that a row is written with: all but the generated ones.
async fn columns(client: &Client) -> Result<String> {
    let row = client
        .query_one(
            r"
            select string_agg(quote_ident(attname), ', ' order by attnum)
            from pg_attribute
            where attrelid = 'vapi_calls_raw'::regclass
              and attnum > 0
              and attgenerated = ''
              and not attisdropped
            ",
            &[],
        )
        .await?;
    Ok(row.try_get(0)?)
}

async fn read(client: &Client, columns: &str) -> Result<Vec<Batch>> {
    let statement = format!("copy (select {columns} from vapi_calls_raw) to stdout (format binary)");
    let stream = client.copy_out(&statement).await?;
    let mut rows = std::pin::pin!(stream);
    let (mut batches, mut batch, mut size) = (Vec::new(), Batch::new(), 0);
    let mut is_first = true;
    // The server sends a message a row; the header comes with the first, the trailer as the last.
    while let Some(mut row) = rows.try_next().await? {
        if is_first {
            ensure!(row.starts_with(HEADER), "not a binary copy");
            row = row.slice(HEADER.len()..);
            is_first = false;
        }
        if row == TRAILER {
            break;
        }
        size += row.len();
        // A copy of its own: a slice would keep the buffer that it came in.
        batch.push(Bytes::copy_from_slice(&row));
        if size >= BATCH_BYTES || batch.len() >= BATCH_ROWS {
            batches.push(std::mem::take(&mut batch));
            size = 0;
        }
    }
    batches.push(batch);
    Ok(batches)
}

async fn write(client: &Client, statement: &str, queue: &Mutex<Vec<Batch>>) -> Result<u64> {
    let mut written = 0;
    loop {
        let Some(batch) = queue.lock().unwrap_or_else(PoisonError::into_inner).pop() else {
            return Ok(written);
        };
        let mut sink = std::pin::pin!(client.copy_in(statement).await?);
        let mut message = BytesMut::from(HEADER);
        for row in batch {
            message.extend_from_slice(&row);
            sink.feed(message.split().freeze()).await?;
        }
        sink.feed(Bytes::from_static(TRAILER)).await?;
        written += sink.as_mut().finish().await.context("copying a batch")?;
    }
}
