//! Requests, made from the document of the routes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};
use serde_json::Value;

use super::data::{CANARY, NOBODY};

/// A request of a member of team-a for something of team-a's.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The path and query.
    pub(super) target: String,
    /// The header that names the tenant, where the query does not.
    pub(super) header: bool,
    /// It names what only the other tenant has; and the same request for what nobody has.
    pub(super) of_nobody: Option<String>,
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |out, byte| format!("{out}%{byte:02X}"))
}

fn filter() -> impl Strategy<Value = String> {
    let fields = vec![
        "name",
        "displayName",
        "description",
        "provider",
        "lifecycle",
        "tags",
        "license",
        "toolCount",
        "sourceId",
        "id",
        "createTime",
        "labels.canary-4711",
        "customProperties.`canary-4711`",
        "namespace",
    ];
    let tests = vec![
        "= 'own'",
        "!= 'own'",
        "LIKE '%'",
        "NOT LIKE 'own'",
        "IS NULL",
        "IS NOT NULL",
        "> 3",
        "< 'zzz'",
        "IN ('canary-4711')",
        "ILIKE 'CANARY%'",
        "= 'x' OR 1 = 1",
        "= 'x'' or ''1''=''1",
        "= 'team-b'",
        "= 'canary-4711'",
    ];
    let one = (select(fields), select(tests)).prop_map(|(field, test)| format!("{field} {test}"));
    (vec(one, 1..4), any::<bool>(), any::<bool>()).prop_map(|(all, not, both)| {
        let all: Vec<String> = all.into_iter().map(|one| format!("({one})")).collect();
        format!("{}({})", if not { "NOT " } else { "" }, all.join(if both { " AND " } else { " OR " }))
    })
}

/// What one parameter of the query may be: what its shape says, and what it does not.
fn value(parameter: &Value) -> BoxedStrategy<String> {
    let odd = select(vec![CANARY, "", "*", "team-b", "0", "-1", "1e9", "null", "'", "\u{0}", "%", "true"]);
    let usual: BoxedStrategy<String> = match parameter["name"].as_str().unwrap() {
        "filterQuery" => filter().boxed(),
        "pageSize" => (1..60).prop_map(|size: i32| size.to_string()).boxed(),
        "q" => {
            select(vec!["canary", "own", "4711 canary", "thing", "c", "th o"]).prop_map(Into::into).boxed()
        }
        "source" => select(vec!["src", CANARY]).prop_map(Into::into).boxed(),
        _ => match parameter["schema"]["enum"].as_array() {
            Some(values) => {
                let values: Vec<String> = values.iter().map(|value| value.as_str().unwrap().into()).collect();
                select(values).boxed()
            }
            None if parameter["schema"]["type"] == "boolean" => Just("true".to_owned()).boxed(),
            None => odd.clone().prop_map(Into::into).boxed(),
        },
    };
    prop_oneof![8 => usual, 1 => odd.prop_map(Into::into)].boxed()
}

/// A request to one route of the document.
fn of_route(path: &str, operation: &Value) -> BoxedStrategy<Asked> {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let is = |parameter: &Value, place: &str| parameter["in"] == place;
    let in_query = parameters.iter().filter(|parameter| {
        // another tenant is another question
        is(parameter, "query") && !matches!(parameter["name"].as_str(), Some("namespace" | "allNamespaces"))
    });
    let pairs: Vec<BoxedStrategy<String>> = in_query
        .map(|parameter| {
            let name = parameter["name"].as_str().unwrap().to_owned();
            value(parameter).prop_map(move |value| format!("{name}={}", encoded(&value))).boxed()
        })
        .collect();
    let query =
        if pairs.is_empty() { Just(Vec::new()).boxed() } else { vec(Union::new(pairs), 0..4).boxed() };
    let names = vec!["thing-00", "thing-01", "thing-77", "src", CANARY, CANARY, "", "a%2Fb", "..", "%00"];
    let path = path.to_owned();
    let has_name = parameters.iter().any(|parameter| is(parameter, "path"));
    (query, any::<bool>(), select(names))
        .prop_map(move |(query, header, name)| {
            let at = |name: &str| {
                let path = path.replace("{name}", name).replace("{id}", name);
                let tenant = (!header).then(|| "namespace=team-a".to_owned());
                let query: Vec<String> = tenant.into_iter().chain(query.iter().cloned()).collect();
                format!("{path}?{}", query.join("&"))
            };
            let of_nobody = (has_name && name == CANARY).then(|| at(NOBODY));
            Asked { target: at(name), header, of_nobody }
        })
        .boxed()
}

/// Requests to every tenant's route of the document that belongs to one of `plugins`, and to the list of tenants.
pub(super) fn requests(document: &Value, plugins: &[&str]) -> impl Strategy<Value = Asked> {
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let scope = item["get"]["x-permission"]["scope"].as_str().unwrap_or_default();
        let wanted = plugins.iter().any(|plugin| path.starts_with(&format!("/api/{plugin}_catalog/")));
        if scope.starts_with("tenant") && wanted {
            // lists have the most to ask for
            let weight = if path.contains('{') { 1 } else { 3 };
            routes.push((weight, of_route(path, &item["get"])));
        }
    }
    assert!(routes.len() >= 5 * plugins.len(), "the document has no such routes");
    Union::new_weighted(routes)
}
