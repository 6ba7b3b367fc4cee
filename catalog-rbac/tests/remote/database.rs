//! A policy in a database, on both engines.

use std::{path::Path, time::Duration};

use catalog_core::store::{
    Changes,
    database::{Database, DatabaseOptions},
    sql::migrate,
    statement::Statement,
};
use catalog_rbac::{
    engine::{
        Attributes, Policy, ResourceAttributes,
        object::{ObjectKey, ObjectKind},
    },
    policy::database::{MIGRATIONS, SqlPolicy, SqlPolicyError, SqlPolicyStore},
};

use crate::fixture::user;

const ROLES: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: viewer, labels: {tier: gold}}
rules:
- {apiGroups: [catalog.kubeflow.org], resources: [assets], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: namer, namespace: team-a}
rules:
- {apiGroups: [catalog.kubeflow.org], resources: [assets], resourceNames: [\"it's\"], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: all}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {tier: gold}}]}
rules: []
";

fn binding(user: &str, role: &str) -> Policy {
    Policy::parse(&format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: one, namespace: team-a}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]
"
    ))
    .unwrap()
}

fn key(kind: ObjectKind, namespace: Option<&str>, name: &str) -> ObjectKey {
    ObjectKey { kind, namespace: namespace.map(|name| name.parse().unwrap()), name: name.into() }
}

fn may_list(policy: &SqlPolicy, name: &str) -> bool {
    let list = ResourceAttributes::new("list", "catalog.kubeflow.org", "assets").in_namespace("team-a");
    policy.handle().load().decide(&user(name), &Attributes::from(list)).is_allowed()
}

async fn sqlite(folder: &Path) -> Database {
    let url = format!("sqlite://{}", folder.join("policy.db").display());
    Database::sqlite(&url, DatabaseOptions::default()).await.unwrap()
}

async fn postgres(name: &'static str) -> Database {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = url.rsplit_once('/').unwrap();
    let server = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    for text in ["drop database if exists ", "create database "] {
        let mut statement = Statement::new(server.dialect());
        statement.push(text).push(name);
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    Database::postgres(&format!("{place}/{name}"), DatabaseOptions::default()).await.unwrap()
}

/// What is written is read as it was; each change counts once, and what Kubernetes would refuse changes nothing.
async fn what_is_written_is_read(database: Database) {
    migrate(&database, MIGRATIONS).await.unwrap();
    let store = SqlPolicyStore::new(database, Changes::default());
    assert_eq!(store.load().await.unwrap(), (Policy::new(), 0));
    let roles = Policy::parse(ROLES).unwrap();
    let applied = store.apply(&roles).await.unwrap();
    assert_eq!((applied.created.len(), applied.unchanged), (3, 0));
    assert_eq!(store.load().await.unwrap(), (roles.clone(), 1));
    let applied = store.apply(&roles).await.unwrap();
    assert_eq!((applied.created.len(), applied.unchanged), (0, 3));
    assert_eq!(store.version().await.unwrap(), 1, "nothing changed");

    let applied = store.apply(&binding("jane", "viewer")).await.unwrap();
    assert_eq!(applied.created, [key(ObjectKind::RoleBinding, Some("team-a"), "one")]);
    let applied = store.apply(&binding("john", "viewer")).await.unwrap();
    assert_eq!(applied.changed, [key(ObjectKind::RoleBinding, Some("team-a"), "one")]);
    let before = store.load().await.unwrap();
    let refused = store.apply(&binding("john", "all")).await.unwrap_err();
    assert!(
        matches!(&refused, SqlPolicyError::Policy(error) if error.to_string().contains("roleRef")),
        "{refused}"
    );
    assert_eq!(store.load().await.unwrap(), before);

    let removed = [key(ObjectKind::Role, Some("team-a"), "namer"), key(ObjectKind::Role, None, "nobody")];
    assert_eq!(store.remove(&removed).await.unwrap().removed, removed[..1]);
    let replaced = store.replace(&binding("jane", "viewer")).await.unwrap();
    assert_eq!((replaced.removed.len(), replaced.changed.len()), (2, 1));
    assert_eq!(store.load().await.unwrap(), (binding("jane", "viewer"), 5));
}

/// A second replica hears of a change, and of one that it hears nothing of it learns at its next look.
async fn a_change_counts_on_every_replica(here: Database, there: Database, are_told: bool) {
    migrate(&here, MIGRATIONS).await.unwrap();
    let (writer, changes) = (SqlPolicyStore::new(here, Changes::default()), Changes::default());
    writer.apply(&Policy::parse(ROLES).unwrap()).await.unwrap();
    let policy = SqlPolicy::load(SqlPolicyStore::new(there.clone(), changes.clone())).await.unwrap();
    assert!(!may_list(&policy, "jane"));
    // who is told need not look
    let interval = if are_told { Duration::from_hours(1) } else { Duration::from_millis(5) };
    let watching = tokio::spawn({
        let policy = policy.clone();
        async move { policy.watch(interval).await }
    });
    let listening = tokio::spawn({
        let there = there.clone();
        async move { there.listen(&changes).await }
    });
    if are_told {
        until(async || listens(&there).await).await;
    }
    writer.apply(&binding("jane", "viewer")).await.unwrap();
    until(async || may_list(&policy, "jane")).await;
    writer.remove(&[key(ObjectKind::RoleBinding, Some("team-a"), "one")]).await.unwrap();
    until(async || !may_list(&policy, "jane")).await;
    until(async || policy.status().version == 3).await;
    assert!(policy.status().error.is_none());
    watching.abort();
    listening.abort();
}

/// Whether some connection waits for news.
async fn listens(database: &Database) -> bool {
    let mut select = Statement::new(database.dialect());
    select.push(
        "select count(*) from pg_stat_activity where query ilike 'listen%' and datname = current_database()",
    );
    database.fetch(select).await.unwrap().first_mut().unwrap().integer(0).unwrap() > 0
}

/// Waits until it is so, for 10 s at most.
async fn until(is_so: impl AsyncFn() -> bool) {
    let waits = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits).await.unwrap();
}

#[tokio::test]
async fn sqlite_keeps_a_policy() {
    let folder = tempfile::tempdir().unwrap();
    what_is_written_is_read(sqlite(folder.path()).await).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn postgres_keeps_a_policy() {
    what_is_written_is_read(postgres("rbac_policy").await).await;
}

#[tokio::test]
async fn a_change_on_sqlite_counts_at_the_next_look() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (sqlite(folder.path()).await, sqlite(folder.path()).await);
    a_change_counts_on_every_replica(here, there, false).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_change_on_postgres_is_heard_of() {
    let here = postgres("rbac_policy_heard").await;
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = url.rsplit_once('/').unwrap();
    let there = format!("{place}/rbac_policy_heard");
    let there = Database::postgres(&there, DatabaseOptions::default()).await.unwrap();
    a_change_counts_on_every_replica(here, there, true).await;
}
