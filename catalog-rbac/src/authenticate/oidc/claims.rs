use std::time::Duration;

use catalog_core::{
    clock::Timestamp,
    identity::{self, Identity},
};
use serde_json::Value;

use super::{OidcIssuer, claim::texts};
use crate::authenticate::{Refusal, RefusalKind, name};

/// Whom the claims of a token with a good signature name, and until when.
pub(crate) fn check(
    issuer: &OidcIssuer,
    claims: &Value,
    now: Timestamp,
) -> Result<(Identity, Timestamp), Refusal> {
    let expiry = check_time(issuer, claims, now)?;
    let audience = claims.get("aud").and_then(texts).ok_or_else(|| Refusal::malformed("no audience"))?;
    if !audience.iter().any(|audience| issuer.audiences.iter().any(|ours| ours == audience)) {
        return Err(Refusal::invalid("the token is for another audience"));
    }
    if claims.get("sub").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(Refusal::malformed("no subject"));
    }
    for (claim, wanted) in &issuer.required_claims {
        let found = claim.find(claims).and_then(texts).unwrap_or_default();
        if !found.contains(&wanted.as_str()) {
            return Err(Refusal::invalid(format!("the claim `{}` is not what is required", claim.as_str())));
        }
    }
    let mut identity = Identity::new(user(issuer, claims)?, identity::Authenticator::Oidc);
    identity.groups = groups(issuer, claims)?;
    for (key, claim) in &issuer.extra_claims {
        if let Some(value) = claim.find(claims) {
            identity.extra.insert(key.clone(), extra(value));
        }
    }
    Ok((identity, expiry))
}

fn check_time(issuer: &OidcIssuer, claims: &Value, now: Timestamp) -> Result<Timestamp, Refusal> {
    let leeway = Duration::from_secs(issuer.leeway_seconds.into());
    let expiry = time(claims, "exp")?.ok_or_else(|| Refusal::malformed("no expiry"))?;
    if expiry.saturating_add(leeway) <= now {
        return Err(Refusal::new(RefusalKind::Expired, "the token has expired"));
    }
    for name in ["nbf", "iat"] {
        if time(claims, name)?.is_some_and(|time| time > now.saturating_add(leeway)) {
            return Err(Refusal::new(RefusalKind::NotYetValid, format!("`{name}` is in the future")));
        }
    }
    Ok(expiry)
}

/// A claim in seconds since 1970, whole or not.
fn time(claims: &Value, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = match value.as_u64() {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    };
    let seconds = seconds.ok_or_else(|| Refusal::malformed(format!("`{name}` is no time")))?;
    Ok(Some(Timestamp::UNIX_EPOCH.saturating_add(seconds)))
}

fn user(issuer: &OidcIssuer, claims: &Value) -> Result<String, Refusal> {
    let claim = &issuer.username_claim;
    let user = claim.find(claims).and_then(Value::as_str);
    let user = user.ok_or_else(|| Refusal::invalid(format!("no user in `{}`", claim.as_str())))?;
    if claim.as_str() == "email" {
        // some issuers leave it away, and some write it as a text
        let verified = claims.get("email_verified");
        if verified.is_some_and(|verified| *verified != true && verified != "true") {
            return Err(Refusal::invalid("the address is not verified"));
        }
    }
    // of an empty name a prefix would make one that all such users share
    if let Some(fault) = name::fault(user) {
        return Err(Refusal::invalid(format!("the name of the user {fault}")));
    }
    let user = format!("{}{user}", issuer.username_prefix);
    if name::is_system(&user) {
        return Err(Refusal::invalid("the name of the user begins with system:"));
    }
    Ok(user)
}

fn groups(issuer: &OidcIssuer, claims: &Value) -> Result<Vec<String>, Refusal> {
    let Some(value) = issuer.groups_claim.as_ref().and_then(|claim| claim.find(claims)) else {
        return Ok(Vec::new());
    };
    let list =
        texts(value).ok_or_else(|| Refusal::invalid("the groups are neither a text nor a list of texts"))?;
    let counted = |name: &str| {
        let group = format!("{}{name}", issuer.groups_prefix);
        let counts = name::fault(name).is_none() && !name::is_system(&group);
        if !counts {
            tracing::debug!(issuer = issuer.issuer, group, "a group is left out of an identity");
        }
        counts.then_some(group)
    };
    Ok(list.into_iter().filter_map(counted).collect())
}

/// A value as the texts of an extra: what is nested stays JSON.
fn extra(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        other => vec![text(other)],
    }
}
