//! Tells the binary which revision it is and when it was built.

use std::{env, process::Command, time::SystemTime};

fn main() {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
    };
    // a source archive has no repository
    let revision = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into());
    // reproducible builds name their own time (reproducible-builds.org, SOURCE_DATE_EPOCH)
    let fixed = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    println!("cargo::rustc-env=BUILD_GIT_REVISION={revision}");
    println!("cargo::rustc-env=BUILD_EPOCH={}", fixed.unwrap_or_else(now));
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    for file in git(&["rev-parse", "--git-path", "HEAD", "--git-path", "refs/heads"])
        .iter()
        .flat_map(|paths| paths.lines())
    {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
