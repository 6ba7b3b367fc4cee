//! What stands between a server and its database, and gets in the way when it is told to.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Passes bytes on to a database.
pub(crate) struct Proxy(Arc<State>);

#[derive(Default)]
struct State {
    is_stopped: AtomicBool,
    holds_commits: AtomicBool,
    passed: AtomicUsize,
}

impl Proxy {
    /// One before the database of that URL, and the URL by which it is reached through it.
    pub(crate) fn before(url: &str) -> (Self, String) {
        let (user, place) = url.rsplit_once('@').unwrap();
        let (host, name) = place.rsplit_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{user}@{}/{name}", listener.local_addr().unwrap());
        let (state, host) = (Arc::<State>::default(), host.to_owned());
        let proxy = Self(Arc::clone(&state));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&host).unwrap());
                // of this connection
                let has_committed = Arc::<AtomicBool>::default();
                for (from, to, is_answer) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), false),
                    (server.try_clone().unwrap(), client.try_clone().unwrap(), true),
                ] {
                    let (state, has_committed) = (Arc::clone(&state), Arc::clone(&has_committed));
                    thread::spawn(move || pass_on(from, to, is_answer, &has_committed, &state));
                }
            }
        });
        (proxy, url)
    }

    /// Whether nothing is passed on.
    pub(crate) fn stop(&self, is_stopped: bool) {
        self.0.is_stopped.store(is_stopped, Ordering::Release);
    }

    /// Whether commits are done and not answered.
    pub(crate) fn hold_commits(&self, holds: bool) {
        self.0.holds_commits.store(holds, Ordering::Release);
    }

    /// How many bytes were passed on.
    pub(crate) fn passed(&self) -> usize {
        self.0.passed.load(Ordering::Relaxed)
    }
}

fn pass_on(
    mut from: TcpStream,
    mut to: TcpStream,
    is_answer: bool,
    has_committed: &AtomicBool,
    state: &State,
) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let holds = || state.holds_commits.load(Ordering::Acquire);
        if !is_answer && holds() && bytes[..read].windows(7).any(|part| part == b"COMMIT\0") {
            has_committed.store(true, Ordering::Release);
        }
        while state.is_stopped.load(Ordering::Acquire)
            || is_answer && holds() && has_committed.load(Ordering::Acquire)
        {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
        state.passed.fetch_add(read, Ordering::Relaxed);
    }
    let _ = to.shutdown(Shutdown::Both);
}
