use catalog_core::store::{
    SettingStore, StoreError, StoreErrorKind, database::Database, sql::SqlSettingStore,
};
use serde::{Deserialize, Serialize};

use crate::progress::Left;

/// Which configuration of sources was told last, and how far it is in force. Servers of several releases may share it, so that
/// unknown keys are no error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Rollout {
    /// The configuration's fingerprint.
    pub(super) fingerprint: String,
    /// So many replicas have told theirs by now.
    pub(super) asked: u64,
    /// The first of those that told this one since another was in force.
    pub(super) since: u64,
    /// All that of those had told theirs when the sources were last made so.
    pub(super) done: u64,
    /// What could not be made so.
    pub(super) left: Left,
    /// Changes for as long as somebody sees to it.
    pub(super) beat: u64,
}

/// The one rollout of a database.
#[derive(Clone, Debug)]
pub(super) struct Rollouts(SqlSettingStore);

const KEY: &str = "sources_rollout";

impl Rollouts {
    /// In that database.
    pub(super) fn new(database: &Database) -> Self {
        Self(SqlSettingStore::new(database.clone()))
    }

    /// Puts that configuration in force, and gives the number by which it is known when the sources have been made so.
    pub(super) async fn tell(&self, fingerprint: &str) -> Result<u64, StoreError> {
        let told = self.change(|mut rollout| {
            rollout.asked += 1;
            if rollout.fingerprint != fingerprint {
                fingerprint.clone_into(&mut rollout.fingerprint);
                rollout.since = rollout.asked;
                rollout.left = Left::default();
            }
            Some(rollout)
        });
        Ok(told.await?.ok_or(StoreErrorKind::Internal)?.asked)
    }

    pub(super) async fn read(&self) -> Result<Rollout, StoreError> {
        Ok(parsed(self.0.get(KEY).await?.as_deref()))
    }

    /// Notes what was done of that configuration, and gives whether it is in force.
    pub(super) async fn note(&self, fingerprint: &str, done: u64, left: &Left) -> Result<bool, StoreError> {
        let noted = self.change(|mut rollout| {
            if rollout.fingerprint != fingerprint {
                return None;
            }
            rollout.done = done;
            rollout.left = left.clone();
            rollout.beat = rollout.beat.wrapping_add(1);
            Some(rollout)
        });
        Ok(noted.await?.is_some())
    }

    async fn change(
        &self,
        change: impl FnOnce(Rollout) -> Option<Rollout> + Send,
    ) -> Result<Option<Rollout>, StoreError> {
        let written = |rollout: Rollout| serde_json::to_string(&rollout).ok();
        let after = self.0.change(KEY, |text| change(parsed(text)).and_then(written)).await?;
        Ok(after.as_deref().map(|text| parsed(Some(text))))
    }
}

/// What nobody has told, or another release writes in another way, is as none.
fn parsed(text: Option<&str>) -> Rollout {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
