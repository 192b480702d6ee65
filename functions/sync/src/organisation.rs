//! Whose calls these are: another organisation's are refused before anything of them is stored.

use std::sync::OnceLock;

use shared::domain::document::{self, Reading};
use shared::platform::config;
use shared::platform::db::{DbError, Executor};
use shared::store::call;
use shared::store::sync_state::State;

use crate::vapi::{Listed, Query, Vapi};

/// The organisation that a run reads.
#[derive(Debug)]
pub(crate) struct Organisation {
    /// What `VAPI_ORG_ID` says.
    wanted: Option<String>,
    /// Whose calls are stored, as far as is known.
    recorded: Option<String>,
    /// Who Vapi says that it answers for.
    found: OnceLock<String>,
}

/// Vapi answers for another organisation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Foreign {
    #[error(
        "Vapi answers with what belongs to organisation {found}, and this database holds the calls of organisation {stored}: \
         VAPI_API_KEY belongs to another organisation. Use a database of its own for it, or set VAPI_ORG_ID={found} to \
         go on with it here; the calls that are stored stay"
    )]
    NotStored {
        /// Whose it is.
        found: String,
        /// Whose calls are stored.
        stored: String,
    },
    #[error(
        "Vapi answers with what belongs to organisation {found}, and VAPI_ORG_ID is {wanted}: VAPI_API_KEY belongs to \
         another organisation. Use a key of {wanted}, or correct VAPI_ORG_ID"
    )]
    NotWanted {
        /// Whose it is.
        found: String,
        /// What the setting says.
        wanted: String,
    },
}

impl Organisation {
    /// What is known before Vapi has answered; by the newest call where no earlier run recorded it.
    pub(crate) async fn known(db: &impl Executor, settings: &config::Sync, state: &State) -> Result<Self, DbError> {
        let recorded = match &state.organisation {
            Some(organisation) => Some(organisation.clone()),
            None => call::newest_organisation(db).await?,
        };
        Ok(Self {
            wanted: settings.organisation.clone(),
            recorded,
            found: OnceLock::new(),
        })
    }

    /// Lets in what names this organisation, or none.
    pub(crate) fn check(&self, organisation: Option<&str>) -> Result<(), Foreign> {
        let Some(organisation) = organisation else {
            return Ok(());
        };
        let found = self.found.get_or_init(|| organisation.to_owned());
        let expected = self.wanted.as_ref().or(self.recorded.as_ref()).unwrap_or(found);
        if expected == organisation {
            return Ok(());
        }
        let found = organisation.to_owned();
        Err(match &self.wanted {
            Some(wanted) => Foreign::NotWanted {
                found,
                wanted: wanted.clone(),
            },
            None => Foreign::NotStored {
                found,
                stored: expected.clone(),
            },
        })
    }

    /// Asks for the newest call where no assistant said whose key it is: an organisation that has none, and no call
    /// since the last sync, would otherwise go unnoticed, and ours would seem to have fallen silent.
    pub(crate) async fn confirm(&self, vapi: &Vapi) -> Result<(), Foreign> {
        let is_known = self.wanted.is_some() || self.recorded.is_some();
        if self.found.get().is_some() || !is_known {
            return Ok(());
        }
        let newest = Query {
            limit: 1,
            ..Query::default()
        };
        // Whatever goes wrong here goes wrong again where calls are listed, and is told there.
        let elements = vapi.whole_page(Listed::Calls, &newest).await.unwrap_or_default();
        for element in &elements {
            if let Reading::Usable(call, _) = document::call(element) {
                self.check(call.org_id.as_deref())?;
            }
        }
        Ok(())
    }

    /// Whether somebody wants another organisation's calls from now on.
    pub(crate) fn is_switched(&self) -> bool {
        matches!((&self.wanted, &self.recorded), (Some(wanted), Some(recorded)) if wanted != recorded)
    }

    /// Its id, as far as it is known.
    pub(crate) fn id(&self) -> Option<&str> {
        let known = self.wanted.as_ref().or(self.recorded.as_ref());
        known.or_else(|| self.found.get()).map(String::as_str)
    }

    /// Its id, once Vapi has shown that it answers for it.
    pub(crate) fn confirmed(&self) -> Option<&str> {
        self.found.get().and_then(|_| self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organisation(wanted: Option<&str>, recorded: Option<&str>) -> Organisation {
        Organisation {
            wanted: wanted.map(str::to_owned),
            recorded: recorded.map(str::to_owned),
            found: OnceLock::new(),
        }
    }

    #[test]
    fn the_first_one_that_vapi_names_is_the_one_to_be() {
        let ours = organisation(None, None);

        ours.check(None).unwrap();
        assert_eq!(ours.confirmed(), None);
        ours.check(Some("a")).unwrap();

        assert!(ours.check(Some("b")).is_err());
        assert_eq!(ours.confirmed(), Some("a"));
    }

    #[test]
    fn a_refusal_names_both_and_what_to_do() {
        let said = |ours: Organisation| ours.check(Some("b")).unwrap_err().to_string();

        let stored = said(organisation(None, Some("a")));
        assert!(
            stored.contains("organisation b") && stored.contains("organisation a") && stored.contains("VAPI_ORG_ID=b"),
            "{stored}"
        );
        let wanted = said(organisation(Some("c"), Some("a")));
        assert!(
            wanted.contains("organisation b") && wanted.contains("VAPI_ORG_ID is c"),
            "{wanted}"
        );
    }

    #[test]
    fn a_switch_is_one_only_where_others_calls_are_stored() {
        assert!(organisation(Some("b"), Some("a")).is_switched());
        assert!(!organisation(Some("a"), Some("a")).is_switched());
        assert!(!organisation(Some("a"), None).is_switched());
        assert!(!organisation(None, Some("a")).is_switched());
    }
}
