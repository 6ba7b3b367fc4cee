//! One record per request, which every layer reads and each fills in its own part of, once.

mod body;
mod future;
mod layer;
mod peer;
mod service;
mod trace;

use std::{
    borrow::Cow,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header::USER_AGENT, request::Parts};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

pub use self::{
    body::{BodyRead, ReadBody},
    future::ResponseFuture,
    layer::RequestContextLayer,
    peer::Peer,
    service::RequestContextService,
    trace::TraceContext,
};
use crate::{
    identity::Identity,
    name::Namespace,
    permission::Access,
    tenant::{TenantScope, TenantSelector},
};

/// `X-Request-Id`.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `X-Correlation-Id`.
pub const X_CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// One request's record, shared by all that handle it. Each cell is written once: a second write is refused, so that no later
/// layer can change what an earlier one found.
#[derive(Clone, Debug)]
pub struct RequestContext(Arc<Record>);

#[derive(Debug)]
struct Record {
    request_id: HeaderValue,
    correlation_id: Option<HeaderValue>,
    trace: Option<TraceContext>,
    start: Instant,
    path: String,
    peer: Option<Peer>,
    user_agent: Option<HeaderValue>,
    event_id: OnceLock<Uuid>,
    recorded: AtomicBool,
    route: OnceLock<Arc<RouteInfo>>,
    identity: OnceLock<Arc<Identity>>,
    tenant: OnceLock<TenantSelector>,
    scope: OnceLock<TenantScope>,
    body: OnceLock<Arc<dyn ReadBody>>,
}

/// What is known of the route that serves the request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteInfo {
    template: String,
    access: Access,
    /// Which segment of the path names the object.
    object: Option<usize>,
    /// What stands behind the name in that segment: the custom method, `:enable`.
    suffix: String,
    audited: bool,
    /// Of an answer that is what was asked for.
    status: StatusCode,
}

impl RouteInfo {
    /// A route of that path template, `/api/plugins/{plugin}`, that asks for that.
    pub fn new(template: impl Into<String>, access: Access) -> Self {
        let template = template.into();
        let suffix = |segment: &str| {
            let (_, suffix) = segment.strip_prefix('{')?.split_once('}')?;
            Some(suffix.to_owned())
        };
        let segments = template.split('/').enumerate();
        let last = segments.filter_map(|(index, segment)| Some((index, suffix(segment)?))).last();
        let (object, suffix) = last.map_or((None, String::new()), |(index, suffix)| (Some(index), suffix));
        Self { template, access, object, suffix, audited: false, status: StatusCode::OK }
    }

    /// A route whose requests are recorded.
    #[must_use]
    pub fn audited(mut self) -> Self {
        self.audited = true;
        self
    }

    /// A route that answers with that status what it could do; 200 unless it says so.
    #[must_use]
    pub fn answering(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Whether its requests are recorded.
    pub fn is_audited(&self) -> bool {
        self.audited
    }

    /// The status with which it answers what it could do.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The path template.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// What it asks for.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The name of the object that a path of this route leads to: what stands at the template's last placeholder, decoded. None
    /// where there is no placeholder, or what stands there is no text.
    pub fn object_name<'p>(&self, path: &'p str) -> Option<Cow<'p, str>> {
        let segment = path.split('/').nth(self.object?)?;
        percent_decode_str(segment.strip_suffix(&self.suffix).unwrap_or(segment)).decode_utf8().ok()
    }

    /// What stands behind the object's name in its segment of the path: of `/sources/{id}:enable`, `:enable`. Empty where nothing
    /// does.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }
}

