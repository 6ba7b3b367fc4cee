//! A server process that takes connections.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::home::Home;
use super::process::{POLL, Process};
use super::watcher::Watcher;
use crate::error::Error;

const PROGRAM: &str = "postgres";

/// How long a server may take from its start to its first connection.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// Longer than the watcher waits before it kills.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// How many ports are tried when another program is quicker to take one that was free.
const PORTS: u32 = 3;

/// What every server is started with.
const SETTINGS: [&str; 3] = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"];

/// What makes a server quicker that need not save its data from a crash.
const FORGETFUL: [&str; 3] = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

/// Whether a server waits for its disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// As it does for its users, for what is measured of writing.
    Durable,
    /// The data is worth nothing after the tests.
    Forgetful,
}

/// A running server, on a port of the loopback address.
#[derive(Debug)]
pub(super) struct Server {
    process: Process,
    port: u16,
}

impl Server {
    /// Starts a server on a free port and waits until it answers.
    ///
    /// # Errors
    /// Shows the end of the server's log when it ended, or was not up after 30 seconds.
    pub(super) fn start(home: &Home, watcher: &mut Watcher, durability: Durability) -> Result<Self, Error> {
        for _ in 0..PORTS {
            if let Some(server) = Self::start_once(home, watcher, durability)? {
                return Ok(server);
            }
        }
        Err(home.failure(PROGRAM, "found no free port"))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the end that the watcher brings about.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        self.process.wait_for(STOP_DEADLINE).map(drop)
    }

    /// `None` if the port was taken between our look and the server's start.
    fn start_once(home: &Home, watcher: &mut Watcher, durability: Durability) -> Result<Option<Self>, Error> {
        let port = free_port().map_err(|error| Error::io("find a free port", error))?;
        let port_text = port.to_string();
        let mut arguments = vec!["-p", &port_text];
        let saved: &[&str] = if durability == Durability::Durable { &[] } else { &FORGETFUL };
        arguments.extend(SETTINGS.iter().chain(saved).flat_map(|setting| ["-c", setting]));
        let mut process = home.spawn(watcher, PROGRAM, &arguments)?;

        let begun = Instant::now();
        while !is_ready(home, port) {
            let ended = process.ended().map_err(|error| Error::io("wait for the server", error))?;
            if let Some(status) = ended {
                watcher.release()?;
                if home.log_tail(PROGRAM).contains("Address already in use") {
                    return Ok(None);
                }
                return Err(home.failure(PROGRAM, &format!("ended with {status} before it was ready")));
            }
            if begun.elapsed() > START_DEADLINE {
                return Err(home.failure(PROGRAM, &format!("was not ready after {START_DEADLINE:?}")));
            }
            thread::sleep(POLL);
        }
        Ok(Some(Self { process, port }))
    }
}

/// Source: the last line of the server's lock file, which says `ready`, or `standby`, once connections are
/// taken, and then the port itself.
fn is_ready(home: &Home, port: u16) -> bool {
    let lock = fs::read_to_string(home.data().join("postmaster.pid")).unwrap_or_default();
    lock.lines().last().is_some_and(|status| matches!(status.trim_end(), "ready" | "standby"))
        && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
