//! What chance made of policies and questions, with Kubernetes' own answers.

use catalog_rbac::engine::{
    Caller, NonResourceRule, ResourceRule, Snapshot, covers, object::PolicyRule, uncovered,
};
use serde::Deserialize;

use crate::{fixture::Group, reference};

#[derive(Debug, Deserialize)]
struct Random {
    decisions: Vec<Group>,
    covers: Vec<Cover>,
}

#[derive(Debug, Deserialize)]
struct Cover {
    held: Vec<PolicyRule>,
    wanted: Vec<PolicyRule>,
    missing: Vec<PolicyRule>,
}

/// Another file of more of them may be named.
fn random() -> Random {
    let text = std::env::var("CATALOG_RBAC_RANDOM").map(|file| std::fs::read_to_string(file).unwrap());
    let mut random: Random =
        serde_json::from_str(text.as_deref().unwrap_or(include_str!("random.json"))).unwrap();
    for group in &mut random.decisions {
        group.stored = true;
    }
    random
}

#[test]
fn random_decisions_are_those_of_kubernetes() {
    for group in random().decisions {
        let policy = group.policy();
        let snapshot = Snapshot::build(&policy, 1);
        for case in &group.cases {
            case.check(&snapshot);
            let plain = reference::decide(&policy, case.caller(), &case.attributes());
            assert_eq!(snapshot.decide(case.caller(), &case.attributes()), plain, "{case:?}");
        }
    }
}

#[test]
fn random_reviews_are_those_of_kubernetes() {
    for group in random().decisions {
        let snapshot = Snapshot::build(&group.policy(), 1);
        for review in &group.reviews {
            let caller = Caller { user: &review.u, groups: &review.g };
            let rules = snapshot.rules(caller, &review.r#in);
            let expected: Vec<ResourceRule> = review.rules.iter().cloned().map(resource_rule).collect();
            assert_eq!(rules.resource_rules, expected, "{review:?}");
            let expected: Vec<NonResourceRule> = review.paths.iter().cloned().map(path_rule).collect();
            assert_eq!(rules.non_resource_rules, expected, "{review:?}");
            assert_eq!(rules.evaluation_error.unwrap_or_default(), review.error, "{review:?}");
        }
    }
}

fn resource_rule(rule: PolicyRule) -> ResourceRule {
    let PolicyRule { verbs, api_groups, resources, resource_names, .. } = rule;
    ResourceRule { verbs, api_groups, resources, resource_names }
}

fn path_rule(rule: PolicyRule) -> NonResourceRule {
    NonResourceRule { verbs: rule.verbs, non_resource_urls: rule.non_resource_urls }
}

#[test]
fn random_rules_cover_what_kubernetes_says() {
    for cover in random().covers {
        assert_eq!(uncovered(&cover.held, &cover.wanted), cover.missing, "{cover:?}");
        assert_eq!(covers(&cover.held, &cover.wanted), cover.missing.is_empty());
    }
}
