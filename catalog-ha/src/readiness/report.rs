use std::{collections::BTreeMap, fmt};

use super::{Component, State};

/// How components do. Shown as text it has a line for each, in the form that Kubernetes' own servers have: `[+]database ok`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReadinessReport {
    /// By name.
    pub components: BTreeMap<&'static str, Component>,
}

impl ReadinessReport {
    /// Whether requests may be sent: nothing has failed.
    pub fn is_ready(&self) -> bool {
        self.components.values().all(|component| component.status != State::Failed)
    }
}

impl fmt::Display for ReadinessReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, component) in &self.components {
            let (sign, says) = match component.status {
                State::Ok => ("+", "ok"),
                State::Degraded => ("+", "degraded"),
                State::Failed => ("-", "failed"),
            };
            write!(f, "[{sign}]{name} {says}")?;
            if let Some(detail) = &component.detail {
                // one line for each, whatever there is to say
                write!(f, ": {}", detail.replace(char::is_control, " "))?;
            }
            writeln!(f)?;
        }
        writeln!(f, "readyz check {}", if self.is_ready() { "passed" } else { "failed" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_text_each_component_has_one_line() {
        let mut report = ReadinessReport {
            components: BTreeMap::from([
                ("database", Component::ok()),
                ("plugins", Component::degraded("1 of 8\ndoes not work")),
            ]),
        };
        assert_eq!(
            report.to_string(),
            "[+]database ok\n[+]plugins degraded: 1 of 8 does not work\nreadyz check passed\n"
        );
        report.components.insert("database", Component::failed("no answer in time"));
        assert_eq!(
            report.to_string(),
            "[-]database failed: no answer in time\n[+]plugins degraded: 1 of 8 does not work\nreadyz check failed\n"
        );
    }
}
