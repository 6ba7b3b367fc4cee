use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri, uri::Authority};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{Target, TargetError};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server that is asked over HTTP/1.1, without TLS.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    client: Client<HttpConnector, Full<Bytes>>,
    authority: Authority,
    /// What stands before each path, without a `/` at its end.
    prefix: String,
}

impl HttpTarget {
    /// The server at that URL: `http://127.0.0.1:8080`; a path in it stands before that of each request.
    ///
    /// # Errors
    /// [`TargetError`] for what is no `http` URL.
    pub fn new(base: &str) -> Result<Self, TargetError> {
        let refused = || TargetError::new(format!("`{base}` is no URL such as `http://127.0.0.1:8080`"));
        let uri: Uri = base.parse().map_err(|error: http::uri::InvalidUri| refused().with_source(error))?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(refused)?;
        if uri.query().is_some() {
            return Err(refused());
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { client, authority: authority.clone(), prefix })
    }
}

#[async_trait]
impl Target for HttpTarget {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TargetError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix));
        *request.uri_mut() =
            uri.build().map_err(|error| TargetError::new("that is no URL").with_source(error))?;
        let answer = async {
            let failed = || TargetError::new("the server does not answer");
            let response = self
                .client
                .request(request.map(Full::new))
                .await
                .map_err(|error| failed().with_source(error))?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| failed().with_source(error))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        match tokio::time::timeout(TIMEOUT, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(TargetError::new(format!("the server does not answer in {} s", TIMEOUT.as_secs()))),
        }
    }

    fn name(&self) -> String {
        format!("http://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_plain_http() {
        for (given, name) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost/catalog/", "http://localhost/catalog"),
        ] {
            assert_eq!(HttpTarget::new(given).unwrap().name(), name);
        }
        for bad in ["", "localhost:8080", "https://localhost", "/api", "http://localhost/?a=b"] {
            assert!(HttpTarget::new(bad).is_err(), "{bad}");
        }
    }
}
