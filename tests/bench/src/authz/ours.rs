//! The engine of catalog-rbac, by every way in which it is asked.

use std::{hint::black_box, sync::Arc, time::Instant};

use catalog_rbac::engine::{
    PolicyHandle, ResolvedIdentity, Snapshot, Verdict, Visible,
    object::{ClusterRoleBinding, Metadata, Object, RoleBinding, Subject},
};

use super::{
    contender::Contender,
    grant::Grant,
    table::{float, nanoseconds},
    workload::{Question, Workload},
};
use crate::AnyError;

type Ask = fn(&Snapshot, &Question, &ResolvedIdentity) -> bool;

pub(crate) struct Ours<'a> {
    pub(crate) names: Way<'a>,
    pub(crate) resolved: Way<'a>,
    pub(crate) reasons: Way<'a>,
    pub(crate) visible: Way<'a>,
    pub(crate) visible_resolved: Way<'a>,
    pub(crate) listed: Way<'a>,
}

pub(crate) struct Way<'a> {
    snapshot: Arc<Snapshot>,
    questions: &'a [Question],
    resolved: Arc<[ResolvedIdentity]>,
    ask: Ask,
    is_checked: bool,
}

impl<'a> Ours<'a> {
    pub(crate) fn new(workload: &'a Workload) -> Self {
        let snapshot = Arc::new(Snapshot::build(&workload.policy, 1));
        let resolved: Arc<[ResolvedIdentity]> =
            workload.questions.iter().map(|question| snapshot.resolve(question.caller())).collect();
        let way = |is_checked: bool, ask: Ask| Way {
            snapshot: Arc::clone(&snapshot),
            questions: &workload.questions,
            resolved: Arc::clone(&resolved),
            ask,
            is_checked,
        };
        Self {
            names: way(true, |snapshot, question, _| {
                snapshot.decide(question.caller(), &question.attributes()).is_allowed()
            }),
            resolved: way(true, |snapshot, question, identity| {
                snapshot.decide_resolved(identity, &question.attributes()).is_ok_and(Verdict::is_allowed)
            }),
            reasons: way(true, |snapshot, question, _| {
                let (caller, attributes) = (question.caller(), question.attributes());
                snapshot.decide(caller, &attributes).is_allowed()
                    && snapshot.reason(caller, &attributes).is_some()
            }),
            visible: way(false, |snapshot, question, _| {
                let asked = question.asked();
                matches!(black_box(snapshot.visible(question.caller(), &asked)), Visible::All)
            }),
            visible_resolved: way(false, |snapshot, question, identity| {
                let asked = question.asked();
                black_box(snapshot.visible_resolved(identity, &asked)).is_ok()
            }),
            listed: way(false, |snapshot, question, _| {
                let asked = question.asked();
                match snapshot.visible(question.caller(), &asked) {
                    Visible::All => true,
                    Visible::Some(namespaces) => namespaces.iter().map(black_box).count() > 0,
                }
            }),
        }
    }
}

impl Contender for Way<'_> {
    fn one(&self, question: usize) -> bool {
        match (self.questions.get(question), self.resolved.get(question)) {
            (Some(question), Some(identity)) => (self.ask)(&self.snapshot, question, identity),
            _ => false,
        }
    }

    fn is_checked(&self) -> bool {
        self.is_checked
    }
}

/// Makes a change so many times, and gives the nanoseconds of one.
pub(crate) type Change = fn(&Workload, usize) -> Result<f64, AnyError>;

#[expect(clippy::unnecessary_wraps, reason = "it is one of several that may fail")]
pub(crate) fn build(workload: &Workload, times: usize) -> Result<f64, AnyError> {
    let begun = Instant::now();
    let snapshots: Vec<Snapshot> = (0..times).map(|_| Snapshot::build(&workload.policy, 1)).collect();
    // freeing the former one is somebody else's time
    let each = nanoseconds(begun.elapsed()) / float(times);
    drop(snapshots);
    Ok(each)
}

/// Other subjects for a binding, one after the other, each in force before the next.
pub(crate) fn replace(workload: &Workload, times: usize) -> Result<f64, AnyError> {
    in_turn(workload, times, |grant, number| grant.namespace.is_some() && number % 7 == 0)
}

pub(crate) fn replace_in_cluster(workload: &Workload, times: usize) -> Result<f64, AnyError> {
    in_turn(workload, times, |grant, _| grant.namespace.is_none())
}

fn in_turn(workload: &Workload, times: usize, is_wanted: fn(&Grant, usize) -> bool) -> Result<f64, AnyError> {
    let handle = PolicyHandle::new(workload.policy.clone());
    let wanted = || workload.grants.iter().enumerate().filter(|(number, grant)| is_wanted(grant, *number));
    let changed: Vec<Object> = wanted()
        .cycle()
        .take(times)
        .enumerate()
        .map(|(turn, (number, grant))| object(number, grant, turn))
        .collect();
    let begun = Instant::now();
    for object in changed {
        handle.put(object)?;
    }
    Ok(nanoseconds(begun.elapsed()) / float(times))
}

/// The binding without its first subject, and with two others, one of whom nobody has seen.
fn object(number: usize, grant: &Grant, turn: usize) -> Object {
    let metadata = Metadata::new(format!("binding-{number}"));
    let mut subjects: Vec<Subject> = grant.subjects.iter().skip(1).cloned().collect();
    subjects.extend([Subject::user(format!("new-{turn}@example.com")), Subject::group("group-1")]);
    let role_ref = grant.role_ref();
    match &grant.namespace {
        Some(namespace) => {
            RoleBinding { metadata: metadata.in_namespace(namespace), role_ref, subjects }.into()
        }
        None => ClusterRoleBinding { metadata, role_ref, subjects }.into(),
    }
}
