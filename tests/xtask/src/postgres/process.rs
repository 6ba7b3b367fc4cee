//! A child process that cannot be forgotten.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// How often we look whether something has come about that nobody tells us.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// A running program, killed on drop if it still runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

impl Process {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        Ok(Self { child: command.spawn()? })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended, `None` while it runs.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// Waits no longer than `deadline`, then fails with [`TimedOut`](io::ErrorKind::TimedOut).
    pub(super) fn wait_for(&mut self, deadline: Duration) -> io::Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            match self.ended()? {
                Some(status) => return Ok(status),
                None if begun.elapsed() > deadline => return Err(io::ErrorKind::TimedOut.into()),
                None => thread::sleep(POLL),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Neither call does anything to a process that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_that_goes_on_is_given_up_and_killed() {
        let mut process = Process::spawn(Command::new("sleep").arg("1000")).unwrap();
        let begun = Instant::now();
        assert_eq!(process.wait_for(Duration::ZERO).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(process.ended().unwrap().is_none());
        drop(process);
        assert!(begun.elapsed() < Duration::from_secs(1000));
    }

    #[test]
    fn end_is_seen() {
        let mut process = Process::spawn(Command::new("sh").args(["-c", "exit 3"])).unwrap();
        assert_eq!(process.wait_for(Duration::from_mins(1)).unwrap().code(), Some(3));
        assert_eq!(process.ended().unwrap().and_then(|status| status.code()), Some(3));
    }
}
