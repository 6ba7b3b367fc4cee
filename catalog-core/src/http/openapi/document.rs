use serde_json::json;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, HttpMethod, InfoBuilder, LicenseBuilder,
    OpenApiBuilder, PathItem, Paths, Ref, RefOr, Required, Response, ResponseBuilder, ResponsesBuilder,
    SecurityRequirement,
    extensions::ExtensionsBuilder,
    path::OperationBuilder,
    request_body::{RequestBody, RequestBodyBuilder},
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{Parameter, Reply, Shape, reply::JSON};
use crate::{
    http::route::{Declared, Doc, Routes},
    permission::{Access, Permission, Reach},
};

/// How callers show who they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Security {
    /// Not at all: a credential is refused.
    Anonymous,
    /// With a bearer token, on each route that asks for a permission.
    Bearer,
    /// With a session, which is in the cookie of that name.
    Session(&'static str),
    /// With either.
    BearerOrSession(&'static str),
}

/// The name of the answer that every error is.
const PROBLEM: &str = "Problem";
/// The names of the ways in.
const BEARER: &str = "bearer";
const SESSION: &str = "session";

impl Security {
    /// Each way, with what the document says of it.
    fn schemes(self) -> impl Iterator<Item = (&'static str, SecurityScheme)> {
        let (is_bearer, cookie) = match self {
            Self::Anonymous => (false, None),
            Self::Bearer => (true, None),
            Self::Session(cookie) => (false, Some(cookie)),
            Self::BearerOrSession(cookie) => (true, Some(cookie)),
        };
        let bearer = || SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        let bearer = is_bearer.then(|| (BEARER, bearer()));
        let session = |cookie| (SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(cookie))));
        bearer.into_iter().chain(cookie.map(session))
    }
}

/// The document of the routes and of the shapes that they refer to, as JSON.
pub(in crate::http) fn document(
    routes: &Routes,
    title: &str,
    version: &str,
    security: Security,
    shapes: impl IntoIterator<Item = (String, Shape)>,
) -> String {
    let mut paths = Paths::new();
    for route in &routes.routes {
        if let Some(method) = method(&route.method) {
            let item = PathItem::new(method, operation(route, security));
            match paths.paths.get_mut(&route.path) {
                Some(other) => other.merge_operations(item),
                None => drop(paths.paths.insert(route.path.clone(), item)),
            }
        }
    }
    let problem = ContentBuilder::new().schema(Some(Shape::named(PROBLEM).0)).build();
    let problem = with_headers(
        ResponseBuilder::new().description("What went wrong.").content("application/problem+json", problem),
        &[RETRY_AFTER],
    );
    let components = ComponentsBuilder::new().response(PROBLEM, problem.build());
    let components = security
        .schemes()
        .fold(components, |components, (name, scheme)| components.security_scheme(name, scheme));
    let components =
        shapes.into_iter().fold(components, |components, (name, shape)| components.schema(name, shape.0));
    let license =
        LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new().title(title).version(version).license(Some(license)).build();
    let document = OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build();
    // made of texts only
    document.to_json().unwrap_or_default()
}

fn method(method: &http::Method) -> Option<HttpMethod> {
    match method.as_str() {
        "GET" => Some(HttpMethod::Get),
        "POST" => Some(HttpMethod::Post),
        "PUT" => Some(HttpMethod::Put),
        "PATCH" => Some(HttpMethod::Patch),
        "DELETE" => Some(HttpMethod::Delete),
        _ => None,
    }
}

fn operation(route: &Declared, security: Security) -> OperationBuilder {
    let Doc { reply, operation_id, summary, tag, parameters, body, audited: _ } = &route.doc;
    let mut responses = ResponsesBuilder::new().response(reply.status.as_str(), usual(reply));
    if reply.not_modified {
        let response = ResponseBuilder::new().description("The client has it already.");
        responses = responses.response("304", with_headers(response, &reply.headers).build());
    }
    for (status, description, shape) in &reply.also {
        let content = ContentBuilder::new().schema(Some(shape.0.clone())).build();
        let response = ResponseBuilder::new().description(description).content(JSON, content);
        responses = responses.response(status.as_str(), with_headers(response, &[]).build());
    }
    let responses = responses.response("default", RefOr::<Response>::Ref(Ref::from_response_name(PROBLEM)));
    let more = reply.not_modified.then(Parameter::if_none_match);
    let operation = OperationBuilder::new()
        .operation_id(Some(operation_id.as_str()))
        .summary(Some(summary.as_str()))
        .tag(tag.as_str())
        .parameters(Some(parameters.iter().cloned().chain(more)))
        .request_body(body.as_ref().map(request_body))
        .responses(responses.build());
    match &route.access {
        Access::Public => operation,
        Access::Authenticated => secured(operation, security),
        Access::Permission(permission) => secured(restricted(operation, permission), security),
    }
}

fn request_body(shape: &Shape) -> RequestBody {
    let content = ContentBuilder::new().schema(Some(shape.0.clone())).build();
    RequestBodyBuilder::new().content(JSON, content).required(Some(Required::True)).build()
}

fn secured(operation: OperationBuilder, security: Security) -> OperationBuilder {
    // each alone is enough
    let requirement = |name| SecurityRequirement::new(name, Vec::<String>::new());
    security.schemes().fold(operation, |operation, (name, _)| operation.security(requirement(name)))
}

fn restricted(mut operation: OperationBuilder, permission: &Permission) -> OperationBuilder {
    let scope = match permission.reach {
        Reach::Cluster => "cluster",
        Reach::Tenant => "tenant",
        Reach::TenantOrAll => "tenantOrAll",
    };
    let asked = json!({
        "verb": permission.verb.as_str(),
        "resource": permission.resource.as_str(),
        "plugin": permission.plugin,
        "scope": scope,
    });
    if permission.reach != Reach::Cluster {
        operation = Parameter::namespace().into_iter().fold(operation, OperationBuilder::parameter);
    }
    operation.extensions(Some(ExtensionsBuilder::new().add("x-permission", asked).build()))
}

fn usual(reply: &Reply) -> Response {
    let response = ResponseBuilder::new().description("As asked.");
    let response = match &reply.body {
        Some((media_type, shape)) => {
            let content = ContentBuilder::new().schema(Some(shape.0.clone())).build();
            response.content(media_type.as_str(), content)
        }
        None => response,
    };
    with_headers(response, &reply.headers).build()
}

/// Every answer has the first of these; a problem that passes may have the second.
const X_REQUEST_ID: (&str, &str) =
    ("X-Request-Id", "The request's id: the one that it came with, or a new one.");
const RETRY_AFTER: (&str, &str) = ("Retry-After", "Seconds after which to try again, where that may help.");

fn with_headers(response: ResponseBuilder, more: &[(&str, &str)]) -> ResponseBuilder {
    [X_REQUEST_ID].iter().chain(more).fold(response, |response, (name, description)| {
        let header = HeaderBuilder::new().schema(Some(Shape::string().0)).description(Some(*description));
        response.header(*name, header.build())
    })
}
