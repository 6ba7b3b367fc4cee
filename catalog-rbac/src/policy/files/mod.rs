//! A policy in files.

mod error;
mod read;

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use catalog_core::clock::{Clock, SystemClock, Timestamp};
use tokio::time::{self, MissedTickBehavior};

pub use self::error::FilePolicyError;
use self::read::{Contents, Digest};
use crate::engine::PolicyHandle;

/// A policy that files hold, and that follows them while it is [watched](Self::watch). Cheap to clone.
///
/// A path is a file, or a folder of `.yaml`, `.yml` and `.json` files; folders in it and names that begin with a dot are left out, so
/// that a mounted config map is a folder like any. Together the files are one policy: all of it is good, or none of it counts.
#[derive(Clone, Debug)]
pub struct FilePolicy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    paths: Vec<PathBuf>,
    handle: Arc<PolicyHandle>,
    clock: Arc<dyn Clock>,
    /// Of what the handle holds.
    loaded: ArcSwap<Digest>,
    status: ArcSwap<FilePolicyStatus>,
}

/// Whether what the files say is in force.
#[derive(Clone, Debug)]
pub enum FilePolicyStatus {
    /// It is.
    Ok {
        /// The policy's number.
        generation: u64,
        /// Since when.
        loaded_at: Timestamp,
    },
    /// It is not, and the policy that was good last still is.
    Failed {
        /// What is wrong with the files now.
        error: Arc<FilePolicyError>,
        /// Since when something is.
        since: Timestamp,
    },
}

/// How long files have to be the same to be taken for written: what is read in the middle of it may be good by chance.
const SETTLED_AFTER: Duration = Duration::from_millis(50);

impl FilePolicy {
    /// Reads the files once, and puts their policy into a handle of its own.
    ///
    /// # Errors
    /// [`FilePolicyError`] if there is no file, or if one cannot be read or is no policy.
    pub async fn load(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Result<Self, FilePolicyError> {
        Self::load_at(paths, Arc::new(SystemClock)).await
    }

    /// As [`load`](Self::load), by another clock.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub async fn load_at(
        paths: impl IntoIterator<Item = impl Into<PathBuf>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FilePolicyError> {
        let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
        let contents = Contents::read(&paths).await?;
        let handle = Arc::new(PolicyHandle::new(contents.parse()?));
        let status = FilePolicyStatus::Ok { generation: handle.generation(), loaded_at: clock.now() };
        let loaded = ArcSwap::from_pointee(contents.digest());
        let status = ArcSwap::from_pointee(status);
        Ok(Self { shared: Arc::new(Shared { paths, handle, clock, loaded, status }) })
    }

    /// The policy; nobody else may change it.
    pub fn handle(&self) -> &Arc<PolicyHandle> {
        &self.shared.handle
    }

    /// Whether what the files say is in force.
    pub fn status(&self) -> FilePolicyStatus {
        FilePolicyStatus::clone(&self.shared.status.load())
    }

    /// Looks at the files each `interval`, for as long as it is polled, and puts what they say into force when that has changed. What
    /// is bad changes nothing but the [status](Self::status).
    ///
    /// A file should be renamed into its place. One that is written there counts once it stayed the same for 50 ms, and who pauses
    /// for longer in the middle of it may be read half.
    pub async fn watch(&self, interval: Duration) {
        // tokio refuses an interval of nothing
        let mut ticks = time::interval(interval.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.refresh().await {
                Ok(()) => {}
                Err(error) => self.shared.fail(error),
            }
        }
    }

    async fn refresh(&self) -> Result<(), FilePolicyError> {
        let shared = &self.shared;
        let mut contents = Contents::read(&shared.paths).await?;
        let mut digest = contents.digest();
        if digest != **shared.loaded.load() {
            loop {
                time::sleep(SETTLED_AFTER).await;
                contents = Contents::read(&shared.paths).await?;
                if std::mem::replace(&mut digest, contents.digest()) == digest {
                    break;
                }
            }
        }
        if digest == **shared.loaded.load() {
            shared.recover();
            return Ok(());
        }
        let policy = contents.parse()?;
        let generation = shared.handle.replace(policy);
        shared.loaded.store(Arc::new(digest));
        tracing::info!(generation, "the policy files changed and are in force");
        shared.succeed(generation);
        Ok(())
    }
}

impl Shared {
    fn succeed(&self, generation: u64) {
        let status = FilePolicyStatus::Ok { generation, loaded_at: self.clock.now() };
        self.status.store(Arc::new(status));
    }

    /// The files are again what is in force.
    fn recover(&self) {
        if matches!(**self.status.load(), FilePolicyStatus::Failed { .. }) {
            self.succeed(self.handle.generation());
        }
    }

    fn fail(&self, error: FilePolicyError) {
        let before = self.status.load();
        let (since, known) = match &**before {
            FilePolicyStatus::Ok { .. } => (self.clock.now(), false),
            FilePolicyStatus::Failed { error: before, since } => {
                (*since, before.to_string() == error.to_string())
            }
        };
        if !known {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the policy files are bad, and the policy before them stays in force");
        }
        self.status.store(Arc::new(FilePolicyStatus::Failed { error: Arc::new(error), since }));
    }
}
