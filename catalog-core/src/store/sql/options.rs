//! The statements of filter options.

use super::dialect::{has_index, push_collection, push_key, push_scope, push_sort_expression};
use crate::{
    asset::{CollectionKey, CommonField, FieldRef},
    clock::Timestamp,
    order::SortKey,
    schema::FieldType,
    store::{
        OptionValues, StoreError, StoreErrorKind,
        database::Database,
        options::MAX_OPTIONS,
        statement::{Dialect, Statement},
    },
    tenant::TenantScope,
};

/// The values of one field.
pub(super) async fn values(
    database: &Database,
    scope: &TenantScope,
    collection: &CollectionKey,
    field: &FieldRef,
) -> Result<OptionValues, StoreError> {
    let list = List { scope, collection, dialect: database.dialect() };
    match field.field_type() {
        FieldType::Strings => texts(database, list.elements(field)).await,
        FieldType::String => texts(database, list.texts(field)).await,
        FieldType::Integer | FieldType::Number | FieldType::Timestamp => {
            range(database, list.range(field), field.field_type()).await
        }
        // true and false need no telling, and objects are not compared
        FieldType::Boolean | FieldType::Object | FieldType::Objects => Ok(OptionValues::None),
    }
}

async fn texts(database: &Database, statement: Statement) -> Result<OptionValues, StoreError> {
    let rows = database.fetch(statement).await?;
    let texts = rows.into_iter().map(|mut row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
    Ok(OptionValues::texts(texts.into_iter()))
}

async fn range(
    database: &Database,
    statement: Statement,
    field_type: FieldType,
) -> Result<OptionValues, StoreError> {
    let mut rows = database.fetch(statement).await?;
    let [least, greatest] = rows.as_mut_slice() else { return Ok(OptionValues::None) };
    let time =
        |ms| Timestamp::from_unix_ms(ms).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error));
    Ok(match field_type {
        FieldType::Number => OptionValues::Numbers(least.number(0)?, greatest.number(0)?),
        FieldType::Timestamp => OptionValues::Times(time(least.integer(0)?)?, time(greatest.integer(0)?)?),
        _ => OptionValues::Integers(least.integer(0)?, greatest.integer(0)?),
    })
}

/// The list that options are asked of.
struct List<'a> {
    scope: &'a TenantScope,
    collection: &'a CollectionKey,
    dialect: Dialect,
}

impl List<'_> {
    fn push_from(&self, statement: &mut Statement) {
        statement.push(" from catalog_core_assets a where ");
        push_scope(statement, self.scope);
        push_collection(statement, self.collection);
    }

    /// Each text once. Each is found from the one before by the index, so that the cost is that of the different ones only.
    fn texts(&self, field: &FieldRef) -> Statement {
        let mut statement = Statement::new(self.dialect);
        statement.push("with recursive v (value) as (select * from (");
        self.push_next(&mut statement, field, Some(&SortKey::Text(String::new())));
        statement.push(") as first union all select (");
        self.push_next(&mut statement, field, None);
        statement
            .push(") from v where v.value is not null) select value from v where value is not null limit ");
        // a few more than are told, since those that are too long are not
        statement.bind(i64::try_from(MAX_OPTIONS * 2).unwrap_or(i64::MAX));
        statement
    }

    /// The least key above `above`; above that of the recursion where there is none.
    fn push_next(&self, statement: &mut Statement, field: &FieldRef, above: Option<&SortKey>) {
        statement.push("select ");
        push_sort_expression(statement, field);
        self.push_from(statement);
        statement.push(" and ");
        push_sort_expression(statement, field);
        statement.push(" > ");
        match above {
            Some(key) => push_key(statement, key),
            None => statement.push("v.value"),
        };
        statement.push(" order by ");
        push_sort_expression(statement, field);
        statement.push(" limit 1");
    }

    /// Each element of the lists once. No index holds them, so that all of the tenant's assets are read.
    fn elements(&self, field: &FieldRef) -> Statement {
        let mut statement = Statement::new(self.dialect);
        let (each, fields, close) = match self.dialect {
            Dialect::Sqlite => ("json_each(a.attributes, '$.", "fields.", "') as j"),
            Dialect::Postgres => {
                ("jsonb_array_elements_text(a.attributes->'", "fields'->'", "') as j(value)")
            }
        };
        statement.push("select distinct j.value from catalog_core_assets a, ").push(each);
        match field {
            FieldRef::Declared(name, _) => statement.push(fields).push_field(name),
            _ => statement.push(CommonField::Tags.as_str()),
        };
        statement.push(close).push(" where ");
        push_scope(&mut statement, self.scope);
        push_collection(&mut statement, self.collection);
        statement.push(match self.dialect {
            Dialect::Sqlite => " order by j.value limit ",
            // beside `distinct` an order must be of what is selected
            Dialect::Postgres => " order by 1 limit ",
        });
        statement.bind(i64::try_from(MAX_OPTIONS * 2).unwrap_or(i64::MAX));
        statement
    }

    /// The least and the greatest key: two rows, or none.
    fn range(&self, field: &FieldRef) -> Statement {
        debug_assert!(has_index(field.field_type()), "a range is of a type that has one");
        let mut statement = Statement::new(self.dialect);
        for (open, direction) in [
            ("select * from (", " asc limit 1) as least"),
            (" union all select * from (", " desc limit 1) as greatest"),
        ] {
            statement.push(open).push("select ");
            push_sort_expression(&mut statement, field);
            self.push_from(&mut statement);
            statement.push(" and ");
            push_sort_expression(&mut statement, field);
            statement.push(" > ");
            push_key(&mut statement, &SortKey::absent(field.field_type()));
            statement.push(" order by ");
            push_sort_expression(&mut statement, field);
            statement.push(direction);
        }
        statement
    }
}
