use std::fmt::Write;

use super::{Category, Check, Outcome, Report};

pub(super) fn junit(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escaped(&format!("conformance of {} at {}", report.plugin, report.target));
    // writing to a string cannot fail
    let _ = writeln!(
        xml,
        "<testsuites name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
        report.checks.len(),
        report.count("failed"),
        report.count("skipped"),
        report.duration.as_secs_f64(),
    );
    for category in Category::ALL {
        let checks: Vec<&Check> = report.checks.iter().filter(|check| check.category == category).collect();
        if !checks.is_empty() {
            suite(&mut xml, report, category, &checks);
        }
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, report: &Report, category: Category, checks: &[&Check]) {
    let count = |outcome: &str| checks.iter().filter(|check| check.outcome.as_str() == outcome).count();
    let seconds: f64 = checks.iter().map(|check| check.duration.as_secs_f64()).sum();
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{category}\" timestamp=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{seconds:.3}\">",
        report.started,
        checks.len(),
        count("failed"),
        count("skipped"),
    );
    let class = escaped(&format!("{}.{category}", report.plugin));
    for check in checks {
        let _ = write!(
            xml,
            "    <testcase classname=\"{class}\" name=\"{}\" time=\"{:.3}\"",
            check.name,
            check.duration.as_secs_f64()
        );
        let _ = match &check.outcome {
            Outcome::Passed => writeln!(xml, "/>"),
            Outcome::Failed { messages } => {
                let first = messages.first().map(String::as_str).unwrap_or_default();
                let all = messages.join("\n");
                writeln!(
                    xml,
                    ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    escaped(first),
                    escaped(&all)
                )
            }
            Outcome::Skipped { reason } => {
                writeln!(xml, ">\n      <skipped message=\"{}\"/>\n    </testcase>", escaped(reason))
            }
        };
    }
    xml.push_str("  </testsuite>\n");
}

/// The text as it may stand between tags and in quotes. What XML 1.0 cannot hold at all is shown as U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            c if c.is_control() && u32::from(c) < 0x20 => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_escaped_or_replaced() {
        assert_eq!(
            escaped("a<b> & \"c\" 'd'\n\0\u{1b}é"),
            "a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;&#10;\u{fffd}\u{fffd}é"
        );
    }
}
