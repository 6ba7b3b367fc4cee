//! Questions that are asked by creating an object: may somebody do something, whose is a token.

use http::StatusCode;
use k8s_openapi::api::authentication::v1::{
    TokenRequest, TokenRequestStatus, TokenReview, TokenReviewStatus, UserInfo,
};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview, SubjectAccessReview,
    SubjectAccessReviewStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::identity::{API_AUDIENCE, TokenUser};
use super::object;
use super::rbac::{self, Attributes, User};
use super::request::Call;
use super::resource::SERVICE_ACCOUNTS;
use super::server::State;
use super::status::{Failure, FieldError};
use super::write::Reply;

const AUTHORIZATION: &str = "authorization.k8s.io";

/// How long a token is good that does not say how long.
const DEFAULT_EXPIRY_SECONDS: i64 = 3600;

/// What a test wants to be answered, in place of what the roles say.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) denied: Option<String>,
    pub(super) evaluation_error: Option<String>,
}

/// Answers if the request is such a question.
pub(super) fn review(
    state: &mut State,
    call: &Call,
    user: &User,
    answer: &Answer,
) -> Option<Result<Reply, Failure>> {
    let asked = &call.attributes;
    let kind = (asked.group.as_str(), asked.resource.as_str(), asked.subresource.as_str());
    let reply = match kind {
        (AUTHORIZATION, "subjectaccessreviews", "") => subject(state, call, answer),
        (AUTHORIZATION, "selfsubjectaccessreviews", "") => self_subject(state, call, user, answer),
        ("authentication.k8s.io", "tokenreviews", "") => token(state, call),
        ("", "serviceaccounts", "token") => request_token(state, call),
        _ => return None,
    };
    Some(if asked.verb == "create" { reply } else { Err(Failure::method_not_allowed()) })
}

fn read<T: DeserializeOwned>(call: &Call, kind: &str) -> Result<T, Failure> {
    serde_json::from_value(call.json()?).map_err(|error| {
        Failure::bad_request(format!("{kind} in version \"v1\" cannot be handled as a {kind}: {error}"))
    })
}

fn created(object: &impl Serialize) -> Result<Reply, Failure> {
    let object = serde_json::to_value(object).map_err(|error| Failure::internal(error.to_string()))?;
    Ok((StatusCode::CREATED, object))
}

fn subject(state: &State, call: &Call, answer: &Answer) -> Result<Reply, Failure> {
    let mut review: SubjectAccessReview = read(call, "SubjectAccessReview")?;
    let spec = review.spec.clone();
    let nobody = spec.user.as_deref().is_none_or(str::is_empty) && spec.groups.iter().flatten().count() == 0;
    let fault = nobody.then(|| {
        FieldError::invalid("spec.user", &"".into(), "at least one of user or group must be specified")
    });
    let target = Target::new(spec.resource_attributes, spec.non_resource_attributes);
    let attributes = target.read(&review.metadata, fault)?;
    let user = User {
        name: spec.user.unwrap_or_default(),
        groups: spec.groups.unwrap_or_default(),
        ..User::default()
    };
    review.status = Some(decide(state, &user, &attributes, answer));
    created(&review)
}

fn self_subject(state: &State, call: &Call, user: &User, answer: &Answer) -> Result<Reply, Failure> {
    let mut review: SelfSubjectAccessReview = read(call, "SelfSubjectAccessReview")?;
    let spec = review.spec.clone();
    let target = Target::new(spec.resource_attributes, spec.non_resource_attributes);
    let attributes = target.read(&review.metadata, None)?;
    review.status = Some(decide(state, user, &attributes, answer));
    created(&review)
}

fn decide(state: &State, user: &User, asked: &Attributes, answer: &Answer) -> SubjectAccessReviewStatus {
    if let Some(reason) = &answer.denied {
        return SubjectAccessReviewStatus {
            denied: Some(true),
            reason: Some(reason.clone()),
            ..SubjectAccessReviewStatus::default()
        };
    }
    if let Some(error) = &answer.evaluation_error {
        return SubjectAccessReviewStatus {
            evaluation_error: Some(error.clone()),
            ..SubjectAccessReviewStatus::default()
        };
    }
    let verdict = rbac::decide(&state.store, user, asked);
    let reason = Some(verdict.reason).filter(|reason| !reason.is_empty());
    SubjectAccessReviewStatus { allowed: verdict.allowed, reason, ..SubjectAccessReviewStatus::default() }
}

