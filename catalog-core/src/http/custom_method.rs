use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use futures_util::future::{self, Either};
use http::StatusCode;
use tower_service::Service;

/// Serves what is done to an object by a word behind its name: `POST /jobs/{id}:cancel`. The router knows no ends of segments, so one
/// route takes all of an object's words, and each has its own declaration within.
#[derive(Clone, Debug, Default)]
pub(super) struct CustomMethods {
    methods: Vec<(String, MethodRouter)>,
}

/// The path that is mounted and the word, for a template that ends in one: `/jobs/{id}` and `cancel` of `/jobs/{id}:cancel`.
pub(super) fn split(template: &str) -> Option<(&str, &str)> {
    let (before, word) = template.rsplit_once("}:")?;
    let mounted = template.get(..=before.len())?;
    (!word.is_empty() && !word.contains('/')).then_some((mounted, word))
}

impl CustomMethods {
    pub(super) fn push(&mut self, word: &str, router: MethodRouter) {
        self.methods.push((format!(":{word}"), router));
    }
}

impl Service<Request> for CustomMethods {
    type Response = Response;
    type Error = Infallible;
    type Future =
        Either<future::Ready<Result<Response, Infallible>>, <MethodRouter as Service<Request>>::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // a method router always is
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let path = request.uri().path();
        match self.methods.iter().find(|(word, _)| path.ends_with(word.as_str())) {
            Some((_, router)) => Either::Right(router.clone().call(request)),
            None => Either::Left(future::ready(Ok(StatusCode::NOT_FOUND.into_response()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_behind_the_last_placeholder() {
        assert_eq!(split("/a/{id}:cancel"), Some(("/a/{id}", "cancel")));
        for none in ["/a/{id}", "/a:refresh", "/a/{id}:", "/a/{id}:x/{y}", "", "}:"] {
            assert_eq!(split(none), None, "{none}");
        }
    }
}
