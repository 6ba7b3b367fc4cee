use std::collections::BTreeMap;

use serde_json::Value;

use crate::fixture::{LISTS, SAMPLED, Server};

/// The whole list, page by page.
fn walk(server: &Server, list: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
    let (mut items, mut token) = (Vec::new(), String::new());
    loop {
        let mut parameters = parameters.to_vec();
        parameters.push(("pageToken", &token));
        let answer = server.list(list, &parameters);
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        assert_eq!(page["size"], page["items"].as_array().unwrap().len());
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page.get("nextPageToken") {
            Some(next) => token = next.as_str().unwrap().into(),
            None => return items,
        }
    }
}

#[test]
fn every_order_and_page_size_walks_the_same_rows() {
    let server = Server::demo();
    for (list, plugin) in LISTS.into_iter().zip(["model", "mcp", "agents", "prompts", "knowledge"]) {
        let capabilities = server.get(&format!("/api/plugins/{plugin}/capabilities")).json();
        let fields = capabilities["entities"][0]["fields"]["sortFields"].as_array().unwrap().clone();
        assert!(fields.len() > 7, "{plugin} has sortable fields of its own");
        for field in fields.iter().map(|field| field.as_str().unwrap()) {
            let whole = |order| {
                walk(&server, list, &[("namespace", "team-a"), ("orderBy", field), ("sortOrder", order)])
            };
            let (up, mut down) = (whole("ASC"), whole("DESC"));
            down.reverse();
            assert_eq!(up, down, "{list} by {field}");
            for size in ["1", "7"] {
                for (order, expected) in [("ASC", &up), ("DESC", &down)] {
                    let parameters = [
                        ("namespace", "team-a"),
                        ("orderBy", field),
                        ("sortOrder", order),
                        ("pageSize", size),
                    ];
                    let mut walked = walk(&server, list, &parameters);
                    if order == "DESC" {
                        walked.reverse();
                    }
                    assert_eq!(&walked, expected, "{list} by {field} {order} in pages of {size}");
                }
            }
        }
    }
}

#[test]
fn a_page_token_serves_only_the_list_that_gave_it() {
    let server = Server::demo();
    let token_of = |list: &str, parameters: &[(&str, &str)]| {
        let page = server.list(list, parameters).json();
        page["nextPageToken"].as_str().unwrap().to_owned()
    };
    let own = [("namespace", "team-a"), ("pageSize", "2")];
    let token = token_of(LISTS[0], &own);
    let with = |list: &str, more: &[(&str, &str)]| {
        let parameters: Vec<(&str, &str)> =
            more.iter().copied().chain([("pageToken", token.as_str())]).collect();
        server.list(list, &parameters)
    };
    assert_eq!(with(LISTS[0], &own).names().len(), 2);
    assert_eq!(
        with(LISTS[0], &[("namespace", "team-a"), ("pageSize", "5")]).status,
        200,
        "the size may change"
    );
    for (list, parameters) in [
        (LISTS[0], &[("namespace", "team-b")][..]),
        (LISTS[0], &[("namespace", "*")]),
        (LISTS[1], &[("namespace", "team-a")]),
        (LISTS[0], &[("namespace", "team-a"), ("sortOrder", "DESC")]),
        (LISTS[0], &[("namespace", "team-a"), ("orderBy", "provider")]),
        (LISTS[0], &[("namespace", "team-a"), ("filterQuery", "name LIKE '%'")]),
        (LISTS[0], &[("namespace", "team-a"), ("q", "a")]),
        (LISTS[0], &[("namespace", "team-a"), ("source", "sample-models")]),
        ("/api/model_catalog/v1alpha1/sources", &[("namespace", "team-a")]),
    ] {
        let refused = with(list, parameters);
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "invalid_page_token"),
            "{list} {parameters:?}"
        );
    }
    for (at, letter) in [(0, "B"), (token.len() / 2, "_"), (token.len() - 2, "-")] {
        let mut changed = token.clone();
        changed.replace_range(at..=at, letter);
        let unchanged = changed == token;
        let answer = server.list(LISTS[0], &[("namespace", "team-a"), ("pageToken", &changed)]);
        assert!(unchanged || answer.code() == "invalid_page_token");
        assert_eq!(
            server.list(LISTS[0], &[("namespace", "team-a"), ("pageToken", &token[..at])]).status,
            if at == 0 { 200 } else { 400 }
        );
    }
    // older clients of the model catalog send the token by the name of the answer's field
    assert_eq!(
        server
            .list(LISTS[0], &[("namespace", "team-a"), ("pageSize", "2"), ("nextPageToken", &token)])
            .status,
        200
    );
}

