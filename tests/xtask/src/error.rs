//! Why a task did not succeed.

use std::fmt;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line was wrong; nothing was done.
    Usage,
    /// The task ran and did not succeed.
    Failed,
}

/// Why a task did not succeed: a message, and the cause if another error led to it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<BoxError>,
}

impl Error {
    /// The command line was wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Usage, message: message.into(), source: None }
    }

    /// The task did not succeed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Failed, message: message.into(), source: None }
    }

    /// What failed is named after `could not`.
    pub fn io(what: &str, source: std::io::Error) -> Self {
        Self::failed(format!("could not {what}")).with_source(source)
    }

    /// With that cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Prints the error and its causes, outermost first, on one line of stderr.
    pub fn report(&self) {
        let mut line = format!("error: {self}");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line.extend([": ", &error.to_string()]);
            cause = error.source();
        }
        eprintln!("{line}");
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
