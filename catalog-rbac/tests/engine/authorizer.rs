use std::{collections::BTreeSet, sync::Arc};

use catalog_core::{
    authorizer::{Attributes, Authorizer, Decision, Visible, authorize},
    identity::{Authenticator, Identity},
    name::Namespace,
    permission::{Permission, Reach, Resource, Verb},
    tenant::{ScopeView, TenantSelector},
};
use catalog_rbac::engine::{MastersAuthorizer, Policy, PolicyHandle, RbacAuthorizer};

const POLICY: &str = "
apiVersion: v1
kind: List
items:
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: assets}, rules: [{verbs: [list, get], apiGroups: [catalog.kubeflow.org], resources: [assets]}, {verbs: [list], apiGroups: [catalog.kubeflow.org], resources: [plugins]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: models}, rules: [{verbs: [list, get], apiGroups: [catalog.kubeflow.org], resources: [assets/model]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: tag}, rules: [{verbs: [execute], apiGroups: [catalog.kubeflow.org], resources: [actions], resourceNames: [tag]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a, namespace: team-a}, roleRef: {kind: ClusterRole, name: assets}, subjects: [{kind: User, name: jane}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: team-b}, roleRef: {kind: ClusterRole, name: models}, subjects: [{kind: User, name: jane}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: c, namespace: team-a}, roleRef: {kind: ClusterRole, name: tag}, subjects: [{kind: User, name: jane}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: ops}, roleRef: {kind: ClusterRole, name: assets}, subjects: [{kind: Group, name: ops}]}
";

fn authorizer() -> RbacAuthorizer {
    RbacAuthorizer::new(Arc::new(PolicyHandle::new(Policy::parse(POLICY).unwrap())))
}

fn jane() -> Identity {
    Identity::new("jane", Authenticator::Token)
}

fn one(namespace: &str) -> TenantSelector {
    TenantSelector::One(Namespace::new(namespace).unwrap())
}

fn list(resource: Resource, reach: Reach) -> Permission {
    Permission::new(Verb::List, resource, reach)
}

#[tokio::test]
async fn a_resource_or_the_plugins_part_of_it_is_enough() {
    let authorizer = authorizer();
    let assets = list(Resource::Assets, Reach::TenantOrAll);
    for (namespace, plugin, expected) in [
        ("team-a", None, true),
        ("team-a", Some("model"), true),
        ("team-a", Some("mcp"), true),
        ("team-b", None, false),
        ("team-b", Some("model"), true),
        ("team-b", Some("mcp"), false),
        ("team-c", Some("model"), false),
    ] {
        let permission =
            plugin.map_or(assets.clone(), |plugin: &'static str| assets.clone().of_plugin(plugin));
        let outcome = authorize(&authorizer, &jane(), &permission, Some(&one(namespace)), None).await;
        assert_eq!(outcome.is_ok(), expected, "{permission} in {namespace}");
    }
}

#[tokio::test]
async fn an_allowed_request_tells_by_which_binding() {
    let permission = list(Resource::Assets, Reach::Tenant).of_plugin("model");
    let granted = authorize(&authorizer(), &jane(), &permission, Some(&one("team-b")), None).await.unwrap();
    let team_b = "team-b".parse().unwrap();
    let attributes = Attributes::new(&permission, Some(&team_b), None);
    assert_eq!(
        authorizer().explain(&jane(), attributes).await.unwrap(),
        r#"RBAC: allowed by RoleBinding "b/team-b" of ClusterRole "models" to User "jane""#
    );
    assert_eq!(granted.scope.unwrap().single().unwrap().as_str(), "team-b");
}

#[tokio::test]
async fn a_name_is_passed_on() {
    let permission = Permission::new(Verb::Execute, Resource::Actions, Reach::Tenant);
    for (name, expected) in [(Some("tag"), true), (Some("delete"), false), (None, false)] {
        let outcome = authorize(&authorizer(), &jane(), &permission, Some(&one("team-a")), name).await;
        assert_eq!(outcome.is_ok(), expected, "{name:?}");
    }
}

#[tokio::test]
async fn what_is_the_clusters_needs_a_right_in_the_cluster() {
    let authorizer = authorizer();
    let ops = Identity::new("olga", Authenticator::Token).with_group("ops");
    let plugins = list(Resource::Plugins, Reach::Cluster);
    assert!(authorize(&authorizer, &jane(), &plugins, None, None).await.is_err());
    assert!(authorize(&authorizer, &ops, &plugins, None, None).await.is_ok());
    let assets = list(Resource::Assets, Reach::TenantOrAll);
    let all = Some(&TenantSelector::All);
    assert!(authorize(&authorizer, &jane(), &assets, all, None).await.is_err());
    let granted = authorize(&authorizer, &ops, &assets, all, None).await.unwrap();
    assert!(matches!(granted.scope.unwrap().view(), ScopeView::All));
    // a binding of a namespace shows nothing that is in none
    let seen = authorizer.visible(&jane(), &plugins).await.unwrap();
    assert_eq!(seen, Visible::Set(BTreeSet::new()));
}

#[tokio::test]
async fn visible_namespaces_are_those_of_both_forms() {
    let authorizer = authorizer();
    let assets = list(Resource::Assets, Reach::TenantOrAll);
    let names =
        |names: &[&str]| Visible::Set(names.iter().map(|name| Namespace::new(name).unwrap()).collect());
    let model = assets.clone().of_plugin("model");
    assert_eq!(authorizer.visible(&jane(), &assets).await.unwrap(), names(&["team-a"]));
    assert_eq!(authorizer.visible(&jane(), &model).await.unwrap(), names(&["team-a", "team-b"]));
    let ops = Identity::new("olga", Authenticator::Token).with_group("ops");
    assert_eq!(authorizer.visible(&ops, &assets).await.unwrap(), Visible::All);
}

#[tokio::test]
async fn resources_may_be_of_another_group() {
    let other = authorizer().with_api_group("catalog.example.com");
    let assets = list(Resource::Assets, Reach::Tenant);
    assert!(authorize(&other, &jane(), &assets, Some(&one("team-a")), None).await.is_err());
}

#[tokio::test]
async fn masters_are_let_through_by_their_own_authorizer_alone() {
    let master = Identity::new("root", Authenticator::Token).with_group("system:masters");
    let assets = list(Resource::Assets, Reach::TenantOrAll);
    let anywhere = one("team-z");
    assert!(authorize(&MastersAuthorizer, &master, &assets, Some(&anywhere), None).await.is_ok());
    assert!(authorize(&authorizer(), &master, &assets, Some(&one("team-a")), None).await.is_err());
    assert!(authorize(&MastersAuthorizer, &jane(), &assets, Some(&one("team-a")), None).await.is_err());
    assert_eq!(MastersAuthorizer.visible(&master, &assets).await.unwrap(), Visible::All);
    assert_eq!(MastersAuthorizer.visible(&jane(), &assets).await.unwrap(), Visible::Set(BTreeSet::new()));
}

#[tokio::test]
async fn several_questions_get_the_answers_that_each_of_them_gets() {
    let (verbs, tenants) = ([Verb::Get, Verb::List, Verb::Delete], [None, Some("team-a"), Some("team-b")]);
    let permissions: Vec<Permission> = verbs
        .iter()
        .flat_map(|verb| {
            let wide = Permission::new(*verb, Resource::Assets, Reach::TenantOrAll);
            [wide.clone(), wide.of_plugin("model"), Permission::new(*verb, Resource::Plugins, Reach::Cluster)]
        })
        .collect();
    let tenants = tenants.map(|tenant| tenant.map(|tenant| tenant.parse::<Namespace>().unwrap()));
    let questions: Vec<Attributes<'_>> = permissions
        .iter()
        .flat_map(|permission| {
            tenants.iter().map(move |tenant| Attributes::new(permission, tenant.as_ref(), Some("x")))
        })
        .collect();
    let authorizer = authorizer();
    let together = authorizer.decide_each(&jane(), &questions).await.unwrap();
    let mut alone = Vec::new();
    for question in &questions {
        alone.push(authorizer.decide(&jane(), *question).await.unwrap());
    }
    assert_eq!(together, alone);
    assert!(together.iter().any(Decision::is_allowed) && !together.iter().all(Decision::is_allowed));
}
