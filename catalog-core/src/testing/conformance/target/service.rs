use std::future::poll_fn;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use super::{BoxError, Target, TargetError};

/// A tower service in this process, such as an axum `Router`.
///
/// Each request goes to a clone. A service of another body type takes the requests through tower's `MapRequest`.
#[derive(Clone, Debug)]
pub struct ServiceTarget<S> {
    service: S,
}

impl<S> ServiceTarget<S> {
    /// Sends requests to that service.
    pub fn new(service: S) -> Self {
        Self { service }
    }
}

#[async_trait]
impl<S, B> Target for ServiceTarget<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TargetError> {
        let failed = |error: BoxError| TargetError::new("the service failed").with_source(error);
        let mut service = self.service.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| failed(error.into()))?;
        let response = service.call(request.map(Full::new)).await.map_err(|error| failed(error.into()))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| failed(error.into()))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    fn name(&self) -> String {
        "in process".into()
    }
}
