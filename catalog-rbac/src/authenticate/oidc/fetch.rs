use std::io;

use bytes::Bytes;
use catalog_core::https::connector;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// Fetches small documents over HTTP/1.1. It follows no redirect: what an issuer says of itself is where it says it is.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why a document is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the URL is none that may be fetched")]
    Url,
    #[error("there was no answer")]
    Send(#[source] hyper_util::client::legacy::Error),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer broke off or is longer than 1 MiB")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A longer document is none, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

impl Fetcher {
    /// Where the system trusts no certificates that is an error only if they are `needed`.
    pub(crate) fn new(needed: bool) -> io::Result<Self> {
        // it is asked every few minutes, and a connection kept for so long is often dead
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector(needed)?);
        Ok(Self { client })
    }

    pub(super) async fn get(&self, url: &str) -> Result<Bytes, FetchError> {
        let uri: Uri = url.parse().map_err(|_| FetchError::Url)?;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let response = self.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        Ok(response.into_body())
    }

    /// Asks, and gives the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let response = self.client.request(request.map(Full::new)).await.map_err(FetchError::Send)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await.map_err(FetchError::Body)?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}
