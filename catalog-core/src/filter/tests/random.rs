//! Random assets and well-typed filters, made to meet: few fields, few keys, few characters, and numbers where types end.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::sample::record;
use crate::{
    asset::{AssetRecord, AttributeValue, CommonField, CustomKind, FieldRef},
    clock::Timestamp,
    filter::{
        ast::{Expression, Operator, Test},
        check::KINDS,
        like::Pattern,
    },
    name::FieldName,
    schema::FieldType,
};

const CHARS: &[char] = &[
    'a', 'A', 'b', 'k', '%', '_', '\\', '[', ']', '*', '?', '^', '-', '\'', '"', '`', '$', ' ', '\n',
    '\u{1}', 'é', 'É', 'ß', '\u{212a}', '日', '\u{fffd}', '😀',
];
const KEYS: &[&str] =
    &["k", "a.b", "my key", "q\"uote", r"back\slash", "t`ick", "é", "string_value", "$", "'", "in"];
const OPERATORS: &[Operator] = &[
    Operator::Equal,
    Operator::NotEqual,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Greater,
    Operator::GreaterOrEqual,
];

fn text() -> impl Strategy<Value = String> {
    vec(select(CHARS), 0..4).prop_map(String::from_iter)
}

fn integer() -> impl Strategy<Value = i64> {
    const EDGE: i64 = 1 << 53;
    prop_oneof![
        -2_i64..3,
        select(&[EDGE - 1, EDGE, EDGE + 1, -EDGE - 1, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1]),
        any::<i64>()
    ]
}

fn number() -> impl Strategy<Value = f64> {
    const EDGE: f64 = 9_007_199_254_740_992.0;
    let edges = [
        0.5,
        -0.5,
        0.1,
        0.3,
        0.1 + 0.2,
        EDGE - 1.0,
        EDGE,
        EDGE + 2.0,
        9_223_372_036_854_775_808.0,
        1e16,
        1e300,
        5e-324,
    ];
    prop_oneof![
        (-2_i8..3).prop_map(f64::from),
        select(edges.to_vec()),
        select(edges.to_vec()).prop_map(|number| -number),
        proptest::num::f64::NORMAL,
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0_i64..4).prop_map(|ms| Timestamp::from_unix_ms(1_736_899_200_000 + ms).unwrap())
}

fn key() -> impl Strategy<Value = String> {
    select(KEYS).prop_map(String::from)
}

fn custom() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|text| json!(text)),
        integer().prop_map(|number| json!(number)),
        number().prop_map(|number| json!({"metadataType": "MetadataDoubleValue", "double_value": number})),
        any::<bool>().prop_map(|truth| json!(truth)),
        Just(json!({"metadataType": "MetadataStructValue"})),
    ]
}

fn map(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    vec((key(), value), 0..4).prop_map(|pairs| Value::Object(Map::from_iter(pairs)))
}

/// An asset that has each field or not.
pub(super) fn asset(n: u8) -> impl Strategy<Value = AssetRecord> {
    let common = (
        text(),
        option::of(text()),
        option::of(text()),
        option::of(text()),
        vec(text(), 0..3),
        option::of(time()),
    );
    let declared = (
        option::of(text()),
        option::of(integer()),
        option::of(number()),
        option::of(any::<bool>()),
        option::of(time()),
        option::of(vec(text(), 0..3)),
    );
    let maps = (map(text().prop_map(Value::String)), map(custom()));
    (common, declared, maps).prop_map(move |(common, declared, (labels, custom))| {
        let (name, display_name, description, provider, tags, create_time) = common;
        let (license, tool_count, score, verified, released_at, tasks) = declared;
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        record(n, "git", json!({
            "name": format!("n{name}{n}"), "displayName": display_name, "description": description, "provider": provider,
            "tags": tags, "createTime": create_time, "labels": labels, "customProperties": custom,
            "license": license, "toolCount": tool_count, "score": score, "verified": verified, "releasedAt": released_at,
            "tasks": tasks,
        }))
    })
}

fn declared(name: &str, field_type: FieldType) -> FieldRef {
    FieldRef::Declared(FieldName::new(name).unwrap(), field_type)
}

