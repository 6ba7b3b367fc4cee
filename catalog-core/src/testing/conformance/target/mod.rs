//! Where the requests of the suite go.

mod http;
mod service;

use std::error::Error;

use ::http::{Request, Response};
use async_trait::async_trait;
use bytes::Bytes;

pub use self::{http::HttpTarget, service::ServiceTarget};

type BoxError = Box<dyn Error + Send + Sync>;

/// A running catalog that answers requests.
#[async_trait]
pub trait Target: Send + Sync {
    /// Sends one request, whose URI is a path with a query, and waits for the whole answer.
    ///
    /// # Errors
    /// [`TargetError`] when there is no answer; an answer of any status is none.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TargetError>;

    /// What the report calls it: a URL, or `in process`.
    fn name(&self) -> String;
}

/// Why a target gave no answer, or cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    message: String,
    source: Option<BoxError>,
}

impl TargetError {
    /// With a sentence on what failed.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// With what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The message and those of all causes, for a report.
    pub(super) fn told(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