impl RequestContext {
    /// The record for a request that has none yet.
    ///
    /// `X-Request-Id` is taken when it is 1 to 128 visible ASCII characters, else made: a UUIDv7.
    pub fn new(path: &str, headers: &HeaderMap, peer: Option<Peer>) -> Self {
        let id = headers.get(X_REQUEST_ID).filter(|id| is_visible(id)).cloned().unwrap_or_else(new_id);
        Self(Arc::new(Record {
            request_id: id,
            correlation_id: headers.get(X_CORRELATION_ID).filter(|id| is_visible(id)).cloned(),
            trace: TraceContext::from_headers(headers),
            start: Instant::now(),
            path: path.into(),
            peer,
            user_agent: headers.get(USER_AGENT).cloned(),
            event_id: OnceLock::new(),
            recorded: AtomicBool::new(false),
            route: OnceLock::new(),
            identity: OnceLock::new(),
            tenant: OnceLock::new(),
            scope: OnceLock::new(),
            body: OnceLock::new(),
        }))
    }

    /// The request's record, made and put there if it has none: so each layer works alone.
    pub fn of(parts: &mut Parts) -> Self {
        Self::find(&parts.extensions).cloned().unwrap_or_else(|| {
            let peer = parts.extensions.get::<Peer>().cloned();
            let context = Self::new(parts.uri.path(), &parts.headers, peer);
            parts.extensions.insert(context.clone());
            context
        })
    }

    /// The record among a request's extensions.
    pub fn find(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The request's id.
    pub fn request_id(&self) -> &str {
        // made of visible ASCII or of a UUID
        self.0.request_id.to_str().unwrap_or_default()
    }

    /// The request's id, as the header that echoes it.
    pub fn request_id_header(&self) -> &HeaderValue {
        &self.0.request_id
    }

    /// The id that ties several requests together, where the caller sent one.
    pub fn correlation_id(&self) -> Option<&HeaderValue> {
        self.0.correlation_id.as_ref()
    }

    /// The caller's trace, where it sent one.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.0.trace.as_ref()
    }

    /// When the request came in.
    pub fn start(&self) -> Instant {
        self.0.start
    }

    /// The path that was asked for, without the query.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Who is at the other end of the connection, where the listener told.
    pub fn peer(&self) -> Option<&Peer> {
        self.0.peer.as_ref()
    }

    /// What the client says it is.
    pub fn user_agent(&self) -> Option<&HeaderValue> {
        self.0.user_agent.as_ref()
    }

    /// The id of the request's one record, whoever writes it: a UUIDv7 that is made when it is first asked for.
    pub fn event_id(&self) -> Uuid {
        *self.0.event_id.get_or_init(Uuid::now_v7)
    }

    /// Notes that the request's record was put into a transaction. Whether that is committed is another matter, so this tells only
    /// that nothing more need be written where all went well.
    pub fn note_recorded(&self) {
        self.0.recorded.store(true, Ordering::Release);
    }

    /// Whether the request's record was put into a transaction.
    pub fn is_recorded(&self) -> bool {
        self.0.recorded.load(Ordering::Acquire)
    }

    /// The route, once one has been found.
    pub fn route(&self) -> Option<&RouteInfo> {
        self.0.route.get().map(AsRef::as_ref)
    }

    /// Notes the route.
    ///
    /// # Errors
    /// [`AlreadySet`] if one has been noted.
    pub fn set_route(&self, route: Arc<RouteInfo>) -> Result<(), AlreadySet> {
        self.0.route.set(route).map_err(|_| AlreadySet)
    }

    /// Who asks, once that is known.
    pub fn identity(&self) -> Option<&Identity> {
        self.0.identity.get().map(AsRef::as_ref)
    }

    /// Notes who asks. Shared, so that a verdict that is kept for many requests is not copied for each.
    ///
    /// # Errors
    /// [`AlreadySet`] if somebody has been noted.
    pub fn set_identity(&self, identity: impl Into<Arc<Identity>>) -> Result<(), AlreadySet> {
        self.0.identity.set(identity.into()).map_err(|_| AlreadySet)
    }

    /// Which tenant the request names, once that is known.
    pub fn tenant(&self) -> Option<&TenantSelector> {
        self.0.tenant.get()
    }

