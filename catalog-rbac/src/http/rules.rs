use axum::response::Response;
use catalog_core::{
    authorizer::Rules,
    context::RequestContext,
    http::{Context, Doc, Parameter, Query, Reply, Routes, Shape, json},
    name::Namespace,
    permission::Access,
    problem::Problem,
};
use http::Uri;
use serde::Serialize;

use super::{Authz, identity, unavailable};

pub(super) fn routes(authz: &Authz) -> Routes {
    let doc = Doc::new("listRules", "What the caller may do in a tenant.", Reply::json("Rules"));
    let doc = doc.tagged("authz").with_parameters([Parameter::query("namespace", "The tenant.")]);
    let authz = authz.clone();
    Routes::new().get(
        "/api/authz/v1alpha1/rules",
        Access::Authenticated,
        doc,
        move |Context(context): Context, uri: Uri| rules(authz.clone(), context, uri),
    )
}

pub(super) fn shapes() -> Vec<(String, Shape)> {
    let texts = || Shape::list(Shape::string());
    let rule = Shape::object([
        ("verbs", texts()),
        ("apiGroups", texts()),
        ("resources", texts()),
        ("resourceNames?", texts()),
    ]);
    let rules = Shape::object([
        ("namespace", Shape::string()),
        ("resourceRules", Shape::list(Shape::named("ResourceRule"))),
        ("incomplete", Shape::boolean().described("There may be more than is listed.")),
    ]);
    vec![("ResourceRule".into(), rule), ("Rules".into(), rules)]
}

#[derive(Serialize)]
struct Told<'a> {
    namespace: &'a Namespace,
    #[serde(flatten)]
    rules: Rules,
}

async fn rules(authz: Authz, context: RequestContext, uri: Uri) -> Result<Response, Problem> {
    let query = Query::parse(uri.query(), &[])?;
    let namespace = match (query.non_empty("namespace"), authz.default) {
        (Some(name), _) => name.parse().map_err(|error: catalog_core::name::NameError| {
            Problem::invalid_namespace(error.to_string()).with_parameter("namespace")
        })?,
        (None, Some(default)) => default,
        (None, None) => return Err(Problem::tenant_required("a namespace is required: `?namespace=`")),
    };
    let rules = authz.authorizer.rules(identity(&context)?, &namespace).await;
    let told = Told { namespace: &namespace, rules: rules.map_err(|error| unavailable(&error))? };
    // texts always serialize
    Ok(json(serde_json::to_string(&told).unwrap_or_default()))
}
