//! A child of this very program, what it tells, and what is done to it.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

/// Says to the child what it is to do, and where.
pub(crate) const PART: &str = "CATALOG_TEST_HA_PART";
pub(crate) const URL: &str = "CATALOG_TEST_HA_URL";
/// Before each line that is meant for the test.
pub(crate) const MARK: &str = "ha: ";
/// Nothing takes that long.
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
}

/// What children tell: which one, when, and what.
pub(crate) struct Told {
    tell: Sender<(usize, Instant, String)>,
    told: Receiver<(usize, Instant, String)>,
}

impl Told {
    pub(crate) fn new() -> Self {
        let (tell, told) = channel();
        Self { tell, told }
    }

    /// Starts a child, which tells under that number.
    pub(crate) fn start(&self, number: usize, part: &str, url: &str) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child::child", "--exact", "--nocapture"])
            .env(PART, part)
            .env(URL, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, tell) = (child.stdout.take().unwrap(), self.tell.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((_, text)) = line.split_once(MARK) {
                    let _ = tell.send((number, Instant::now(), text.to_owned()));
                }
            }
        });
        let input = child.stdin.take().unwrap();
        Process { child, input }
    }

    /// Waits for what begins so, from whomever, and gives who said it, when, and the rest.
    pub(crate) fn wait(&self, beginning: &str) -> (usize, Instant, String) {
        let by = Instant::now() + LONGEST;
        loop {
            let left = by.saturating_duration_since(Instant::now());
            let Ok((number, at, text)) = self.told.recv_timeout(left) else {
                panic!("nobody says `{beginning}`");
            };
            if let Some(rest) = text.strip_prefix(beginning) {
                return (number, at, rest.trim().to_owned());
            }
        }
    }

    /// Waits for the next word, whatever it is.
    pub(crate) fn next(&self) -> String {
        self.told.recv_timeout(LONGEST).unwrap().2
    }
}

impl Process {
    pub(crate) fn say(&mut self, word: &str) {
        writeln!(self.input, "{word}").unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// SIGSTOP, and waits until every one of its threads stands still.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
        let (tasks, by) = (format!("/proc/{}/task", self.child.id()), Instant::now() + LONGEST);
        let stands = |status: String| status.lines().any(|line| line.starts_with("State:\tT"));
        let all_stand = || {
            let mut threads = std::fs::read_dir(&tasks).unwrap();
            threads
                .all(|thread| stands(std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap()))
        };
        while !all_stand() {
            assert!(Instant::now() < by, "it does not stop");
            std::thread::yield_now();
        }
    }

    /// Waits until it has ended, and tells whether it did well.
    pub(crate) fn has_ended_well(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // one that is gone cannot be killed, and need not be
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
