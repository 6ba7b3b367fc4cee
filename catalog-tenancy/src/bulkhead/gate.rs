//! Who is let in next: pure bookkeeping under one lock.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use catalog_core::name::Namespace;
use tokio::sync::oneshot;

use super::Weight;

/// The right to be under way. It is given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    /// Whose it is; none is nobody's, a request to the server itself or to several tenants.
    tenant: Option<Namespace>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.give_back(self.tenant.as_ref());
    }
}

/// Why a request was not let in. It is in the extensions of the response that says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Busy {
    /// As many of the tenant's requests wait as may.
    #[error("too many requests of the namespace wait for their turn")]
    QueueFull,
    /// Its turn did not come in time.
    #[error("the request waited too long for its turn")]
    TooLate,
}

/// What a request that asks to be let in hears.
pub(super) enum Answer {
    In(Permit),
    Wait(oneshot::Receiver<Permit>),
    Refused(Busy),
}

/// Lets requests in, at most `permits` at once.
///
/// A tenant may hold `2 × weight × free` permits: more while others need none, and never the last ones. So alone it has two thirds
/// of them; two have two fifths each; and whoever comes then still finds one free. With no request under way a tenant is let in as
/// long as any permit is free.
///
/// Source: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches" (1998), with α = 2.
#[derive(Debug)]
pub(super) struct Gate {
    permits: usize,
    queue: usize,
    /// There is one tenant, who need not leave anything to others.
    alone: bool,
    state: Mutex<State>,
}

const ALPHA: usize = 2;

#[derive(Debug, Default)]
struct State {
    weights: BTreeMap<Namespace, Weight>,
    under_way: usize,
    /// Those that have requests under way or waiting.
    tenants: HashMap<Option<Namespace>, Tenant>,
    waiting: usize,
    /// Counts those that came to wait, to tell who came first.
    came: u64,
}

#[derive(Debug, Default)]
struct Tenant {
    under_way: usize,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    tell: oneshot::Sender<Permit>,
}

impl Gate {
    pub(super) fn new(
        permits: usize,
        queue: usize,
        weights: BTreeMap<Namespace, Weight>,
        alone: bool,
    ) -> Self {
        let state = Mutex::new(State { weights, ..State::default() });
        Self { permits, queue, alone, state }
    }

    /// How many are under way and how many wait.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.under_way, state.waiting)
    }

    /// From now on tenants weigh so much.
    pub(super) fn replace_weights(&self, weights: BTreeMap<Namespace, Weight>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).weights = weights;
    }

    pub(super) fn enter(self: &Arc<Self>, tenant: Option<&Namespace>) -> Answer {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let (key, weight) = (tenant.cloned(), state.weight(tenant));
        let of_tenant = state.tenants.entry(key.clone()).or_default();
        // who waits already is before who comes
        if of_tenant.waiting.is_empty() && self.may(weight, of_tenant.under_way, state.under_way) {
            of_tenant.under_way += 1;
            state.under_way += 1;
            return Answer::In(Permit { gate: Arc::clone(self), tenant: key });
        }
        of_tenant.waiting.retain(|waiting| {
            let gone = waiting.tell.is_closed();
            state.waiting -= usize::from(gone);
            !gone
        });
        if of_tenant.waiting.len() >= self.queue {
            state.forget(&key);
            return Answer::Refused(Busy::QueueFull);
        }
        let (tell, told) = oneshot::channel();
        of_tenant.waiting.push_back(Waiting { number: state.came, tell });
        state.came += 1;
        state.waiting += 1;
        Answer::Wait(told)
    }

    /// Whether a tenant of that weight that has `own` under way may have one more, where all have `all`.
    fn may(&self, weight: usize, own: usize, all: usize) -> bool {
        let free = self.permits.saturating_sub(all);
        let most = ALPHA.saturating_mul(weight).saturating_mul(free);
        free > 0 && (own == 0 || self.alone || own < most)
    }

    fn give_back(self: &Arc<Self>, tenant: Option<&Namespace>) {
        let mut handed = Vec::new();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.leave(tenant);
        while let Some((tenant, tell)) = self.next(&mut state) {
            handed.push((tell, Permit { gate: Arc::clone(self), tenant }));
        }
        drop(state);
        // without the lock: a permit that nobody waits for any more comes back here at once
        for (tell, permit) in handed {
            drop(tell.send(permit));
        }
    }

    /// The next of those that wait and may be let in: of the tenant that holds the least for its weight, and of several the one that
    /// came first. It is counted as under way.
    fn next(&self, state: &mut State) -> Option<(Option<Namespace>, oneshot::Sender<Permit>)> {
        while state.waiting > 0 {
            let all = state.under_way;
            let candidates = state.tenants.iter().filter_map(|(key, tenant)| {
                let (first, key) = (tenant.waiting.front()?, key.as_ref());
                let weight = state.weight(key);
                let share = tenant.under_way.saturating_mul(1_000) / weight;
                self.may(weight, tenant.under_way, all).then_some((share, first.number, key))
            });
            let (.., key) = candidates.min_by_key(|(share, number, _)| (*share, *number))?;
            let key = key.cloned();
            let tenant = state.tenants.get_mut(&key)?;
            let waiting = tenant.waiting.pop_front()?;
            state.waiting -= 1;
            if !waiting.tell.is_closed() {
                tenant.under_way += 1;
                state.under_way += 1;
                return Some((key, waiting.tell));
            }
            state.forget(&key);
        }
        None
    }
}

impl State {
    fn weight(&self, tenant: Option<&Namespace>) -> usize {
        tenant.and_then(|tenant| self.weights.get(tenant)).copied().unwrap_or_default().get()
    }

