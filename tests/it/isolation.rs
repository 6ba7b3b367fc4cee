//! One tenant's words never reach another.

use catalog_tests::{ENGINEER_A, Stack};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

/// In every field of team-b.
const CANARY: &str = "canary-4711";

fn thing(name: &str, word: &str) -> Value {
    json!({
        "name": name, "displayName": word, "description": word, "provider": word, "lifecycle": word, "tags": [word],
        "labels": {word: word}, "annotations": {word: word}, "customProperties": {word: word}, "extra": {word: [word]},
        "license": word, "category": word, "image": word, "toolCount": 7,
    })
}

async fn stack() -> Stack {
    let stack = Stack::new().await;
    for plugin in ["model", "mcp"] {
        let own = (0..40).map(|i| thing(&format!("thing-{i:02}"), "own"));
        let foreign =
            (0..40).map(|i| thing(&format!("thing-{:02}", i * 2), CANARY)).chain([thing(CANARY, CANARY)]);
        stack.put("team-a", plugin, "src", own).await;
        stack.put("team-b", plugin, "src", foreign).await;
        stack.put("team-b", plugin, CANARY, []).await;
    }
    stack
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |out, byte| format!("{out}%{byte:02X}"))
}

fn filter() -> impl Strategy<Value = String> {
    let field = select(vec![
        "name",
        "provider",
        "tags",
        "license",
        "toolCount",
        "labels.canary-4711",
        "customProperties.`canary-4711`",
        "sourceId",
    ]);
    let test = select(vec![
        "= 'own'",
        "!= 'own'",
        "LIKE '%'",
        "IS NULL",
        "IS NOT NULL",
        "> 3",
        "IN ('canary-4711')",
        "ILIKE 'CANARY%'",
        "= 'x' OR 1 = 1",
    ]);
    let one = (field, test).prop_map(|(field, test)| format!("{field} {test}"));
    (one.clone(), one, any::<bool>(), any::<bool>()).prop_map(|(a, b, not, both)| {
        format!("{}({a}) {} ({b})", if not { "NOT " } else { "" }, if both { "AND" } else { "OR" })
    })
}

fn parameter() -> impl Strategy<Value = String> {
    prop_oneof![
        filter().prop_map(|filter| format!("filterQuery={}", encoded(&filter))),
        select(vec!["canary", "own", "4711 canary", "thing"]).prop_map(|q| format!("q={}", encoded(q))),
        select(vec!["name", "provider", "createTime", "ID", "license", "toolCount"])
            .prop_map(|field| format!("orderBy={field}")),
        select(vec!["ASC", "DESC"]).prop_map(|order| format!("sortOrder={order}")),
        (1..50).prop_map(|size| format!("pageSize={size}")),
        select(vec!["src", "canary-4711", "*"]).prop_map(|source| format!("source={}", encoded(source))),
        Just("includeTotal=true".to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let base = select(vec!["/api/model_catalog/v1alpha1", "/api/mcp_catalog/v1alpha1"]);
    let rest = select(vec![
        "models",
        "mcpservers",
        "sources",
        "models/thing-00",
        "mcpservers/canary-4711",
        "models/canary-4711/artifacts",
        "sources/canary-4711",
        "sources/src",
        "filter_options",
    ]);
    (base, rest).prop_map(|(base, rest)| format!("{base}/{rest}"))
}

#[test]
fn no_request_of_one_tenant_shows_a_word_of_another() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stack = runtime.block_on(stack());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(2_000));
    let requests = (path(), prop::collection::vec(parameter(), 0..4));
    let run = runner.run(&requests, |(path, parameters)| {
        let asked = format!("{path}?namespace=team-a&{}", parameters.join("&"));
        let mut answer = runtime.block_on(stack.get(Some(ENGINEER_A), &asked));
        for _ in 0..5 {
            // an answer may repeat what was asked, and nothing else
            let echo = path.contains(CANARY) || answer.status == 400;
            let told = answer.text.replace(&path, "") + &answer.headers;
            prop_assert!(!told.contains(CANARY) || echo, "{asked}: {answer:?}");
            prop_assert!(!answer.text.contains("team-b"), "{asked}: {answer:?}");
            prop_assert!(matches!(answer.status, 200 | 400 | 404), "{asked}: {answer:?}");
            if answer.status != 200 {
                break;
            }
            let body = answer.json();
            if let Some(total) = body.get("totalSize") {
                prop_assert!(total.as_u64().unwrap() <= 40, "{asked}: {total}");
            }
            let Some(token) = body.get("nextPageToken") else { break };
            answer = runtime.block_on(
                stack.get(Some(ENGINEER_A), &format!("{asked}&pageToken={}", token.as_str().unwrap())),
            );
        }
        Ok(())
    });
    run.unwrap();
}

#[test]
fn the_canary_is_there_for_those_who_may_see_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stack = runtime.block_on(stack());
    let seen = runtime.block_on(
        stack.get(Some(catalog_tests::OPERATOR), "/api/model_catalog/v1alpha1/models?namespace=team-b"),
    );
    assert!(seen.text.matches(CANARY).count() > 100, "else the test above could not fail");
}
