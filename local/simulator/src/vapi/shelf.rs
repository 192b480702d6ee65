//! Documents in creation order, found by id, by creation and by update.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{
    document::Document,
    query::{Bounds, Query},
    settings::Order,
};

/// Newest first; documents of one instant in the order in which they came.
type Place = (Reverse<DateTime<Utc>>, u64);

/// All documents of one kind.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    next: u64,
    by_created: BTreeMap<Place, Arc<Document>>,
    by_updated: BTreeMap<(DateTime<Utc>, Place), Arc<Document>>,
    by_id: HashMap<String, Place>,
}

/// How a list compares and orders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) sub_millisecond: bool,
    pub(crate) order: Order,
    /// Nothing created before this is served.
    pub(crate) oldest: Option<DateTime<Utc>>,
}

/// An `updatedAt` range of at most this many documents is read instead of the whole history.
const SHORT: usize = 4096;

impl Shelf {
    pub(crate) fn len(&self) -> usize {
        self.by_created.len()
    }

    /// Newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.by_created.values()
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Arc<Document>> {
        self.by_created.get(self.by_id.get(id)?)
    }

    /// Adds a document, in place of one with the same id.
    pub(crate) fn put(&mut self, document: Document) {
        self.put_back(Arc::new(document));
    }

    /// The same for one that others hold as well.
    pub(crate) fn put_back(&mut self, document: Arc<Document>) {
        if let Some(id) = &document.id {
            self.take(&id.clone());
        }
        let place = (Reverse(document.created), self.next);
        self.next += 1;
        if let Some(id) = &document.id {
            self.by_id.insert(id.clone(), place);
        }
        self.by_updated.insert((document.updated, place), Arc::clone(&document));
        self.by_created.insert(place, document);
    }

    pub(crate) fn take(&mut self, id: &str) -> Option<Arc<Document>> {
        let place = self.by_id.remove(id)?;
        let document = self.by_created.remove(&place)?;
        self.by_updated.remove(&(document.updated, place));
        Some(document)
    }

    /// The first `most` documents that the query asks for.
    pub(crate) fn select(&self, query: &Query, manner: Manner, most: usize) -> Vec<Arc<Document>> {
        if let Some(id) = &query.id {
            let found = self.find(id).filter(|document| manner.admits(query, document));
            return found.into_iter().take(most).cloned().collect();
        }
        let by_update = !query.updated.is_open();
        match manner.order {
            Order::UpdatedDescending if by_update => self.updated_first(query, manner, most),
            Order::Unsorted if by_update => self.unsorted(query, manner, most),
            _ => self.created_first(query, manner, most),
        }
    }

    fn created_first(&self, query: &Query, manner: Manner, most: usize) -> Vec<Arc<Document>> {
        if let Some(few) = self.few_updated(&query.updated) {
            let mut found: Vec<_> = few
                .into_iter()
                .filter(|(_, document)| manner.admits(query, document))
                .collect();
            found.sort_unstable_by_key(|(place, _)| *place);
            return found
                .into_iter()
                .take(most)
                .map(|(_, document)| Arc::clone(document))
                .collect();
        }
        // A millisecond of slack on either side; `admits` is exact.
        let first = query
            .created
            .latest()
            .map_or(DateTime::<Utc>::MAX_UTC, |latest| latest + TimeDelta::milliseconds(1));
        let last = query.created.earliest().map_or(DateTime::<Utc>::MIN_UTC, |earliest| {
            earliest - TimeDelta::milliseconds(1)
        });
        self.by_created
            .range((Reverse(first), 0)..)
            .take_while(|((Reverse(created), _), _)| *created >= last)
            .filter(|(_, document)| manner.admits(query, document))
            .take(most)
            .map(|(_, document)| Arc::clone(document))
            .collect()
    }

    /// The documents in an `updatedAt` range, if the range is bounded below and holds few.
    fn few_updated(&self, bounds: &Bounds) -> Option<Vec<(Place, &Arc<Document>)>> {
        let earliest = bounds.earliest()? - TimeDelta::milliseconds(1);
        let first = (earliest, (Reverse(DateTime::<Utc>::MAX_UTC), 0));
        let few: Vec<_> = self
            .by_updated
            .range(first..)
            .take(SHORT + 1)
            .map(|((_, place), document)| (*place, document))
            .collect();
        (few.len() <= SHORT).then_some(few)
    }

    fn updated_first(&self, query: &Query, manner: Manner, most: usize) -> Vec<Arc<Document>> {
        let admitted = self
            .by_updated
            .values()
            .rev()
            .filter(|document| manner.admits(query, document));
        admitted.take(most).cloned().collect()
    }

    fn unsorted(&self, query: &Query, manner: Manner, most: usize) -> Vec<Arc<Document>> {
        let mut found: Vec<_> = self.iter().filter(|document| manner.admits(query, document)).collect();
        found.sort_by_key(|document| document.created.timestamp_subsec_micros().reverse_bits());
        found.into_iter().take(most).cloned().collect()
    }
}

impl Manner {
    fn admits(self, query: &Query, document: &Document) -> bool {
        let matches = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        self.oldest.is_none_or(|oldest| document.created >= oldest)
            && query.created.admit(self.compared(document.created))
            && (query.updated.is_open()
                || (!document.never_updated && query.updated.admit(self.compared(document.updated))))
            && matches(&query.assistant_id, &document.assistant_id)
            && matches(&query.phone_number_id, &document.phone_number_id)
    }

    fn compared(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        if self.sub_millisecond {
            instant
        } else {
            instant.trunc_subsecs(3)
        }
    }
}
