//! Filters as SQL.
//!
//! The expression is over one table, aliased `a`, with the columns `id`, `name`, `display_name`, `description`, `provider`,
//! `source`, `lifecycle` (texts compared by their bytes), `create_time_ms`, `update_time_ms` (integers) and `attributes`, the JSON
//! of [`Attributes`](crate::asset::Attributes): text on SQLite, `jsonb` on PostgreSQL. It is true, false or NULL exactly where
//! the filter holds, does not hold or is unknown in memory. Only this is beyond the engines:
//!
//! - SQLite's patterns take the noncharacters U+FFFE and U+FFFF for U+FFFD.
//! - SQLite may take two doubles for one that are above 1e50 or below 1e-50 and differ in the last bit only.

use super::{
    ast::{Expression, Operator, Test},
    like::Pattern,
};
use crate::{
    asset::{AttributeValue, CommonField, CustomKind, FieldRef, decimal},
    name::FieldName,
    schema::FieldType,
    store::statement::{Dialect, Statement},
};

/// Appends the filter as one expression in parentheses.
pub(super) fn write(expression: &Expression, statement: &mut Statement) {
    Writer { statement }.expression(expression);
}

struct Writer<'a> {
    statement: &'a mut Statement,
}

impl Writer<'_> {
    /// Appends what the two engines write differently.
    fn either(&mut self, sqlite: &'static str, postgres: &'static str) {
        let text = match self.statement.dialect() {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        };
        self.statement.push(text);
    }

    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::All(parts) => self.joined(" and ", parts, Self::expression),
            Expression::Any(parts) => self.joined(" or ", parts, Self::expression),
            Expression::Not(inner) => {
                self.statement.push("(not ");
                self.expression(inner);
                self.statement.push(")");
            }
            Expression::Comparison(field, test) => self.comparison(field, test),
            Expression::Absent(fields) => self.joined(" and ", fields, Self::is_null),
        }
    }

    fn joined<T>(&mut self, separator: &'static str, parts: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.statement.push("(");
        for (n, part) in parts.iter().enumerate() {
            if n > 0 {
                self.statement.push(separator);
            }
            write(self, part);
        }
        self.statement.push(")");
    }

    fn comparison(&mut self, field: &FieldRef, test: &Test) {
        match (field, test) {
            (field, Test::IsNull) => self.is_null(field),
            (FieldRef::Common(CommonField::Tags), test) => self.any_element(field, test),
            // an exists alone would make false of NULL
            (FieldRef::Declared(_, FieldType::Strings), test) => {
                self.statement.push("(case when ");
                self.operand(Operand::Field(field));
                self.statement.push(" is not null then ");
                self.any_element(field, test);
                self.statement.push(" end)");
            }
            (field, test) => {
                self.statement.push("(");
                self.test(Operand::Field(field), test);
                self.statement.push(")");
            }
        }
    }

    fn is_null(&mut self, field: &FieldRef) {
        self.statement.push("(");
        self.operand(Operand::Field(field));
        self.statement.push(" is null)");
    }

    /// Whether an element of the list passes; for `!=`, whether none is equal.
    fn any_element(&mut self, list: &FieldRef, test: &Test) {
        let negated = matches!(test, Test::Compare(Operator::NotEqual, _));
        self.statement.push(if negated { "(not exists (select 1 from " } else { "(exists (select 1 from " });
        self.either("json_each(a.attributes, '$.", "jsonb_array_elements_text(a.attributes->'");
        if let FieldRef::Declared(name, _) = list {
            self.either("fields.", "fields'->'");
            self.statement.push_field(name);
        } else {
            self.statement.push("tags");
        }
        self.either("') as j where ", "') as j(value) where ");
        match test {
            Test::Compare(_, value) => self.compare(Operand::Element, Operator::Equal, value),
            test => self.test(Operand::Element, test),
        }
        self.statement.push("))");
    }

    fn test(&mut self, operand: Operand<'_>, test: &Test) {
        match test {
            Test::Compare(operator, value) => self.compare(operand, *operator, value),
            Test::In(values) => {
                self.operand(operand);
                self.statement.push(" in ");
                self.joined(", ", values, |writer, value| writer.value(operand, value));
            }
            Test::Like(pattern) => self.like(operand, pattern),
            Test::IsNull => {
                self.operand(operand);
                self.statement.push(" is null");
            }
        }
    }

    fn compare(&mut self, operand: Operand<'_>, operator: Operator, value: &AttributeValue) {
        self.operand(operand);
        if operator.needs_order() && matches!(value, AttributeValue::String(_)) {
            // on SQLite the order of bytes is the usual one
            self.either("", " collate \"C\"");
        }
        self.statement.push(match operator {
            Operator::Equal => " = ",
            Operator::NotEqual => " <> ",
            Operator::Less => " < ",
            Operator::LessOrEqual => " <= ",
            Operator::Greater => " > ",
            Operator::GreaterOrEqual => " >= ",
        });
        self.value(operand, value);
    }

    fn like(&mut self, operand: Operand<'_>, pattern: &Pattern) {
        match (self.statement.dialect(), pattern.folds()) {
            // SQLite's LIKE folds ASCII and nothing else; its GLOB folds nothing
            (Dialect::Sqlite, false) => {
                self.operand(operand);
                self.statement.push(" glob ").bind(pattern.to_glob());
            }
            (Dialect::Sqlite, true) | (Dialect::Postgres, false) => {
                self.operand(operand);
                self.statement.push(" like ").bind(pattern.to_like()).push(" escape '\\'");
            }
            // under the collation C, lower() folds ASCII and nothing else
            (Dialect::Postgres, true) => {
                self.statement.push("lower(");
                self.operand(operand);
                self.statement.push(" collate \"C\") like ").bind(pattern.to_like()).push(" escape '\\'");
            }
        }
    }

    fn operand(&mut self, operand: Operand<'_>) {
        match operand {
            Operand::Element => {
                self.statement.push("j.value");
            }
            Operand::Field(FieldRef::Common(field)) => self.column(*field),
            Operand::Field(FieldRef::Declared(name, field_type)) => self.declared(name, *field_type),
            Operand::Field(FieldRef::Custom(key, kind)) => self.custom(key, *kind),
            Operand::Field(FieldRef::Label(key)) => {
                self.either(
                    "(select j.value from json_each(a.attributes, '$.labels') as j where j.key = ",
                    "(a.attributes->'labels'->>",
                );
                self.statement.bind(key.as_str());
                self.either(")", "::text)");
            }
        }
    }

    fn column(&mut self, field: CommonField) {
        let (sqlite, postgres) = match field {
            CommonField::Id => ("a.id", "a.id::text"),
            CommonField::Name => ("a.name", "a.name"),
            CommonField::DisplayName => ("a.display_name", "a.display_name"),
            CommonField::Description => ("a.description", "a.description"),
            CommonField::Provider => ("a.provider", "a.provider"),
            CommonField::SourceId => ("a.source", "a.source"),
            CommonField::Lifecycle => ("a.lifecycle", "a.lifecycle"),
            CommonField::Tags => ("json_extract(a.attributes, '$.tags')", "(a.attributes->>'tags')"),
            CommonField::CreateTime => ("a.create_time_ms", "a.create_time_ms"),
            CommonField::LastUpdateTime => ("a.update_time_ms", "a.update_time_ms"),
        };
        self.either(sqlite, postgres);
    }

    fn declared(&mut self, name: &FieldName, field_type: FieldType) {
        let (open, close) = match field_type {
            FieldType::Integer | FieldType::Timestamp => ("((a.attributes->'fields'->>'", "')::bigint)"),
            FieldType::Number => ("((a.attributes->'fields'->>'", "')::float8)"),
            FieldType::Boolean => ("((a.attributes->'fields'->>'", "')::boolean)"),
            FieldType::String | FieldType::Strings | FieldType::Object | FieldType::Objects => {
                ("(a.attributes->'fields'->>'", "')")
            }
        };
        self.either("json_extract(a.attributes, '$.fields.", open);
        self.statement.push_field(name);
        self.either("')", close);
    }

    /// The custom property if it is of the kind, else NULL.
    ///
    /// PostgreSQL's `case` keeps a cast from values that it would fail on; a number is an integer there if it has
    /// the form of one.
    fn custom(&mut self, key: &str, kind: CustomKind) {
        if self.statement.dialect() == Dialect::Sqlite {
            self.statement
                .push("(select j.value from json_each(a.attributes, '$.custom') as j where j.key = ")
                .bind(key);
            self.statement.push(match kind {
                CustomKind::String => " and j.type = 'text')",
                CustomKind::Integer => " and j.type = 'integer')",
                CustomKind::Number => " and j.type = 'real')",
                CustomKind::AnyNumber => " and j.type in ('integer', 'real'))",
                CustomKind::Boolean => " and j.type in ('true', 'false'))",
            });
            return;
        }
        let (json_type, form, cast) = match kind {
            CustomKind::String => ("'string'", None, " end)"),
            CustomKind::Integer => ("'number'", Some(" ~ '^-?[0-9]{1,19}$'"), "::numeric end)"),
            CustomKind::Number => ("'number'", Some(" !~ '^-?[0-9]{1,19}$'"), "::float8 end)"),
            CustomKind::AnyNumber => ("'number'", None, "::numeric end)"),
            CustomKind::Boolean => ("'boolean'", None, "::boolean end)"),
        };
        self.statement
            .push("(case when jsonb_typeof(a.attributes->'custom'->")
            .bind(key)
            .push("::text) = ")
            .push(json_type);
        if let Some(form) = form {
            self.statement.push(" and (a.attributes->'custom'->>").bind(key).push("::text)").push(form);
        }
        self.statement.push(" then (a.attributes->'custom'->>").bind(key).push("::text)").push(cast);
    }

    fn value(&mut self, operand: Operand<'_>, value: &AttributeValue) {
        match value {
            AttributeValue::String(text) => self.statement.bind(text.as_str()),
            AttributeValue::Integer(number) => self.statement.bind(*number),
            AttributeValue::Number(number) => self.number(operand, *number),
            AttributeValue::Boolean(truth) => self.statement.bind(*truth),
            AttributeValue::Timestamp(time) => self.statement.bind(time.unix_ms()),
            // no literal is a list
            AttributeValue::Strings(_) => self.statement.push("null"),
        };
    }

    fn number(&mut self, operand: Operand<'_>, number: f64) -> &mut Statement {
        let any_number = matches!(operand, Operand::Field(FieldRef::Custom(_, CustomKind::AnyNumber)));
        if any_number && self.statement.dialect() == Dialect::Postgres {
            // beside integers, which a double could not hold
            return self.statement.bind(decimal(number)).push("::text::numeric");
        }
        self.statement.bind_json_number(number)
    }
}

/// What a comparison looks at.
#[derive(Clone, Copy)]
enum Operand<'a> {
    Field(&'a FieldRef),
    /// One element of a list, within an `exists`.
    Element,
}
