//! PostgreSQL on a Debian-like machine that lacks it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{account, locate};
use crate::command::Command;
use crate::error::Error;

/// Read by Debian's packages when they decide whether to create and start a server at installation.
const CLUSTER_SETTINGS: &str = "/etc/postgresql-common/createcluster.conf";

const CLUSTER_SWITCH: &str = "create_main_cluster";

/// Finds the folder of the server programs; where there is none, installs them if we may.
///
/// # Errors
/// Says what to install when we are not root or apt-get is not there, and after an installation that brought
/// no server.
pub(super) fn located_or_installed() -> Result<PathBuf, Error> {
    if let Some(folder) = locate::locate() {
        return Ok(folder);
    }
    if !Path::new("/etc/debian_version").exists() || !account::is_root()? {
        return Err(Error::failed(
            "PostgreSQL's server programs `initdb` and `postgres` were not found; install the package `postgresql` \
             (`postgresql-server` on some systems) or put their folder on PATH, or name a server in CATALOG_TEST_POSTGRES_URL",
        ));
    }
    eprintln!("postgres: no server programs found, installing them");
    install()?;
    locate::locate()
        .ok_or_else(|| Error::failed("the package `postgresql` was installed but brought no server programs"))
}

fn install() -> Result<(), Error> {
    apt_get(&["update"])?;
    // The settings come with this package and are read by the next: written earlier they would be in the way
    // of the first, written later the second would have started a server by then.
    apt_get(&["install", "-y", "--no-install-recommends", "postgresql-common"])?;
    forbid_cluster(Path::new(CLUSTER_SETTINGS))
        .map_err(|error| Error::io(&format!("change `{CLUSTER_SETTINGS}`"), error))?;
    apt_get(&["install", "-y", "--no-install-recommends", "postgresql"])
}

fn apt_get(arguments: &[&str]) -> Result<(), Error> {
    Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").run()
}

/// Turns the creation of a server off, unless somebody has decided on it already.
fn forbid_cluster(settings: &Path) -> std::io::Result<()> {
    let present = match fs::read_to_string(settings) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        present => present?,
    };
    if present.lines().any(|line| line.trim_start().starts_with(CLUSTER_SWITCH)) {
        return Ok(());
    }
    let mut file = OpenOptions::new().append(true).create(true).open(settings)?;
    // The line break in front is for a file whose last line has none.
    file.write_all(format!("\n{CLUSTER_SWITCH} = false\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::scratch::Scratch;

    fn after_forbidding(present: Option<&str>) -> String {
        let scratch = Scratch::create().unwrap();
        let settings = scratch.path().join("createcluster.conf");
        if let Some(present) = present {
            fs::write(&settings, present).unwrap();
        }
        forbid_cluster(&settings).unwrap();
        fs::read_to_string(&settings).unwrap()
    }

    #[test]
    fn switch_is_added_where_it_is_absent_or_a_comment() {
        assert_eq!(after_forbidding(None), "\ncreate_main_cluster = false\n");
        let commented = "#create_main_cluster = true\nssl = on";
        assert_eq!(after_forbidding(Some(commented)), format!("{commented}\ncreate_main_cluster = false\n"));
    }

    #[test]
    fn switch_that_is_set_stays() {
        assert_eq!(after_forbidding(Some(" create_main_cluster = true\n")), " create_main_cluster = true\n");
    }
}
