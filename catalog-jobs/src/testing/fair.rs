use std::collections::HashMap;

use catalog_core::{clock::ManualClock, testing::TEST};

use super::{DONE, LEASE, claim, name, said, say, settle};
use crate::{
    allot::Rotation,
    claim::{ClaimRequest, Claimed},
    gate::Gate,
    limit::Limits,
    name::QueueName,
    new_job::NewJob,
    store::JobStore,
};

fn of_tenant<'a>(claimed: &'a [Claimed], tenant: &str) -> Vec<&'a Claimed> {
    claimed.iter().filter(|claimed| claimed.claim.namespace.as_str() == tenant).collect()
}

/// However many jobs one tenant has waiting, another's first is among the next that are claimed.
pub async fn a_flood_delays_nobody<S: JobStore>(store: &S, _: &ManualClock) {
    let flood: Vec<NewJob> = (0..2_000).map(|_| say("flood", "x").with_priority(100)).collect();
    store.enqueue(&flood).await.unwrap();
    assert_eq!(claim(store, 10).await.len(), 10);
    store.enqueue(&[say("late", "1"), say("later", "1"), say("later", "2")]).await.unwrap();
    let request = ClaimRequest::new(QueueName::default(), "test", 4, LEASE);
    let mut rotation = Rotation::default();
    let mut claimed = Vec::new();
    for _ in 0..2 {
        claimed.extend(store.claim_any_tenant(&request, &mut rotation).await.unwrap().claimed);
    }
    assert_eq!(of_tenant(&claimed, "late").len(), 1, "within two rounds");
    assert!(!of_tenant(&claimed, "later").is_empty());
    // more tenants than are claimed at once take turns
    let many: Vec<NewJob> = (0..200).map(|number| say(&format!("t{number:03}"), "x")).collect();
    store.enqueue(&many).await.unwrap();
    let mut rounds = 0;
    let mut served = HashMap::new();
    while served.len() < many.len() {
        rounds += 1;
        for claimed in store.claim_any_tenant(&request, &mut rotation).await.unwrap().claimed {
            served.entry(claimed.claim.namespace).or_insert(rounds);
        }
        served.remove(&name("flood"));
        served.remove(&name("later"));
        assert!(rounds <= 60, "{} of {} served", served.len(), many.len());
    }
}

/// A worker that has jobs of many tenants to do is not told to rest while some wait, and is when all of them are paused.
pub async fn many_tenants_are_served_without_a_rest<S: JobStore>(store: &S, _: &ManualClock) {
    let tenants: Vec<String> = (0..150).map(|number| format!("t{number:03}")).collect();
    for (many, most) in [(80, 3), (80, 16), (64, 16), (150, 16)] {
        let some = tenants.iter().take(many);
        let jobs: Vec<NewJob> = some.flat_map(|tenant| (0..6).map(|_| say(tenant, "x"))).collect();
        store.enqueue(&jobs).await.unwrap();
        let request = ClaimRequest::new(QueueName::default(), "test", most, LEASE);
        let (mut rotation, mut left, mut idle) = (Rotation::default(), jobs.len(), 0);
        while left > 0 {
            let batch = store.claim_any_tenant(&request, &mut rotation).await.unwrap();
            assert!(batch.more, "{left} of {many} tenants wait");
            idle = if batch.claimed.is_empty() { idle + 1 } else { 0 };
            assert!(idle < 3, "{left} of {many} tenants wait, and none are found");
            left -= batch.claimed.len();
        }
        rests(store, &request, &mut rotation).await;
    }
    let jobs: Vec<NewJob> = tenants.iter().map(|tenant| say(tenant, "x")).collect();
    store.enqueue(&jobs).await.unwrap();
    for tenant in &tenants {
        store.set_paused(&TEST, &Gate::Tenant(name(tenant)), true).await.unwrap();
    }
    let request = ClaimRequest::new(QueueName::default(), "test", 3, LEASE);
    let mut rotation = Rotation::default();
    for _ in 0..3 {
        rests(store, &request, &mut rotation).await;
    }
    let open = Gate::Tenant(name("t149"));
    store.set_paused(&TEST, &open, false).await.unwrap();
    assert_eq!(rests(store, &request, &mut rotation).await, 1, "the last one is found before");
}

/// Claims until it is told to rest, which comes soon, and gives how many it got.
async fn rests<S: JobStore>(store: &S, request: &ClaimRequest, rotation: &mut Rotation) -> usize {
    let mut many = 0;
    for _ in 0..8 {
        let batch = store.claim_any_tenant(request, rotation).await.unwrap();
        many += batch.claimed.len();
        if !batch.more {
            return many;
        }
    }
    panic!("there is more for ever");
}

