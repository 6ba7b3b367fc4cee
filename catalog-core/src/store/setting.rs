use std::future::Future;

use super::{StoreError, StoreErrorKind};
use crate::page::PageTokens;

/// Keeps what replicas of a service share and nobody configured. It holds no tenant's data, so it takes no scope.
pub trait SettingStore: Send + Sync {
    /// The value of `key`, which becomes `fresh` if it has none. All callers get the same one, whoever was first.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    fn get_or_insert(
        &self,
        key: &'static str,
        fresh: String,
    ) -> impl Future<Output = Result<String, StoreError>> + Send;

    /// The value of `key`, if it has one.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    fn get(&self, key: &'static str) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// Gives `key` the value that `change` makes of what it has, and gives it; where that makes none, nothing is changed. No other change
    /// of that key comes between.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`; nothing was changed then.
    fn change(
        &self,
        key: &'static str,
        change: impl FnOnce(Option<&str>) -> Option<String> + Send,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;
}

/// Page tokens with a key that is made at the first start and shared by all that use the store.
///
/// # Errors
/// Those of the store; `Internal` when the system has no randomness to give or the stored key is not one.
pub async fn page_tokens<S: SettingStore>(store: &S) -> Result<PageTokens, StoreError> {
    let internal = |error: String| StoreError::new(StoreErrorKind::Internal, error);
    let fresh = PageTokens::generate_key().map_err(|error| internal(error.to_string()))?;
    let key = store.get_or_insert("page_token_key", fresh).await?;
    PageTokens::new([key]).map_err(|error| internal(error.to_string()))
}
