//! What may be shown of a value that may hold secrets.

use serde_json::{Map, Value};

/// What stands in place of a secret.
const REDACTED: &str = "**redacted**";

/// Wherever one of these stands in a key, the value is a secret. Keys are compared in lower case, letters and digits only.
const PARTS: [&str; 26] = [
    "accesskey",
    "accountkey",
    "apikey",
    "authentication",
    "authorization",
    "bearer",
    "clientkey",
    "connectionstring",
    "cookie",
    "credential",
    "encryptionkey",
    "hmackey",
    "kubeconfig",
    "masterkey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "sharedkey",
    "signature",
    "signingkey",
    "sshkey",
    "subscriptionkey",
    "token",
    "webhookurl",
];

/// Too short for that: each is a word of a key (`db_pass`, `sshPem`) or the whole of it.
const WORDS: [&str; 12] =
    ["auth", "creds", "dsn", "jwt", "jwk", "jwks", "pass", "passcode", "pem", "pwd", "sas", "sig"];

/// In a query and nowhere else.
const QUERY_WORDS: [&str; 2] = ["key", "code"];

/// The value without secrets: what stands under a key that looks like a credential's is replaced, at any depth, and so is what
/// looks like one within a text: the user of a URL, a parameter of its query, a header, a part of a connection string.
///
/// A key that ends in `ref` names where a secret is kept, and a boolean tells none.
pub fn redact(key: &str, value: &Value) -> Value {
    match (value, sort(key)) {
        (Value::Null | Value::Bool(_), _) | (Value::Number(_), Sort::Plain) => value.clone(),
        (_, Sort::Secret) => Value::String(REDACTED.into()),
        // `auth` is as often the heading of a section as it is a secret
        (Value::Object(map), _) => redact_map(map),
        (Value::Array(list), _) => list.iter().map(|value| redact(key, value)).collect(),
        (_, Sort::Word) => Value::String(REDACTED.into()),
        (Value::String(text), Sort::Plain) => Value::String(redact_text(text)),
    }
}

/// How a key sounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sort {
    Plain,
    /// A text under it is a secret; a mapping tells by its own keys.
    Word,
    /// All under it is.
    Secret,
}

fn sort(key: &str) -> Sort {
    let whole: String = key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if whole.ends_with("ref") || whole.ends_with("refs") {
        return Sort::Plain;
    }
    if PARTS.iter().any(|part| whole.contains(part)) {
        return Sort::Secret;
    }
    let is_word = |word: &str| WORDS.contains(&word);
    if is_word(&whole) || words(key).iter().any(|word| is_word(word)) { Sort::Word } else { Sort::Plain }
}

/// The words of a key, in lower case: `dbPass`, `DB_PASS` and `db-pass` are two.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

fn redact_map(map: &Map<String, Value>) -> Value {
    // `{name: Authorization, value: …}`, as Kubernetes writes headers and variables
    let named = ["name", "key", "header"].iter().find_map(|key| map.get(*key)?.as_str());
    let secret = named.is_some_and(|name| sort(name) != Sort::Plain);
    let each = |(key, value): (&String, &Value)| {
        let value = if secret && key == "value" && !value.is_null() {
            Value::String(REDACTED.into())
        } else {
            redact(key, value)
        };
        (key.clone(), value)
    };
    map.iter().map(each).collect()
}

/// A text without what looks like a secret within it.
fn redact_text(text: &str) -> String {
    if text.contains("PRIVATE KEY-----") {
        return REDACTED.into();
    }
    redact_assignments(&redact_users(text))
}