    fn leave(&mut self, tenant: Option<&Namespace>) {
        self.under_way -= 1;
        let key = tenant.cloned();
        if let Some(of_tenant) = self.tenants.get_mut(&key) {
            of_tenant.under_way -= 1;
        }
        self.forget(&key);
    }

    #[expect(clippy::ref_option, reason = "it is the key of the map")]
    /// Forgets a tenant of whom nothing is under way and nobody waits.
    fn forget(&mut self, key: &Option<Namespace>) {
        if self.tenants.get(key).is_some_and(|tenant| tenant.under_way == 0 && tenant.waiting.is_empty()) {
            self.tenants.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gate(permits: usize, queue: usize, weights: &[(&str, u32)]) -> Arc<Gate> {
        let weight =
            |(name, times): &(&str, u32)| (name.parse().unwrap(), Weight::new((*times).try_into().unwrap()));
        Arc::new(Gate::new(permits, queue, weights.iter().map(weight).collect(), false))
    }

    fn enter(gate: &Arc<Gate>, tenant: &str) -> Answer {
        gate.enter(Some(&tenant.parse().unwrap()))
    }

    /// So many of the tenant's requests are let in at once.
    fn fill(gate: &Arc<Gate>, tenant: &str) -> Vec<Permit> {
        std::iter::from_fn(|| match enter(gate, tenant) {
            Answer::In(permit) => Some(permit),
            Answer::Wait(_) | Answer::Refused(_) => None,
        })
        .collect()
    }

    #[test]
    fn whoever_comes_finds_room_that_others_have_left() {
        let gate = gate(12, 9, &[("big", 3)]);
        let one = fill(&gate, "one");
        let two = fill(&gate, "two");
        let three = fill(&gate, "three");
        assert_eq!((one.len(), two.len(), three.len()), (8, 3, 1));
        assert_eq!(gate.load().0, 12);
        drop((one, two, three));
        assert_eq!(fill(&gate, "big").len(), 11, "of 12 it may have 6/7");
        assert_eq!(gate.load(), (0, 0));
        assert!(gate.state.lock().unwrap().tenants.is_empty(), "nobody is remembered");
    }

    #[test]
    fn who_is_alone_has_everything() {
        let gate = Arc::new(Gate::new(4, 1, BTreeMap::new(), true));
        assert_eq!(fill(&gate, "default").len(), 4);
    }

    #[test]
    fn who_holds_least_is_next_and_then_who_came_first() {
        let gate = gate(2, 5, &[]);
        let (Answer::In(first), Answer::In(second)) = (enter(&gate, "a"), enter(&gate, "b")) else {
            panic!()
        };
        let mut waiting = ["b", "a", "c", "a", "b"].map(|tenant| match enter(&gate, tenant) {
            Answer::Wait(told) => (tenant, told),
            Answer::In(_) | Answer::Refused(_) => panic!("{tenant}"),
        });
        drop(first);
        // b holds one, a and c none; a came before c
        let mut told: Vec<_> =
            waiting.iter_mut().filter_map(|(tenant, told)| Some((*tenant, told.try_recv().ok()?))).collect();
        assert_eq!(told.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>(), ["a"]);
        drop(second);
        told.extend(waiting.iter_mut().filter_map(|(tenant, told)| Some((*tenant, told.try_recv().ok()?))));
        assert_eq!(told.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_queue_is_bounded_and_who_left_it_takes_no_place() {
        let gate = gate(1, 2, &[]);
        let Answer::In(permit) = enter(&gate, "a") else { panic!() };
        let (Answer::Wait(gone), Answer::Wait(mut stays)) = (enter(&gate, "a"), enter(&gate, "a")) else {
            panic!()
        };
        assert!(matches!(enter(&gate, "a"), Answer::Refused(Busy::QueueFull)));
        assert!(matches!(enter(&gate, "b"), Answer::Wait(_)), "each tenant has a queue of its own");
        drop(gone);
        let Answer::Wait(last) = enter(&gate, "a") else { panic!() };
        drop(permit);
        let permit = stays.try_recv().unwrap();
        drop(last);
        drop(permit);
        assert_eq!(gate.load().0, 0, "a permit that nobody waits for is not lost");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_never_too_much_is_given(
            permits in 1usize..6,
            steps in prop::collection::vec((0usize..4, 0u8..4), 0..200),
        ) {
            let gate = gate(permits, 3, &[("t1", 2)]);
            let (mut held, mut waiting) = (Vec::new(), Vec::new());
            for (tenant, step) in steps {
                match step {
                    0 | 1 => match enter(&gate, &format!("t{tenant}")) {
                        Answer::In(permit) => held.push(permit),
                        Answer::Wait(told) => waiting.push(told),
                        Answer::Refused(_) => {}
                    },
                    2 if !held.is_empty() => drop(held.swap_remove(tenant % held.len())),
                    3 if !waiting.is_empty() => drop(waiting.swap_remove(tenant % waiting.len())),
                    _ => {}
                }
                waiting.retain_mut(|told: &mut oneshot::Receiver<Permit>| match told.try_recv() {
                    Ok(permit) => {
                        held.push(permit);
                        false
                    }
                    Err(oneshot::error::TryRecvError::Empty) => true,
                    Err(oneshot::error::TryRecvError::Closed) => panic!("nobody is sent away who waits"),
                });
                prop_assert!(held.len() <= permits);
                prop_assert_eq!(gate.load().0, held.len());
                prop_assert!(waiting.is_empty() || !held.is_empty(), "somebody waits for nothing");
            }
            drop(held);
            while let Some(permit) = waiting.iter_mut().find_map(|told| told.try_recv().ok()) {
                drop(permit);
            }
            prop_assert_eq!(gate.load().0, 0);
        }
    }
}
