//! One tenant's words never reach another.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod data;
mod request;

use std::sync::Arc;

use axum::body::Body;
use catalog_core::store::{AssetStore, SourceStore};
use catalog_tests::{Answer, ENGINEER_A, ENGINEER_B, OPERATOR, Stack, USER};
use futures_util::{StreamExt, stream};
use http::Request;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use self::{
    data::{CANARY, NOBODY, PLUGINS},
    request::{Asked, requests},
};

/// So many requests are made of each engine.
const REQUESTS: usize = 100_000;
/// At so many at once.
const CLIENTS: usize = 4;
/// They are made up so many at a time.
const BATCH: usize = 1_000;
/// Pages that are walked, at most.
const PAGES: usize = 4;

/// Asks as a member of team-a, for something of team-a's.
async fn ask<A, S>(stack: &Stack<A, S>, target: &str, header: bool) -> Answer
where
    A: AssetStore + Clone,
    S: SourceStore + Clone,
{
    let request = Request::get(target).header(USER, ENGINEER_A);
    let request = if header { request.header("x-namespace", "team-a") } else { request };
    // some names are no path at all
    match request.body(Body::empty()) {
        Ok(request) => stack.send(request).await,
        Err(_) => Answer { status: 400, text: String::new(), headers: String::new() },
    }
}

/// Whether an answer holds a word of the other tenant's that was not in the question.
fn check(asked: &Asked, answer: &Answer) -> Result<(), String> {
    let echo = asked.target.contains(CANARY) || answer.status == 400;
    let told = format!("{}{}", answer.text, answer.headers);
    // of what was asked for, an answer may repeat the path, and an error what was wrong
    let path = asked.target.split('?').next().unwrap_or_default();
    if told.replace(path, "").contains(CANARY) && !echo {
        return Err("the canary sings".into());
    }
    if told.contains("team-b") && answer.status != 400 {
        return Err("the other tenant is named".into());
    }
    if answer.status == 200 && told.contains(CANARY) {
        return Err("the canary sings in an answer".into());
    }
    if !matches!(answer.status, 200 | 400 | 404) {
        return Err("nothing else is to be answered".into());
    }
    if answer.status == 200 && answer.text.starts_with('{') {
        let total = answer.json()["totalSize"].as_u64().unwrap_or_default();
        if total > 40 {
            return Err(format!("{total} are counted"));
        }
    }
    Ok(())
}

/// An answer without what names its request.
fn anonymous(answer: &Answer) -> (u16, String, Vec<String>) {
    let mut body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    for own in ["requestId", "instance"] {
        if let Some(value) = body.get_mut(own) {
            *value = Value::Null;
        }
    }
    let names =
        answer.headers.split(", \"").map(|part| part.split('"').next().unwrap_or_default().to_owned());
    (answer.status, body.to_string().replace(CANARY, NOBODY), names.collect())
}

/// Makes one request, walks its pages, and holds what is another's against what is nobody's.
async fn one<A, S>(stack: &Stack<A, S>, asked: &Asked) -> Result<usize, String>
where
    A: AssetStore + Clone,
    S: SourceStore + Clone,
{
    let mut made = 1;
    let mut answer = ask(stack, &asked.target, asked.header).await;
    check(asked, &answer).map_err(|fault| format!("{fault}: {asked:?}: {answer:?}"))?;
    if let Some(of_nobody) = &asked.of_nobody {
        made += 1;
        let nothing = ask(stack, of_nobody, asked.header).await;
        if anonymous(&answer) != anonymous(&nothing) {
            return Err(format!("another's is not as nobody's: {asked:?}: {answer:?} {nothing:?}"));
        }
    }
    for _ in 0..PAGES {
        let token = if answer.status == 200 { answer.json()["nextPageToken"].clone() } else { Value::Null };
        let Some(token) = token.as_str() else { break };
        made += 1;
        let target = format!("{}&pageToken={token}", asked.target);
        answer = ask(stack, &target, asked.header).await;
        check(asked, &answer).map_err(|fault| format!("{fault}: {target}: {answer:?}"))?;
    }
    Ok(made)
}

