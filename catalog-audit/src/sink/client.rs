use std::{io, time::Duration};

use bytes::Bytes;
use catalog_core::https::connector;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::SinkError;

/// Posts documents over HTTP/1.1. It follows no redirect, and reads no more of an answer than it needs.
#[derive(Clone, Debug)]
pub(super) struct Client {
    connections: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    timeout: Duration,
}

/// So much of an answer is read, in bytes.
const MAX_ANSWER: usize = 4_096;

impl Client {
    /// To that URL.
    pub(super) fn new(url: &str, timeout: Duration) -> io::Result<Self> {
        let uri: Uri = url.parse().map_err(io::Error::other)?;
        let secure = match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => true,
            (Some("http"), Some(_)) => false,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the URL is none of http or https")),
        };
        let connector = connector(secure)?;
        Ok(Self { connections: HyperClient::builder(TokioExecutor::new()).build(connector), uri, timeout })
    }

    /// Posts it; whatever is not a success is an error.
    pub(super) async fn post(&self, headers: HeaderMap, body: Bytes) -> Result<(), SinkError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        let answered = tokio::time::timeout(self.timeout, async {
            let response = self.connections.request(request).await.map_err(SinkError::unavailable)?;
            let status = response.status();
            // so that the connection can be used again
            let _ = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            Ok::<_, SinkError>(status)
        });
        let status = answered.await.map_err(|_| SinkError::unavailable("there was no answer in time"))??;
        match status {
            status if status.is_success() => Ok(()),
            // who is not known, or asks too often or for what is not there yet, may be let in later
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS => Err(SinkError::unavailable(format!("the answer is {status}"))),
            status if status.is_client_error() => Err(SinkError::refused(format!("the answer is {status}"))),
            status => Err(SinkError::unavailable(format!("the answer is {status}"))),
        }
    }
}

/// The headers of a document of that type.
pub(super) fn headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("catalog-audit"));
    headers
}
