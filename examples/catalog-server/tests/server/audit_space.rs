//! The database has no space left, and gets some again.

use std::{process::Command, thread, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::{
    audit_faults::{each_change_has_its_event, source, switch},
    fixture::{LISTS, Server, command},
    postgres::{database, run},
};

/// Nothing is changed and all can be read, until `free` gives space.
fn nothing_is_changed_until_there_is_space(server: &Server, free: impl FnOnce()) {
    let source = source(server);
    for number in 0..10 {
        let answer = server.ask("POST", &switch(&source, number % 2 == 1), &[], "");
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{answer:?}");
    }
    for list in LISTS.into_iter().take(3) {
        assert!(!server.get(&format!("{list}?namespace=team-b&pageSize=3")).names().is_empty());
    }
    each_change_has_its_event(server, &source);
    free();
    let answers = || server.ask("POST", &switch(&source, false), &[], "").status;
    let mut tries = 0;
    while answers() != 200 {
        tries += 1;
        assert!(tries < 200, "it does not come back: {}", server.log());
        thread::sleep(Duration::from_millis(50));
    }
    server.wait_until("/readyz", 200);
    each_change_has_its_event(server, &source);
}

#[test]
fn on_a_full_disk_nothing_is_changed_until_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let server = command(folder.path(), &[]);
    // what cannot be written is then an error and no signal
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(server.get_program());
    deaf.current_dir(folder.path()).env_clear();
    let server = Server::spawn_by(folder, &[], deaf);
    server.wait_until("/readyz", 200);
    let pid = Pid::from_child(&server.process);
    let limit = |bytes| {
        prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    };
    // less than any file has by now
    limit(Some(4_096));
    nothing_is_changed_until_there_is_space(&server, || limit(None));
}

#[test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
fn on_a_full_disk_of_postgres_nothing_is_changed_until_there_is_space() {
    let url = database("server_audit_full");
    let env = [("CATALOG_PROFILE", "demo"), ("CATALOG_DATABASE_URL", url.as_str())];
    let server = Server::start(tempfile::tempdir().unwrap(), &env);
    // as PostgreSQL says it when it cannot make a file longer
    let full = "create function full_disk() returns trigger language plpgsql as \
                'begin raise ''could not extend file'' using errcode = ''53100''; end'";
    let insert =
        "create trigger full_disk before insert on catalog_audit_events execute function full_disk()";
    run(&url, &[&[full], &[insert]]);
    nothing_is_changed_until_there_is_space(&server, || {
        run(&url, &[&["drop trigger full_disk on catalog_audit_events"]]);
    });
}

#[test]
fn little_space_is_told_before_there_is_none() {
    let server = Server::demo();
    server.wait_for_component("audit_space", "ok");
    let free = |server: &Server| {
        let metrics = server.get("/metrics").text;
        let value = metrics.lines().find_map(|line| line.strip_prefix("catalog_audit_free_bytes "));
        value.unwrap().parse::<f64>().unwrap()
    };
    assert!(free(&server) > 0.0);
    let env = [("CATALOG_PROFILE", "demo"), ("CATALOG_AUDIT_FREE_SPACE_BYTES", "1000000000000000000")];
    let server = Server::start(tempfile::tempdir().unwrap(), &env);
    server.wait_for_component("audit_space", "degraded");
    let ready = server.get("/readyz");
    let told = ready.json()["components"]["audit_space"]["detail"].to_string();
    assert!(ready.status == 200 && told.contains("MiB are free for the database, fewer than"), "{told}");
    assert!(server.log().contains("soon nothing may be changed for want of space"), "{}", server.log());
}