/// Makes [`REQUESTS`] requests to every route that the document has.
async fn none_shows_a_word_of_another<A, S>(stack: Stack<A, S>)
where
    A: AssetStore + Clone,
    S: SourceStore + Clone,
{
    let document = stack.get(None, "/openapi.json").await.json();
    let requests = requests(&document, &PLUGINS);
    let (stack, mut runner, mut made) = (Arc::new(stack), TestRunner::default(), 0);
    while made < REQUESTS {
        let batch: Vec<Asked> =
            (0..BATCH).map(|_| requests.new_tree(&mut runner).unwrap().current()).collect();
        let answered = stream::iter(batch).map(|asked| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move { one(&stack, &asked).await })
        });
        let mut answered = answered.buffer_unordered(CLIENTS);
        while let Some(one) = answered.next().await {
            made += one.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_one_tenant_shows_a_word_of_another_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    none_shows_a_word_of_another(data::over(&data::sqlite(&folder).await).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn no_request_of_one_tenant_shows_a_word_of_another_on_postgres() {
    none_shows_a_word_of_another(data::over(&data::postgres().await).await).await;
}

#[tokio::test]
async fn the_canary_is_there_for_those_who_may_see_it() {
    let stack = Stack::new().await;
    data::fill(&stack).await;
    for (path, least) in
        [("models", 100), ("sources", 10), ("models/canary-4711/artifacts", 1), ("filter_options", 1)]
    {
        let seen =
            stack.get(Some(OPERATOR), &format!("/api/model_catalog/v1alpha1/{path}?namespace=team-b")).await;
        assert!(
            seen.text.matches(CANARY).count() >= least,
            "else the tests above could not fail: {path}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn what_one_tenant_was_given_is_of_no_use_with_another() {
    let stack = Stack::new().await;
    data::fill(&stack).await;
    let list = "/api/model_catalog/v1alpha1/models";
    let theirs = stack.get(Some(ENGINEER_B), &format!("{list}?namespace=team-b&pageSize=5")).await;
    let token = theirs.json()["nextPageToken"].as_str().unwrap().to_owned();
    let refused =
        stack.get(Some(ENGINEER_A), &format!("{list}?namespace=team-a&pageSize=5&pageToken={token}")).await;
    assert_eq!(refused.code(), "invalid_page_token");
    // a tag says whether a list has changed: another tenant's says nothing
    let (_, tag) = theirs.headers.split_once("\"etag\": \"").unwrap();
    let tag = tag.split_once("\", \"").map_or(tag, |(tag, _)| tag).replace('\\', "");
    let request = Request::get(format!("{list}?namespace=team-a&pageSize=5"));
    let request = request.header(USER, ENGINEER_A).header("if-none-match", tag.trim_end_matches("\"}"));
    assert_eq!(stack.send(request.body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn each_caller_is_told_of_their_own_tenants_only() {
    let stack = Stack::new().await;
    let path = "/api/tenancy/v1alpha1/namespaces";
    let of = async |user: &str, query: &str| stack.get(Some(user), &format!("{path}{query}")).await;
    let a = of(ENGINEER_A, "").await.json();
    assert_eq!(a["namespaces"], json!(["team-a"]));
    assert_eq!(a["mode"], "namespace");
    assert_eq!(
        a["items"][0]["permissions"],
        json!(["assets:get", "assets:list", "catalogsources:get", "catalogsources:list"])
    );
    assert_eq!(of(catalog_tests::STRANGER, "").await.json()["namespaces"], json!([]));
    let first = of(OPERATOR, "?pageSize=2").await.json();
    assert_eq!(first["namespaces"], json!(["team-a", "team-b"]));
    let token = first["nextPageToken"].as_str().unwrap();
    let second = of(OPERATOR, &format!("?pageSize=2&pageToken={token}")).await.json();
    assert_eq!((&second["namespaces"], &second["nextPageToken"]), (&json!(["team-c"]), &Value::Null));
    for (query, code) in [
        ("?pageSize=0", "invalid_page_size"),
        ("?pageToken=x", "invalid_page_token"),
        ("?what=x", "invalid_parameter"),
    ] {
        assert_eq!(of(OPERATOR, query).await.code(), code);
    }
    assert_eq!(stack.get(None, path).await.code(), "unauthenticated");
}
