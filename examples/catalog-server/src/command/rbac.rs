//! `catalog-server rbac`: the policy in the database, and what it allows.

use std::{fmt::Write as _, fs};

use async_trait::async_trait;
use catalog_audit::{
    Event,
    event::{EventType, Record},
    store::{AppendWithin, SqlAuditStore},
};
use catalog_core::{
    authorizer::{Attributes, Authorizer},
    clock::{Clock, SystemClock},
    identity::{self, Identity},
    name::Namespace,
    permission::{Permission, Reach, Resource, Verb},
    source::redact,
    store::{
        Changes, StoreError,
        database::{Database, Transaction},
    },
};
use catalog_rbac::{
    engine::{
        Policy, PolicyHandle, RbacAuthorizer,
        object::{Object, ObjectKey, ObjectKind},
    },
    policy::database::{Applied, PolicyChange, PolicyRecorder, SqlPolicyStore},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use crate::{
    AnyError,
    config::{AuthzMode, Config, ConfigError, RbacSource},
    database, operator,
};

/// The subcommand, with one of its own for each task.
pub(crate) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("rbac")
        .about("Read and change the roles and bindings that the database keeps")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("Print every role and binding"))
        .subcommand(
            Command::new("export").about("Print all of them as one manifest, JSON, that `apply` takes"),
        )
        .subcommand(
            Command::new("apply")
                .about("Write the roles and bindings of manifests; all of them, or none if one is bad")
                .arg(
                    Arg::new("file")
                        .required(true)
                        .num_args(1..)
                        .value_name("FILE")
                        .help("Kubernetes RBAC manifests, YAML or JSON"),
                )
                .arg(
                    Arg::new("prune")
                        .long("prune")
                        .action(ArgAction::SetTrue)
                        .help("Remove what the manifests do not have"),
                ),
        )
        .subcommand(
            Command::new("delete")
                .about("Remove a role or a binding")
                .arg(
                    Arg::new("kind")
                        .required(true)
                        .value_name("KIND")
                        .help("Role, ClusterRole, RoleBinding or ClusterRoleBinding"),
                )
                .arg(Arg::new("name").required(true).value_name("[NAMESPACE/]NAME").help("Which one")),
        )
        .subcommand(
            Command::new("explain")
                .about("Tell whether somebody may do something, and by which binding")
                .arg(text("user", "NAME", "Who").required(true))
                .arg(text("group", "NAME", "A group of theirs").action(ArgAction::Append))
                .arg(text("verb", "VERB", "What: get, list, create, …").required(true))
                .arg(
                    text(
                        "resource",
                        "RESOURCE",
                        "To what: assets, catalogsources, …; of one plugin, `assets/model`",
                    )
                    .required(true),
                )
                .arg(text("in", "NAMESPACE", "Where; in the whole cluster if absent"))
                .arg(text("name", "NAME", "To which object")),
        )
}

/// Does what is asked, and gives what is to be printed.
pub(crate) fn run(config: &Config, matches: &ArgMatches) -> Result<String, AnyError> {
    if config.authz.mode != AuthzMode::Rbac || config.rbac.source() != RbacSource::Database {
        let how = "is not `database`: the database keeps no roles for this server";
        return Err(ConfigError::new("rbac.source", how).into());
    }
    database::with(&config.database, async |database| {
        database::migrator(&database).run().await?;
        perform(config, &database, matches).await
    })
}

async fn perform(config: &Config, database: &Database, matches: &ArgMatches) -> Result<String, AnyError> {
    let recorder = Recorder { store: SqlAuditStore::new(database.clone()), operator: operator::component() };
    let store = SqlPolicyStore::new(database.clone(), Changes::default()).with_recorder(recorder);
    match matches.subcommand() {
        Some(("apply", matches)) => {
            let files: Vec<&String> = matches.get_many("file").unwrap_or_default().collect();
            let read = |file: &String| {
                let text = fs::read_to_string(file).map_err(|error| format!("`{file}`: {error}"))?;
                Ok::<_, AnyError>((file.clone(), text))
            };
            let texts = files.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let wanted =
                Policy::from_manifests(texts.iter().map(|(file, text)| (file.as_str(), text.as_str())))?;
            let applied = if matches.get_flag("prune") {
                store.replace(&wanted).await
            } else {
                store.apply(&wanted).await
            };
            Ok(told(&applied?))
        }
        Some(("delete", matches)) => {
            let key = key(matches)?;
            let applied = store.remove(std::slice::from_ref(&key)).await?;
            if applied.removed.is_empty() {
                Err(format!("there is no {key}").into())
            } else {
                Ok(told(&applied))
            }
        }
        Some(("export", _)) => {
            let (policy, _) = store.load().await?;
            let items: Vec<Object> = policy.objects().collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            Ok(format!("{list:#}\n"))
        }
        Some(("explain", matches)) => {
            let (policy, _) = store.load().await?;
            let authorizer = RbacAuthorizer::new(PolicyHandle::new(policy).into())
                .with_api_group(config.authz.api_group.clone());
            explain(&authorizer, matches).await
        }
        _ => {
            let (policy, _) = store.load().await?;
            Ok(policy.entries().fold(String::new(), |text, (key, _)| text + &line("", &key)))
        }
    }
}