/// Limits hold whoever claims; what is over makes room.
pub async fn limits_hold<S: JobStore + Clone>(store: &S, _: &ManualClock) {
    let mut jobs = Vec::new();
    for tenant in ["a", "b", "c"] {
        for plugin in ["mcp", "model"] {
            jobs.extend((0..5).map(|_| say(tenant, "x").for_plugin(plugin.parse().unwrap())));
        }
    }
    store.enqueue(&jobs).await.unwrap();
    let limits = Limits {
        queue: Some(6),
        per_tenant: Some(3),
        tenants: [(name("c"), 1)].into(),
        keys: [("mcp".parse().unwrap(), 2)].into(),
        ..Limits::default()
    };
    let request = ClaimRequest::new(QueueName::default(), "test", 4, LEASE).with_limits(limits);
    let mut running: Vec<Claimed> = Vec::new();
    let mut done = 0;
    while done < jobs.len() {
        let claims = [(); 4].map(|()| {
            let (store, request) = (store.clone(), request.clone());
            tokio::spawn(async move {
                let batch = store.claim_any_tenant(&request, &mut Rotation::default()).await;
                batch.unwrap().claimed
            })
        });
        for claim in claims {
            running.extend(claim.await.unwrap());
        }
        let mcp = running.iter().filter(|claimed| claimed.plugin.as_ref().unwrap().as_str() == "mcp").count();
        let of = |tenant| of_tenant(&running, tenant).len();
        assert!(running.len() <= 6 && of("a") <= 3 && of("b") <= 3 && of("c") <= 1 && mcp <= 2);
        assert!(!running.is_empty(), "{done} are done, and nothing runs");
        let ended = running.swap_remove(done % running.len());
        assert!(settle(store, &ended.claim, DONE).await);
        done += 1;
    }
    assert!(running.is_empty());
    let none = Limits { global: Some(0), ..Limits::default() };
    store.enqueue(&[say("a", "x")]).await.unwrap();
    let request = ClaimRequest::new(QueueName::default(), "test", 4, LEASE).with_limits(none);
    let batch = store.claim_any_tenant(&request, &mut Rotation::default()).await.unwrap();
    assert!(batch.claimed.is_empty());
}

/// Who is held back by a limit looks again later each time, and is woken by what makes room: in the queue, or in any, as the limit is.
pub async fn who_is_held_back_is_woken<S: JobStore>(store: &S, clock: &ManualClock) {
    let other: QueueName = "other".parse().unwrap();
    let mut foreign = Vec::new();
    for is_global in [false, true] {
        store.enqueue(&[say("a", "1"), say("b", "2"), say("a", "x").in_queue(other.clone())]).await.unwrap();
        let elsewhere = ClaimRequest::new(other.clone(), "test", 1, LEASE);
        foreign.extend(store.claim_any_tenant(&elsewhere, &mut Rotation::default()).await.unwrap().claimed);
        let limits =
            Limits { queue: (!is_global).then_some(1), global: is_global.then_some(2), ..Limits::default() };
        let request = ClaimRequest::new(QueueName::default(), "test", 4, LEASE).with_limits(limits);
        let mut rotation = Rotation::default();
        let first = store.claim_any_tenant(&request, &mut rotation).await.unwrap().claimed;
        assert_eq!(first.len(), 1);
        let mut waits = Vec::new();
        for _ in 0..4 {
            let batch = store.claim_any_tenant(&request, &mut rotation).await.unwrap();
            assert!(batch.claimed.is_empty() && !batch.more);
            waits.push(batch.next_due.unwrap().as_millis());
        }
        assert_eq!(waits, [25, 50, 100, 200]);
        let mut woken = store.wakes().of(&QueueName::default());
        woken.mark_unchanged();
        assert!(settle(store, &foreign.remove(0).claim, DONE).await);
        assert_eq!(woken.has_changed().unwrap(), is_global, "by another queue");
        woken.mark_unchanged();
        assert!(settle(store, &first[0].claim, DONE).await);
        assert!(woken.has_changed().unwrap());
        let second = store.claim_any_tenant(&request, &mut rotation).await.unwrap().claimed;
        assert_eq!(second.len(), 1);
        woken.mark_unchanged();
        clock.advance(LEASE);
        store.reap_any_tenant(9).await.unwrap();
        assert!(woken.has_changed().unwrap(), "a worker that is lost makes room, too");
        for claimed in claim(store, 9).await {
            settle(store, &claimed.claim, DONE).await;
        }
    }
}

/// A queue or tenant that is paused has its jobs wait, and no other.
pub async fn closed_gates_let_nothing_through<S: JobStore>(store: &S, _: &ManualClock) {
    store.enqueue(&[say("a", "1"), say("b", "2")]).await.unwrap();
    let (tenant, queue) = (Gate::Tenant(name("a")), Gate::Queue(QueueName::default()));
    for is_first in [true, false] {
        assert_eq!(store.set_paused(&TEST, &tenant, true).await.unwrap(), is_first);
    }
    assert!(!store.set_paused(&TEST, &queue, false).await.unwrap(), "it is not paused");
    assert_eq!(said(&claim(store, 9).await), "2");
    assert!(store.set_paused(&TEST, &queue, true).await.unwrap());
    let mut paused = store.paused().await.unwrap();
    paused.sort();
    assert_eq!(paused, [queue.clone(), tenant.clone()]);
    assert!(store.set_paused(&TEST, &tenant, false).await.unwrap());
    assert!(claim(store, 9).await.is_empty());
    assert!(store.set_paused(&TEST, &queue, false).await.unwrap());
    assert!(store.paused().await.unwrap().is_empty());
    assert_eq!(said(&claim(store, 9).await), "1");
}
