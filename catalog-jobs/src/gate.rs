//! What can be paused.

use std::{fmt, str::FromStr};

use catalog_core::name::Namespace;

use crate::name::QueueName;

/// What jobs come through on their way to a worker.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Gate {
    /// A queue's.
    Queue(QueueName),
    /// A tenant's, in every queue.
    Tenant(Namespace),
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(queue) => write!(f, "queue/{queue}"),
            Self::Tenant(namespace) => write!(f, "tenant/{namespace}"),
        }
    }
}

/// A text that is no gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a gate is `queue/` or `tenant/` with a name")]
pub struct GateError;

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        match text.split_once('/') {
            Some(("queue", name)) => QueueName::new(name).map(Self::Queue).map_err(|_| GateError),
            Some(("tenant", name)) => Namespace::new(name).map(Self::Tenant).map_err(|_| GateError),
            _ => Err(GateError),
        }
    }
}
