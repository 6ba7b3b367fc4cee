//! Every route for every caller.

use catalog_core::permission::{Access, Reach};
use catalog_tests::{ENGINEER_A, OPERATOR, STRANGER, Stack, UNLUCKY};
use serde_json::json;

/// One line of what is expected: for whom, where, on routes of one tenant and on those that serve all, by status.
const EXPECTED: &[(Option<&str>, &str, u16, u16)] = &[
    (None, "team-a", 401, 401),
    (None, "*", 401, 401),
    (Some(STRANGER), "team-a", 403, 403),
    (Some(STRANGER), "*", 400, 403),
    (Some(UNLUCKY), "team-a", 503, 503),
    (Some(UNLUCKY), "*", 400, 503),
    (Some(ENGINEER_A), "team-a", 200, 200),
    (Some(ENGINEER_A), "team-b", 403, 403),
    (Some(ENGINEER_A), "team-c", 403, 403),
    (Some(ENGINEER_A), "*", 400, 403),
    (Some(OPERATOR), "team-a", 200, 200),
    (Some(OPERATOR), "team-b", 404, 200),
    (Some(OPERATOR), "*", 400, 200),
];

/// The same for routes of nobody.
const CLUSTER: &[(Option<&str>, u16)] = &[
    (None, 401),
    (Some(STRANGER), 403),
    (Some(UNLUCKY), 503),
    (Some(ENGINEER_A), 200),
    (Some(OPERATOR), 200),
];

/// The same for routes that ask only to know who asks.
const AUTHENTICATED: &[(Option<&str>, u16)] = &[
    (None, 401),
    (Some(STRANGER), 200),
    (Some(UNLUCKY), 503),
    (Some(ENGINEER_A), 200),
    (Some(OPERATOR), 200),
];

/// A path of the template that leads to something of team-a.
fn path(template: &str) -> String {
    let plugin = template.split('/').nth(2).and_then(|part| part.strip_suffix("_catalog")).unwrap_or("mcp");
    template
        .replace("{plugin}", plugin)
        .replace("{name}", "acme%2Fone")
        .replace("{id}", "src")
        .replace("{check}", "stores")
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_table_says() {
    let stack = Stack::new().await;
    for plugin in ["model", "mcp", "agents", "prompts", "knowledge", "guardrails", "policies", "skills"] {
        stack.put("team-a", plugin, "src", [json!({"name": "acme/one"})]).await;
    }
    let (mut tenant_routes, mut cluster_routes, mut authenticated_routes, mut public_routes) = (0, 0, 0, 0);
    for (template, access) in stack.routes.iter().filter(|(template, _)| !template.starts_with("/faulty")) {
        let path = path(template);
        match access {
            Access::Public => {
                public_routes += 1;
                assert_eq!(stack.get(None, &path).await.status, 200, "{path}");
            }
            Access::Authenticated => {
                authenticated_routes += 1;
                for (user, status) in AUTHENTICATED {
                    assert_eq!(stack.get(*user, &path).await.status, *status, "{user:?} {path}");
                }
            }
            Access::Permission(permission) if permission.reach == Reach::Cluster => {
                cluster_routes += 1;
                for (user, status) in CLUSTER {
                    assert_eq!(stack.get(*user, &path).await.status, *status, "{user:?} {path}");
                }
            }
            Access::Permission(permission) => {
                tenant_routes += 1;
                for (user, namespace, one, all) in EXPECTED {
                    let answer = stack.get(*user, &format!("{path}?namespace={namespace}")).await;
                    let expected = match permission.reach {
                        // what names no object is not absent in any tenant
                        Reach::Tenant if *one == 404 && !template.contains('{') => 200,
                        Reach::Tenant => *one,
                        _ => *all,
                    };
                    assert_eq!(answer.status, expected, "{user:?} {path} in {namespace}: {answer:?}");
                    if answer.status == 403 {
                        assert!(
                            answer.text.contains("may not") && !answer.text.contains("rules of the test"),
                            "{answer:?}"
                        );
                    }
                }
                let missing = stack.get(Some(OPERATOR), &path).await;
                assert_eq!(missing.code(), "tenant_required", "{path}");
            }
        }
    }
    let routes = (tenant_routes, cluster_routes, authenticated_routes, public_routes);
    assert_eq!(routes, (8 * 5 + 1, 3, 1, 5));
}

#[tokio::test]
async fn no_other_form_of_a_path_gets_past() {
    let stack = Stack::new().await;
    for path in [
        "/api/plugins/",
        "//api/plugins",
        "/api//plugins",
        "/api/./plugins",
        "/API/PLUGINS",
        "/api%2Fplugins",
        "/api/plugins/..%2Fplugins",
        "/api/mcp_catalog/v1alpha1/mcpservers/?namespace=team-a",
        "/livez/../api/plugins",
    ] {
        let answer = stack.get(None, path).await;
        assert!(matches!(answer.status, 401 | 404), "{path}: {answer:?}");
    }
    for method in ["HEAD", "OPTIONS", "PATCH", "POST", "TRACE", "get"] {
        let request = http::Request::builder()
            .method(method)
            .uri("/api/plugins")
            .header("x-http-method-override", "GET");
        let answer = stack.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert!(matches!(answer.status, 401 | 405), "{method}: {answer:?}");
        assert!(!answer.text.contains("basePath"), "{method}");
    }
}
