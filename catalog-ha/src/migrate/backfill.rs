//! What fills in rows that are there: a few at a time, each few in a transaction of their own.

use catalog_core::store::{
    sql::Migration,
    statement::{Dialect, Statement},
};

use super::script::statements;

/// A step that goes through a table in the order of a key and makes its statement for a few rows at a time, so that nobody has to wait long
/// for it and that it can be broken off anywhere.
///
/// Its script says so at its head, `-- migration: backfill TABLE by KEY`, or `by KEY, KEY`, where an index has to begin with the first of
/// them; and `-- migration: rows COUNT` where it is not to be 1,000 rows at a time. Its one statement takes the keys of these rows from
/// `batch`, and must leave rows as they are that it has changed before:
///
/// ```sql
/// -- migration: backfill things by id
/// update things set label = 'none' where label is null and id in (select id from batch);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Backfill {
    /// The table that is gone through.
    pub table: &'static str,
    /// The columns in whose order it is.
    pub key: Vec<&'static str>,
    /// So many rows at a time.
    pub rows: usize,
    /// What is done with them.
    pub statement: &'static str,
}

/// As many as are changed in some ten milliseconds.
const ROWS: usize = 1_000;
/// More than can be changed while somebody waits for one of them.
const MOST_ROWS: usize = 100_000;

impl Backfill {
    /// What a step is, where it is one.
    ///
    /// # Errors
    /// What is wrong with its script.
    pub(super) fn of(migration: &Migration, dialect: Dialect) -> Result<Option<Self>, &'static str> {
        let said = |word: &'static str| {
            let said = migration.head(dialect).filter_map(move |said| said.strip_prefix(word));
            said.map(str::trim).next()
        };
        let Some(of) = said("backfill") else { return Ok(None) };
        if migration.head(dialect).any(|said| matches!(said, "contract" | "no-transaction")) {
            return Err("a backfill is neither a contraction nor anything else");
        }
        let rows = match said("rows") {
            None => ROWS,
            Some(count) => count.parse().map_err(|_| "the rows at a time are no number")?,
        };
        if !(1..=MOST_ROWS).contains(&rows) {
            return Err("the rows at a time are not from 1 to 100,000");
        }
        let (table, key) = of.split_once(" by ").ok_or("it is not said of which table and by which key")?;
        let (table, key): (_, Vec<_>) = (table.trim(), key.split(',').map(str::trim).collect());
        if !table.split('.').chain(key.iter().copied()).all(is_name) {
            return Err(
                "the names of its table and of its key are not of lower case letters, digits and `_`",
            );
        }
        let of_statement = statements(migration.script(dialect));
        let [statement] = of_statement.as_slice() else {
            return Err("a backfill is one statement");
        };
        let mut words = statement
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .flat_map(|line| line.split(|c: char| c != '_' && !c.is_alphanumeric()))
            .filter(|word| !word.is_empty());
        if !words.next().is_some_and(|word| {
            ["insert", "update", "delete"].iter().any(|change| change.eq_ignore_ascii_case(word))
        }) {
            return Err("its statement changes nothing");
        }
        if !words.any(|word| word == "batch") {
            return Err("its statement does not keep to the rows of `batch`");
        }
        Ok(Some(Self { table, key, rows, statement }))
    }

    /// Finds a row if an index begins with the key's first column.
    pub(super) fn has_index(&self, dialect: Dialect) -> Statement {
        let first = self.key.first().copied().unwrap_or_default();
        let mut select = Statement::new(dialect);
        match dialect {
            Dialect::Sqlite => {
                select.push("select 1 from pragma_table_info(").bind(self.table).push(") where name = ");
                select.bind(first).push(" and pk = 1 union all select 1 from pragma_index_list(");
                select.bind(self.table).push(") as l, pragma_index_info(l.name) as i ");
                select.push("where l.partial = 0 and i.seqno = 0 and i.name = ").bind(first);
            }
            Dialect::Postgres => {
                select.push("select 1::bigint from pg_index i join pg_attribute a ");
                select.push("on a.attrelid = i.indrelid and a.attnum = i.indkey[0] where i.indisvalid ");
                select.push("and i.indpred is null and i.indrelid = to_regclass(").bind(self.table);
                select.push(") and a.attname = ").bind(first);
            }
        }
        select
    }

    /// Finds a row whose key is not known, which would never come up.
    pub(super) fn without_key(&self, dialect: Dialect) -> Statement {
        let mut select = Statement::new(dialect);
        select.push("select cast(1 as bigint) from ").push(self.table).push(" where ");
        for (place, column) in self.key.iter().enumerate() {
            select.push(if place == 0 { "" } else { " or " }).push(column).push(" is null");
        }
        select.push(" limit 1");
        select
    }

    /// The key of the last of the next rows, as JSON.
    pub(super) fn end(&self, dialect: Dialect, after: Option<&str>) -> Statement {
        let mut select = Statement::new(dialect);
        select.push(match dialect {
            Dialect::Sqlite => "select json_object(",
            Dialect::Postgres => "select json_build_object(",
        });
        for (place, column) in self.key.iter().enumerate() {
            select.push(if place == 0 { "'" } else { ", '" }).push(column).push("', ").push(column);
        }
        select.push(if dialect == Dialect::Sqlite { ") from (" } else { ")::text from (" });
        self.push_rows(&mut select, after, None);
        select.push(") as rows order by ");
        for (place, column) in self.key.iter().enumerate() {
            select.push(if place == 0 { "" } else { ", " }).push(column).push(" desc");
        }
        select.push(" limit 1");
        select
    }

    /// The statement, for the rows up to that key.
    pub(super) fn change(&self, dialect: Dialect, after: Option<&str>, end: &str) -> Statement {
        let mut change = Statement::new(dialect);
        change.push("with batch as (");
        self.push_rows(&mut change, after, Some(end));
        change.push(") ").push(self.statement);
        change
    }

    /// The limit is there although there is an end: by it the engine knows that the rows are few.
    fn push_rows(&self, into: &mut Statement, after: Option<&str>, end: Option<&str>) {
        into.push("select ");
        self.push_columns(into);
        into.push(" from ").push(self.table);
        for (place, (is, key)) in [(" > ", after), (" <= ", end)].into_iter().enumerate() {
            let Some(key) = key else { continue };
            into.push(if place == 0 || after.is_none() { " where (" } else { " and (" });
            self.push_columns(into);
            into.push(")").push(is).push("(");
            for (place, column) in self.key.iter().enumerate() {
                into.push(if place == 0 { "" } else { ", " });
                match into.dialect() {
                    Dialect::Sqlite => {
                        into.push("json_extract(").bind(key).push(", '$.").push(column).push("')")
                    }
                    // of the type that the column has, whatever it is
                    Dialect::Postgres => into
                        .push("(jsonb_populate_record(null::")
                        .push(self.table)
                        .push(", ")
                        .bind(key)
                        .push("::jsonb)).")
                        .push(column),
                };
            }
            into.push(")");
        }
        into.push(" order by ");
        self.push_columns(into);
        into.push(" limit ").push_count(self.rows);
    }

    fn push_columns(&self, into: &mut Statement) {
        for (place, column) in self.key.iter().enumerate() {
            into.push(if place == 0 { "" } else { ", " }).push(column);
        }
    }
}

