//! What the jobs leave behind.

use std::time::Duration;

use catalog_core::{
    name::Namespace,
    store::{
        StoreError,
        database::{Database, Transaction},
        statement::{Dialect, Statement},
    },
};
use catalog_jobs::Claim;

use crate::TENANTS;

pub(crate) struct Tables {
    database: Database,
}

/// Every beginning of an attempt, with the time by the database's clock.
pub(crate) async fn note_start(database: &Database, number: i64, claim: &Claim) -> Result<(), StoreError> {
    let mut insert = Statement::new(database.dialect());
    insert.push("insert into starts (job, number, token, at_ms) values (").bind(claim.id.to_string());
    insert.push(", ").bind(number).push(", ").bind(claim.token);
    insert.push(match database.dialect() {
        Dialect::Sqlite => ", (select cast(round((julianday('now') - 2440587.5) * 86400000) as integer)))",
        Dialect::Postgres => ", (extract(epoch from clock_timestamp()) * 1000)::bigint)",
    });
    insert.push(" returning token");
    database.change(insert).await.map(drop)
}

/// The effect of a job: a row that there can be one of, and one more on its tenant's count.
pub(crate) async fn take_effect(
    transaction: &mut Transaction,
    number: i64,
    tenant: &Namespace,
) -> Result<(), StoreError> {
    let mut insert = Statement::new(transaction.dialect());
    insert.push("insert into effects (number) values (").bind(number).push(")");
    transaction.execute(insert).await?;
    let mut count = Statement::new(transaction.dialect());
    count.push("update counts set many = many + 1 where tenant = ").bind(tenant.as_str());
    transaction.execute(count).await.map(drop)
}

impl Tables {
    pub(crate) async fn create(database: Database) -> Self {
        let mut transaction = database.begin().await.unwrap();
        let script = "create table effects (number bigint primary key); \
                      create table counts (tenant text primary key, many bigint not null); \
                      create table starts (job text not null, number bigint not null, token bigint not null, at_ms bigint not null)";
        transaction.execute_script(script).await.unwrap();
        for tenant in TENANTS {
            let mut insert = Statement::new(transaction.dialect());
            insert.push("insert into counts (tenant, many) values (").bind(tenant).push(", 0)");
            transaction.execute(insert).await.unwrap();
        }
        transaction.commit().await.unwrap();
        Self { database }
    }

    async fn number(&self, query: &'static str) -> usize {
        let mut select = Statement::new(self.database.dialect());
        select.push(query);
        let number = self.database.fetch(select).await.unwrap().first_mut().unwrap().integer(0).unwrap();
        usize::try_from(number).unwrap()
    }

    pub(crate) async fn effects(&self) -> usize {
        self.number("select count(*) from effects").await
    }

    pub(crate) async fn starts(&self) -> usize {
        self.number("select count(*) from starts").await
    }

    /// A row a job and as much on the counts; every job succeeded, and says which it was.
    pub(crate) async fn assert_each_once(&self, jobs: usize) {
        assert_eq!(self.effects().await, jobs);
        assert_eq!(self.number("select cast(sum(many) as bigint) from counts").await, jobs);
        assert_eq!(self.number("select count(*) from catalog_jobs_records where state = 1").await, jobs);
        assert_eq!(self.number("select count(*) from catalog_jobs_records").await, jobs);
        assert_eq!(self.number("select count(distinct result) from catalog_jobs_records").await, jobs);
        // a token is of one attempt
        let twice =
            "select count(*) from (select token from starts group by token having count(*) > 1) twice";
        assert_eq!(self.number(twice).await, 0);
    }

    /// Of every eighth job no attempt was begun before it was due.
    pub(crate) async fn assert_none_began_early(&self, later: Duration) {
        let mut select = Statement::new(self.database.dialect());
        select.push("select count(*) from starts s join catalog_jobs_records r on ");
        select.push(match self.database.dialect() {
            Dialect::Sqlite => "r.id",
            Dialect::Postgres => "r.id::text",
        });
        select.push(" = s.job where s.number % 8 = 0 and s.at_ms < r.requested_ms + ");
        select.bind(i64::try_from(later.as_millis()).unwrap());
        let early = self.database.fetch(select).await.unwrap().first_mut().unwrap().integer(0).unwrap();
        assert_eq!(early, 0);
    }
}
