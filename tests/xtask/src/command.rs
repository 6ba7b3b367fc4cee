//! Another program, run to its end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{self, Stdio};

use crate::error::Error;

/// A program with its arguments; an error of any of the runs names the command line and how it ended.
#[derive(Debug)]
pub struct Command {
    inner: process::Command,
}

impl Command {
    /// That program, without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { inner: process::Command::new(program) }
    }

    /// Calls cargo in the workspace's root.
    pub fn cargo(root: &Path) -> Self {
        Self::new("cargo").current_dir(root)
    }

    /// With those arguments after the ones that it has.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.inner.args(args);
        self
    }

    /// With that variable, of which no error tells.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Without that variable.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Self {
        self.inner.env_remove(name);
        self
    }

    /// In that folder.
    #[must_use]
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.inner.current_dir(folder);
        self
    }

    /// Shows the command line on stderr and runs it on our own stdin, stdout and stderr.
    ///
    /// # Errors
    /// Names the command line and how it ended.
    pub fn run(mut self) -> Result<(), Error> {
        let line = self.line();
        eprintln!("$ {line}");
        let status = self.inner.status().map_err(|error| not_started(&line, error))?;
        if status.success() { Ok(()) } else { Err(Error::failed(format!("`{line}` failed with {status}"))) }
    }

    /// Runs quietly and returns what went to stdout; what went to stderr is only told in the error.
    ///
    /// # Errors
    /// Names the command line, how it ended and what it told, or that it wrote no UTF-8.
    pub fn output(mut self) -> Result<String, Error> {
        let line = self.line();
        let output = self.inner.stdin(Stdio::null()).output().map_err(|error| not_started(&line, error))?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            return Err(Error::failed(format!(
                "`{line}` failed with {}\n{}",
                output.status,
                told.trim_end()
            )));
        }
        String::from_utf8(output.stdout).map_err(|error| {
            Error::failed(format!("`{line}` wrote something that is not UTF-8")).with_source(error)
        })
    }

    /// The command line without its environment, which may hold a password.
    fn line(&self) -> String {
        let mut line = self.inner.get_program().to_string_lossy().into_owned();
        for argument in self.inner.get_args() {
            let argument = argument.to_string_lossy();
            let quote = if argument.is_empty() || argument.contains(char::is_whitespace) { "'" } else { "" };
            line.extend([" ", quote, &argument, quote]);
        }
        line
    }
}

fn not_started(line: &str, error: std::io::Error) -> Error {
    Error::io(&format!("start `{line}`"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_command_line_and_exit_code() {
        let error = Command::new("sh").args(["-c", "exit 7"]).run().unwrap_err().to_string();
        assert!(error.contains("`sh -c 'exit 7'`") && error.contains('7'), "{error}");
    }

    #[test]
    fn failure_of_a_quiet_run_tells_stderr() {
        let error =
            Command::new("sh").args(["-c", "echo reason >&2; exit 1"]).output().unwrap_err().to_string();
        assert!(error.ends_with("\nreason"), "{error}");
    }

    #[test]
    fn environment_stays_out_of_the_command_line() {
        assert_eq!(Command::new("env").env("SECRET", "hidden").args(["-u", ""]).line(), "env -u ''");
    }
}
