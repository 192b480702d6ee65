//! Copies the assistants: the complete listing, their versions, and who is gone.
//!
//! A listing that lacks one that is stored proves nothing: it is asked for by its id, and only what is not found then is
//! gone.

use std::collections::HashMap;

use anyhow::{Context, Result};
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::json;
use shared::domain::assistant::Assistant;
use shared::domain::document::{self, Reading};
use shared::platform::{db, telemetry};
use shared::run::{Run, Step};
use shared::store::assistant;

use crate::Deps;
use crate::organisation::Organisation;
use crate::vapi::{Listed, Query, VapiError};

/// Assistants in one page: a thousand of them once brought a server's query to its time limit.
const PAGE: usize = 100;
/// What is asked for where a whole page of assistants was created in one millisecond.
const LARGEST_PAGE: usize = 1000;

/// Assistants that one run asks for by their ids; the next run goes on with the others.
const ASKED: i64 = 50;

/// Copies the assistants and returns their ids. A listing that fails is no reason to lose calls: it is told, and the
/// run goes on; only a refused key, or another organisation's, ends it.
pub(crate) async fn sync(
    deps: &Deps,
    run: &Run,
    organisation: &Organisation,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let mut listing = match list(deps, run, now).await {
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
    for assistant in &listing {
        organisation
            .check(assistant.org_id.as_deref())
            .context("listing assistants")?;
    }
    organisation
        .confirm(&deps.vapi)
        .await
        .context("asking whose key it is")?;
    if dry_run {
        run.note("assistants", json!({"fetched": listing.len()}));
        return Ok(None);
    }
    let gone = look_for_unlisted(deps, run, organisation, &mut listing).await?;
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    let pool = &deps.ledger.pool;
    let stored = db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        let stored = assistant::store(&transaction, &listing, &gone, now).await?;
        transaction.commit().await?;
        Ok(stored)
    })
    .await
    .context("storing assistants")?;
    run.note("assistants", json!(stored));
    let text = format!(
        "{} assistants: {} new, {} changed, {} gone; {} new versions",
        stored.fetched, stored.inserted, stored.updated, stored.deleted, stored.versions
    );
    run.info(Step::Save, text, json!(stored));
    Ok(None)
}

/// Asks for the stored assistants that a listing lacks by their ids: adds those that Vapi has, and returns those that it
/// does not know.
async fn look_for_unlisted(
    deps: &Deps,
    run: &Run,
    organisation: &Organisation,
    listing: &mut Vec<Assistant>,
) -> Result<Vec<String>> {
    let pool = &deps.ledger.pool;
    let listed: Vec<&str> = listing.iter().map(|assistant| assistant.id.as_str()).collect();
    let unlisted = db::retry(pool, || async {
        let client = db::connect(pool).await?;
        Ok(assistant::unlisted(&client, organisation.id(), &listed, ASKED).await?)
    })
    .await
    .context("looking for assistants that are not listed")?;
    let (mut omitted, mut gone) = (Vec::new(), Vec::new());
    for id in unlisted {
        match deps.vapi.assistant(&id).await {
            Ok(element) => {
                if let Reading::Usable(assistant, _) = document::assistant(&element) {
                    organisation
                        .check(assistant.org_id.as_deref())
                        .context("reading an assistant that is not listed")?;
                    listing.push(*assistant);
                }
                omitted.push(id);
            }
            // Another organisation's key does not find ours either.
            Err(VapiError::NotFound) if organisation.confirmed().is_some() => gone.push(id),
            Err(VapiError::NotFound) => {}
            Err(error) => {
                let error = telemetry::chain(&error);
                let text = format!("assistant {id}, which Vapi did not list, was not read: {error}");
                run.warn(Step::Fetch, text, json!({"assistant_id": id}));
                break;
            }
        }
    }
    if !omitted.is_empty() {
        let text = format!(
            "Vapi did not list {} assistants that are stored and that it has",
            omitted.len()
        );
        run.warn(Step::Fetch, text, json!({"assistant_ids": omitted}));
    }
    Ok(gone)
}

/// Walks the listing like the calls': newest first, that millisecond included, to a page without a new id.
async fn list(deps: &Deps, run: &Run, now: DateTime<Utc>) -> Result<Vec<Assistant>, VapiError> {
    let mut found: HashMap<String, Assistant> = HashMap::new();
    let mut query = Query {
        limit: PAGE.min(deps.vapi.page_limit),
        ..Query::default()
    };
    let mut cursor = now;
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
                    run.warn(
                        Step::Validate,
                        format!("an assistant cannot be stored: {}", reject.reason),
                        json!({}),
                    );
                }
            }
        }
        if found.len() == known && (rows < query.limit.min(PAGE) || query.limit == LARGEST_PAGE) {
            return Ok(found.into_values().collect());
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
