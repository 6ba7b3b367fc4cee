use std::{sync::Arc, time::Duration};

use catalog_core::clock::{Clock, Timestamp};
use openidconnect::{DiscoveryError, IssuerUrl, core::CoreProviderMetadata};
use tokio::sync::Mutex;

use super::http::{HttpClient, HttpError};

/// What a provider says of itself, with its keys: fetched when it is wanted and again after a while, by one at a time.
#[derive(Debug)]
pub(super) struct Metadata {
    issuer: IssuerUrl,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    document: Option<(Arc<CoreProviderMetadata>, Timestamp)>,
    tried_at: Option<Timestamp>,
}

/// The provider cannot be asked what it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetadataError {
    #[error("the provider cannot be asked what it is")]
    Discovery(#[source] DiscoveryError<HttpError>),
    #[error("the provider could not be asked what it is just before")]
    JustFailed,
}

/// It is fetched again after that time.
const REFRESH_AFTER: Duration = Duration::from_mins(10);
/// While it cannot be fetched, what is there counts for so long.
const MAX_AGE: Duration = Duration::from_hours(24);
/// With a document there, a fetch begins so long after the last at the earliest.
const INTERVAL: Duration = Duration::from_secs(30);
/// Without, so long.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

impl Metadata {
    pub(super) fn new(issuer: IssuerUrl) -> Self {
        Self { issuer, kept: Mutex::default() }
    }

    /// The document, fetched if there is none or it is old; with `newer` also if it may be, for it lacks a key.
    pub(super) async fn current(
        &self,
        http: &HttpClient,
        clock: &dyn Clock,
        newer: bool,
    ) -> Result<Arc<CoreProviderMetadata>, MetadataError> {
        let mut kept = self.kept.lock().await;
        let now = clock.now();
        let age = |at: &Timestamp| now.saturating_since(*at);
        let usable = kept.document.clone().filter(|(_, at)| age(at) < MAX_AGE);
        let fresh = usable.as_ref().is_some_and(|(_, at)| !newer && age(at) < REFRESH_AFTER);
        let interval = if usable.is_some() { INTERVAL } else { FIRST_INTERVAL };
        // a try in the future was before the clock was set back
        let due = kept.tried_at.is_none_or(|at| at > now || age(&at) >= interval);
        match usable {
            Some((document, _)) if fresh || !due => Ok(document),
            None if !due => Err(MetadataError::JustFailed),
            usable => {
                let fetched = CoreProviderMetadata::discover_async(self.issuer.clone(), http).await;
                let now = clock.now();
                kept.tried_at = Some(now);
                match (fetched, usable) {
                    (Ok(document), _) => {
                        let document = Arc::new(document);
                        kept.document = Some((Arc::clone(&document), now));
                        Ok(document)
                    }
                    (Err(error), Some((document, _))) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(
                            issuer = self.issuer.as_str(),
                            error,
                            "a provider cannot be asked again what it is"
                        );
                        Ok(document)
                    }
                    (Err(error), None) => Err(MetadataError::Discovery(error)),
                }
            }
        }
    }
}
