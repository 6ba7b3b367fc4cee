//! How much a tenant keeps: one row a stock, changed in the transaction of each change.

use crate::{
    name::Namespace,
    store::{
        StoreError, StoreErrorKind,
        database::Transaction,
        hook::{Admission, Stock, check_quota},
        statement::Statement,
    },
};

/// Counts a change, and refuses one that adds more than the tenant may have. From here on the row is locked, so that no other change
/// of the tenant's stock comes between the counting and the commit.
pub(super) async fn count(
    transaction: &mut Transaction,
    namespace: &Namespace,
    stock: Stock,
    change: i64,
    admission: &dyn Admission<Transaction>,
) -> Result<(), StoreError> {
    if change == 0 {
        return Ok(());
    }
    let mut statement = Statement::new(transaction.dialect());
    statement.push("insert into catalog_core_usage (namespace, stock, used) values (");
    statement.bind(namespace.as_str()).push(", ").push("'").push(stock.as_str()).push("', ").bind(change);
    statement.push(
        ") on conflict (namespace, stock) do update set used = catalog_core_usage.used + excluded.used",
    );
    statement.push(" returning used");
    let mut rows = transaction.fetch(statement).await?;
    let used = rows.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)?;
    check_quota(stock, used, change, admission.limit(namespace, stock))
}
