//! Reading the settings, and remembering where each comes from.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use catalog_core::{
    provider::read_text,
    source::redact,
    yaml::{Limits, Node},
};
use serde_json::{Map, Value};

use super::{Config, SETTINGS, Setting, setting::Kind};
use crate::AnyError;

/// Where a value comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Environment,
    Flag,
}

/// A setting that cannot be used: which, where it was given, and why.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub(crate) struct ConfigError {
    place: String,
    message: String,
    source: Option<AnyError>,
}

impl ConfigError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), source: None }
    }

    /// With what went wrong.
    pub(crate) fn caused_by(mut self, source: impl Into<AnyError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// The settings that are set, each with its origin. A later one replaces an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (Value, Origin)>,
}

impl Settings {
    /// Reads a file.
    pub(crate) fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let place = |line: usize| format!("{}:{line}", path.display());
        let text = read_text(path, Limits::default().bytes)
            .map_err(|error| ConfigError::new(path.display().to_string(), error.to_string()))?;
        let root = Node::parse(&text, Limits::default())
            .map_err(|error| ConfigError::new(path.display().to_string(), error.to_string()))?;
        if root.entries().is_empty() && !root.to_value().is_null() {
            return Err(ConfigError::new(place(root.line()), "the file must be a mapping of settings"));
        }
        for (key, node) in leaves("", &root) {
            let setting = find(&key).ok_or_else(|| {
                let message = match SETTINGS.iter().find(|setting| is_below(&key, setting.key)) {
                    // what stands there may be a secret that is indented wrongly
                    Some(setting) => {
                        format!("`{}` is {} and no section", setting.key, setting.kind.phrase())
                    }
                    None => format!("`{key}` is no setting{}", nearest(&key, SETTINGS.iter().map(|s| s.key))),
                };
                ConfigError::new(place(node.line()), message)
            })?;
            let origin = Origin::File { path: path.into(), line: node.line() };
            match node.to_value() {
                Value::String(text) if setting.kind == Kind::List => self.set(setting, &text, origin)?,
                value => drop(self.values.insert(setting.key, (value, origin))),
            }
        }
        Ok(())
    }

    /// Reads the variables that begin with `CATALOG_`. Those that Kubernetes makes for Services whose names begin so are none.
    pub(crate) fn read_environment(
        &mut self,
        vars: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in vars {
            let Some(name) = name.to_str().filter(|name| name.starts_with("CATALOG_")) else { continue };
            let Some(setting) = SETTINGS.iter().find(|setting| setting.env == name) else {
                if is_service_link(name) {
                    continue;
                }
                return Err(ConfigError::new(
                    name,
                    format!("there is no such setting{}", nearest(name, SETTINGS.iter().map(|s| s.env))),
                ));
            };
            let text = value.to_str().ok_or_else(|| ConfigError::new(name, "is no UTF-8 text"))?;
            self.set(setting, text, Origin::Environment)?;
        }
        Ok(())
    }

    /// Sets one from its text.
    pub(crate) fn set(
        &mut self,
        setting: &'static Setting,
        text: &str,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let value = match setting.kind {
            Kind::Text => Value::from(text),
            Kind::Integer => {
                let number: Option<i64> = text.parse().ok();
                number.map(Value::from).ok_or_else(|| {
                    ConfigError::new(place(setting, &origin), format!("`{text}` is no whole number"))
                })?
            }
            Kind::List => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
            }
        };
        self.values.insert(setting.key, (value, origin));
        Ok(())
    }

    /// Fills in the defaults of the profile.
    pub(crate) fn fill_in(&mut self) -> Result<(), ConfigError> {
        let matters = |key: &str| find(key).is_none_or(|setting| !setting.keeps_demo);
        let profile = match self.values.get("profile") {
            Some((value, _)) => value.as_str().unwrap_or_default().to_owned(),
            None if self.values.keys().any(|key| matters(key)) => "production".into(),
            None => "demo".into(),
        };
        self.values.entry("profile").or_insert((Value::from(profile.as_str()), Origin::Default));
        for setting in SETTINGS {
            if self.values.contains_key(setting.key) {
                continue;
            }
            match if profile == "demo" { setting.demo } else { setting.production } {
                Some(default) => self.set(setting, default, Origin::Default)?,
                None if setting.required => {
                    let how = format!(
                        "must be set in the {profile} profile: {} or --{}",
                        setting.env,
                        setting.flag()
                    );
                    return Err(ConfigError::new(setting.key, how));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The settings, typed and checked.
    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        let mut tree = Map::new();
        for (key, (value, _)) in &self.values {
            match key.split_once('.') {
                None => drop(tree.insert((*key).into(), value.clone())),
                Some((section, key)) => {
                    let section = tree.entry(section).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(section) = section {
                        section.insert(key.into(), value.clone());
                    }
                }
            }
        }
        let config: Config = serde_path_to_error::deserialize(Value::Object(tree)).map_err(|error| {
            let key = error.path().to_string();
            let key = key.split('[').next().unwrap_or_default();
            // serde tells the value
            let message = match find(key) {
                Some(setting) if setting.secret => {
                    format!("must be {}", setting.kind.phrase())
                }
                _ => error.inner().to_string(),
            };
            ConfigError::new(self.place(key), message)
        })?;
        config.validate().map_err(|error| ConfigError { place: self.place(&error.place), ..error })?;
        Ok(config)
    }

    /// How to call a setting in an error: as it was given.
    fn place(&self, key: &str) -> String {
        match (find(key), self.values.get(key)) {
            (Some(setting), Some((_, origin))) => place(setting, origin),
            _ => key.into(),
        }
    }
}

/// Whether a dotted key lies below another.
fn is_below(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// Whether a variable has the form of those that the kubelet sets for each Service of a Pod's namespace:
/// `CATALOG_SERVER_SERVICE_HOST`, `…_SERVICE_PORT`, `…_SERVICE_PORT_HTTP`, `…_PORT`, `…_PORT_8080_TCP`, `…_PORT_8080_TCP_ADDR`.
///
/// Source: Kubernetes, "Service", environment variables; `makeEnvVariables` of the kubelet.
fn is_service_link(name: &str) -> bool {
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    let Some((_, link)) = name.rsplit_once("_PORT_") else { return false };
    // a link of a port may itself end in `_PORT`, which is taken above
    let mut parts = link.split('_');
    let number =
        parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let protocol = parts.next().is_some_and(|part| matches!(part, "TCP" | "UDP" | "SCTP"));
    let what = parts.next().is_none_or(|part| matches!(part, "PROTO" | "ADDR"));
    number && protocol && what && parts.next().is_none()
}

fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

fn place(setting: &Setting, origin: &Origin) -> String {
    match origin {
        Origin::Default => setting.key.into(),
        Origin::File { path, line } => format!("{}:{line}: `{}`", path.display(), setting.key),
        Origin::Environment => setting.env.into(),
        Origin::Flag => format!("--{}", setting.flag()),
    }
}

/// The innermost values of a file, each with its dotted key. A section has one level; a list is a value.
fn leaves<'n>(prefix: &str, node: &'n Node) -> Vec<(String, &'n Node)> {
    let mut out = Vec::new();
    for (key, value) in node.entries() {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if value.entries().is_empty() {
            out.push((key, value));
        } else {
            out.extend(leaves(&key, value));
        }
    }
    out
}

/// A hint at the name that was probably meant.
fn nearest(given: &str, known: impl Iterator<Item = &'static str>) -> String {
    let best = known.map(|name| (distance(given, name), name)).min();
    best.filter(|(distance, _)| *distance <= 3)
        .map(|(_, name)| format!("; is `{name}` meant?"))
        .unwrap_or_default()
}

/// How many letters to insert, remove or replace to get from one name to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (above, to) in row.iter().skip(1).zip(b.bytes()) {
            let cost = diagonal + usize::from(from != to);
            diagonal = *above;
            left = cost.min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The effective settings, as a configuration file with the origin of each value behind it.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = "";
        for setting in SETTINGS {
            let Some((value, origin)) = self.values.get(setting.key) else { continue };
            let (indent, key) = match setting.key.split_once('.') {
                None => ("", setting.key),
                Some((name, key)) => {
                    if name != section {
                        writeln!(f, "{name}:")?;
                    }
                    section = name;
                    ("  ", key)
                }
            };
            let set = !matches!(value, Value::Array(list) if list.is_empty());
            let shown = if setting.secret && set { Value::from("**redacted**") } else { redact("", value) };
            let origin = match origin {
                Origin::Default => "default".into(),
                origin => place(setting, origin),
            };
            writeln!(f, "{indent}{key}: {shown}  # {origin}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        file: Option<&str>,
        env: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<(Settings, Config), ConfigError> {
        let mut settings = Settings::default();
        if let Some(text) = file {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("c.yaml");
            std::fs::write(&path, text).unwrap();
            settings.read_file(&path)?;
        }
        settings.read_environment(env.iter().map(|(name, value)| (name.into(), value.into())))?;
        for (key, text) in flags {
            settings.set(find(key).unwrap(), text, Origin::Flag)?;
        }
        settings.fill_in()?;
        let config = settings.config()?;
        Ok((settings, config))
    }

    fn fails(file: Option<&str>, env: &[(&str, &str)]) -> String {
        read(file, env, &[]).unwrap_err().to_string()
    }

    const OPEN: [(&str, &str); 2] = [("CATALOG_AUTH_MODE", "anonymous"), ("CATALOG_AUTHZ_MODE", "none")];

    #[test]
    fn nothing_at_all_is_the_demo_and_so_is_what_cannot_matter() {
        for env in
            [&[][..], &[("CATALOG_LISTEN", "127.0.0.1:0"), ("CATALOG_SOURCES", "s.yaml"), ("PATH", "/bin")]]
        {
            let (_, config) = read(None, env, &[]).unwrap();
            assert_eq!(
                (config.profile, config.tenancy.mode),
                (super::super::Profile::Demo, super::super::TenancyMode::Namespace)
            );
        }
    }

    #[test]
    fn what_matters_makes_it_production_where_access_must_be_decided() {
        let error = fails(None, &[("CATALOG_DATABASE_URL", "sqlite://x.db")]);
        assert!(
            error.starts_with("auth.mode: must be set in the production profile: CATALOG_AUTH_MODE"),
            "{error}"
        );
        let (_, config) = read(None, &OPEN, &[]).unwrap();
        assert_eq!(config.profile, super::super::Profile::Production);
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = "listen: 127.0.0.1:1\nhttp:\n  timeout_seconds: 1\n  body_limit_bytes: 1\nprofile: demo\n";
        let env = [("CATALOG_HTTP_TIMEOUT_SECONDS", "2"), ("CATALOG_HTTP_BODY_LIMIT_BYTES", "2")];
        let (settings, config) = read(Some(file), &env, &[("http.body_limit_bytes", "3")]).unwrap();
        assert_eq!(
            (config.listen.port(), config.http.timeout_seconds, config.http.body_limit_bytes),
            (1, 2, 3)
        );
        let shown = settings.to_string();
        assert!(shown.contains("  timeout_seconds: 2  # CATALOG_HTTP_TIMEOUT_SECONDS\n"), "{shown}");
        assert!(shown.contains("  body_limit_bytes: 3  # --http-body-limit-bytes\n"), "{shown}");
    }

    #[test]
    fn an_error_names_the_key_as_it_was_given() {
        for (file, env, part) in [
            (
                Some("http:\n  timeout_secods: 3\n"),
                None,
                "c.yaml:2: `http.timeout_secods` is no setting; is `http.timeout_seconds` meant?",
            ),
            (Some("listen: nowhere\n"), None, "c.yaml:1: `listen`: "),
            (Some("- a\n"), None, "must be a mapping"),
            (
                Some("http: {timeout_seconds: 0}\nprofile: demo\n"),
                None,
                "`http.timeout_seconds`: must be at least 1",
            ),
            (
                None,
                Some(("CATALOG_LISTN", "x")),
                "CATALOG_LISTN: there is no such setting; is `CATALOG_LISTEN` meant?",
            ),
            (
                None,
                Some(("CATALOG_CACHE_DISCOVERY_TTL", "soon")),
                "CATALOG_CACHE_DISCOVERY_TTL: `soon` is no whole number",
            ),
            (None, Some(("CATALOG_TENANCY_MODE", "many")), "auth.mode"),
            (
                None,
                Some(("CATALOG_LISTEN", "0.0.0.0:80")),
                "CATALOG_LISTEN: the demo profile is served on loopback only",
            ),
            (None, Some(("CATALOG_PROFILE", "test")), "auth.mode"),
        ] {
            let error = fails(file, env.as_slice());
            assert!(error.contains(part), "{error}");
        }
        let error = fails(None, &[OPEN[0], OPEN[1], ("CATALOG_TENANCY_MODE", "many")]);
        assert!(error.starts_with("CATALOG_TENANCY_MODE: unknown variant `many`"), "{error}");
        let error = fails(None, &[OPEN[0], OPEN[1], ("CATALOG_PROFILE", "test")]);
        assert!(error.starts_with("CATALOG_PROFILE: unknown variant"), "{error}");
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_is_no_setting() {
        for name in [
            "CATALOG_SERVICE_HOST",
            "CATALOG_SERVICE_PORT",
            "CATALOG_SERVICE_PORT_HTTP",
            "CATALOG_PORT",
            "CATALOG_PORT_8080_TCP",
            "CATALOG_PORT_8080_TCP_PROTO",
            "CATALOG_PORT_8080_TCP_PORT",
            "CATALOG_PORT_8080_TCP_ADDR",
            "CATALOG_SERVER_PORT",
            "CATALOG_SERVER_PORT_53_UDP_ADDR",
            "CATALOG_SERVER_SERVICE_PORT_GRPC_WEB",
            "CATALOG_PORT_9_SCTP",
        ] {
            let (_, config) = read(None, &[(name, "tcp://10.0.0.1:8080")], &[]).unwrap();
            assert_eq!(config.profile, super::super::Profile::Demo, "{name}");
        }
        for name in [
            "CATALOG_PORTS",
            "CATALOG_PORT_X_TCP",
            "CATALOG_PORT_80_TCP_X",
            "CATALOG_SERVICE",
            "CATALOG_HOST",
        ] {
            assert!(fails(None, &[(name, "x")]).contains("no such setting"), "{name}");
        }
        assert!(SETTINGS.iter().all(|setting| !is_service_link(setting.env)));
    }

    #[test]
    fn secrets_are_not_printed() {
        let keys = "a-secret-key-a-secret-key-a-secret-key";
        let env = [OPEN[0], OPEN[1], ("CATALOG_PAGE_TOKEN_KEYS", keys)];
        let (settings, config) = read(None, &env, &[]).unwrap();
        assert_eq!(config.page_token_keys, [keys]);
        assert!(!settings.to_string().contains("a-secret"), "{settings}");
        // as a text of the file they are what they are in the environment
        let file = format!("profile: demo\npage_token_keys: {keys}, {keys}\n");
        let (settings, config) = read(Some(&file), &[], &[]).unwrap();
        assert_eq!(config.page_token_keys, [keys, keys]);
        assert!(!settings.to_string().contains("a-secret"), "{settings}");
    }

    #[test]
    fn no_error_prints_a_secret() {
        for (file, part) in [
            (
                "page_token_keys:\n  hunter2: x\n",
                "c.yaml:2: `page_token_keys` is a list of texts and no section",
            ),
            (
                "page_token_keys:\n- {hunter2: hunter2}\n",
                "c.yaml:2: `page_token_keys`: must be a list of texts",
            ),
            ("page_token_keys: [1, hunter2]\n", "`page_token_keys`: must be a list of texts"),
            (
                "database:\n  url:\n    postgres://u:hunter2@h/d: x\n",
                "`database.url` is a text and no section",
            ),
        ] {
            let error = fails(Some(&format!("{file}profile: demo\n")), &[]);
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn every_setting_has_its_own_key_variable_and_flag() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            for other in &SETTINGS[..index] {
                assert!(other.key != setting.key && other.env != setting.env, "{}", setting.key);
            }
            assert!(setting.env.starts_with("CATALOG_"));
        }
    }
}