/// Whether it needs no quoting.
fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c == '_' || c.is_ascii_lowercase())
        && word.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &'static str) -> Result<Option<Backfill>, &'static str> {
        let migration = Migration { version: 1, name: "test", sqlite: script, postgres: script };
        assert_eq!(Backfill::of(&migration, Dialect::Sqlite), Backfill::of(&migration, Dialect::Postgres));
        Backfill::of(&migration, Dialect::Postgres)
    }

    #[test]
    fn a_script_says_what_it_goes_through_and_how() {
        assert_eq!(of("update things set label = 'none';\n"), Ok(None));
        let one = of(
            "-- why\n-- migration: backfill things by id\nupdate things set n = 1 where id in (select id from batch);",
        );
        let one = one.unwrap().unwrap();
        assert_eq!((one.table, one.key.as_slice(), one.rows), ("things", &["id"][..], 1_000));
        assert_eq!(
            one.change(Dialect::Sqlite, None, "{}").text(),
            "with batch as (select id from things where (id) <= (json_extract(?, '$.id')) order by id limit 1000) \
             -- why\n-- migration: backfill things by id\nupdate things set n = 1 where id in (select id from batch)"
        );
        let two = of(
            "-- migration: backfill app.things by kind, id\n-- migration: rows 50\nINSERT INTO b SELECT * FROM batch;\n",
        );
        let two = two.unwrap().unwrap();
        assert_eq!((two.table, two.key.as_slice(), two.rows), ("app.things", &["kind", "id"][..], 50));
        assert_eq!(
            two.end(Dialect::Postgres, Some("{}")).text(),
            "select json_build_object('kind', kind, 'id', id)::text from (select kind, id from app.things where (kind, id) > \
             ((jsonb_populate_record(null::app.things, $1::jsonb)).kind, (jsonb_populate_record(null::app.things, $2::jsonb)).id) \
             order by kind, id limit 50) as rows order by kind desc, id desc limit 1"
        );
    }

    #[test]
    fn what_is_no_backfill_although_it_says_so_is_refused() {
        const RIGHT: &str = "update things set n = 1 where id in (select id from batch);\n";
        for (head, statement, why) in [
            ("backfill", RIGHT, "of which table"),
            ("backfill things", RIGHT, "of which table"),
            ("backfill things by id desc", RIGHT, "names"),
            ("backfill things by", RIGHT, "of which table"),
            ("backfill Things by id", RIGHT, "names"),
            ("backfill things; drop table a by id", RIGHT, "names"),
            ("backfill things by id\n-- migration: contract", RIGHT, "neither"),
            ("backfill things by id\n-- migration: no-transaction", RIGHT, "neither"),
            ("backfill things by id\n-- migration: rows many", RIGHT, "no number"),
            ("backfill things by id\n-- migration: rows 0", RIGHT, "from 1"),
            ("backfill things by id\n-- migration: rows 100001", RIGHT, "from 1"),
            ("backfill things by id", "", "one statement"),
            ("backfill things by id", "select 1; select 2;", "one statement"),
            ("backfill things by id", "select id from batch;", "changes nothing"),
            ("backfill things by id", "update things set n = 1;", "`batch`"),
            ("backfill things by id", "update batches set n = 1; -- batch", "`batch`"),
        ] {
            let script = format!("-- migration: {head}\n{statement}").leak();
            let refused = of(script).unwrap_err();
            assert!(refused.contains(why), "{head}, {statement}: {refused}");
        }
    }
}
