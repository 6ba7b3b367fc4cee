//! Reading a chain ahead of whoever walks along it: several pages at once, each read and digested in a task of its own, so that one
//! processor waits for no other. Of the records nothing stays but their digests.

use std::sync::Arc;

use catalog_core::store::{StoreError, StoreErrorKind};
use futures_util::{Stream, StreamExt, stream};
use tokio_util::task::AbortOnDropHandle;

use super::Ledger;
use crate::store::{Entry, SealStore};

/// So many places are read at once.
const PAGE: i64 = 1_000;

/// So many pages are read ahead.
const PAGES: usize = 4;

/// The places after `after` up to `last`, page by page, in order. Where some are missing a page is shorter.
pub(super) fn read<S: SealStore>(
    store: &Arc<S>,
    ledger: &Ledger,
    after: i64,
    last: i64,
) -> impl Stream<Item = Result<Vec<Entry>, StoreError>> + Send + Unpin + use<S> {
    let begins = std::iter::successors(Some(after), |begin| begin.checked_add(PAGE));
    let (store, ledger) = (Arc::clone(store), ledger.clone());
    let pages = begins.take_while(move |begin| *begin < last).map(move |begin| {
        let (store, ledger) = (Arc::clone(&store), ledger.clone());
        // who walks no further drops it
        let page = AbortOnDropHandle::new(tokio::spawn(async move { page(&*store, &ledger, begin).await }));
        async move { page.await.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))? }
    });
    Box::pin(stream::iter(pages).buffered(PAGES))
}

async fn page<S: SealStore>(store: &S, ledger: &Ledger, begin: i64) -> Result<Vec<Entry>, StoreError> {
    let entries = store.entries(ledger, begin, usize::try_from(PAGE).unwrap_or(usize::MAX)).await?;
    // what follows a gap is another page's
    let end = begin.saturating_add(PAGE);
    Ok(entries.into_iter().take_while(|entry| entry.place.sequence <= end).collect())
}
