/// A longer name of a user or group is none, in bytes.
const MAX_NAME: usize = 1_024;

/// What is wrong with the name of a user or group that somebody else gave.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > MAX_NAME {
        Some("is longer than 1024 bytes")
    } else if name.chars().any(char::is_control) {
        Some("holds control characters")
    } else {
        None
    }
}

/// Whether the name is one of those that Kubernetes keeps for itself, `system:masters` among them.
pub(super) fn is_system(name: &str) -> bool {
    name.starts_with("system:")
}