#[test]
fn filters_and_words_choose_what_the_documents_say() {
    let server = Server::demo();
    let all: BTreeMap<&str, Vec<Value>> = LISTS
        .into_iter()
        .take(SAMPLED)
        .map(|list| (list, walk(&server, list, &[("namespace", "*")])))
        .collect();
    let chosen = |list: &str, filter: &str| -> Vec<String> {
        let items = walk(&server, list, &[("namespace", "*"), ("filterQuery", filter), ("pageSize", "3")]);
        items.iter().map(|item| item["name"].as_str().unwrap().into()).collect()
    };
    let expected = |list: &str, keep: &dyn Fn(&Value) -> bool| -> Vec<String> {
        all[list].iter().filter(|item| keep(item)).map(|item| item["name"].as_str().unwrap().into()).collect()
    };
    let count = |item: &Value| item["toolCount"].as_i64();
    for (list, filter, keep) in [
        (
            LISTS[1],
            "toolCount > 5",
            &(|item: &Value| count(item).is_some_and(|n| n > 5)) as &dyn Fn(&Value) -> bool,
        ),
        (LISTS[1], "NOT toolCount > 5", &|item| count(item).is_some_and(|n| n <= 5)),
        (LISTS[1], "toolCount IS NULL OR verified = true", &|item| {
            count(item).is_none() || item["verified"] == true
        }),
        (LISTS[0], "name LIKE '%/%'", &|item| item["name"].as_str().unwrap().contains('/')),
        (LISTS[0], "license IN ('mit', 'apache-2.0')", &|item| {
            item["license"] == "mit" || item["license"] == "apache-2.0"
        }),
        (LISTS[0], "createTime < '2025-06-01T00:00:00Z'", &|item| {
            item["createTime"].as_str().unwrap() < "2025-06-01T00:00:00.000Z"
        }),
        (LISTS[4], "namespace_ = 'x' OR name = 'x'", &|_| false),
    ] {
        if filter.starts_with("namespace_") {
            let refused = server.list(list, &[("namespace", "*"), ("filterQuery", filter)]);
            assert_eq!(refused.code(), "invalid_filter");
            continue;
        }
        assert_eq!(chosen(list, filter), expected(list, keep), "{filter}");
    }
    // the tenant is never part of the language
    for filter in ["namespace = 'team-b'", "plugin = 'mcp'"] {
        assert_eq!(
            server.list(LISTS[0], &[("namespace", "team-a"), ("filterQuery", filter)]).code(),
            "invalid_filter"
        );
    }
    let word = all[LISTS[2]][0]["name"].as_str().unwrap().split('-').next().unwrap().to_uppercase();
    let found = server.list(LISTS[2], &[("namespace", "*"), ("q", &word)]).names();
    assert!(found.contains(&all[LISTS[2]][0]["name"].as_str().unwrap().to_owned()), "{word}: {found:?}");
}

#[test]
fn artifacts_are_a_list_of_their_own() {
    let server = Server::demo();
    let models = walk(&server, LISTS[0], &[("namespace", "team-a")]);
    let mut seen = 0;
    for model in &models {
        assert!(model.get("artifacts").is_none());
        let path = format!("{}/{}/artifacts", LISTS[0], model["name"].as_str().unwrap().replace('/', "%2F"));
        let whole = walk(&server, &path, &[("namespace", "team-a")]);
        assert_eq!(walk(&server, &path, &[("namespace", "team-a"), ("pageSize", "1")]), whole);
        assert!(whole.iter().all(|artifact| artifact["uri"].is_string()));
        seen += whole.len();
        assert_eq!(server.list(&path, &[("namespace", "team-b")]).code(), "not_found");
    }
    assert!(seen >= models.len(), "models of the sample have artifacts");
}
