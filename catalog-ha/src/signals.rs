use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, from now on: neither ends the process by itself any more.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens to them.
    ///
    /// # Errors
    /// When the system refuses to tell of signals.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let name = tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "asked to leave");
    }
}

/// Waits for SIGTERM or SIGINT, once. What leaves in order by a [`Shutdown`](crate::Shutdown) has no need of it.
///
/// # Errors
/// When the system refuses to tell of signals.
pub async fn terminated() -> io::Result<()> {
    Signals::listen()?.next().await;
    Ok(())
}
