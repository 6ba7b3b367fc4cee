//! Who gets how many of the next claims: fair between tenants, within the limits.
//!
//! Jobs wait in lanes: one for each tenant and limit key, `team-a/model`, or `team-a/` without a key. Which lanes have jobs that wait is
//! cheap to find out, how many is not; so claims are allotted to lanes, and what a lane does not use is for the next time.

use std::{collections::HashMap, time::Duration};

use crate::limit::Limits;

/// Whose turn it is. Each worker keeps its own: over several it evens out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rotation {
    /// The tenant that was served last.
    last: String,
    /// Where to go on looking for lanes: there are more than are looked at each time.
    from: String,
    /// What was looked at since something was claimed.
    lap: Option<Lap>,
    /// So often in a row limits have held back all there is.
    held_back: u32,
}

/// When to look again for jobs that a limit has held back, the first time: what makes room may happen where nobody tells of it.
const HELD_BACK: Duration = Duration::from_millis(25);

/// A walk over the lanes that has found nothing to claim yet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Lap {
    /// Where it began.
    begun: String,
    /// Whether it has come to the last lane and gone on with the first.
    turned: bool,
}

/// What a look has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The lanes, in order.
    pub(crate) lanes: Vec<String>,
    /// Whether there may be lanes that were not looked at since something was claimed.
    pub(crate) more: bool,
}

impl Rotation {
    /// Beginning after that tenant, so that several workers do not all begin with the first.
    pub fn starting_after(tenant: impl Into<String>) -> Self {
        Self { last: tenant.into(), ..Self::default() }
    }

    /// The lane after which to look for lanes.
    pub(crate) fn from(&self) -> &str {
        &self.from
    }

    /// Whether to look from the front, too, since those behind [`from`](Self::from) were not as many as are looked at.
    pub(crate) fn turns(&self, behind: &[String], window: usize) -> bool {
        behind.len() < window && !self.from.is_empty()
    }

    /// Notes which lanes were seen, in their order: those behind [`from`](Self::from), and those from the front if it
    /// [turned](Self::turns).
    pub(crate) fn saw(&mut self, behind: Vec<String>, mut front: Vec<String>, window: usize) -> Seen {
        let turns = self.turns(&behind, window);
        // the front may reach as far as where the look began
        let reached = front.len() < window || front.last().is_none_or(|last| *last >= self.from);
        let all = behind.len() < window && (!turns || reached);
        let last = if turns { front.last() } else { behind.last() };
        let to = last.filter(|_| !all).cloned().unwrap_or_default();
        front.retain(|lane| *lane <= self.from);
        let from = std::mem::replace(&mut self.from, to);
        let lap = self.lap.get_or_insert(Lap { begun: from, turned: false });
        lap.turned |= turns;
        let is_over = all || (lap.turned && self.from >= lap.begun);
        if is_over {
            self.lap = None;
        }
        front.extend(behind);
        Seen { lanes: front, more: !is_over }
    }

    /// Notes that something was claimed: there may be more of it.
    pub(crate) fn served(&mut self) {
        self.lap = None;
        self.held_back = 0;
    }

    /// Notes that limits held back all there is, and gives when to look again: in twice the time of the last time.
    pub(crate) fn held_back(&mut self) -> Duration {
        let next = HELD_BACK * (1 << self.held_back.min(10));
        self.held_back = self.held_back.saturating_add(1);
        next
    }
}

/// How many lanes are looked at for so many claims.
pub(crate) fn window(most: usize) -> usize {
    most.saturating_mul(4).clamp(64, 1_024)
}

/// What runs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Running {
    /// In all queues.
    pub(crate) global: usize,
    /// In the queue, by lane.
    pub(crate) lanes: HashMap<String, usize>,
}

/// How much a lane gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Share {
    pub(crate) lane: String,
    pub(crate) tenant: String,
    /// Of the lane so many at most.
    pub(crate) most: usize,
    /// Of all lanes of the tenant together so many at most.
    pub(crate) of_tenant: usize,
}

/// The tenant and the limit key of a lane.
pub(crate) fn parts(lane: &str) -> (&str, &str) {
    lane.split_once('/').unwrap_or((lane, ""))
}

struct Tenant<'a> {
    name: &'a str,
    lanes: Vec<&'a str>,
    /// How many it may have.
    most: usize,
    /// How many it gets.
    share: usize,
}

