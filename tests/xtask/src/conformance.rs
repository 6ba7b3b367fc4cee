//! The conformance suite against a running catalog.

use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// Calls the suite's own program with those arguments; relative paths in them are seen from the current folder.
///
/// The command line is not shown, for its headers hold credentials.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<(), Error> {
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--package", "catalog-tests", "--bin", "conformance", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .arg("--")
        .args(arguments)
        .status()
        .map_err(|error| Error::io("start cargo", error))?;
    if status.success() { Ok(()) } else { Err(Error::failed("not every plugin was found conformant")) }
}