fn pattern() -> impl Strategy<Value = Test> {
    let piece = prop_oneof![
        2 => Just("%".to_owned()),
        2 => Just("_".to_owned()),
        1 => select(CHARS).prop_map(|c| format!("\\{c}")),
        3 => select(CHARS).prop_map(|c| if c == '\\' { "\\\\".to_owned() } else { c.to_string() }),
    ];
    (vec(piece, 0..5), any::<bool>())
        .prop_map(|(pieces, folds)| Test::Like(Pattern::parse(&pieces.concat(), folds).unwrap()))
}

/// A test of such values that asks which comes first only if they are ordered.
fn test(value: BoxedStrategy<AttributeValue>, ordered: bool) -> BoxedStrategy<Test> {
    let operators = if ordered { OPERATORS } else { &OPERATORS[..2] };
    prop_oneof![
        4 => (select(operators), value.clone()).prop_map(|(operator, value)| Test::Compare(operator, value)),
        2 => vec(value, 1..4).prop_map(Test::In),
        1 => Just(Test::IsNull),
    ]
    .boxed()
}

fn comparison() -> BoxedStrategy<Expression> {
    let strings = text().prop_map(AttributeValue::String).boxed();
    let integers = integer().prop_map(AttributeValue::Integer).boxed();
    let numbers = number().prop_map(|number| AttributeValue::Number(number + 0.0)).boxed();
    let booleans = any::<bool>().prop_map(AttributeValue::Boolean).boxed();
    let times = time().prop_map(AttributeValue::Timestamp).boxed();
    let any_numbers = prop_oneof![integers.clone(), numbers.clone()].boxed();

    let custom = |kind: CustomKind| key().prop_map(move |key| FieldRef::Custom(key, kind)).boxed();
    let string_fields = prop_oneof![
            select(
                &[
                    CommonField::Name,
                    CommonField::DisplayName,
                    CommonField::Description,
                    CommonField::Provider
                ][..]
            )
            .prop_map(FieldRef::Common),
            Just(declared("license", FieldType::String)),
            custom(CustomKind::String),
            key().prop_map(FieldRef::Label),
        ];
    let list_fields =
        prop_oneof![Just(FieldRef::Common(CommonField::Tags)), Just(declared("tasks", FieldType::Strings))];
    let integer_fields =
        prop_oneof![Just(declared("toolCount", FieldType::Integer)), custom(CustomKind::Integer)];
    let number_fields = prop_oneof![Just(declared("score", FieldType::Number)), custom(CustomKind::Number)];
    let boolean_fields =
        prop_oneof![Just(declared("verified", FieldType::Boolean)), custom(CustomKind::Boolean)];
    let time_fields = prop_oneof![
        Just(FieldRef::Common(CommonField::CreateTime)),
        Just(declared("releasedAt", FieldType::Timestamp))
    ];

    let string_tests = prop_oneof![test(strings.clone(), true), pattern()];
    let list_tests = prop_oneof![test(strings, false), pattern()];
    prop_oneof![
        5 => (string_fields, string_tests),
        3 => (list_fields, list_tests),
        2 => (integer_fields, test(integers, true)),
        2 => (number_fields, test(numbers, true)),
        3 => (custom(CustomKind::AnyNumber), test(any_numbers, true)),
        1 => (boolean_fields, test(booleans, false)),
        1 => (time_fields, test(times, true)),
    ]
    .prop_map(|(field, test)| match (field, test) {
        // without a value to tell the kind it is left open
        (FieldRef::Custom(key, CustomKind::AnyNumber), Test::IsNull) => {
            Expression::Absent(KINDS.map(|kind| FieldRef::Custom(key.clone(), kind)).into())
        }
        (field, test) => Expression::Comparison(field, test),
    })
    .boxed()
}

/// A filter of a few comparisons, in normal form.
pub(super) fn expression() -> impl Strategy<Value = Expression> {
    comparison().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expression::all),
            vec(inner.clone(), 2..4).prop_map(Expression::any),
            inner.prop_map(Expression::negated),
        ]
    })
}