/// Shares out at most `most` claims between `lanes`, which come in their order.
pub(crate) fn allot(
    lanes: &[String],
    running: &Running,
    limits: &Limits,
    most: usize,
    rotation: &mut Rotation,
) -> Vec<Share> {
    let in_queue = running.lanes.values().sum();
    let left = most.min(room(limits.global, running.global)).min(room(limits.queue, in_queue));
    let mut tenants = tenants(lanes, running, limits);
    let next = tenants.partition_point(|tenant| tenant.name <= rotation.last.as_str());
    tenants.rotate_left(next);
    let unused = share_out(left, tenants.iter_mut().map(|tenant| (tenant.most, &mut tenant.share)).collect());
    match tenants.iter().rev().find(|tenant| tenant.share > 0) {
        // all were served, so the next time another one is the first
        Some(_) if unused > 0 || left >= tenants.len() => {
            tenants.first().map(|tenant| tenant.name).unwrap_or_default().clone_into(&mut rotation.last);
        }
        Some(last) => last.name.clone_into(&mut rotation.last),
        None => {}
    }
    within_keys(&tenants, running, limits)
}

/// The tenants of the lanes that may have something, in the order of their names.
fn tenants<'a>(lanes: &'a [String], running: &Running, limits: &Limits) -> Vec<Tenant<'a>> {
    let mut used: HashMap<&str, usize> = HashMap::new();
    for (lane, count) in &running.lanes {
        *used.entry(parts(lane).0).or_default() += count;
    }
    let mut tenants: Vec<Tenant<'a>> = Vec::new();
    for lane in lanes {
        let (name, _) = parts(lane);
        match tenants.last_mut() {
            Some(tenant) if tenant.name == name => tenant.lanes.push(lane),
            _ => {
                let most = room(limits.of_tenant(name), used.get(name).copied().unwrap_or_default());
                tenants.push(Tenant { name, lanes: vec![lane], most, share: 0 });
            }
        }
    }
    tenants.retain(|tenant| tenant.most > 0);
    tenants
}