/// Puts an event beside each role or binding that is written or removed.
#[derive(Debug)]
struct Recorder {
    store: SqlAuditStore,
    operator: String,
}

#[async_trait]
impl PolicyRecorder for Recorder {
    async fn record(
        &self,
        transaction: &mut Transaction,
        change: PolicyChange<'_>,
    ) -> Result<(), StoreError> {
        let action = match (change.before, change.after) {
            (None, Some(_)) => "create",
            (_, None) => "delete",
            _ => "update",
        };
        let mut event = Event::of_system(EventType::System, &self.operator, action, SystemClock.now());
        event.namespace.clone_from(&change.key.namespace);
        // as roles write it
        event.resource_type = format!("{}s", change.key.kind.as_str().to_lowercase());
        event.details.resource_ids = vec![change.key.name.clone()];
        let shown = |object: &Object| redact("", &json!(object));
        event.details.old_value = change.before.map(shown);
        event.details.new_value = change.after.map(shown);
        self.store.append_within(transaction, Record::of(event)).await.map(drop)
    }
}

/// What was done, one object a line.
fn told(applied: &Applied) -> String {
    let mut text = String::new();
    for (done, keys) in
        [(" created", &applied.created), (" changed", &applied.changed), (" removed", &applied.removed)]
    {
        for key in keys {
            text.push_str(&line(done, key));
        }
    }
    // writing to a string cannot fail
    let _ = writeln!(text, "{} unchanged", applied.unchanged);
    text
}

fn line(done: &str, key: &ObjectKey) -> String {
    let place = key.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {place}{}{done}\n", key.kind, key.name)
}

fn key(matches: &ArgMatches) -> Result<ObjectKey, AnyError> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let kind = text("kind");
    let kind =
        ObjectKind::from_name(kind).ok_or_else(|| format!("`{kind}` is no kind of a role or binding"))?;
    let (namespace, name) = match text("name").split_once('/') {
        Some((namespace, name)) if kind.is_namespaced() => (Some(namespace.parse()?), name),
        None if !kind.is_namespaced() => (None, text("name")),
        _ if kind.is_namespaced() => return Err(format!("a {kind} is named `NAMESPACE/NAME`").into()),
        _ => return Err(format!("a {kind} has no namespace").into()),
    };
    Ok(ObjectKey { kind, namespace, name: name.into() })
}

async fn explain(authorizer: &RbacAuthorizer, matches: &ArgMatches) -> Result<String, AnyError> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let mut who = Identity::new(text("user"), identity::Authenticator::Token);
    who.groups = matches.get_many("group").unwrap_or_default().cloned().collect();
    who.groups.push(identity::AUTHENTICATED_GROUP.to_owned());
    let (resource, plugin) = text("resource").split_once('/').unwrap_or((text("resource"), ""));
    let verb =
        Verb::parse(text("verb")).ok_or_else(|| format!("`{}` is no verb of the catalog", text("verb")))?;
    let resource =
        Resource::parse(resource).ok_or_else(|| format!("`{resource}` is no resource of the catalog"))?;
    let permission = Permission::new(verb, resource, Reach::TenantOrAll).of_plugin(plugin.to_owned());
    let namespace = matches.get_one::<String>("in").map(|name| name.parse::<Namespace>()).transpose()?;
    let name = matches.get_one::<String>("name").map(String::as_str);
    let attributes = Attributes::new(&permission, namespace.as_ref(), name);
    let verdict = if authorizer.decide(&who, attributes).await?.is_allowed() { "yes" } else { "no" };
    Ok(format!("{verdict}: {}\n", authorizer.explain(&who, attributes).await?))
}
