use std::collections::BTreeSet;

use serde_json::Value;

use crate::fixture::{Answer, LISTS, Server, run};

/// Every reference of the document, wherever it stands.
fn references<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            out.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, out));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, out)),
        _ => {}
    }
}

#[test]
fn the_document_covers_every_route_and_holds_together() {
    let server = Server::demo();
    let document = server.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let table = String::from_utf8(run(&["routes"], &[]).stdout).unwrap();
    let mounted: BTreeSet<String> =
        table.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(documented, mounted);

    let mut operations = BTreeSet::new();
    let items =
        paths.iter().flat_map(|(path, item)| item.as_object().unwrap().values().map(move |of| (path, of)));
    for (path, operation) in items {
        assert!(operations.insert(operation["operationId"].as_str().unwrap()), "{path}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("default"), "{path}");
        assert!(
            responses.keys().any(|status| matches!(status.as_str(), "200" | "202" | "204" | "308")),
            "{path}"
        );
        let declared: Vec<&str> = operation["parameters"]
            .as_array()
            .map(|parameters| {
                parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect()
            })
            .unwrap_or_default();
        let used: Vec<&str> =
            path.split('/').filter_map(|part| Some(part.strip_prefix('{')?.split_once('}')?.0)).collect();
        assert_eq!(declared, used, "{path}");
        assert_eq!(operation.get("security").is_some(), path.starts_with("/api/"), "{path}");
        // what is told of a caller's own rights is for everybody who is known
        let told = path.starts_with("/api/authz/") || path.starts_with("/api/tenancy/");
        let asks = path.starts_with("/api/") && !told;
        assert_eq!(operation.get("x-permission").is_some(), asks, "{path}");
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn what_the_server_answers_is_as_documented() {
    let server = Server::demo();
    let document = server.get("/openapi.json").json();
    for (path, schema) in [
        ("/api/plugins/model", "Plugin"),
        ("/api/plugins/model/capabilities", "Capabilities"),
        (
            "/api/model_catalog/v1alpha1/models?namespace=team-a&includeTotal=true&pageSize=3",
            "CatalogModelList",
        ),
        ("/api/mcp_catalog/v1alpha1/mcpservers?namespace=team-a", "McpServerList"),
        ("/api/prompts_catalog/v1alpha1/prompttemplates?namespace=team-b", "PromptTemplateList"),
        ("/api/model_catalog/v1alpha1/sources?namespace=team-a", "SourceList"),
        ("/nope", "Problem"),
    ] {
        let answer = server.get(path).json();
        check(&document, &document["components"]["schemas"][schema], &answer, schema);
    }
}

/// Checks an answer against what its operation declares: the status, the media type, the headers and the shape.
fn check_answer(document: &Value, operation: &Value, answer: &Answer, at: &str) {
    let responses = operation["responses"].as_object().unwrap();
    let declared = responses.get(&answer.status.to_string());
    let declared = declared.unwrap_or_else(|| panic!("{at}: {} is not declared", answer.status));
    for name in declared["headers"].as_object().unwrap().keys() {
        assert!(!answer.header(&name.to_lowercase()).is_empty(), "{at}: no {name}");
    }
    match declared["content"].as_object() {
        None => assert!(answer.text.is_empty(), "{at}"),
        Some(content) => {
            let (media_type, content) = content.iter().next().unwrap();
            assert_eq!(answer.header("content-type"), media_type, "{at}");
            if media_type == "application/json" {
                check(document, &content["schema"], &answer.json(), at);
            }
        }
    }
}

#[test]
fn every_route_without_placeholders_answers_as_its_operation_declares() {
    let server = Server::demo();
    let document = server.get("/openapi.json").json();
    let mut tagged = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let operation = &item["get"];
        // what can be asked without more than a tenant
        if path.contains('{') || operation.is_null() {
            continue;
        }
        let takes = |name: &str| {
            operation["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == name))
        };
        let takes_tenant = takes("namespace") && takes("X-Namespace");
        let target = if takes("namespace") { format!("{path}?namespace=team-a") } else { path.clone() };
        let answer = server.get(&target);
        check_answer(&document, operation, &answer, path);
        assert!(!takes("X-Namespace") || takes("namespace"), "{path}");
        // older clients know the lists of plugins
        let is_older = takes("pageToken") && takes_tenant && path.contains("_catalog/");
        assert_eq!(takes("nextPageToken"), is_older, "{path}");
        assert_eq!(takes("If-None-Match"), operation["responses"].get("304").is_some(), "{path}");
        let tag = answer.header("etag");
        if !tag.is_empty() {
            tagged += 1;
            let again = server.ask("GET", &target, &[("if-none-match", tag)], "");
            assert_eq!(again.status, 304, "{path}");
            check_answer(&document, operation, &again, path);
        }
    }
    assert!(tagged > 10, "{tagged}");
    // what a source holds changes without its revision, so it is never what a client has already
    let source = "/api/model_catalog/v1alpha1/sources/sample-models?namespace=team-a";
    let operation = &document["paths"]["/api/model_catalog/v1alpha1/sources/{id}"]["get"];
    let answer = server.get(source);
    check_answer(&document, operation, &answer, source);
    let again = server.ask("GET", source, &[("if-none-match", answer.header("etag"))], "");
    check_answer(&document, operation, &again, source);
    assert_eq!(again.status, 200);
}

#[test]
fn every_order_that_is_declared_is_taken() {
    let server = Server::demo();
    let document = server.get("/openapi.json").json();
    let list = &document["paths"][LISTS[0]]["get"]["parameters"];
    let order = list.as_array().unwrap().iter().find(|parameter| parameter["name"] == "orderBy").unwrap();
    let fields = order["schema"]["enum"].as_array().unwrap();
    for name in ["ID", "NAME", "CREATE_TIME", "LAST_UPDATE_TIME", "name"] {
        assert!(fields.iter().any(|field| field == name), "{name}");
    }
    for field in fields {
        let parameters = [("namespace", "team-a"), ("orderBy", field.as_str().unwrap())];
        assert_eq!(server.list(LISTS[0], &parameters).status, 200, "{field}");
    }
}

#[test]
fn a_server_that_leaves_is_not_ready_in_the_shape_that_is_declared() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start(folder, &[("CATALOG_PROFILE", "demo"), ("CATALOG_SHUTDOWN_DELAY_SECONDS", "5")]);
    let document = server.get("/openapi.json").json();
    server.signal("TERM");
    server.wait_until("/readyz", 503);
    let answer = server.get("/readyz");
    check_answer(&document, &document["paths"]["/readyz"]["get"], &answer, "/readyz");
}

/// Checks a value against the shapes that the document uses: types, required fields, and no field that it does not know where the
/// shape is closed by what it declares.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    assert!(schema.is_object(), "{at}: no schema");
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return check(document, document.pointer(reference.strip_prefix('#').unwrap()).unwrap(), value, at);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        assert!(values.contains(value), "{at}: {value}");
    }
    // without a type it is any value
    let Some(kind) = schema.get("type") else { return };
    match kind.as_str().unwrap() {
        "string" => assert!(value.is_string(), "{at}: {value}"),
        "integer" => assert!(value.is_i64(), "{at}: {value}"),
        "number" => assert!(value.is_number(), "{at}: {value}"),
        "boolean" => assert!(value.is_boolean(), "{at}: {value}"),
        "array" => {
            for (index, item) in
                value.as_array().unwrap_or_else(|| panic!("{at}: {value}")).iter().enumerate()
            {
                check(document, &schema["items"], item, &format!("{at}[{index}]"));
            }
        }
        "object" => {
            let fields = value.as_object().unwrap_or_else(|| panic!("{at}: {value}"));
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(fields.contains_key(name.as_str().unwrap()), "{at}: no {name}");
            }
            for (name, field) in fields {
                let at = format!("{at}.{name}");
                if let Some(property) = schema["properties"].get(name) {
                    check(document, property, field, &at);
                } else if let Some(any) = schema.get("additionalProperties") {
                    if any.is_object() {
                        check(document, any, field, &at);
                    }
                } else {
                    panic!("{at} is not documented");
                }
            }
        }
        other => panic!("{at}: type {other}"),
    }
}

#[test]
fn the_page_that_shows_it_comes_from_the_binary() {
    let server = Server::demo();
    let page = server.get("/docs/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    for part in
        page.text.split(['"', '\'']).filter(|part| matches!(part.rsplit_once('.'), Some((_, "js" | "css"))))
    {
        assert!(!part.contains("//"), "{part} is fetched from elsewhere");
        let file = server.get(&format!("/docs/{}", part.trim_start_matches("./")));
        assert_eq!(file.status, 200, "{part}");
    }
    let settings = server.get("/docs/swagger-initializer.js").text;
    assert!(settings.contains("/openapi.json"), "{settings}");
    assert_eq!(server.get("/docs").header("location"), "/docs/");
    assert_eq!(server.get("/docs/nope.js").code(), "not_found");
    assert_eq!(server.get("/docs/..%2Fsecret").code(), "not_found");
}
