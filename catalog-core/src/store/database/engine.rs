//! What an engine does.

use async_trait::async_trait;

use super::{Columns, Row};
use crate::{
    store::{
        Documents, StoreError,
        listen::Listened,
        sql::Index,
        statement::{Dialect, Statement},
    },
    tenant::TenantScope,
};

/// What is called with the payload of each notification; with none where some may have been missed.
pub(in crate::store) type Heard<'a> = dyn Fn(Option<&str>) + Send + Sync + 'a;

/// What is shown each row, in order.
pub(in crate::store) type Visitor = Box<dyn FnMut(&dyn Columns) -> Result<(), StoreError> + Send>;

/// What an engine does for a [`Database`].
#[async_trait]
pub(in crate::store) trait Engine: Send + Sync {
    fn dialect(&self) -> Dialect;
    async fn fetch(&self, statement: Statement) -> Result<Vec<Row>, StoreError>;
    /// The texts of the first column, which is called `document`.
    async fn fetch_documents(&self, statement: Statement) -> Result<Documents, StoreError>;
    async fn visit(&self, statement: Statement, visitor: Visitor) -> Result<(), StoreError>;
    /// The scope is for a second wall, where the engine has one.
    async fn begin(&self, scope: Option<&TenantScope>) -> Result<Box<dyn EngineTransaction>, StoreError>;
    /// Makes those that are not there, and gives how many it made.
    async fn create_indexes(&self, indexes: Vec<Index>) -> Result<usize, StoreError>;
    /// One statement that changes something, in a transaction of its own.
    async fn change(&self, statement: Statement) -> Result<Vec<Row>, StoreError>;
    async fn listen(&self, channel: &'static str, heard: &Heard<'_>) -> Result<Listened, StoreError>;
    async fn session(&self) -> Result<Box<dyn EngineSession>, StoreError>;
    /// None where the engine brings no news.
    async fn notifications(
        &self,
        channel: &'static str,
    ) -> Result<Option<Box<dyn EngineNotifications>>, StoreError>;
    async fn close(&self);
}

/// What an engine does for a [`Transaction`].
#[async_trait]
pub(in crate::store) trait EngineTransaction: Send {
    fn dialect(&self) -> Dialect;
    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError>;
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError>;
    async fn execute_script(&mut self, script: &'static str) -> Result<(), StoreError>;
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// What an engine does for a [`Session`].
#[async_trait]
pub(in crate::store) trait EngineSession: Send {
    fn dialect(&self) -> Dialect;
    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError>;
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError>;
    async fn execute_script(&mut self, script: &'static str) -> Result<(), StoreError>;
    async fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// What an engine does for [`Notifications`].
#[async_trait]
pub(in crate::store) trait EngineNotifications: Send {
    async fn next(&mut self) -> Result<Option<String>, StoreError>;
}
