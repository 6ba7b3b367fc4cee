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
/// Stopped and removed on drop; when this process ends without a drop, a shell that watches it does so.
#[derive(Debug)]
pub struct Cluster {
    // Fields drop in this order: the server is down before the watcher is waited for, and both before the
    // folder goes.
    server: Server,
    watcher: Watcher,
    home: Home,
    password: String,
}

impl Cluster {
    /// Finds or installs PostgreSQL, then creates and starts a server.
    ///
    /// # Errors
    /// Says what to install when PostgreSQL is missing, and shows the end of the log of a program that
    /// failed.
    pub fn start(durability: Durability) -> Result<Self, Error> {
        let (home, watcher, password) = initialised()?;
        Self::serve(home, watcher, password, durability)
    }

    /// Likewise, and a second server that follows the first as its standby: a copy of it from before it began.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_standby(durability: Durability) -> Result<(Self, Self), Error> {
        let (home, watcher, password) = initialised()?;
        let copy = Home::create(home.programs())?;
        let copy_watcher = Watcher::start(copy.path())?;
        copy.copy(&home)?;
        let primary = Self::serve(home, watcher, password.clone(), durability)?;
        copy.follow(&format!(
            "host=127.0.0.1 port={} user={USER} password={password}",
            primary.server.port()
        ))?;
        let standby = Self::serve(copy, copy_watcher, password, durability)?;
        Ok((primary, standby))
    }

    fn serve(
        home: Home,
        mut watcher: Watcher,
        password: String,
        durability: Durability,
    ) -> Result<Self, Error> {
        let begun = Instant::now();
        let server = Server::start(&home, &mut watcher, durability)?;
        eprintln!("postgres: listening on 127.0.0.1:{} after {:.1?}", server.port(), begun.elapsed());
        Ok(Self { server, watcher, home, password })
    }

    /// Where a superuser of the server connects to, password included.
    pub fn url(&self) -> String {
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

/// The folder of a server that has not been started yet.
fn initialised() -> Result<(Home, Watcher, String), Error> {
    let programs = install::located_or_installed()?;
    eprintln!("postgres: programs in {}", programs.display());
    let home = Home::create(programs)?;
    let mut watcher = Watcher::start(home.path())?;
    let password = random_password().map_err(|error| Error::io("read random bytes", error))?;
    home.initialise(&mut watcher, USER, &password)?;
    Ok((home, watcher, password))
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