    /// The one tenant that the request names.
    pub fn namespace(&self) -> Option<&Namespace> {
        match self.tenant() {
            Some(TenantSelector::One(namespace)) => Some(namespace),
            Some(TenantSelector::Set(_) | TenantSelector::All) | None => None,
        }
    }

    /// Notes which tenant the request names.
    ///
    /// # Errors
    /// [`AlreadySet`] if one has been noted.
    pub fn set_tenant(&self, tenant: TenantSelector) -> Result<(), AlreadySet> {
        self.0.tenant.set(tenant).map_err(|_| AlreadySet)
    }

    /// What the request may see, once it is authorized.
    pub fn scope(&self) -> Option<&TenantScope> {
        self.0.scope.get()
    }

    /// Notes what the request may see. Who calls this has a [`TenantScope`], and so a verdict.
    ///
    /// # Errors
    /// [`AlreadySet`] if a scope has been noted.
    pub fn set_scope(&self, scope: TenantScope) -> Result<(), AlreadySet> {
        self.0.scope.set(scope).map_err(|_| AlreadySet)
    }

    /// What was read of the request's body until now, where somebody looks and something was.
    pub fn body(&self) -> Option<BodyRead> {
        self.0.body.get().map(|body| body.so_far())
    }

    /// Notes who knows what is read of the request's body.
    ///
    /// # Errors
    /// [`AlreadySet`] if somebody has been noted.
    pub fn set_body(&self, body: Arc<dyn ReadBody>) -> Result<(), AlreadySet> {
        self.0.body.set(body).map_err(|_| AlreadySet)
    }
}

/// A cell of a [`RequestContext`] was written before: layers are stacked twice, or in the wrong order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the request's context already says so")]
pub struct AlreadySet;

fn is_visible(id: &HeaderValue) -> bool {
    (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn new_id() -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let id: &str = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(name: &'static str, value: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        RequestContext::new("/", &headers, None)
    }

    #[test]
    fn a_sound_request_id_is_kept_and_another_replaced() {
        assert_eq!(context("x-request-id", "abc-1").request_id(), "abc-1");
        for bad in ["", "a b", "ä", &"x".repeat(129)] {
            let made = context("x-request-id", bad);
            assert_ne!(made.request_id(), bad);
            assert_eq!(Uuid::parse_str(made.request_id()).unwrap().get_version_num(), 7);
        }
    }

    #[test]
    fn an_object_s_name_stands_at_the_last_placeholder() {
        for (template, path, name) in [
            ("/api/plugins/{plugin}", "/api/plugins/mcp", Some("mcp")),
            ("/b/{name}/artifacts", "/b/acme%2Fone/artifacts", Some("acme/one")),
            ("/{a}/x/{b}", "/1/x/2", Some("2")),
            ("/b/models", "/b/models", None),
            ("/b/{name}", "/b/%ff", None),
            ("/b/{name}", "/b", None),
        ] {
            let route = RouteInfo::new(template, Access::Public);
            assert_eq!(route.object_name(path).as_deref(), name, "{template} {path}");
        }
    }

    #[test]
    fn a_request_has_one_event_id_whoever_asks() {
        let context = context("user-agent", "test/1");
        assert_eq!(context.event_id().get_version_num(), 7);
        assert_eq!(context.event_id(), context.clone().event_id());
        assert_ne!(context.event_id(), RequestContext::new("/", &HeaderMap::new(), None).event_id());
        assert_eq!(context.user_agent().unwrap(), "test/1");
        context.clone().note_recorded();
        assert!(context.is_recorded());
    }

    #[test]
    fn a_cell_is_written_once() {
        let context = context("x-request-id", "1");
        assert_eq!(context.set_tenant(TenantSelector::All), Ok(()));
        let other = TenantSelector::One(Namespace::new("a").unwrap());
        assert_eq!(context.set_tenant(other), Err(AlreadySet));
        assert_eq!(context.tenant(), Some(&TenantSelector::All));
    }
}
