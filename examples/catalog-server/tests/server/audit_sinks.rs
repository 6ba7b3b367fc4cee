//! What becomes of events that nobody takes, and of the requests meanwhile.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    audit_faults::{audit, events, source, switch},
    fixture::Server,
    receiver::{Behavior, Receiver},
};

fn server(receiver: &Receiver) -> (Server, [(&str, &str); 3]) {
    let env = [
        ("CATALOG_PROFILE", "demo"),
        ("CATALOG_AUDIT_WEBHOOK_URL", receiver.url.as_str()),
        ("CATALOG_AUDIT_WEBHOOK_SECRET", "a secret of more than 24 bytes"),
    ];
    (Server::start(tempfile::tempdir().unwrap(), &env), env)
}

fn change(server: &Server, source: &str, number: usize, id: &str) {
    loop {
        let answer = server.ask("POST", &switch(source, number % 2 == 1), &[("x-request-id", id)], "");
        match answer.status {
            // so many may one change in a second
            429 => thread::sleep(Duration::from_millis(50)),
            200 => return,
            _ => panic!("{answer:?}"),
        }
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The ids of the tenant's events, in the order of their chain, once all are in it.
fn chain(server: &Server) -> Vec<String> {
    wait_until("they are not sealed", || events(server).iter().all(|event| event["sealed"] == true));
    let mut all = events(server);
    all.sort_by_key(|event| event["sequence"].as_i64());
    all.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// Those of them that the receiver has, in the order in which they came.
fn arrived(receiver: &Receiver) -> Vec<String> {
    let taken = receiver.taken();
    let is_ours = |id: &String| taken[id].1["data"]["namespace"] == "team-a";
    receiver.order().into_iter().filter(is_ours).collect()
}

/// What the process has in memory, in KiB.
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_receiver_that_fails_or_hangs_keeps_no_request_and_loses_nothing() {
    let receiver = Receiver::new();
    receiver.behave(Behavior::Fail(500));
    let (server, env) = server(&receiver);
    let source = source(&server);
    let switch_often = |times: usize| (0..times).for_each(|number| change(&server, &source, number, "often"));
    switch_often(200);
    wait_until("nothing is sent", || receiver.asked() > 0);
    let before = memory(&server);
    receiver.behave(Behavior::TakeInSilence);
    let begun = Instant::now();
    switch_often(400);
    // each would take seconds if it waited for the receiver
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 16 * 1_024, "{grown} KiB");
    receiver.behave(Behavior::Take);
    wait_until("they do not come", || arrived(&receiver).len() == events(&server).len());
    assert_eq!(arrived(&receiver), chain(&server));
    let told = audit(&server, &env, &["sinks"]);
    assert_eq!(String::from_utf8(told.stdout).unwrap(), "webhook 0 s behind\n");
}

#[test]
fn a_sink_parks_before_what_it_refuses_until_somebody_decides() {
    let receiver = Receiver::new();
    let (server, env) = server(&receiver);
    let source = source(&server);
    for (round, task) in ["resume", "skip"].into_iter().enumerate() {
        let poison = format!("poison-{round}");
        receiver.behave(Behavior::Refuse(poison.clone()));
        change(&server, &source, 0, &poison);
        change(&server, &source, 1, "after");
        let whole = server.answers("/readyz", |answer| {
            let part = answer.json()["components"]["audit"]["details"]["webhook"].clone();
            part["detail"].as_str().is_some_and(|detail| detail.starts_with("parked: event "))
        });
        assert_eq!((whole.status, &whole.json()["components"]["audit"]["status"]), (200, &"degraded".into()));
        assert!(server.get("/metrics").text.contains("catalog_audit_sink_parked{sink=\"webhook\"} 1"));
        let all = chain(&server);
        let of_poison =
            |event: &&Value| event["requestId"] == poison.as_str() && event["eventType"] == "request";
        let events = events(&server);
        let poisoned = events.iter().find(of_poison).unwrap()["id"].as_str().unwrap();
        let there = arrived(&receiver);
        assert!(!there.iter().any(|id| id == poisoned), "and nothing that comes after it");
        let at = all.iter().position(|id| id == poisoned).unwrap();
        assert_eq!(there.len(), at, "{there:?}");
        if task == "resume" {
            receiver.behave(Behavior::Take);
        }
        let done = audit(&server, &env, &[task, "webhook"]);
        assert!(done.status.success(), "{done:?}");
        wait_until("they do not come", || arrived(&receiver).len() >= all.len() - round);
        let expected: Vec<String> = all.into_iter().filter(|id| task == "resume" || id != poisoned).collect();
        assert_eq!(arrived(&receiver), expected);
        server.wait_for_component("audit", "ok");
    }
}
