//! What a filter demands of single fields, so that a store can choose an index.

use super::{
    Filter,
    ast::{Expression, Operator, Test},
    sql,
};
use crate::{
    asset::{AttributeValue, FieldRef},
    store::statement::Statement,
};

/// Where the field's value of every asset lies that the filter matches. Others may lie there too.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound<'a> {
    /// Nowhere: there is no value.
    Absent,
    /// At one of those.
    OneOf(&'a [AttributeValue]),
    /// There or above.
    AtLeast(&'a AttributeValue),
    /// There or below.
    AtMost(&'a AttributeValue),
    /// Among the texts that begin so.
    Prefix(String),
}

/// One of the parts that must all hold for a filter to match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conjunct<'a>(&'a Expression);

impl Filter {
    /// The parts that must all hold.
    pub(crate) fn conjuncts(&self) -> impl Iterator<Item = Conjunct<'_>> {
        let parts = match &self.expression {
            Expression::All(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        parts.iter().map(Conjunct)
    }
}

impl<'a> Conjunct<'a> {
    /// What it demands of one field; none where it demands nothing, or something of several.
    pub(crate) fn bound(self) -> Option<(&'a FieldRef, Bound<'a>)> {
        match self.0 {
            Expression::Comparison(field, test) => Some((field, bound(test)?)),
            _ => None,
        }
    }

    /// Appends it as one expression.
    pub(crate) fn write_sql(self, statement: &mut Statement) {
        sql::write(self.0, statement);
    }
}

fn bound(test: &Test) -> Option<Bound<'_>> {
    Some(match test {
        Test::IsNull => Bound::Absent,
        Test::In(values) => Bound::OneOf(values),
        Test::Like(pattern) => Bound::Prefix(pattern.prefix()?),
        Test::Compare(operator, value) => match operator {
            Operator::Equal => Bound::OneOf(std::slice::from_ref(value)),
            Operator::NotEqual => return None,
            Operator::Less | Operator::LessOrEqual => Bound::AtMost(value),
            Operator::Greater | Operator::GreaterOrEqual => Bound::AtLeast(value),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::sample::schema;

    #[test]
    fn only_what_every_match_must_hold_is_a_bound() {
        let bounds = |text: &str| {
            let filter = Filter::parse(text, &schema()).unwrap();
            let shown = |(field, bound): (&FieldRef, Bound<'_>)| match bound {
                Bound::Absent => format!("{field:?} absent"),
                Bound::OneOf(values) => format!("{} values", values.len()),
                Bound::AtLeast(_) => "at least".into(),
                Bound::AtMost(_) => "at most".into(),
                Bound::Prefix(prefix) => format!("prefix {prefix}"),
            };
            filter.conjuncts().filter_map(Conjunct::bound).map(shown).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(bounds("name = 'a' AND toolCount > 3 AND toolCount <= 9"), "1 values, at least, at most");
        assert_eq!(bounds("name IN ('a', 'b')"), "2 values");
        assert_eq!(bounds("name LIKE 'acme/%'"), "prefix acme/");
        for none in
            ["name = 'a' OR name = 'b'", "NOT name = 'a'", "name != 'a'", "name ILIKE 'a%'", "name LIKE '%a'"]
        {
            assert_eq!(bounds(none), "", "{none}");
        }
    }
}
