use std::{pin::Pin, sync::Arc, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::authenticate::{
    OidcIssuer,
    oidc::fetch::{FetchError, Fetcher},
};

/// What openidconnect asks the provider with: our own fetcher, which follows no redirect, with a deadline and a bound on answers.
#[derive(Clone, Debug)]
pub(super) struct HttpClient {
    fetcher: Fetcher,
    issuer: Arc<OidcIssuer>,
}

/// Why the provider gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("nothing may be asked for at `{0}`")]
    Location(String),
    #[error("the provider gave no answer that can be read")]
    Fetch(#[source] FetchError),
    #[error("the provider took longer than {LIMIT:?}")]
    Slow,
}

/// What one answer may take.
const LIMIT: Duration = Duration::from_secs(5);

impl HttpClient {
    pub(super) fn new(fetcher: Fetcher, issuer: Arc<OidcIssuer>) -> Self {
        Self { fetcher, issuer }
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let location = request.uri().to_string();
            if !self.issuer.may_fetch(&location) {
                return Err(HttpError::Location(location));
            }
            let answer = self.fetcher.send(request.map(Into::into));
            let answer = tokio::time::timeout(LIMIT, answer).await.map_err(|_| HttpError::Slow)?;
            Ok(answer.map_err(HttpError::Fetch)?.map(Vec::from))
        })
    }
}
