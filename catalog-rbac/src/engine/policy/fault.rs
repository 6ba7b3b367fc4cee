use std::fmt;

use catalog_core::yaml::YamlError;

use crate::engine::object::ObjectKey;

/// One thing that is wrong with a policy, and where.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// The file; empty if there is none.
    pub file: String,
    /// The line, from 1; 0 if it was not read from a text.
    pub line: usize,
    /// The object, once it is known.
    pub object: Option<ObjectKey>,
    /// The field: `subjects[0].kind`; empty for the object as a whole.
    pub field: String,
    /// What is wrong there.
    pub message: String,
}

impl Fault {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), ..Self::default() }
    }

    pub(super) fn of(mut self, object: &ObjectKey) -> Self {
        self.object = Some(object.clone());
        self
    }

    pub(super) fn at(mut self, file: &str, line: usize) -> Self {
        self.file = file.into();
        self.line = line;
        self
    }
}

impl From<YamlError> for Fault {
    fn from(error: YamlError) -> Self {
        Self { line: error.line, field: error.field, message: error.message, ..Self::default() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.is_empty(), self.line) {
            (true, 0) => {}
            (true, line) => write!(f, "line {line}: ")?,
            (false, line) => write!(f, "{}:{line}: ", self.file)?,
        }
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "`{}`: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Why a policy, or a change of one, is not taken: every fault that was found, at least one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct PolicyError {
    faults: Vec<Fault>,
}

impl PolicyError {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    /// The faults, in the order in which they stand.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }
}

impl From<Fault> for PolicyError {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}
