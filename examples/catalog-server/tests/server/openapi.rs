use std::collections::BTreeSet;

use serde_json::Value;

use crate::fixture::{Server, run};

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
    for (path, item) in paths {
        let operation = &item["get"];
        assert!(operations.insert(operation["operationId"].as_str().unwrap()), "{path}");
        assert!(
            operation["responses"]["200"].is_object() && operation["responses"]["default"].is_object(),
            "{path}"
        );
        let declared: Vec<&str> = operation["parameters"]
            .as_array()
            .map(|parameters| {
                parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect()
            })
            .unwrap_or_default();
        let used: Vec<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, used, "{path}");
        assert_eq!(operation.get("x-permission").is_some(), operation.get("security").is_some(), "{path}");
    }
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
        ("/api/plugins", "PluginList"),
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
