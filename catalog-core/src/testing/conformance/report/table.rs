use std::fmt;

use super::Report;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "conformance of `{}`, {}, {}", self.plugin, self.target, self.started)?;
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        for check in &self.checks {
            let milliseconds = check.duration.as_secs_f64() * 1e3;
            let outcome = check.outcome.as_str();
            writeln!(
                f,
                "{:12}  {:width$}  {outcome:7}  {milliseconds:8.1} ms",
                check.category.as_str(),
                check.name
            )?;
            for message in check.outcome.messages() {
                writeln!(f, "    {message}")?;
            }
        }
        let verdict = match (self.is_conformant(), self.count("skipped")) {
            (false, _) => "not conformant",
            (true, 0) => "conformant",
            (true, _) => "conformant as far as could be checked",
        };
        writeln!(
            f,
            "{verdict}: {} passed, {} failed, {} skipped in {:.1} s",
            self.count("passed"),
            self.count("failed"),
            self.count("skipped"),
            self.duration.as_secs_f64()
        )
    }
}
