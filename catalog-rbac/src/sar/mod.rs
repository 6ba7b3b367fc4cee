//! A Kubernetes cluster's answer: the authorizer that asks it by `SubjectAccessReview`.

mod answer;
mod ask;
mod authorizer;
mod breaker;
mod cache;
mod config;
mod error;
mod question;
mod visible;

use std::fmt;

pub use self::{authorizer::SubjectAccessReviewAuthorizer, config::SubjectAccessReviewConfig};

/// What cannot be shown.
#[derive(Clone)]
struct Opaque<T>(T);

impl<T> fmt::Debug for Opaque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<T>())
    }
}
