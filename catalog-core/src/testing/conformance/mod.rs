//! A suite that checks one plugin of a running catalog by its HTTP contract, in process or over HTTP.
//!
//! It knows nothing of the server but the contract: it reads what the plugin says of itself, walks its lists, and holds what is
//! answered against what it works out from the documents on its own, filters with their NULLs included. It assumes no particular
//! data. Where the data does not suffice for a check, that check is [skipped](Outcome::Skipped) with the reason. It only reads.
//! While it runs, the data should stay as it is: what a refresh changes meanwhile looks like a fault.
//!
//! For all checks to run, two tenants should list some thirty assets each, among them some that share a value and some that lack
//! one, of names that the other tenant has and of names that it has not.
//!
//! ```
//! use catalog_core::testing::conformance::{Caller, Conformance, HttpTarget};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let suite = Conformance::new("mcp")
//!     .with_tenants("team-a", "team-b")
//!     .with_reader_of_a(Caller::bearer("demo-team-a-viewer")?)
//!     .with_reader_of_b(Caller::bearer("demo-team-b-engineer")?)
//!     .with_credentials_required();
//! let report = suite.run(&HttpTarget::new("http://127.0.0.1:8080")?).await;
//! print!("{report}");
//! std::fs::write("conformance.xml", report.to_junit())?;
//! assert!(report.is_conformant());
//! # Ok(())
//! # }
//! ```
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fault of the server is a line of the report and no panic of the suite"
)]

mod answer;
mod ask;
mod caller;
mod checks;
mod entity;
mod faults;
mod probe;
mod report;
mod semantics;
mod suite;
mod target;

pub use self::{
    caller::Caller,
    report::{Category, Check, Outcome, Report},
    suite::Conformance,
    target::{HttpTarget, ServiceTarget, Target, TargetError},
};