/// Splits what a limit key leaves between the lanes that share it.
fn within_keys(tenants: &[Tenant<'_>], running: &Running, limits: &Limits) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    let mut by_key: HashMap<&str, Vec<usize>> = HashMap::new();
    for tenant in tenants.iter().filter(|tenant| tenant.share > 0) {
        for lane in &tenant.lanes {
            let key = parts(lane).1;
            if limits.of_key(key).is_some() {
                by_key.entry(key).or_default().push(shares.len());
            }
            let (lane, name) = ((*lane).to_owned(), tenant.name.to_owned());
            shares.push(Share { lane, tenant: name, most: tenant.share, of_tenant: tenant.share });
        }
    }
    for (key, lanes) in by_key {
        let used =
            running.lanes.iter().filter(|(lane, _)| parts(lane).1 == key).map(|(_, count)| count).sum();
        let left = room(limits.of_key(key), used);
        let mut parts: Vec<(usize, usize)> = lanes.iter().map(|_| (0, 0)).collect();
        for (part, index) in parts.iter_mut().zip(&lanes) {
            part.0 = shares.get(*index).map_or(0, |share| share.most);
        }
        share_out(left, parts.iter_mut().map(|(most, part)| (*most, part)).collect());
        for ((_, part), index) in parts.iter().zip(&lanes) {
            if let Some(share) = shares.get_mut(*index) {
                share.most = *part;
            }
        }
    }
    shares.retain(|share| share.most > 0);
    shares
}

/// Gives everybody the same, up to what each may have, the first ones one more; and gives what nobody may have.
fn share_out(mut left: usize, mut parts: Vec<(usize, &mut usize)>) -> usize {
    loop {
        parts.retain(|(most, part)| **part < *most);
        let Some(each) = left.checked_div(parts.len()) else { return left };
        if left == 0 {
            return 0;
        }
        for (most, part) in &mut parts {
            let given = each.max(1).min(*most - **part).min(left);
            **part += given;
            left -= given;
        }
    }
}

fn room(limit: Option<u32>, used: usize) -> usize {
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(lanes: &[&str], limits: &Limits, most: usize, rotation: &mut Rotation) -> Vec<(String, usize)> {
        let lanes: Vec<String> = lanes.iter().map(ToString::to_string).collect();
        let shares = allot(&lanes, &Running::default(), limits, most, rotation);
        shares.into_iter().map(|share| (share.lane, share.most)).collect()
    }

    fn names(shares: &[(String, usize)]) -> Vec<&str> {
        shares.iter().map(|(lane, _)| lane.as_str()).collect()
    }

    #[test]
    fn tenants_take_turns_when_there_is_not_enough_for_all() {
        let mut rotation = Rotation::default();
        let mut served = Vec::new();
        for _ in 0..3 {
            let shares = shares(&["a/", "b/", "c/"], &Limits::default(), 2, &mut rotation);
            served.extend(shares.into_iter().map(|(lane, _)| lane));
        }
        assert_eq!(served, ["a/", "b/", "c/", "a/", "b/", "c/"]);
    }

    #[test]
    fn who_is_first_gets_the_odd_one_and_is_another_each_time() {
        let mut rotation = Rotation::default();
        let limits = Limits::default();
        for first in ["a/", "b/", "a/"] {
            let shares = shares(&["a/", "b/"], &limits, 3, &mut rotation);
            assert_eq!((names(&shares)[0], shares[0].1, shares[1].1), (first, 2, 1));
        }
    }

    #[test]
    fn a_key_that_is_full_leaves_the_others_alone() {
        let limits = Limits { keys: [("model".parse().unwrap(), 1)].into(), ..Limits::default() };
        let mut rotation = Rotation::default();
        let lanes = ["a/mcp", "a/model", "b/model"];
        let first = shares(&lanes, &limits, 9, &mut rotation);
        assert_eq!(first, [("a/mcp".into(), 5), ("a/model".into(), 1)]);
        let second = shares(&lanes, &limits, 9, &mut rotation);
        assert_eq!(second, [("b/model".into(), 1), ("a/mcp".into(), 4)], "now it is b's turn");
    }

    prop_compose! {
        fn some_lanes()(set in prop::collection::btree_set((0..8_u8, 0..4_u8), 0..24)) -> Vec<String> {
            let key = |key| if key == 0 { String::new() } else { format!("k{key}") };
            set.into_iter().map(|(tenant, of)| format!("t{tenant}/{}", key(of))).collect()
        }
    }

    prop_compose! {
        fn some_limits()(global in prop::option::of(0..20_u32), queue in prop::option::of(0..20_u32),
            per_tenant in prop::option::of(0..6_u32), per_key in prop::option::of(0..6_u32)) -> Limits {
            Limits { global, queue, per_tenant, per_key, ..Limits::default() }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_claimed_within_the_shares_is_within_every_limit(
            lanes in some_lanes(), limits in some_limits(), most in 0..40_usize,
            running in prop::collection::hash_map("t[0-7]/(k[1-3])?", 0..5_usize, 0..10), rounds in 1..4_usize,
        ) {
            let mut rotation = Rotation::default();
            let sum = running.values().sum::<usize>();
            let running = Running { global: sum + 1, lanes: running };
            for _ in 0..rounds {
                let shares = allot(&lanes, &running, &limits, most, &mut rotation);
                // a tenant's lanes are cut to its share when they are claimed
                let mut by_tenant: HashMap<&str, (usize, usize)> = HashMap::new();
                let mut by_key: HashMap<&str, usize> = HashMap::new();
                for share in &shares {
                    by_tenant.entry(&share.tenant).or_insert((share.of_tenant, 0)).1 += share.most;
                    *by_key.entry(parts(&share.lane).1).or_default() += share.most;
                }
                let total: usize = by_tenant.values().map(|(share, lanes)| *share.min(lanes)).sum();
                let of = |wanted: &dyn Fn(&str) -> bool| -> usize {
                    running.lanes.iter().filter(|(lane, _)| wanted(lane)).map(|(_, count)| count).sum()
                };
                prop_assert!(total <= most);
                prop_assert!(total <= room(limits.global, sum + 1) && total <= room(limits.queue, sum));
                for (tenant, (share, _)) in by_tenant {
                    prop_assert!(share <= room(limits.per_tenant, of(&|lane| parts(lane).0 == tenant)));
                }
                for (key, count) in by_key.into_iter().filter(|(key, _)| !key.is_empty()) {
                    prop_assert!(limits.per_key.is_none() || count <= room(limits.per_key, of(&|lane| parts(lane).1 == key)));
                }
            }
        }

        #[test]
        fn without_limits_nothing_is_left_over_and_nobody_waits_for_more_than_one_round(
            lanes in some_lanes(), most in 1..40_usize,
        ) {
            let mut rotation = Rotation::default();
            let tenants: std::collections::BTreeSet<&str> = lanes.iter().map(|lane| parts(lane).0).collect();
            let rounds = tenants.len().div_ceil(most);
            let mut served = std::collections::BTreeSet::new();
            for _ in 0..rounds {
                let shares = allot(&lanes, &Running::default(), &Limits::default(), most, &mut rotation);
                let mut each: HashMap<String, usize> = HashMap::new();
                for share in shares {
                    each.insert(share.tenant, share.of_tenant);
                }
                prop_assert_eq!(each.values().sum::<usize>(), most);
                served.extend(each.into_keys());
            }
            prop_assert!(tenants.iter().all(|tenant| served.contains(*tenant)), "{:?} of {:?}", served, tenants);
        }
    }
}
