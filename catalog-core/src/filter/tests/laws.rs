//! What holds for every text and every filter.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    random::{asset, expression},
    sample::schema,
};
use crate::filter::{Filter, ast::Expression, eval::evaluate};

/// Pieces of the language and of what is near it, to be put together at random.
const PIECES: &[&str] = &[
    "name",
    "tags",
    "toolCount",
    "score",
    "verified",
    "customProperties",
    "labels",
    "string_value",
    ".",
    "`a b`",
    "`",
    "'a'",
    "\"b\"",
    "'",
    "\\",
    "%",
    "1",
    "-1",
    "1.5",
    "1e",
    "9223372036854775808",
    "true",
    "null",
    "=",
    "!=",
    "<",
    ">=",
    "<>",
    "!",
    "(",
    ")",
    ",",
    "and",
    "or",
    "not",
    "in",
    "is",
    "like",
    "ilike",
    " ",
    " ",
    " ",
    "\n",
    "\0",
    "é",
    "😀",
    ";",
    "--",
    "$1",
];

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        if let Err(error) = Filter::parse(&text, &schema()) {
            prop_assert!(error.position <= text.chars().count());
        }
    }

    #[test]
    fn no_sequence_of_words_makes_it_panic(pieces in vec(select(PIECES), 0..40)) {
        let text = pieces.concat();
        match Filter::parse(&text, &schema()) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.canonical(), &schema()).unwrap(), filter),
            Err(error) => prop_assert!(error.position <= text.chars().count()),
        }
    }

    #[test]
    fn the_normal_form_reads_back_as_the_same_filter(expression in expression()) {
        let filter = Filter { expression };
        let canonical = filter.canonical();
        let again = Filter::parse(&canonical, &schema());
        prop_assert_eq!(again.map_err(|error| format!("{canonical}: {error}")), Ok(filter));
    }

    #[test]
    fn a_filter_its_negation_and_neither_part_all_assets(expression in expression(), asset in asset(1)) {
        let truth = evaluate(&expression, &asset);
        let negated = evaluate(&expression.clone().negated(), &asset);
        prop_assert_eq!(negated, truth.map(|truth| !truth));
        // De Morgan
        let twice = |join: fn(Vec<Expression>) -> Expression| join(vec![expression.clone(), expression.clone().negated()]);
        let neither = evaluate(&twice(Expression::any).negated(), &asset);
        prop_assert_eq!(neither, evaluate(&twice(Expression::all), &asset));
    }
}
