//! A kept answer is never an old one, and never another's.

use catalog_tests::{Answer, ENGINEER_A, ENGINEER_B, OPERATOR, STRANGER, Stack, USER};
use http::Request;
use serde_json::json;

const LIST: &str = "/api/mcp_catalog/v1alpha1/mcpservers";
const OPTIONS: &str = "/api/mcp_catalog/v1alpha1/filter_options";

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
async fn ask(stack: &Stack, user: &str, path: &str, etag: Option<&str>) -> Answer {
    let mut request = Request::get(path).header(USER, user);
    if let Some(etag) = etag {
        request = request.header("if-none-match", etag);
    }
    stack.send(request.body(axum::body::Body::empty()).unwrap()).await
}

/// A header of an answer, which keeps its headers as text.
fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let (_, rest) = answer.headers.split_once(&format!("\"{name}\": \"")).unwrap_or_default();
    rest.split("\", \"").next().unwrap_or_default().trim_end_matches("\"}")
}

#[tokio::test]
async fn an_answer_is_kept_until_something_changes() {
    let stack = Stack::new().await;
    stack.put("team-a", "mcp", "src", [json!({"name": "one", "category": "x", "toolCount": 3})]).await;
    for path in [LIST, OPTIONS] {
        let path = format!("{path}?namespace=team-a");
        let first = ask(&stack, ENGINEER_A, &path, None).await;
        let again = ask(&stack, OPERATOR, &path, None).await;
        assert_eq!((header(&first, "x-cache"), header(&again, "x-cache")), ("MISS", "HIT"), "{path}");
        assert_eq!(first.text, again.text);
        let tag = header(&first, "etag").replace('\\', "");
        assert!(tag.len() > 40, "{first:?}");
        let known = ask(&stack, ENGINEER_A, &path, Some(&tag)).await;
        assert_eq!((known.status, known.text.as_str()), (304, ""));
        // the right is asked for first, whatever the client has
        assert_eq!(ask(&stack, STRANGER, &path, Some(&tag)).await.status, 403);
        assert_eq!(ask(&stack, ENGINEER_B, &path, Some(&tag)).await.status, 403);

        stack.put("team-a", "mcp", "src", [json!({"name": "two", "category": "y", "toolCount": 5})]).await;
        let changed = ask(&stack, ENGINEER_A, &path, Some(&tag)).await;
        assert_eq!((changed.status, header(&changed, "x-cache")), (200, "MISS"), "{changed:?}");
        assert_ne!(changed.text, first.text);
        stack.put("team-a", "mcp", "src", [json!({"name": "one", "category": "x", "toolCount": 3})]).await;
    }
}

#[tokio::test]
async fn tenants_pages_and_questions_have_answers_of_their_own() {
    let stack = Stack::new().await;
    for team in ["team-a", "team-b"] {
        let items = (0..5).map(|i| json!({"name": format!("{team}-{i}"), "provider": team}));
        stack.put(team, "mcp", "src", items).await;
    }
    let mut tags = Vec::new();
    for query in [
        "namespace=team-a",
        "namespace=team-b",
        "namespace=team-a&pageSize=2",
        "namespace=team-a&includeTotal=true",
        "namespace=team-a&sortOrder=DESC",
        "namespace=team-a&q=team",
        "namespace=team-a&source=src",
        "namespace=team-a&filterQuery=name%20IS%20NOT%20NULL",
    ] {
        let path = format!("{LIST}?{query}");
        let first = ask(&stack, OPERATOR, &path, None).await;
        let again = ask(&stack, OPERATOR, &path, None).await;
        assert_eq!((header(&first, "x-cache"), header(&again, "x-cache")), ("MISS", "HIT"), "{query}");
        let tag = header(&first, "etag").to_owned();
        assert!(!tags.contains(&tag), "{query}");
        tags.push(tag);
    }
    let page = ask(&stack, OPERATOR, &format!("{LIST}?namespace=team-a&pageSize=2"), None).await.json();
    let next =
        format!("{LIST}?namespace=team-a&pageSize=2&pageToken={}", page["nextPageToken"].as_str().unwrap());
    let second = ask(&stack, OPERATOR, &next, None).await.json();
    assert_eq!(
        (second["items"][0]["name"].as_str(), page["items"][0]["name"].as_str()),
        (Some("team-a-2"), Some("team-a-0"))
    );
    // a list of all tenants changes with each of them, and is not kept
    let all = ask(&stack, OPERATOR, &format!("{LIST}?namespace=*"), None).await;
    assert_eq!((all.json()["size"].as_u64(), header(&all, "etag")), (Some(10), ""));
}

#[tokio::test]
async fn options_tell_values_and_ranges_of_the_tenant_alone() {
    let stack = Stack::new().await;
    let items = [
        json!({"name": "one", "category": "data", "toolCount": 3, "verified": true, "tags": ["new"]}),
        json!({"name": "two", "category": "build", "toolCount": 11}),
    ];
    stack.put("team-a", "mcp", "src", items).await;
    stack.put("team-b", "mcp", "src", [json!({"name": "x", "category": "foreign", "toolCount": 99})]).await;
    let answer = ask(&stack, ENGINEER_A, &format!("{OPTIONS}?namespace=team-a"), None).await;
    let filters = &answer.json()["filters"];
    assert_eq!(filters["category"], json!({"type": "string", "values": ["build", "data"], "complete": true}));
    assert_eq!(filters["toolCount"], json!({"type": "integer", "range": {"min": 3, "max": 11}}));
    assert_eq!(filters["verified"]["values"], json!(["true", "false"]));
    assert_eq!(filters["tags"]["values"], json!(["new"]));
    assert_eq!(filters["license"], json!(null), "nothing to choose from");
    for (query, status) in [
        ("namespace=*", 400),
        ("namespace=team-a&kind=Nope", 400),
        ("namespace=team-a&kind=McpServer", 200),
        ("", 400),
    ] {
        assert_eq!(
            ask(&stack, OPERATOR, &format!("{OPTIONS}?{query}"), None).await.status,
            status,
            "{query}"
        );
    }
}
