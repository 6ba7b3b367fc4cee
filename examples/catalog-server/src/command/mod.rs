//! The command line: what it asks for, and what each command does.

mod audit;
mod migrate;
mod namespaces;
mod rbac;

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use clap::{Arg, ArgMatches, Command};

use crate::{
    AnyError,
    config::{Origin, SETTINGS, Setting, Settings},
    serve,
};

/// Runs what the command line asks for; false if that found something broken.
pub(crate) fn run() -> Result<bool, AnyError> {
    let matches = command().get_matches();
    let (name, inner) = matches.subcommand().unwrap_or(("serve", &matches));
    if name == "keys" {
        print(&keys())?;
        return Ok(true);
    }
    let settings = settings(&matches, inner)?;
    let config = settings.config()?;
    match name {
        "audit" => return audit::run(&config, inner),
        "config" => print(&settings.to_string())?,
        "routes" => print(&serve::offline(&config)?.0.to_string())?,
        "migrate" => print(&migrate::run(&config, inner)?)?,
        "namespaces" => print(&namespaces::run(&config, inner)?)?,
        "rbac" => print(&rbac::run(&config, inner)?)?,
        "openapi" => print(&format!("{}\n", serve::offline(&config)?.1))?,
        _ => serve::run(&config)?,
    }
    Ok(true)
}

/// Prints to standard output. A reader that has had enough is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

fn command() -> Command {
    let file =
        Arg::new("config").long("config").value_name("FILE").global(true).help("A configuration file, YAML");
    let flags = SETTINGS.iter().map(flag);
    Command::new("catalog-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves catalogs of models, MCP servers, agents, prompts and more, to many tenants")
        .after_help(
            "Without any setting the server runs a demo: SQLite under ./catalog-data, loopback only, sample data of two teams.\n\
             `catalog-server keys` tells every setting with its environment variable, default and unit.",
        )
        .arg(file)
        .args(flags)
        .subcommand(Command::new("serve").about("Serve; what happens without a subcommand"))
        .subcommand(Command::new("config").about("Print the effective settings and where each comes from, secrets redacted"))
        .subcommand(Command::new("keys").about("Print every setting: key, environment variable, default, unit, meaning"))
        .subcommand(Command::new("routes").about("Print every route and the permission that it asks for"))
        .subcommand(audit::command())
        .subcommand(migrate::command())
        .subcommand(namespaces::command())
        .subcommand(rbac::command())
        .subcommand(Command::new("openapi").about("Print the OpenAPI document"))
}

fn flag(setting: &'static Setting) -> Arg {
    let name = setting.flag();
    let arg =
        Arg::new(setting.key).long(name).value_name(setting.kind.noun()).global(true).help(setting.meaning);
    arg.hide_short_help(!setting.often)
}

fn settings(outer: &ArgMatches, inner: &ArgMatches) -> Result<Settings, AnyError> {
    let given = |key: &str| inner.get_one::<String>(key).or_else(|| outer.get_one::<String>(key));
    let mut settings = Settings::default();
    if let Some(file) = given("config") {
        settings.read_file(file.as_ref())?;
    }
    settings.read_environment(std::env::vars_os())?;
    for setting in SETTINGS {
        if let Some(text) = given(setting.key) {
            settings.set(setting, text, Origin::Flag)?;
        }
    }
    settings.fill_in()?;
    Ok(settings)
}

/// Every setting, for people.
fn keys() -> String {
    let mut out = String::from(
        "Variables that Kubernetes sets for Services of the names `catalog…` (CATALOG_SERVICE_HOST, CATALOG_PORT_8080_TCP, …) are\n\
         no settings and are passed over; every other CATALOG_* that is not here is an error.\n\n",
    );
    for setting in SETTINGS {
        let (noun, flag) = (setting.kind.noun().to_lowercase(), setting.flag());
        // writing to a string cannot fail
        let _ = writeln!(
            out,
            "{}\n    {}\n    {noun}; {}; {}; --{flag}",
            setting.key,
            setting.meaning,
            default(setting),
            setting.env
        );
    }
    out
}

/// What holds where a setting is not given.
fn default(setting: &Setting) -> String {
    if setting.key == "profile" {
        return "default demo, or production where a setting is given that could matter".into();
    }
    let told = |value: Option<&'static str>| match value {
        None if setting.required => "required".to_owned(),
        None => "no default".to_owned(),
        Some("") => "default empty".to_owned(),
        Some(value) => format!("default {value}"),
    };
    let (demo, production) = (told(setting.demo), told(setting.production));
    if demo == production { demo } else { format!("{production} (production), {demo} (demo)") }
}
