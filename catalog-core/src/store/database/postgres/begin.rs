//! The beginning of a transaction.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use tokio::runtime::Handle;

type Begun = sqlx::Result<Transaction<'static, Postgres>>;

/// A transaction that is begun, and then rolled back if nobody waits for it any more. The driver gives a connection back whose
/// transaction is abandoned before the server has answered, within that transaction: what is changed by it next would be told to be
/// changed, and is not.
pub(super) struct Beginning(Option<Pin<Box<dyn Future<Output = Begun> + Send>>>);

impl Beginning {
    pub(super) fn of(pool: PgPool, statement: AssertSqlSafe<String>) -> Self {
        Self(Some(Box::pin(async move { pool.begin_with(statement).await })))
    }
}

impl Future for Beginning {
    type Output = Begun;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Begun> {
        let Some(beginning) = &mut self.0 else { return Poll::Pending };
        let begun = ready!(beginning.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(begun)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        // where there is no runtime any more the connection goes with it
        if let (Some(beginning), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(beginning);
        }
    }
}
