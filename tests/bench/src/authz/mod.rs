//! Decisions of the embedded RBAC engine, beside the least that any engine must do and, in the package `peers`, beside other engines.
//!
//! One thread asks the same 10,000 questions of each in turns: seven of ten are granted in a namespace, two are refused, and one is
//! granted in the whole cluster. Before that each must give the verdict that is known.

pub(crate) mod contender;
pub(crate) mod grant;
mod limit;
mod ours;
mod random;
mod table;
pub(crate) mod workload;

use std::time::Instant;

use clap::{Arg, ArgMatches, Command, value_parser};

use self::{
    contender::Contender,
    table::{Goal, Row},
    workload::Workload,
};
use crate::AnyError;

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) questions: usize,
}

/// Another engine with what it is called.
pub(crate) type Peer = (&'static str, Box<dyn Contender>);

/// Makes the other engines with a policy.
pub(crate) type Peers = fn(&Workload) -> Result<Vec<Peer>, AnyError>;

/// The options.
pub(crate) fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_parser(value_parser!(usize)).default_value(default).help(help)
    };
    Command::new("authz")
        .about("Decisions, visible namespaces and changes of the embedded RBAC engine")
        .arg(number("rounds", "7", "So many times is each measured; the median counts"))
        .arg(number("questions", "10000", "Questions that are asked in a round"))
}

pub(crate) fn plan(matches: &ArgMatches) -> Plan {
    let number = |name| matches.get_one::<usize>(name).copied().unwrap_or_default();
    Plan { rounds: number("rounds"), questions: number("questions") }
}

const SIZES: [usize; 3] = [10, 1_000, MOST];
const MOST: usize = 10_000;

/// Measures everything, and prints a table.
pub(crate) fn run(plan: Plan, peers: Peers) -> Result<(), AnyError> {
    println!(
        "one thread, {} questions, {} rounds; a goal that is missed has a `!` before it",
        plan.questions, plan.rounds
    );
    println!(
        "p50 and p99 are of single questions, with the {} ns that a look at the clock takes\n",
        table::clock()
    );
    println!("{}", table::HEADER);
    for bindings in SIZES {
        let workload = Workload::new(bindings, plan.questions)?;
        for row in decisions(&workload, plan, peers)? {
            println!("{row}");
        }
        for row in changes(&workload, plan)? {
            println!("{row}");
        }
    }
    Ok(())
}

fn decisions(workload: &Workload, plan: Plan, peers: Peers) -> Result<Vec<Row>, AnyError> {
    let ours = ours::Ours::new(workload);
    let numbers = limit::Numbers::new(workload);
    let names = limit::Names::new(workload);
    let goal = |goal| if workload.bindings == MOST { Goal::AtMost(goal) } else { Goal::None };
    let mut entries = vec![
        Entry::new(BY_NUMBER, &numbers),
        Entry::new(BY_NAMES, &names),
        Entry::new(NAMES, &ours.names).beside(BY_NAMES).with_goal(goal(150.0)),
        Entry::new(RESOLVED, &ours.resolved).beside(BY_NAMES).with_goal(goal(70.0)),
        Entry::new("decision, names, with its reason", &ours.reasons).beside(NAMES),
        Entry::new("visible namespaces, names", &ours.visible).beside(NAMES).with_goal(goal(100.0)),
        Entry::new("visible namespaces, resolved", &ours.visible_resolved)
            .beside(RESOLVED)
            .with_goal(goal(100.0)),
        Entry::new("visible namespaces, each told", &ours.listed).beside(NAMES),
        Entry::new(HOT_BY_NAMES, &names).hot(),
        Entry::new(HOT_NAMES, &ours.names).hot().beside(HOT_BY_NAMES).with_goal(goal(150.0)),
        Entry::new(HOT_RESOLVED, &ours.resolved).hot().beside(HOT_BY_NAMES).with_goal(goal(70.0)),
    ];
    let peers = peers(workload)?;
    entries.extend(peers.iter().map(|(what, peer)| Entry::new(what, peer.as_ref()).beside(NAMES)));
    for entry in &entries {
        entry.contender.check(workload).map_err(|error| format!("{}: {error}", entry.what))?;
    }
    for _ in 0..plan.rounds {
        for entry in &mut entries {
            entry.measure(workload);
        }
    }
    let medians: Vec<(&str, f64)> =
        entries.iter().map(|entry| (entry.what, table::median(&entry.samples))).collect();
    let row = |entry: Entry<'_>| Row {
        bindings: workload.bindings,
        what: entry.what,
        samples: entry.samples,
        latencies: entry.latencies,
        baseline: medians.iter().find(|(what, _)| *what == entry.baseline).copied(),
        goal: entry.goal,
    };
    Ok(entries.into_iter().map(row).collect())
}

const BY_NUMBER: &str = "limit: one probe by number";
const BY_NAMES: &str = "limit: the names looked up";
const NAMES: &str = "decision, names";
const RESOLVED: &str = "decision, resolved";
const HOT_BY_NAMES: &str = "of 1,000: limit: the names looked up";
const HOT_NAMES: &str = "of 1,000: decision, names";
const HOT_RESOLVED: &str = "of 1,000: decision, resolved";

/// So many of the questions fit into the caches of a processor.
const HOT: usize = 1_000;

/// One of those that are asked in turns.
struct Entry<'a> {
    what: &'static str,
    contender: &'a dyn Contender,
    baseline: &'static str,
    goal: Goal,
    is_hot: bool,
    samples: Vec<f64>,
    latencies: Vec<u64>,
}

impl<'a> Entry<'a> {
    fn new(what: &'static str, contender: &'a dyn Contender) -> Self {
        Self {
            what,
            contender,
            baseline: "",
            goal: Goal::None,
            is_hot: false,
            samples: Vec::new(),
            latencies: Vec::new(),
        }
    }

    fn beside(self, baseline: &'static str) -> Self {
        Self { baseline, ..self }
    }

    fn with_goal(self, goal: Goal) -> Self {
        Self { goal, ..self }
    }

    /// Asked the first questions alone, again and again.
    fn hot(self) -> Self {
        Self { is_hot: true, ..self }
    }

    fn measure(&mut self, workload: &Workload) {
        let all = self.contender.pace().min(workload.questions.len());
        let (questions, times) = if self.is_hot { (HOT.min(all), all.div_ceil(HOT)) } else { (all, 1) };
        self.contender.pass(questions.min(HOT));
        let begun = Instant::now();
        for _ in 0..times {
            self.contender.pass(questions);
        }
        self.samples.push(table::nanoseconds(begun.elapsed()) / table::float(questions * times));
        self.latencies.extend(self.contender.latencies(questions));
    }
}

/// What a change costs: a whole policy compiled, and one binding replaced.
fn changes(workload: &Workload, plan: Plan) -> Result<Vec<Row>, AnyError> {
    let mut rows = Vec::new();
    let goal = |goal| if workload.bindings == MOST { Goal::AtMost(goal) } else { Goal::None };
    for (what, goal, times, change) in [
        ("snapshot built from the policy", goal(15e6), 3, ours::build as ours::Change),
        ("one binding of a namespace replaced", goal(100e3), 200, ours::replace),
        ("one binding of the cluster replaced", goal(100e3), 200, ours::replace_in_cluster),
    ] {
        let samples = (0..plan.rounds).map(|_| change(workload, times)).collect::<Result<Vec<f64>, _>>()?;
        rows.push(Row {
            bindings: workload.bindings,
            what,
            samples,
            latencies: Vec::new(),
            baseline: None,
            goal,
        });
    }
    Ok(rows)
}
