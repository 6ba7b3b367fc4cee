//! The language of `filterQuery`: one text, one meaning, in memory and in SQL.
//!
//! ```text
//! expression = or
//! or         = and { "OR" and }
//! and        = not { "AND" not }
//! not        = [ "NOT" ] ( "(" or ")" | comparison )
//! comparison = field ( "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
//!            | field [ "NOT" ] ( "LIKE" | "ILIKE" ) string
//!            | field [ "NOT" ] "IN" "(" value { "," value } ")"
//!            | field "IS" [ "NOT" ] "NULL"
//! field      = name { "." name }
//! value      = string | integer | float | "true" | "false"
//! ```
//!
//! **Fields** are those that every asset has, those that its entity declares as filterable, `customProperties.<key>` and
//! `labels.<key>`. A key may have dots; one that is no plain name stands in back-ticks: ``customProperties.`my key` ``. A type
//! suffix (`.string_value`, `.int_value`, `.double_value`, `.bool_value`) chooses the kind of a custom property; without one the
//! value does, and a number means either kind of number. Behind another field a suffix must fit its type.
//!
//! **Texts** stand in single or double quotes. A doubled quote is one quote; `\\`, `\'`, `\"`, `\n`, `\r` and `\t` are escapes;
//! before any other character a backslash is itself. That holds everywhere, and a pattern is read from the text that results:
//! `\%` and `\_` are a literal percent sign and underscore, and a literal backslash is four of them, `'\\\\'`.
//!
//! **LIKE** matches whole texts: `%` is any run of characters, `_` one character. ILIKE folds `A` to `Z` and nothing else.
//!
//! **Values** have the type of their field. Texts are compared by their UTF-8 bytes, times (RFC 3339 texts) by milliseconds,
//! integers and doubles exactly; an integer compared with a field of type `number` is rounded to a double as the field's own
//! values are. On a list `=` means contains, `!=` does not contain, IN and LIKE ask whether any element passes.
//!
//! **NULL** is as in SQL: a comparison with a missing value is unknown, so is `NOT` of it, and what is unknown does not match.
//! Tags are never missing, only empty.
//!
//! **Limits**: 4,096 bytes, 32 levels of parentheses and NOTs, 100 comparisons, 200 values of one IN, 256
//! characters of one pattern, keys of 256 bytes.
//!
//! ```
//! use catalog_core::{
//!     asset::{AttributeValue, CommonField, FieldRef},
//!     filter::{Filter, FilterErrorKind, Subject},
//!     schema::EntitySchema,
//!     store::statement::{Dialect, Statement},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let schema: EntitySchema = serde_json::from_str(
//!     r#"{"kind": "McpServer", "plural": "mcpservers", "displayName": "Server", "fields": [
//!         {"name": "toolCount", "displayName": "Tools", "type": "integer", "filterable": true}]}"#,
//! )?;
//!
//! struct Server(&'static str);
//!
//! impl Subject for Server {
//!     fn attribute(&self, field: &FieldRef) -> Option<AttributeValue> {
//!         match field {
//!             FieldRef::Common(CommonField::Name) => Some(AttributeValue::String(self.0.into())),
//!             _ => None,
//!         }
//!     }
//! }
//!
//! let filter = Filter::parse(r#"name LIKE "git%" OR toolCount>5"#, &schema)?;
//! assert!(filter.matches(&Server("github")));
//! assert!(!filter.matches(&Server("slack")));
//! assert_eq!(filter.canonical(), "name like 'git%' or toolCount > 5");
//!
//! let mut statement = Statement::new(Dialect::Sqlite);
//! statement.push("select a.id from assets as a where ");
//! filter.write_sql(&mut statement);
//! assert_eq!(
//!     statement.text(),
//!     "select a.id from assets as a where ((a.name glob ?) or (json_extract(a.attributes, '$.fields.toolCount') > ?))"
//! );
//!
//! let error = Filter::parse("toolCount > 'many'", &schema).unwrap_err();
//! assert_eq!((error.kind, error.position), (FilterErrorKind::TypeMismatch, 12));
//! assert_eq!(error.to_string(), "expected an integer for `toolCount`, not `'many'`");
//! # Ok(())
//! # }
//! ```

mod ast;
mod bound;
mod canonical;
mod check;
mod error;
mod eval;
mod lexer;
mod like;
mod parser;
mod sql;
mod target;
#[cfg(test)]
mod tests;

use std::fmt;

use self::ast::Expression;
pub(crate) use self::bound::Bound;
pub use self::{
    error::{FilterError, FilterErrorKind},
    eval::Subject,
};
use crate::{schema::EntitySchema, store::statement::Statement};

/// A filter that has been checked against the schema of an entity.
///
/// `Display` writes its normal form: the same text for equal filters, and a text of the language.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    expression: Expression,
}

impl Filter {
    /// Reads a filter of that entity. A blank text is none.
    ///
    /// # Errors
    /// The leftmost fault, by [kind](FilterErrorKind): `Syntax`, `UnknownField`, `NotFilterable`, `TypeMismatch`, `Limit`.
    pub fn parse(text: &str, schema: &EntitySchema) -> Result<Self, FilterError> {
        parser::parse(text, schema).map(|expression| Self { expression })
    }

    /// Whether the filter holds. Where that is unknown, it does not match.
    pub fn matches(&self, subject: &impl Subject) -> bool {
        eval::evaluate(&self.expression, subject) == Some(true)
    }

    /// Appends the filter as one expression in parentheses, true, false or NULL, over a table of assets aliased `a`.
    ///
    /// Columns: `id`, `name`, `display_name`, `description`, `provider`, `source`, `lifecycle`, `create_time_ms`,
    /// `update_time_ms` and `attributes`, which is the JSON of [`Attributes`](crate::asset::Attributes).
    pub fn write_sql(&self, statement: &mut Statement) {
        sql::write(&self.expression, statement);
    }

    /// The normal form, which is the same text for equal filters and no other.
    ///
    /// It reads back as an equal filter, if it has not grown beyond the limit of 4,096 bytes.
    pub fn canonical(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}
