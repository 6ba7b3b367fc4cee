use serde_json::json;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApiBuilder, PathItem,
    Paths, Ref, RefOr, Response, ResponseBuilder, ResponsesBuilder, SecurityRequirement,
    extensions::ExtensionsBuilder,
    path::OperationBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{Parameter, Reply, Shape};
use crate::{
    http::route::{Access, Declared, Routes},
    permission::{Permission, Reach},
};

/// The name of the answer that every error is.
const PROBLEM: &str = "Problem";
/// The name of the way in.
const BEARER: &str = "bearer";

/// The document of the routes and of the shapes that they refer to, as JSON.
pub(in crate::http) fn document(
    routes: &Routes,
    title: &str,
    version: &str,
    shapes: impl IntoIterator<Item = (String, Shape)>,
) -> String {
    let mut paths = Paths::new();
    for route in &routes.routes {
        if let Some(method) = method(&route.method) {
            let item = PathItem::new(method, operation(route));
            match paths.paths.get_mut(&route.path) {
                Some(other) => other.merge_operations(item),
                None => drop(paths.paths.insert(route.path.clone(), item)),
            }
        }
    }
    let problem = ContentBuilder::new().schema(Some(Shape::named(PROBLEM).0)).build();
    let problem =
        ResponseBuilder::new().description("What went wrong.").content("application/problem+json", problem);
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let components =
        ComponentsBuilder::new().response(PROBLEM, problem.build()).security_scheme(BEARER, bearer);
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

fn operation(route: &Declared) -> OperationBuilder {
    let doc = &route.doc;
    let responses = ResponsesBuilder::new().response("200", ok(&doc.reply));
    let responses = if doc.reply.not_modified {
        responses.response("304", ResponseBuilder::new().description("The client has it already.").build())
    } else {
        responses
    };
    let responses = responses.response("default", RefOr::<Response>::Ref(Ref::from_response_name(PROBLEM)));
    let operation = OperationBuilder::new()
        .operation_id(Some(doc.operation_id.as_str()))
        .summary(Some(doc.summary.as_str()))
        .tag(doc.tag.as_str())
        .parameters(Some(doc.parameters.iter().cloned()))
        .responses(responses.build());
    match &route.access {
        Access::Public => operation,
        Access::Permission(permission) => restricted(operation, permission),
    }
}

fn restricted(operation: OperationBuilder, permission: &Permission) -> OperationBuilder {
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
    let operation = if permission.reach == Reach::Cluster {
        operation
    } else {
        operation.parameter(Parameter::namespace())
    };
    operation
        .security(SecurityRequirement::new(BEARER, Vec::<String>::new()))
        .extensions(Some(ExtensionsBuilder::new().add("x-permission", asked).build()))
}

fn ok(reply: &Reply) -> Response {
    let content = ContentBuilder::new().schema(Some(reply.shape.0.clone())).build();
    ResponseBuilder::new().description("As asked.").content(reply.media_type.as_str(), content).build()
}
