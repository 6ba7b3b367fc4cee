//! Where one server lives, and how PostgreSQL's programs are run there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::Account;
use super::process::Process;
use super::scratch::Scratch;
use super::watcher::Watcher;
use crate::error::Error;

/// Lines of a program's log that an error shows.
const LOG_TAIL: usize = 20;

/// Variables that are meant for other servers.
const FOREIGN: [&str; 5] = ["PGDATA", "PGDATESTYLE", "PGOPTIONS", "PGPORT", "PGTZ"];

/// The folder of one server, the programs that work on it and the user they run as.
#[derive(Debug)]
pub(super) struct Home {
    scratch: Scratch,
    programs: PathBuf,
    account: Option<Account>,
}

impl Home {
    /// Makes a folder for the server's user; `programs` is where `initdb` and `postgres` are.
    pub(super) fn create(programs: PathBuf) -> Result<Self, Error> {
        let home = Self { scratch: Scratch::create()?, programs, account: Account::for_server()? };
        home.give(home.path())?;
        Ok(home)
    }

    pub(super) fn path(&self) -> &Path {
        self.scratch.path()
    }

    pub(super) fn programs(&self) -> PathBuf {
        self.programs.clone()
    }

    /// The data folder, which PostgreSQL wants to create itself.
    pub(super) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Creates the data folder, with a superuser who has to give the password.
    pub(super) fn initialise(&self, watcher: &mut Watcher, user: &str, password: &str) -> Result<(), Error> {
        // On the command line others could read it; the folder around a file is closed to them.
        let secret = self.path().join("password");
        fs::write(&secret, password).map_err(|error| Error::io("write the password", error))?;
        self.give(&secret)?;
        let password_file = format!("--pwfile={}", secret.display());
        // Sorts by bytes everywhere, and still knows letters beyond ASCII where the system has that locale
        // for sure.
        let locale = if cfg!(target_os = "linux") { "--locale=C.UTF-8" } else { "--locale=C" };
        let mut initdb = self.spawn(
            watcher,
            "initdb",
            &[
                "--username",
                user,
                "--auth=scram-sha-256",
                &password_file,
                "--encoding=UTF8",
                locale,
                "--no-sync",
            ],
        )?;
        let status = initdb.wait().map_err(|error| Error::io("wait for `initdb`", error))?;
        watcher.release()?;
        if status.success() { Ok(()) } else { Err(self.failure("initdb", &format!("ended with {status}"))) }
    }

    /// Copies the data folder of another home, whose server does not run.
    pub(super) fn copy(&self, other: &Self) -> Result<(), Error> {
        let (from, to) = (other.data(), self.data());
        crate::command::Command::new("cp")
            .args(["-a".as_ref(), from.as_os_str(), to.as_os_str()])
            .output()
            .map(drop)
    }

    /// Has the server that is started here follow the one of that address.
    pub(super) fn follow(&self, address: &str) -> Result<(), Error> {
        let (signal, settings) =
            (self.data().join("standby.signal"), self.data().join("postgresql.auto.conf"));
        fs::write(&signal, "").map_err(|error| Error::io("write `standby.signal`", error))?;
        self.give(&signal)?;
        let mut settings = OpenOptions::new()
            .append(true)
            .open(settings)
            .map_err(|error| Error::io("open the server's settings", error))?;
        writeln!(settings, "primary_conninfo = '{address}'")
            .map_err(|error| Error::io("write the server's settings", error))
    }

    /// Starts one of PostgreSQL's programs on the data folder, in the watcher's care, with its output in a
    /// log.
    pub(super) fn spawn(
        &self,
        watcher: &mut Watcher,
        program: &str,
        arguments: &[&str],
    ) -> Result<Process, Error> {
        let process = self
            .spawn_logged(program, arguments)
            .map_err(|error| Error::io(&format!("start `{program}`"), error))?;
        watcher.guard(process.id())?;
        Ok(process)
    }

    fn spawn_logged(&self, program: &str, arguments: &[&str]) -> io::Result<Process> {
        let log = File::create(self.log(program))?;
        let mut command = Command::new(self.programs.join(program));
        command
            .arg("-D")
            .arg(self.data())
            .args(arguments)
            // For messages that we can read.
            .env("LC_ALL", "C")
            // The user may not be allowed to enter the folder that we are in.
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C reaches us and ends us; the watcher then ends this process in good order.
            .process_group(0);
        for name in FOREIGN {
            command.env_remove(name);
        }
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        Process::spawn(&mut command)
    }

    /// What is wrong with a program, and the end of its log.
    pub(super) fn failure(&self, program: &str, what: &str) -> Error {
        Error::failed(format!("{program} {what}, its log ends with\n{}", self.log_tail(program)))
    }

    pub(super) fn log_tail(&self, program: &str) -> String {
        match fs::read(self.log(program)) {
            Ok(log) => tail(&String::from_utf8_lossy(&log)),
            Err(error) => format!("(not readable: {error})"),
        }
    }

    fn log(&self, program: &str) -> PathBuf {
        self.path().join(program).with_extension("log")
    }

    /// Makes the server's user the owner.
    fn give(&self, path: &Path) -> Result<(), Error> {
        match self.account {
            None => Ok(()),
            Some(account) => chown(path, Some(account.uid), Some(account.gid))
                .map_err(|error| Error::io(&format!("change the owner of `{}`", path.display()), error)),
        }
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let skipped = lines.len().saturating_sub(LOG_TAIL);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_the_last_lines() {
        let log = (0..LOG_TAIL + 5).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
        let tail = tail(&log);
        assert!(tail.starts_with("5\n") && tail.ends_with("\n24"), "{tail}");
    }

    #[test]
    fn short_log_is_kept_whole() {
        assert_eq!(tail("one\ntwo\n"), "one\ntwo");
    }
}
