//! What people look for: words, and the values to choose from.

use serde_json::json;

use super::{
    assets::{collection, names, replace, schema},
    scope,
};
use crate::{
    asset::{CommonField, FieldRef},
    filter::Filter,
    order::OrderBy,
    page::PageSize,
    schema::FieldType,
    search::words,
    store::{AssetQuery, AssetStore, MAX_OPTIONS, OptionValues},
};

/// A word finds what has a word that begins with it; all words must; what is called so comes first; the order is paged as others are.
pub async fn words_find_by_prefix_and_the_best_comes_first<S: AssetStore>(store: &S) {
    let items = [
        json!({"name": "acme/fraud-scorer", "displayName": "Card Fraud", "word": "payments"}),
        json!({"name": "bank/payments", "description": "Finds fraud in card payments, before it is paid."}),
        json!({"name": "zeta/fraudulent", "provider": "Größe GmbH", "description": "日本語 model v2.1"}),
        json!({"name": "quiet", "parts": ["fraud"], "labels": {"a": "fraud"}}),
    ];
    replace(store, "a", "s", items).await;
    replace(store, "b", "s", [json!({"name": "fraud-of-another"})]).await;
    let query = |q: &str| AssetQuery {
        words: words(q),
        order: OrderBy::relevance(),
        ..AssetQuery::new(collection())
    };
    for (q, expected) in [
        ("fraud", "acme/fraud-scorer zeta/fraudulent bank/payments"),
        ("FRAU card", "acme/fraud-scorer bank/payments"),
        ("pay", "bank/payments acme/fraud-scorer"),
        ("raud", ""),
        ("fraud nothing", ""),
        ("größe", "zeta/fraudulent"),
        ("本 v2", "zeta/fraudulent"),
        ("acme/fraud-scorer", "acme/fraud-scorer"),
        ("' or 1=1 --", ""),
        ("\"fraud\" OR *", ""),
        ("fraud:* & !card", "acme/fraud-scorer bank/payments"),
    ] {
        assert_eq!(names(store, "a", &query(q)).await.join(" "), expected, "{q}");
        let filter = Filter::parse("name != 'bank/payments'", &schema()).unwrap();
        let narrowed = AssetQuery { filter: Some(filter), ..query(q) };
        let rest: Vec<&str> = expected.split_whitespace().filter(|name| *name != "bank/payments").collect();
        assert_eq!(names(store, "a", &narrowed).await, rest, "{q}");
    }
    assert_eq!(names(store, "*", &query("fraud")).await.len(), 4);
    let by_name = AssetQuery { order: OrderBy::default(), ..query("fraud") };
    assert_eq!(names(store, "a", &by_name).await, ["acme/fraud-scorer", "bank/payments", "zeta/fraudulent"]);

    let many = (0..50).map(|i| {
        let name = format!("{}-{i:02}", if i % 3 == 0 { "needle" } else { "hay" });
        json!({"name": name, "description": "a needle in hay"})
    });
    replace(store, "a", "many", many).await;
    let own = scope("a").await;
    for size in [1, 7, 100] {
        let mut asked = AssetQuery { size: PageSize::new(size).unwrap(), count: true, ..query("need") };
        let mut seen = Vec::new();
        loop {
            let page = store.list(&own, &asked).await.unwrap();
            assert_eq!(page.total, Some(50));
            seen.extend(page.documents.iter().map(str::to_owned));
            let Some(next) = page.next else { break };
            asked.after = Some(next);
        }
        let called = seen.iter().take_while(|document| document.contains(r#""name":"needle"#)).count();
        assert_eq!((seen.len(), called), (50, 17), "in pages of {size}");
    }
    // what is changed is found by its new words and by no old one
    replace(store, "a", "s", [json!({"name": "acme/fraud-scorer", "word": "theft"})]).await;
    assert_eq!(names(store, "a", &query("theft")).await, ["acme/fraud-scorer"]);
    for gone in ["card", "größe"] {
        assert!(names(store, "a", &query(gone)).await.is_empty(), "{gone}");
    }
}

/// The values of each field are those of the tenant's assets, each once, in order, and not without end.
pub async fn options_are_what_the_assets_hold<S: AssetStore>(store: &S) {
    let item = |i: i64| {
        json!({"name": format!("thing-{i:03}"), "word": format!("w{:03}", i % 7), "count": i, "score": f64::from(i32::try_from(i).unwrap()) / 4.0,
            "seen": format!("2025-01-{:02}T00:00:00Z", i % 28 + 1), "parts": [format!("p{}", i % 3), "all"],
            "provider": format!("p-{i:03}"), "tags": if i == 0 { vec!["rare"] } else { vec![] }})
    };
    let others = [
        json!({"name": "x"}),
        json!({"name": "y", "word": "", "description": "none"}),
        json!({"name": "z", "word": "w".repeat(400)}),
    ];
    replace(store, "a", "s", (0..150).map(item).chain(others)).await;
    replace(
        store,
        "b",
        "s",
        [json!({"name": "b", "word": "foreign", "count": -5, "tags": ["foreign"], "parts": ["foreign"]})],
    )
    .await;
    let declared = |name: &str, field_type| FieldRef::Declared(name.parse().unwrap(), field_type);
    let fields = [
        declared("word", FieldType::String),
        declared("count", FieldType::Integer),
        declared("score", FieldType::Number),
        declared("open", FieldType::Boolean),
        declared("seen", FieldType::Timestamp),
        declared("parts", FieldType::Strings),
        FieldRef::Common(CommonField::Provider),
        FieldRef::Common(CommonField::Tags),
        FieldRef::Common(CommonField::DisplayName),
    ];
    let options = store.options(&scope("a").await, &collection(), &fields).await.unwrap();
    let values = |index: usize| &options[index].values;
    let texts = |list: &[&str]| OptionValues::Texts {
        values: list.iter().map(ToString::to_string).collect(),
        complete: true,
    };
    assert!(options.iter().zip(&fields).all(|(options, field)| options.field == *field));
    assert_eq!(*values(0), texts(&["w000", "w001", "w002", "w003", "w004", "w005", "w006"]));
    assert_eq!(*values(1), OptionValues::Integers(0, 149));
    assert_eq!(*values(2), OptionValues::Numbers(0.0, 37.25));
    assert_eq!(*values(3), OptionValues::None);
    let time = |text: &str| text.parse().unwrap();
    assert_eq!(*values(4), OptionValues::Times(time("2025-01-01T00:00:00Z"), time("2025-01-28T00:00:00Z")));
    assert_eq!(*values(5), texts(&["all", "p0", "p1", "p2"]));
    let OptionValues::Texts { values: providers, complete } = values(6) else { panic!("{:?}", values(6)) };
    assert_eq!((providers.len(), *complete, providers[0].as_str()), (MAX_OPTIONS, false, "p-000"));
    assert!(providers.is_sorted());
    assert_eq!(*values(7), texts(&["rare"]));
    assert_eq!(*values(8), OptionValues::None);
}
