//! A throw-away PostgreSQL server, from its data folder to its end.

use std::fs::File;
use std::io::{self, Read};
use std::time::Instant;

use super::home::Home;
use super::install;
use super::server::{Durability, Server};
use super::watcher::Watcher;
use crate::error::Error;

const USER: &str = "postgres";

/// A running server that only the holder of its random password can use.
///
/// Stopped and removed on drop; when this process ends without a drop, a [`Watcher`] does it.
#[derive(Debug)]
pub(crate) struct Cluster {
    // Fields drop in this order: the server is down before the watcher is waited for, and both before the
    // folder goes.
    server: Server,
    watcher: Watcher,
    home: Home,
    password: String,
}

impl Cluster {
    /// Finds or installs PostgreSQL, then creates and starts a server that is quick.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub(crate) fn start() -> Result<Self, Error> {
        Self::with(Durability::Careless)
    }

    /// The same, with a server that does so much for its data.
    ///
    /// # Errors
    /// Says what to install when PostgreSQL is missing, and shows the end of the log of a program that
    /// failed.
    pub(crate) fn with(durability: Durability) -> Result<Self, Error> {
        let programs = install::located_or_installed()?;
        eprintln!("postgres: programs in {}", programs.display());
        let begun = Instant::now();
        let home = Home::create(programs)?;
        let mut watcher = Watcher::start(home.path())?;
        let password = random_password().map_err(|error| Error::io("read random bytes", error))?;
        home.initialise(&mut watcher, USER, &password)?;
        let server = Server::start(&home, &mut watcher, durability)?;
        eprintln!("postgres: listening on 127.0.0.1:{} after {:.1?}", server.port(), begun.elapsed());
        Ok(Self { server, watcher, home, password })
    }

    /// Where a superuser of the server connects to, password included.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/postgres", self.password, self.server.port())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        eprintln!("postgres: stopping");
        self.watcher.dismiss();
        if let Err(error) = self.server.wait() {
            eprintln!("postgres: the server in `{}` did not stop: {error}", self.home.path().display());
        }
    }
}

/// 128 random bits as hexadecimal digits, which need no escaping in a URL.
fn random_password() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_differ() {
        let [one, other] = [random_password().unwrap(), random_password().unwrap()];
        assert!(one.len() == 32 && one != other);
    }
}
