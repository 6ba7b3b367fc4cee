//! What the program is called with.

use std::{path::PathBuf, str::FromStr, time::Duration};

use catalog_core::testing::conformance::{Caller, Conformance};
use http::{HeaderMap, HeaderName, HeaderValue};

/// How to call it.
pub(crate) const USAGE: &str = "\
usage: conformance --url <url> --plugin <name> [options]

  --url <url>                 the catalog, such as http://127.0.0.1:8080
  --plugin <name>             the plugin to check; may be given several times
  --tenant-a <namespace>      a tenant with assets; without one, the server has one tenant
  --tenant-b <namespace>      another tenant with assets, for the checks of isolation
  --header-a '<name>: <v>'    a header of who may read the first tenant; several times for several headers
  --header-b '<name>: <v>'    a header of who may read the second tenant
  --header-stranger '<..>'    a header of who is known and may do nothing
  --credentials-required      check that nobody is served without credentials
  --wait <seconds>            wait as long for `/readyz` to say that the catalog is ready
  --max-assets <n>            compare lists of as many assets, 1000 where nothing is said
  --only <name>               only this check or category; may be given several times
  --strict                    fail on a check that is skipped, but for routes that are not mounted
  --json <file>               write the report as JSON
  --junit <file>              write the report as JUnit XML
  --list                      print the checks and end
";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Call {
    /// Tell how it is called.
    Help,
    /// Tell which checks there are.
    List,
    /// Check.
    Run(Box<Arguments>),
}

/// What to check, and where.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) url: String,
    pub(crate) plugins: Vec<String>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) junit: Option<PathBuf>,
    pub(crate) strict: bool,
    pub(crate) wait: Duration,
    tenant_a: Option<String>,
    tenant_b: Option<String>,
    reader_of_a: HeaderMap,
    reader_of_b: HeaderMap,
    stranger: HeaderMap,
    credentials_required: bool,
    max_assets: Option<usize>,
    only: Vec<String>,
}

impl Arguments {
    /// Reads them; `--name=value` is `--name value`.
    pub(crate) fn parse(given: impl Iterator<Item = String>) -> Result<Call, String> {
        let mut out = Self::default();
        let mut given = given.flat_map(|argument| match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
            _ => vec![argument],
        });
        while let Some(name) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("`{name}` needs a value"));
            match name.as_str() {
                "--help" | "-h" => return Ok(Call::Help),
                "--list" => return Ok(Call::List),
                "--credentials-required" => out.credentials_required = true,
                "--strict" => out.strict = true,
                "--url" => out.url = value()?,
                "--plugin" => out.plugins.push(value()?),
                "--tenant-a" => out.tenant_a = Some(value()?),
                "--tenant-b" => out.tenant_b = Some(value()?),
                "--header-a" => header(&mut out.reader_of_a, &value()?)?,
                "--header-b" => header(&mut out.reader_of_b, &value()?)?,
                "--header-stranger" => header(&mut out.stranger, &value()?)?,
                "--only" => out.only.push(known(value()?)?),
                "--json" => out.json = Some(value()?.into()),
                "--junit" => out.junit = Some(value()?.into()),
                "--max-assets" => out.max_assets = Some(number(&name, &value()?)?),
                "--wait" => out.wait = Duration::from_secs(number(&name, &value()?)?),
                _ => return Err(format!("unknown argument `{name}`")),
            }
        }
        if out.url.is_empty() || out.plugins.is_empty() {
            return Err("`--url` and `--plugin` are needed".into());
        }
        if out.tenant_b.is_some() && out.tenant_a.is_none() {
            return Err("`--tenant-b` needs `--tenant-a`".into());
        }
        Ok(Call::Run(Box::new(out)))
    }

    /// The suite for one of the plugins.
    pub(crate) fn suite(&self, plugin: &str) -> Conformance {
        let mut suite = Conformance::new(plugin).with_only(&self.only);
        suite = match (&self.tenant_a, &self.tenant_b) {
            (Some(a), Some(b)) => suite.with_tenants(a, b),
            (Some(a), None) => suite.with_tenant(a),
            (None, _) => suite,
        };
        let caller = |headers: &HeaderMap| (!headers.is_empty()).then(|| Caller::from(headers.clone()));
        if let Some(reader) = caller(&self.reader_of_a) {
            suite = suite.with_reader_of_a(reader);
        }
        if let Some(reader) = caller(&self.reader_of_b) {
            suite = suite.with_reader_of_b(reader);
        }
        if let Some(stranger) = caller(&self.stranger) {
            suite = suite.with_stranger(stranger);
        }
        if self.credentials_required {
            suite = suite.with_credentials_required();
        }
        match self.max_assets {
            Some(max) => suite.with_max_assets(max),
            None => suite,
        }
    }
}

fn number<T: FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{name}` needs a number"))
}

/// Adds `name: value`. What is wrong is told without the value, which may be a secret.
fn header(headers: &mut HeaderMap, text: &str) -> Result<(), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written `name: value`")?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| format!("`{name}` is no header's name"))?;
    let value =
        HeaderValue::try_from(value.trim()).map_err(|_| format!("the value of `{name}` cannot be sent"))?;
    headers.append(name, value);
    Ok(())
}

/// The name of a check or a category.
fn known(name: String) -> Result<String, String> {
    let known = Conformance::checks().any(|(category, check)| check == name || category.as_str() == name);
    if known { Ok(name) } else { Err(format!("there is no check or category `{name}`; see `--list`")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Call, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_asked_for_is_understood() {
        let line = "--url=http://x --plugin mcp --plugin model --tenant-a a --tenant-b b --header-a x-user:me --only paging --max-assets 5";
        let Ok(Call::Run(arguments)) = parse(line) else { panic!("{line}") };
        assert_eq!(
            (arguments.url.as_str(), arguments.plugins.len(), arguments.max_assets),
            ("http://x", 2, Some(5))
        );
        assert_eq!(arguments.reader_of_a["x-user"], "me");
        assert!(matches!(parse("--list"), Ok(Call::List)) && matches!(parse("-h"), Ok(Call::Help)));
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (line, told) in [
            ("", "`--url` and `--plugin`"),
            ("--url http://x --plugin", "`--plugin` needs a value"),
            ("--url http://x --plugin a --tenant-b b", "`--tenant-a`"),
            ("--url http://x --plugin a --header-a secret", "`name: value`"),
            ("--url http://x --plugin a --only nothing", "no check or category `nothing`"),
            ("--wait soon", "`--wait` needs a number"),
            ("--frobnicate", "unknown argument `--frobnicate`"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }
}
