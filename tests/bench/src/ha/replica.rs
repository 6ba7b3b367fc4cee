use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::Plan;
use crate::{
    AnyError,
    load::{self, Target},
};

/// How often a process is looked at.
pub(super) const GLANCE: Duration = Duration::from_millis(2);
/// Who takes longer for anything has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// A process of the server; it is killed when this goes.
pub(super) struct Replica {
    process: Child,
    folder: TempDir,
    /// When it was started.
    pub(super) begun: Instant,
    address: String,
}

impl Replica {
    /// Starts one in a folder of its own that keeps its data at that URL.
    pub(super) fn start(plan: &Plan, database: &str) -> Result<Self, AnyError> {
        let folder = tempfile::tempdir()?;
        let server = std::path::absolute(&plan.server)?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let begun = Instant::now();
        let process = Command::new(&server)
            .current_dir(folder.path())
            .env_clear()
            .env("CATALOG_PROFILE", "production")
            .env("CATALOG_DATABASE_URL", database)
            .env("CATALOG_AUTH_MODE", "anonymous")
            .env("CATALOG_AUTHZ_MODE", "none")
            .env("CATALOG_SHUTDOWN_DELAY_SECONDS", "1")
            .args(["--listen", "127.0.0.1:0", "--listen-file", "address"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{}: {error}; build it first", server.display()))?;
        Ok(Self { process, folder, begun, address: String::new() })
    }

    /// Waits until it is ready, and gives how long that took from its start.
    pub(super) async fn ready(&mut self) -> Result<Duration, AnyError> {
        let address = self.folder.path().join("address");
        while self.address.is_empty() {
            match std::fs::read_to_string(&address) {
                Ok(text) => self.address = text,
                Err(_) => self.wait().await?,
            }
        }
        let target = self.target("/readyz");
        while !matches!(load::once(&target).await, Ok((200, ..))) {
            self.wait().await?;
        }
        Ok(self.begun.elapsed())
    }

    async fn wait(&mut self) -> Result<(), AnyError> {
        if let Some(status) = self.process.try_wait()? {
            return Err(format!("the server left with {status}: {}", self.log()).into());
        }
        if self.begun.elapsed() > PATIENCE {
            return Err(format!("the server is not ready: {}", self.log()).into());
        }
        tokio::time::sleep(GLANCE).await;
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(super) fn target(&self, path: &str) -> Target {
        Target { address: self.address.clone(), path: path.into(), headers: String::new(), absent: false }
    }

    /// Whether it holds that lease.
    pub(super) async fn leads(&self, lease: &str) -> bool {
        let line = format!("catalog_ha_leader{{lease=\"{lease}\"}} 1");
        match load::once(&self.target("/metrics")).await {
            Ok((_, _, body)) => body.lines().any(|text| text == line),
            Err(_) => false,
        }
    }

    /// Sends a signal, by its name.
    pub(super) async fn signal(&self, name: &str) -> Result<(), AnyError> {
        let id = self.process.id().ok_or("the process has ended")?;
        let sent = Command::new("kill").args([format!("-{name}"), id.to_string()]).status().await?;
        if sent.success() { Ok(()) } else { Err(format!("no {name} can be sent").into()) }
    }

    /// Waits until it has ended.
    pub(super) async fn end(&mut self) -> Result<(), AnyError> {
        self.process.wait().await?;
        Ok(())
    }
}

/// The URL of a file in that folder.
pub(super) fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("catalog.db").display())
}
