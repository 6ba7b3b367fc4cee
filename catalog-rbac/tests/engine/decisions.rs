use catalog_rbac::engine::{Policy, Snapshot};

use crate::{
    fixture::{Group, read},
    reference,
};

#[test]
fn every_sentence_of_the_rules_is_kept() {
    let groups: Vec<Group> = read(include_str!("decisions.yaml"));
    let cases: usize = groups.iter().map(|group| group.cases.len()).sum();
    assert!(cases >= 150, "{cases} cases");
    for group in &groups {
        let policy = group.policy();
        let snapshot = Snapshot::build(&policy, 1);
        for case in &group.cases {
            case.check(&snapshot);
            let plain = reference::decide(&policy, case.caller(), &case.attributes());
            assert_eq!(
                snapshot.decide(case.caller(), &case.attributes()),
                plain,
                "{}: {case:?}",
                group.about
            );
        }
    }
}

#[test]
fn no_policy_allows_nothing() {
    let groups: Vec<Group> = read(include_str!("decisions.yaml"));
    let snapshot = Snapshot::build(&Policy::new(), 1);
    for case in groups.iter().flat_map(|group| &group.cases) {
        assert!(!snapshot.decide(case.caller(), &case.attributes()).is_allowed(), "{case:?}");
    }
}
