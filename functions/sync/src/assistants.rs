//! Copies the assistants: the complete listing, their versions, and who is gone.

use std::collections::HashMap;

use anyhow::{Context, Result};
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::json;
use shared::assistant::{self, Assistant};
use shared::db;
use shared::document::{self, Reading};
use shared::run::{Run, Step};

use crate::Deps;
use crate::organisation::Organisation;
use crate::vapi::{Listed, Query, VapiError};

/// Assistants in one page: a thousand of them once brought a server's query to its time limit.
const PAGE: usize = 100;
/// What is asked for where a whole page of assistants was created in one millisecond.
const LARGEST_PAGE: usize = 1000;

/// A complete listing, and whether every element of it could be read.
struct Listing {
    assistants: Vec<Assistant>,
    complete: bool,
}

/// Copies the assistants and returns their ids. A listing that fails is no reason to lose calls: it is told, and the
/// run goes on; only a refused key, or another organisation's, ends it.
pub(crate) async fn sync(
    deps: &Deps,
    run: &Run,
    organisation: &Organisation,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let listing = match list(deps, run, now).await {
        Ok(listing) => listing,
        Err(error @ VapiError::Unauthorized { .. }) => return Err(error).context("listing assistants"),
        Err(error) => {
            let error = anyhow::Error::from(error).context("listing assistants");
            run.warn(
                Step::Fetch,
                format!("the assistants are as the last sync left them: {error:#}"),
                json!({}),
            );
            organisation
                .confirm(&deps.vapi)
                .await
                .context("asking whose key it is")?;
            return Ok(Some(format!("the assistants were not synced: {error:#}")));
        }
    };
    for assistant in &listing.assistants {
        organisation
            .check(assistant.org_id.as_deref())
            .context("listing assistants")?;
    }
    organisation
        .confirm(&deps.vapi)
        .await
        .context("asking whose key it is")?;
    if dry_run {
        run.note("assistants", json!({"fetched": listing.assistants.len()}));
        return Ok(None);
    }
    let mut client = db::connect(&deps.ledger.pool).await.context("storing assistants")?;
    let transaction = client.transaction().await?;
    let stored = assistant::store(&transaction, &listing.assistants, listing.complete, now)
        .await
        .context("storing assistants")?;
    transaction.commit().await?;
    run.note("assistants", json!(stored));
    let text = format!(
        "{} assistants: {} new, {} changed, {} gone; {} new versions",
        stored.fetched, stored.inserted, stored.updated, stored.deleted, stored.versions
    );
    run.info(Step::Save, text, json!(stored));
    Ok(None)
}

/// Walks the listing like the calls': newest first, that millisecond included, to a page without a new id.
async fn list(deps: &Deps, run: &Run, now: DateTime<Utc>) -> Result<Listing, VapiError> {
    let mut found: HashMap<String, Assistant> = HashMap::new();
    let mut query = Query {
        limit: PAGE.min(deps.vapi.page_limit),
        ..Query::default()
    };
    let (mut complete, mut cursor) = (true, now);
    loop {
        let elements = deps.vapi.whole_page(Listed::Assistants, &query).await?;
        let (rows, known) = (elements.len(), found.len());
        let mut oldest = cursor;
        for element in elements {
            match document::assistant(&element) {
                Reading::Usable(assistant, odd) => {
                    for oddity in odd {
                        run.warn(
                            Step::Validate,
                            format!("assistant {}: {oddity}", assistant.id),
                            json!({}),
                        );
                    }
                    oldest = oldest.min(assistant.created_at.unwrap_or(oldest));
                    found.insert(assistant.id.clone(), *assistant);
                }
                Reading::Unusable(reject) | Reading::Malformed(reject) => {
                    complete = false;
                    run.warn(
                        Step::Validate,
                        format!("an assistant cannot be stored: {}", reject.reason),
                        json!({}),
                    );
                }
            }
        }
        if found.len() == known && (rows < query.limit.min(PAGE) || query.limit == LARGEST_PAGE) {
            let assistants = found.into_values().collect();
            return Ok(Listing { assistants, complete });
        }
        // A full page without a new id: more assistants of one millisecond than it holds.
        query.limit = if found.len() == known {
            LARGEST_PAGE
        } else {
            query.limit
        };
        cursor = oldest.trunc_subsecs(3);
        query.created_to = Some(cursor);
    }
}