/// What a review asks about, of which exactly one has to be there.
struct Target {
    resource: Option<ResourceAttributes>,
    path: Option<NonResourceAttributes>,
}

impl Target {
    fn new(resource: Option<ResourceAttributes>, path: Option<NonResourceAttributes>) -> Self {
        Self { resource, path }
    }

    fn read(self, metadata: &ObjectMeta, fault: Option<FieldError>) -> Result<Attributes, Failure> {
        // As a missing one is printed there.
        let null = Value::from("null");
        let mut errors = Vec::new();
        let attributes = match (self.resource, self.path) {
            (Some(asked), None) => Attributes {
                verb: asked.verb.unwrap_or_default(),
                group: asked.group.unwrap_or_default(),
                resource: asked.resource.unwrap_or_default(),
                subresource: asked.subresource.unwrap_or_default(),
                namespace: asked.namespace.unwrap_or_default(),
                name: asked.name.unwrap_or_default(),
                path: String::new(),
            },
            (None, Some(asked)) => Attributes {
                verb: asked.verb.unwrap_or_default(),
                path: asked.path.unwrap_or_default(),
                ..Attributes::default()
            },
            (Some(_), Some(_)) => {
                let detail = "cannot be specified in combination with resourceAttributes";
                errors.push(FieldError::invalid("spec.nonResourceAttributes", &null, detail));
                Attributes::default()
            }
            (None, None) => {
                let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
                errors.push(FieldError::invalid("spec.resourceAttributes", &null, detail));
                Attributes::default()
            }
        };
        errors.extend(fault);
        if *metadata != ObjectMeta::default() {
            errors.push(FieldError::invalid("metadata", &null, "must be empty"));
        }
        if errors.is_empty() {
            return Ok(attributes);
        }
        // The real one forgets what kind it is refusing.
        Err(Failure::invalid_kind(&format!(".{AUTHORIZATION}"), "", AUTHORIZATION, "", &errors))
    }
}

fn token(state: &State, call: &Call) -> Result<Reply, Failure> {
    let mut review: TokenReview = read(call, "TokenReview")?;
    let token = review.spec.token.clone().unwrap_or_default();
    if token.is_empty() {
        return Err(Failure::bad_request("token is required for TokenReview in authentication"));
    }
    let asked = review.spec.audiences.clone().filter(|audiences| !audiences.is_empty());
    let asked = asked.unwrap_or_else(|| vec![API_AUDIENCE.to_owned()]);
    review.status = Some(match state.tokens.verify(&state.store, &token, &asked) {
        Ok((user, audiences)) => TokenReviewStatus {
            authenticated: Some(true),
            audiences: Some(audiences),
            user: Some(UserInfo {
                username: Some(user.name),
                uid: Some(user.uid).filter(|uid| !uid.is_empty()),
                groups: Some(user.groups),
                extra: Some(user.extra).filter(|extra| !extra.is_empty()),
            }),
            error: None,
        },
        Err(error) => TokenReviewStatus { error: Some(error), ..TokenReviewStatus::default() },
    });
    created(&review)
}

fn request_token(state: &mut State, call: &Call) -> Result<Reply, Failure> {
    let mut request: TokenRequest = read(call, "TokenRequest")?;
    let (namespace, name) = (&call.attributes.namespace, &call.attributes.name);
    let account = state.store.find(&SERVICE_ACCOUNTS, namespace, name);
    let account = account.ok_or_else(|| Failure::not_found(&SERVICE_ACCOUNTS, name))?;
    if request.spec.audiences.is_empty() {
        request.spec.audiences.push(API_AUDIENCE.to_owned());
    }
    let user = TokenUser::service_account(namespace, name, &object::uid(account))
        .with_audiences(request.spec.audiences.clone());
    let token = format!("fake.{}", uuid::Uuid::new_v4().simple());
    state.tokens.insert(token.clone(), user);
    let seconds = request.spec.expiration_seconds.unwrap_or(DEFAULT_EXPIRY_SECONDS);
    request.spec.expiration_seconds = Some(seconds);
    let expires = Timestamp::now().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or_default();
    request.status = Some(TokenRequestStatus { token, expiration_timestamp: Time(expires) });
    request.metadata.name = Some(name.clone());
    request.metadata.namespace = Some(namespace.clone());
    created(&request)
}
