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
        Asked::One(question) => {
            let answers = answers(&authz, &context, vec![question]).await?;
            answers.first().map_or(Ok(String::new()), serde_json::to_string)
        }
        Asked::Several(Several { questions }) if questions.len() > MOST => {
            return Err(Problem::invalid_body(format!("at most {MOST} questions are answered at once")));
        }
        Asked::Several(Several { questions }) => {
            serde_json::to_string(&Answers { answers: answers(&authz, &context, questions).await? })
        }
    };
    Ok(json(told.unwrap_or_default()))
}

async fn answers(
    authz: &Authz,
    context: &RequestContext,
    questions: Vec<Question>,
) -> Result<Vec<Answer>, Problem> {
    let identity = identity(context)?;
    let asked = questions.into_iter().map(|question| question.known(authz)).collect::<Result<Vec<_>, _>>()?;
    let attributes: Vec<Attributes<'_>> = asked.iter().map(Known::attributes).collect();
    let decisions = authz.authorizer.decide_each(identity, &attributes).await;
    let mut answers = Vec::with_capacity(attributes.len());
    for (decision, attributes) in decisions.map_err(|error| unavailable(&error))?.iter().zip(attributes) {
        // why not is for who writes the policy
        let reason = if decision.is_allowed() {
            let reason = authz.authorizer.explain(identity, attributes).await;
            Some(reason.map_err(|error| unavailable(&error))?)
        } else {
            None
        };
        answers.push(Answer { allowed: decision.is_allowed(), reason });
    }
    Ok(answers)
}

/// A question in the catalog's words.
struct Known {
    permission: Permission,
    namespace: Option<Namespace>,
    name: Option<String>,
}

impl Known {
    fn attributes(&self) -> Attributes<'_> {
        Attributes::new(&self.permission, self.namespace.as_ref(), self.name.as_deref())
    }
}

impl Question {
    fn known(self, authz: &Authz) -> Result<Known, Problem> {
        let Self { verb, resource, plugin, namespace, name } = self;
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
        Ok(Known { permission, namespace, name })
    }
}
