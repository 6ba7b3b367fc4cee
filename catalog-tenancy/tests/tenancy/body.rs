//! The tenant that a body names.

use std::convert::Infallible;

use bytes::Bytes;
use catalog_core::{context::RequestContext, name::Namespace, problem::Problem};
use catalog_tenancy::{PeekBodyLayer, ResolveTenantLayer, check_body_tenant, resolver::BodyResolver};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use tower::{Layer, ServiceExt, service_fn};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A body of the kind that frameworks have: made of bytes, or of a stream whose length nobody knows.
struct Sent(Body);

impl From<Bytes> for Sent {
    fn from(bytes: Bytes) -> Self {
        Self(Full::new(bytes).boxed_unsync())
    }
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

/// The tenant and the body that the inner service saw, or the code of the refusal.
async fn ask(content_type: &str, body: Sent, uri: &str) -> String {
    let seen = |request: Request<Sent>| async move {
        let tenant = RequestContext::find(request.extensions()).unwrap().tenant().unwrap().to_string();
        let body = request.into_body().collect().await?.to_bytes();
        let mut response = Response::new(Full::<Bytes>::default());
        response.extensions_mut().insert(format!("{tenant} {}", body.len()));
        Ok::<_, Infallible>(response)
    };
    let inner = ResolveTenantLayer::many().with_resolver(BodyResolver).layer(service_fn(seen));
    let service = PeekBodyLayer::new().with_limit(100).layer(inner);
    let request = Request::post(uri).header("content-type", content_type).body(body).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let said = response.extensions().get::<String>().cloned();
    said.unwrap_or_else(|| response.extensions().get::<Problem>().unwrap().code.to_string())
}

const JSON: &str = "application/json";

#[tokio::test]
async fn a_small_json_body_may_name_the_tenant_and_arrives_whole() {
    let text = |text: &str| Sent::from(Bytes::from(text.to_owned()));
    for (media_type, body, uri, expected) in [
        (JSON, r#"{"namespace":"team-a"}"#, "/", "team-a 22"),
        ("Application/JSON; charset=utf-8", r#"{"namespace":"team-a"}"#, "/", "team-a 22"),
        ("application/merge-patch+json", r#"{"namespace":"team-a"}"#, "/", "team-a 22"),
        (JSON, r#"{"namespace":"team-a"}"#, "/?namespace=team-a", "team-a 22"),
        (JSON, r#"{"namespace":"team-a"}"#, "/?namespace=team-b", "tenant_conflict"),
        (JSON, r#"{"namespace":"team-a"}"#, "/?namespace=*", "tenant_conflict"),
        (JSON, r#"{"namespace":"a","namespace":"a"}"#, "/?namespace=a", "tenant_conflict"),
        (JSON, r#"{"namespace":"*"}"#, "/", "invalid_namespace"),
        (JSON, r#"{"namespace":"Team"}"#, "/?namespace=team-b", "invalid_namespace"),
        (JSON, r#"{"namespace":["a"]}"#, "/", "invalid_namespace"),
        (JSON, r#"{"name":"x"}"#, "/?namespace=team-b", "team-b 12"),
        (JSON, "", "/?namespace=team-b", "team-b 0"),
        (JSON, r#"{"name":"x"}"#, "/", "tenant_required"),
        // not for us to say: the handler will
        (JSON, r#"{"namespace":"team-a""#, "/?namespace=team-b", "team-b 21"),
        ("text/plain", r#"{"namespace":"team-a"}"#, "/", "tenant_required"),
        ("application/yaml", "namespace: team-a", "/?namespace=team-b", "team-b 17"),
    ] {
        assert_eq!(ask(media_type, text(body), uri).await, expected, "{media_type} {body} {uri}");
    }
}

#[tokio::test]
async fn what_is_large_or_of_unknown_length_is_not_read_before_it_is_allowed() {
    let large = format!(r#"{{"namespace":"team-a","x":"{}"}}"#, "x".repeat(100));
    assert_eq!(ask(JSON, Sent::from(Bytes::from(large)), "/").await, "tenant_required");
    // a stream that panics when it is read
    let stream = futures_util::stream::poll_fn(|_| panic!("was read"));
    let body = Sent(BodyExt::boxed_unsync(StreamBody::new(stream)));
    assert_eq!(ask(JSON, body, "/").await, "tenant_required");
}

#[tokio::test]
async fn what_was_parsed_is_checked_again() {
    let (mut parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let context = RequestContext::of(&mut parts);
    let name = |name: &str| Namespace::new(name).unwrap();
    assert!(check_body_tenant(&context, Some(&name("team-a"))).is_err(), "nothing was resolved");
    context.set_tenant(catalog_core::tenant::TenantSelector::One(name("team-a"))).unwrap();
    assert!(check_body_tenant(&context, None).is_ok());
    assert!(check_body_tenant(&context, Some(&name("team-a"))).is_ok());
    assert!(check_body_tenant(&context, Some(&name("team-b"))).is_err());
}
