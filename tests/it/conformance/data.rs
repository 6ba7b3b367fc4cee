//! Two tenants whose assets are alike enough to be mistaken for each other.

use catalog_core::{
    plugin::builtin,
    schema::PluginDefinition,
    source::SourceSpec,
    store::SourceStore,
    testing::{TEST, schema, scope},
};
use catalog_tenancy::http::TenancyMode;
use catalog_tests::{SINGLE, Stack};
use serde_json::{Value, json};

/// A stack in which each of those plugins lists something for both tenants.
pub(super) async fn stack(plugins: &[&str]) -> Stack {
    let stack = Stack::of(definitions(), TenancyMode::Namespace).await;
    for plugin in plugins {
        for (tenant, from, to) in [("team-a", 0, 20), ("team-b", 6, 28)] {
            stack.put(tenant, plugin, "main", (from..to).map(|i| asset(plugin, i))).await;
        }
        stack.put("team-a", plugin, "side", (100..108).map(|i| asset(plugin, i))).await;
        // a name that is used twice, and needs its source
        stack.put("team-a", plugin, "twin", [asset(plugin, 3)]).await;
        stack.put("team-b", plugin, "private-b", [asset(plugin, 200)]).await;
        secrets(&stack, "team-a", plugin).await;
    }
    stack
}

/// A stack of one tenant, for whom each of those plugins lists what is team-a's in the other.
pub(super) async fn single(plugins: &[&str]) -> Stack {
    let stack = Stack::of(definitions(), TenancyMode::Single).await;
    for plugin in plugins {
        stack.put(SINGLE, plugin, "main", (0..20).map(|i| asset(plugin, i))).await;
        stack.put(SINGLE, plugin, "side", (100..108).map(|i| asset(plugin, i))).await;
        stack.put(SINGLE, plugin, "twin", [asset(plugin, 3)]).await;
        secrets(&stack, SINGLE, plugin).await;
    }
    stack
}

fn definitions() -> Vec<PluginDefinition> {
    builtin().unwrap().into_iter().chain([every_type()]).collect()
}

/// A plugin with a field of every type that can be compared.
fn every_type() -> PluginDefinition {
    let definition = json!({"name": "test", "version": "v1", "displayName": "Test", "entities": [schema()]});
    serde_json::from_value(definition).unwrap()
}

/// The n-th asset of a plugin: some values shared, some missing, some that a pattern or a quote could stumble over.
fn asset(plugin: &str, n: usize) -> Value {
    let one_of = |texts: &[&str]| texts.get(n % texts.len()).map(|text| (*text).to_owned());
    let sometimes = |each: usize, value: Value| if n.is_multiple_of(each) { Value::Null } else { value };
    let word = one_of(&["Orbit", "harbor", "Lantern", "meadow", "Quartz"]);
    let second = one_of(&["search", "vision", "Search", "coder", "50%_off", "it's", "naïve"]);
    let (word, second) = (word.unwrap_or_default(), second.unwrap_or_default());
    let mut item = json!({
        "name": format!("{}/{word}-{n:02}", one_of(&["acme", "Beta", "zeta"]).unwrap_or_default()),
        "displayName": sometimes(4, json!(format!("{word} {second}"))),
        "description": sometimes(3, json!(format!("A {second} for the {word} team, number {n}"))),
        "provider": sometimes(5, json!(one_of(&["Acme", "acme", "Beta Labs"]))),
        "lifecycle": one_of(&["active", "deprecated"]),
        "tags": if n.is_multiple_of(4) { json!([]) } else { json!([second, "common"]) },
        "labels": if n.is_multiple_of(3) { json!({}) } else { json!({"tier": one_of(&["gold", "silver"]), "a.b/c`d": second}) },
        "createTime": format!("2025-01-{:02}T10:00:00.{:03}Z", n % 7 + 1, n % 3),
        "lastUpdateTime": format!("2025-02-{:02}T10:00:00Z", n % 5 + 1),
        "customProperties": custom_properties(n),
    });
    let own = own_fields(plugin, n);
    if let (Some(item), Value::Object(own)) = (item.as_object_mut(), own) {
        item.extend(own.into_iter().filter(|(_, value)| !value.is_null()));
        item.retain(|_, value| !value.is_null());
    }
    item
}

/// One of each kind, of which some assets have none.
fn custom_properties(n: usize) -> Value {
    match n % 4 {
        0 => json!({"weight": n, "owner": "Kim"}),
        1 => json!({"weight": n % 10, "ratio": 0.25 + f64::from(u8::try_from(n).unwrap_or_default())}),
        2 => json!({"beta": n.is_multiple_of(3), "owner": "kim", "weight": "heavy"}),
        _ => json!({}),
    }
}

fn own_fields(plugin: &str, n: usize) -> Value {
    let sometimes = |each: usize, value: Value| if n % each == 1 { Value::Null } else { value };
    let pick = |texts: [&str; 2]| texts[n % 2].to_owned();
    match plugin {
        "mcp" => json!({
            "category": sometimes(3, json!(["dev", "Dev", "ops"].get(n % 3))),
            "transportType": pick(["stdio", "http"]),
            "toolCount": sometimes(4, json!(n % 6)),
            "promptCount": json!(10 - i32::try_from(n).unwrap_or_default()),
            "verified": sometimes(5, json!(n.is_multiple_of(2))),
            "license": sometimes(2, json!("apache-2.0")),
            "tools": [{"name": "run"}],
        }),
        "model" => json!({
            "license": sometimes(3, json!(pick(["mit", "apache-2.0"]))),
            "tasks": sometimes(4, json!(["text-generation", pick(["chat", "code"])])),
            "language": ["en"],
            "artifacts": (0..n % 4).map(|i| json!({"uri": format!("oci://example.com/{n}:{i}")})).collect::<Vec<_>>(),
        }),
        "skills" => json!({
            "riskLevel": sometimes(3, json!(pick(["low", "high"]))),
            "requiresApproval": n.is_multiple_of(3),
            "timeoutSeconds": sometimes(4, json!(n % 5 * 30)),
            "author": sometimes(5, json!("Kim Larsen")),
            "execution": {"command": "true"},
        }),
        "test" => json!({
            "word": sometimes(4, json!(["alpha", "Beta", "x_y"][n % 3])),
            "count": sometimes(3, json!(i64::MAX - i64::try_from(n % 5).unwrap())),
            "score": sometimes(5, json!([0.1, -2.5, 1e21, 3.0][n % 4])),
            "open": sometimes(3, json!(n.is_multiple_of(2))),
            "seen": sometimes(4, json!(format!("2025-03-0{}T12:00:00.5+02:00", n % 6 + 1))),
            "parts": sometimes(3, json!([pick(["wheel", "door"]), "it's"])),
        }),
        _ => json!({}),
    }
}

/// A source that needs credentials to be read.
async fn secrets(stack: &Stack, tenant: &str, plugin: &str) {
    let spec: SourceSpec = serde_json::from_value(json!({
        "id": "side", "name": "Side", "type": "yaml", "labels": ["internal"],
        "properties": {"url": "https://bot:hunter2@example.com/a", "apiKey": "hunter2", "nested": {"accessToken": "hunter2"}},
    }))
    .unwrap();
    stack.sources.apply(&scope(tenant).await, &TEST, &plugin.parse().unwrap(), &spec).await.unwrap();
}
