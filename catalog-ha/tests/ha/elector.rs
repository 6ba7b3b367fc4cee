//! The scenarios of an election, with time that a test sets forward.

use std::{sync::atomic::Ordering, time::Duration};

use catalog_ha::{
    elector::{ElectorError, Role},
    fence::FencingToken,
    lease::{Claim, LeaseErrorKind, LeaseName, LeaseStore},
};
use tokio::time::{Instant, sleep};

use crate::fixture::{Candidate, Fault, Link, Manner, Place};

const LEASE: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_secs(2);
const MARGIN: Duration = Duration::from_millis(1_500);
/// For how long a renewal is trusted.
const TRUSTED: Duration = Duration::from_millis(13_500);
/// The longest wait between two looks.
const PAUSE: Duration = Duration::from_millis(2_400);

fn name() -> LeaseName {
    LeaseName::new("test").unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_candidate_leads_at_once_and_the_others_stand_by() {
    let (place, start) = (Place::default(), Instant::now());
    let candidates: Vec<Candidate> = ["a", "b", "c"].map(|who| place.candidate(who)).into();
    let first = place.terms.nth(1).await;
    assert!(first.began - start < RETRY);
    assert_eq!(first.token, FencingToken { timeline: 0, number: 1 });
    sleep(LEASE * 4).await;
    assert_eq!(place.terms.all().len(), 1, "while it renews nobody takes it");
    assert!(first.guard.is_leading());
    let leading = candidates.iter().filter(|candidate| candidate.role() == Role::Leading).count();
    let standby = candidates.iter().filter(|candidate| candidate.role() == Role::Standby).count();
    assert_eq!((leading, standby), (1, 2));
    for candidate in &candidates {
        let holder = candidate.elector.status().borrow().holder.clone().unwrap();
        assert!(holder.starts_with(&first.who), "{holder}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_leader_was_killed_the_next_one_leads_within_the_lease() {
    let place = Place::default();
    let a = place.candidate("a");
    place.terms.nth(1).await;
    let _b = place.candidate("b");
    sleep(Duration::from_secs(7)).await;
    let killed = Instant::now();
    a.kill();
    let next = place.terms.nth(2).await;
    let took = next.began - killed;
    assert!(took + PAUSE >= LEASE && took <= LEASE + PAUSE, "{took:?}");
    assert_eq!((next.who.as_str(), next.token.number), ("b", 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_found_and_the_term_goes_on() {
    let place = Place::default();
    let a = place.candidate("a");
    let term = place.terms.nth(1).await;
    let _b = place.candidate("b");
    for _ in 0..10 {
        a.link.set(Fault::LosesAnswer);
        sleep(RETRY).await;
        a.link.set(Fault::None);
        sleep(RETRY * 2).await;
    }
    assert!(term.guard.is_leading());
    assert_eq!(place.terms.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_holder_ends_the_term_at_once() {
    let place = Place::default();
    let _a = place.candidate("a");
    let term = place.terms.nth(1).await;
    sleep(RETRY * 3).await;
    let stands = place.store.read(&name()).await.unwrap().unwrap();
    let (holder, replaces) = ("by-hand".to_owned(), Some(stands.version));
    let claim = Claim { holder, duration: LEASE, replaces, takes: true };
    place.store.claim(&name(), &claim).await.unwrap();
    let begun = Instant::now();
    term.guard.cancelled().await;
    // it learns of it by its next renewal, and not at its deadline
    assert!(begun.elapsed() <= RETRY, "{:?}", begun.elapsed());
    assert!(!term.guard.is_leading());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_removed_ends_the_term_and_the_token_rises() {
    let place = Place::default();
    let a = place.candidate("a");
    let term = place.terms.nth(1).await;
    sleep(RETRY * 3).await;
    place.store.remove(&name());
    let begun = Instant::now();
    term.guard.cancelled().await;
    assert!(begun.elapsed() <= RETRY, "{:?}", begun.elapsed());
    let again = place.terms.nth(2).await;
    assert_eq!(again.token.number, 2);
    let problem = a.elector.status().borrow().problem.clone();
    assert_eq!(problem, None, "what is over is no problem");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_overloaded_for_less_than_the_deadline_is_waited_for() {
    let place = Place::default();
    let a = place.candidate("a");
    let term = place.terms.nth(1).await;
    let _b = place.candidate("b");
    sleep(RETRY).await;
    let told = Duration::from_secs(5);
    a.link.set(Fault::Fails(LeaseErrorKind::Unavailable, Some(told)));
    sleep(RETRY + Duration::from_millis(500)).await;
    a.link.asked.lock().unwrap().clear();
    a.link.set(Fault::None);
    let begun = Instant::now();
    sleep(told).await;
    let asked = a.link.asked.lock().unwrap().first().copied().unwrap();
    assert!(asked - begun > RETRY, "it waits as it was told: {:?}", asked - begun);
    assert!(term.guard.is_leading());
    sleep(LEASE * 2).await;
    assert_eq!(place.terms.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_renewal_the_leader_is_down_before_the_next_one_is_up() {
    for fault in [
        Fault::Fails(LeaseErrorKind::Unavailable, None),
        Fault::Fails(LeaseErrorKind::Refused, None),
        Fault::Fails(LeaseErrorKind::Unavailable, Some(Duration::from_hours(1))),
        Fault::Hangs,
        Fault::LosesAnswer,
        Fault::Delays(Duration::from_secs(9)),
    ] {
        let place = Place::default();
        let a = place.candidate("a");
        let term = place.terms.nth(1).await;
        let b = place.candidate("b");
        sleep(RETRY * 2).await;
        let cut = Instant::now();
        a.link.set(fault);
        term.guard.cancelled().await;
        let down = Instant::now();
        assert!(down - cut <= TRUSTED, "{fault:?}: {:?}", down - cut);
        assert!(a.elector.status().borrow().component().detail.is_some());
        let next = place.terms.nth(2).await;
        assert_eq!(next.who, "b");
        assert!(next.began - down >= MARGIN, "{fault:?}: {:?}", next.began - down);
        // it campaigns again once it can
        a.link.set(Fault::None);
        sleep(RETRY * 3).await;
        assert_eq!(a.role(), Role::Standby, "{fault:?}");
        b.stop.cancel();
        assert_eq!(place.terms.nth(3).await.who, "a");
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_in_order_is_followed_at_once() {
    let place = Place::default();
    let a = place.candidate_that("a", Manner::Lingers(Duration::from_secs(12)));
    let term = place.terms.nth(1).await;
    let _b = place.candidate("b");
    sleep(RETRY * 3).await;
    let told = Instant::now();
    a.stop.cancel();
    term.guard.cancelled().await;
    assert_eq!(told.elapsed(), Duration::ZERO);
    assert!(!term.guard.is_leading());
    sleep(Duration::from_secs(11)).await;
    assert_eq!((place.terms.all().len(), a.role()), (1, Role::Ending), "it renews until its work has ended");
    let next = place.terms.nth(2).await;
    assert!(a.ended.load(Ordering::SeqCst), "the work has ended before the lease passes on");
    let took = next.began - told;
    assert!(took < Duration::from_secs(12 + 1), "{took:?}");
    a.running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_keeps_the_lease_from_being_released() {
    let place = Place::default();
    let a = place.candidate_that("a", Manner::Blocks);
    place.terms.nth(1).await;
    let _b = place.candidate("b");
    sleep(RETRY * 3).await;
    let told = Instant::now();
    a.stop.cancel();
    let grace = Duration::from_secs(20);
    let ended = a.running.await.unwrap();
    assert_eq!(ended, Err(ElectorError::WorkDidNotEnd { grace }));
    assert_eq!(told.elapsed(), grace);
    assert_eq!(place.terms.all().len(), 1);
    let next = place.terms.nth(2).await;
    let took = next.began - told;
    assert!(took + PAUSE >= grace + LEASE && took <= grace + LEASE + PAUSE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn work_that_panics_or_fails_gives_leadership_up_and_campaigns_again() {
    for manner in [Manner::Panics(Duration::from_secs(3)), Manner::Fails(Duration::from_secs(3))] {
        let place = Place::default();
        let a = place.candidate_that("a", manner);
        let first = place.terms.nth(1).await;
        let second = place.terms.nth(2).await;
        assert_eq!(second.token.number, 2);
        assert!(second.began - first.began >= Duration::from_secs(3) + RETRY);
        let third = place.terms.nth(3).await;
        assert!(third.began - second.began >= Duration::from_secs(3) + RETRY * 2, "it waits ever longer");
        sleep(Duration::from_secs(4)).await;
        let problem = a.elector.status().borrow().problem.clone().unwrap();
        assert!(problem.contains("the work of the leader"), "{problem}");
        assert!(!third.guard.is_leading());
        let _b = place.candidate("b");
        let fourth = place.terms.nth(4).await;
        assert_eq!(fourth.who, "b", "another one takes over meanwhile");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_knows_at_once_that_it_leads_no_more() {
    let place = Place::default();
    let _a = place.candidate("a");
    let term = place.terms.nth(1).await;
    assert!(term.guard.is_leading());
    // the clock goes on, and nothing of the process runs
    tokio::time::advance(TRUSTED).await;
    assert!(!term.guard.is_leading());
}

#[tokio::test(start_paused = true)]
async fn twenty_candidates_are_killed_in_turn_and_each_term_is_one_alone() {
    let place = Place::default();
    let mut candidates: Vec<(String, Candidate)> = Vec::new();
    let (mut number, mut led) = (0, Instant::now());
    for round in 1..=200 {
        while candidates.len() < 20 {
            number += 1;
            let who = format!("c{number}");
            candidates.push((who.clone(), place.candidate(&who)));
        }
        let term = place.terms.nth(round).await;
        assert!(term.began - led <= LEASE * 2, "round {round}: {:?}", term.began - led);
        assert_eq!(term.token.number, i64::try_from(round).unwrap());
        sleep(LEASE / 2).await;
        led = Instant::now();
        let killed = candidates.iter().position(|(who, _)| *who == term.who).unwrap();
        candidates.swap_remove(killed).1.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_is_not_let_in_says_why() {
    let place = Place::default();
    let link = Link::to(&place.store);
    link.set(Fault::Fails(LeaseErrorKind::Refused, None));
    let a = Candidate::new("a", link, &place.fences, &place.terms, Manner::Obeys);
    sleep(RETRY).await;
    let component = a.elector.status().borrow().component();
    assert!(component.detail.unwrap().contains("refuses"));
    a.link.set(Fault::None);
    place.terms.nth(1).await;
    assert_eq!(a.elector.status().borrow().problem, None);
}
