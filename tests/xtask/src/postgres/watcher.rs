//! A process that outlives us by just as long as it takes to clean up.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::error::Error;

/// Reads from us the id of the process to guard, the last line counts, an empty one means none; at end of
/// file, whatever ended us, stops that process and removes the folder.
///
/// The interrupt asks PostgreSQL for a fast shutdown and initdb for a clean end; ten seconds later there is
/// no more asking.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -INT "$pid"
    tries=0
    while kill -0 "$pid"; do
        if [ "$tries" -eq 100 ]; then
            kill -KILL "$pid"
            break
        fi
        tries=$((tries + 1))
        sleep 0.1
    done
fi
# What a killed server leaves behind may still be writing.
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
"#;

/// A shell that waits for the end of this process, to do then what a `Drop` cannot after a kill.
#[derive(Debug)]
pub(super) struct Watcher {
    shell: Child,
}

impl Watcher {
    /// Starts to watch over `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self, Error> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "catalog-postgres-watcher"])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            // With our own it would hold open what our caller reads from.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // In our group it would be ended by the same Ctrl-C as we.
            .process_group(0)
            .spawn()
            .map_err(|error| Error::io("start a shell", error))?;
        Ok(Self { shell })
    }

    /// Puts the process `pid` in the watcher's care, in place of the one before.
    pub(super) fn guard(&mut self, pid: u32) -> Result<(), Error> {
        self.send(&format!("{pid}\n"))
    }

    /// Takes the process out of the watcher's care, once it ended and its id may become another's.
    pub(super) fn release(&mut self) -> Result<(), Error> {
        self.send("\n")
    }

    /// Makes the watcher stop the process now; it goes on without us.
    pub(super) fn dismiss(&mut self) {
        drop(self.shell.stdin.take());
    }

    fn send(&mut self, line: &str) -> Result<(), Error> {
        let sent = match &mut self.shell.stdin {
            Some(pipe) => pipe.write_all(line.as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        sent.map_err(|error| Error::io("write to the watcher", error))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.dismiss();
        // Whatever it left undone, the drops of the process and of the folder do.
        let _ = self.shell.wait();
    }
}
