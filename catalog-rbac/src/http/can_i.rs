use axum::{body::Bytes, response::Response};
use catalog_core::{
    authorizer::Attributes,
    context::RequestContext,
    http::{Context, Doc, Reply, Routes, Shape, json},
    name::{Namespace, PluginName},
    permission::{Access, Permission, Reach, Resource, Verb},
    problem::Problem,
};
use http::Method;
use serde::{Deserialize, Serialize};

use super::{Authz, identity, unavailable};

/// Questions of one request.
const MOST: usize = 1_000;

pub(super) fn routes(authz: &Authz) -> Routes {
    let doc = Doc::new(
        "canI",
        "Whether the caller may do something, by the verdict that a request for it would get. The body is one question, `{verb, resource, \
         plugin?, namespace?, name?}`, or `{questions: […]}` with up to 1,000; without a namespace it is asked for the whole cluster.",
        Reply::json("Answer"),
    );
    let doc = doc.with_body(Shape::named("Question")).changing_nothing();
    let authz = authz.clone();
    Routes::new().with(
        Method::POST,
        "/api/authz/v1alpha1/can-i",
        Access::Authenticated,
        doc.tagged("authz"),
        move |Context(context): Context, body: Bytes| can_i(authz.clone(), context, body),
    )
}

pub(super) fn shapes() -> Vec<(String, Shape)> {
    let answer = Shape::object([
        ("allowed?", Shape::boolean()),
        ("reason?", Shape::string().described("What allows it.")),
        ("answers?", Shape::list(Shape::named("Answer")).described("To several questions, in their order.")),
    ]);
    let question = Shape::object([
        ("verb?", Shape::string()),
        ("resource?", Shape::string()),
        ("plugin?", Shape::string()),
        ("namespace?", Shape::string()),
        ("name?", Shape::string()),
        ("questions?", Shape::list(Shape::named("Question")).described("Several, instead of one.")),
    ]);
    vec![("Answer".into(), answer), ("Question".into(), question)]
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    Several(Several),
    One(Question),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    questions: Vec<Question>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    verb: String,
    resource: String,
    plugin: Option<PluginName>,
    namespace: Option<Namespace>,
    name: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Answers {
    answers: Vec<Answer>,
}

async fn can_i(authz: Authz, context: RequestContext, body: Bytes) -> Result<Response, Problem> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|_| {
        Problem::invalid_body(
            "the body is `{verb, resource, plugin?, namespace?, name?}`, or `{questions: […]}` of such",
        )
    })?;
    // what is told of a verdict always serializes
    let told = match asked {
        Asked::One(question) => serde_json::to_string(&answer(&authz, &context, question).await?),
        Asked::Several(Several { questions }) if questions.len() > MOST => {
            return Err(Problem::invalid_body(format!("at most {MOST} questions are answered at once")));
        }
        Asked::Several(Several { questions }) => {
            let mut answers = Vec::with_capacity(questions.len());
            for question in questions {
                answers.push(answer(&authz, &context, question).await?);
            }
            serde_json::to_string(&Answers { answers })
        }
    };
    Ok(json(told.unwrap_or_default()))
}

async fn answer(authz: &Authz, context: &RequestContext, question: Question) -> Result<Answer, Problem> {
    let Question { verb, resource, plugin, namespace, name } = question;
    let unknown = |what: &str, text: &str| {
        let shown: String = text.chars().take(64).collect();
        Problem::invalid_body(format!("`{shown}` is no {what} of the catalog"))
    };
    let verb = Verb::parse(&verb).ok_or_else(|| unknown("verb", &verb))?;
    let of = Resource::parse(&resource).ok_or_else(|| unknown("resource", &resource))?;
    let cluster = matches!(of, Resource::Plugins | Resource::Capabilities);
    let reach = if cluster { Reach::Cluster } else { Reach::TenantOrAll };
    let mut permission = Permission::new(verb, of, reach);
    if let Some(plugin) = plugin {
        permission = permission.of_plugin(plugin.to_string());
    }
    let namespace = namespace.or_else(|| authz.default.clone()).filter(|_| !cluster);
    let attributes = Attributes::new(&permission, namespace.as_ref(), name.as_deref());
    let identity = identity(context)?;
    let decision =
        authz.authorizer.decide(identity, attributes).await.map_err(|error| unavailable(&error))?;
    // why not is for who writes the policy
    let reason = if decision.is_allowed() {
        Some(authz.authorizer.explain(identity, attributes).await.map_err(|error| unavailable(&error))?)
    } else {
        None
    };
    Ok(Answer { allowed: decision.is_allowed(), reason })
}