/// The text without the user and password of every URL in it: a token often stands in the place of either.
fn redact_users(text: &str) -> String {
    const SCHEME_END: &str = "://";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(SCHEME_END) {
        out.push_str(before);
        out.push_str(SCHEME_END);
        let ends =
            |c: char| matches!(c, '/' | '\\' | '?' | '#' | '"' | '\'' | '<' | '>') || c.is_whitespace();
        let authority = after.split(ends).next().unwrap_or_default();
        rest = match authority.rsplit_once('@') {
            Some((user, _)) => {
                out.push_str(REDACTED);
                after.get(user.len()..).unwrap_or_default()
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}

/// The text without the values of `name=value` and `name: value` whose name looks like a credential's.
fn redact_assignments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['=', ':']) {
        let (before, after) = rest.split_at(at);
        let sign = after.get(..1).unwrap_or_default();
        let after = after.get(1..).unwrap_or_default();
        out.push_str(before);
        out.push_str(sign);
        rest = after;
        let (name, in_query) = name_at_end(before);
        let secret = sort(name) != Sort::Plain
            || (in_query && QUERY_WORDS.iter().any(|w| name.eq_ignore_ascii_case(w)));
        if !secret || after.starts_with(REDACTED) {
            continue;
        }
        let value = after.trim_start_matches([' ', '\t']);
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let inner = value.strip_prefix(['"', '\'']).unwrap_or(value);
        let ends = |c: char| match (quote, sign) {
            (Some(quote), _) => c == quote,
            // a header's value has spaces in it
            (None, ":") => matches!(c, '\n' | '\r' | ',' | '}'),
            _ => matches!(c, '&' | ';' | '#' | '"' | '\'' | '<' | '>') || c.is_whitespace(),
        };
        let secret = inner.split(ends).next().unwrap_or_default();
        if secret.is_empty() {
            continue;
        }
        let skipped = after.len() - inner.len();
        out.push_str(after.get(..skipped).unwrap_or_default());
        out.push_str(REDACTED);
        rest = inner.get(secret.len()..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The name that a text ends with, and whether it is one of a query.
fn name_at_end(text: &str) -> (&str, bool) {
    let text = text.trim_end_matches(['"', '\'', ' ', '\t']);
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '%' | '[' | ']');
    let start = text.trim_end_matches(is_part).len();
    let (before, name) = text.split_at(start);
    (name, before.ends_with(['?', '&']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_redacted_at_any_depth_and_references_are_not() {
        let value = json!({
            "plain": "https://example.com/@me", "user": "git@example.com:x.git", "author": "Ada", "compass": "north",
            "auth": {"apiKey": "abc", "passwordRef": {"name": "n", "key": "k"}, "type": "basic"},
            "list": [{"Access-Token": 5}], "requireAuth": true, "maxItems": 5, "key": "k",
            "headers": [{"name": "Authorization", "value": "Bearer abc"}, {"name": "Accept", "value": "a/b"}],
        });
        assert_eq!(
            redact("properties", &value),
            json!({
                "plain": "https://example.com/@me", "user": "git@example.com:x.git", "author": "Ada", "compass": "north",
                "auth": {"apiKey": "**redacted**", "passwordRef": {"name": "n", "key": "k"}, "type": "basic"},
                "list": [{"Access-Token": "**redacted**"}], "requireAuth": true, "maxItems": 5, "key": "k",
                "headers": [
                    {"name": "Authorization", "value": "**redacted**"}, {"name": "Accept", "value": "a/b"}
                ],
            })
        );
    }

    #[test]
    fn keys_are_compared_as_people_write_them() {
        for key in [
            "Authorization",
            "Cookie",
            "Set-Cookie",
            "auth",
            "bearer",
            "private_key",
            "privateKey",
            "accessKey",
            "access key",
            "AWS_SECRET_ACCESS_KEY",
            "pwd",
            "DB_PWD",
            "pass",
            "dbPass",
            "passphrase",
            "connectionString",
            "connection_string",
            "dsn",
            "SENTRY-DSN",
            "sshKey",
            "ssh_key",
            "pem",
            "tls.pem",
            "clientSecret",
            "X-Api-Key",
            "api key",
            "PASSWORD",
            "sas",
            "credentials",
            "githubToken",
            "jwt",
        ] {
            assert_eq!(redact(key, &json!("hunter2")), "**redacted**", "{key}");
            assert_eq!(redact(key, &json!(["hunter2"])).to_string().find("hunter2"), None, "{key}");
        }
        for key in
            ["author", "bypass", "passage", "compassion", "temperature", "signal", "keyboard", "path", "name"]
        {
            assert_eq!(redact(key, &json!("plain")), "plain", "{key}");
        }
    }

    #[test]
    fn a_text_keeps_no_secret_of_its_urls_headers_and_assignments() {
        for (text, shown) in [
            ("https://bot:hunter2@example.com/a?b=c", "https://**redacted**@example.com/a?b=c"),
            ("https://hunter2@host/x", "https://**redacted**@host/x"),
            ("https://a@b:hunter2@host", "https://**redacted**@host"),
            ("one https://x/y two ssh://u:hunter2@z", "one https://x/y two ssh://**redacted**@z"),
            ("https://u:hunter2@x,https://v:hunter2@y", "https://**redacted**@x,https://**redacted**@y"),
            (
                "https://x/?access_token=hunter2&page=2&sig=hunter2#top",
                "https://x/?access_token=**redacted**&page=2&sig=**redacted**#top",
            ),
            ("https://x/?key=hunter2&q=key", "https://x/?key=**redacted**&q=key"),
            ("https://x/?X-Amz-Signature=hunter2", "https://x/?X-Amz-Signature=**redacted**"),
            ("Server=db;Password=hunter2;Port=5", "Server=db;Password=**redacted**;Port=5"),
            ("host=db password='hunter2 x' user=u", "host=db password='**redacted**' user=u"),
            ("Authorization: Bearer hunter2", "Authorization: **redacted**"),
            (r#"{"token": "hunter2", "a": 1}"#, r#"{"token": "**redacted**", "a": 1}"#),
            ("-----BEGIN RSA PRIVATE KEY-----\nhunter2", "**redacted**"),
            ("a=b: c, time 10:30, x::y, =, :", "a=b: c, time 10:30, x::y, =, :"),
            ("é=ü&tökén=1", "é=ü&tökén=1"),
        ] {
            assert_eq!(redact("url", &json!(text)), shown, "{text}");
            assert_eq!(redact("url", &json!(shown)), shown, "what is redacted stays so");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_shown_without_panic(text in "[a-z:/@=&?'\"; é\n]{0,60}") {
            let _ = redact("x", &json!(text));
        }
    }
}
