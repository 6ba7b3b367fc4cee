//! `catalog-server audit`: the record, for who has the database.

use std::io::{self, Write as _};

use catalog_audit::{
    event::shown,
    seal::{Checkpoint, Ledger, Range, Verified, Verifier},
    store::{AuditQuery, AuditStore, SealStore, SqlAuditStore},
};
use catalog_core::{
    name::Namespace,
    page::PageSize,
    tenant::{TenantScope, TenantSelector},
};
use clap::{Arg, ArgMatches, Command};

use super::print;
use crate::{
    AnyError,
    audit::{exporters, key, trusted},
    config::Config,
    database, operator,
};

/// The subcommand, with one of its own for each task.
pub(crate) fn command() -> Command {
    let tenant = || {
        Arg::new("in")
            .long("in")
            .value_name("NAMESPACE")
            .help("Of that namespace alone; of all, and of none, if absent")
    };
    let sink = || Arg::new("sink").required(true).value_name("SINK").help("webhook, otlp or file");
    Command::new("audit")
        .about("Verify, export and look after the record of what was done")
        .subcommand_required(true)
        .subcommand(
            Command::new("verify")
                .about("Check every event against its chain and the chain against its signatures; 1 if one is broken")
                .arg(tenant())
                .arg(
                    Arg::new("checkpoint")
                        .long("checkpoint")
                        .value_name("SEQUENCE:HASH")
                        .requires("in")
                        .help("A place of the chain that was noted elsewhere, and must still be what it was"),
                ),
        )
        .subcommand(Command::new("export").about("Print all sealed events, one JSON object a line").arg(tenant()))
        .subcommand(Command::new("key").about("Print the public key by which others verify"))
        .subcommand(Command::new("sinks").about("Print how far each sink is behind, and what keeps it"))
        .subcommand(Command::new("resume").about("Try a parked sink again").arg(sink()))
        .subcommand(
            Command::new("skip").about("Leave the event out in front of which a sink is parked").arg(sink()),
        )
}

/// Does what is asked; false if the record is not as it was written.
pub(crate) fn run(config: &Config, matches: &ArgMatches) -> Result<bool, AnyError> {
    database::with(&config.database, async |database| {
        database::migrator(&database).run().await?;
        let store = SqlAuditStore::new(database.clone());
        match matches.subcommand() {
            Some(("verify", matches)) => {
                let key = key(config, &database).await?;
                verify(
                    store,
                    &Verifier::new(SqlAuditStore::new(database.clone()), trusted(config, &key)?),
                    matches,
                )
                .await
            }
            Some(("export", matches)) => export(&store, matches).await.map(|()| true),
            Some(("key", _)) => {
                let key = key(config, &database).await?;
                print(&format!("{}\n", key.public_key()))?;
                Ok(true)
            }
            Some((task, matches)) => sinks(config, &store, task, matches).await.map(|()| true),
            None => Ok(true),
        }
    })
}

async fn scope(matches: &ArgMatches) -> Result<(TenantScope, Option<Namespace>), AnyError> {
    let namespace = matches.get_one::<String>("in").map(|name| name.parse::<Namespace>()).transpose()?;
    let tenant = namespace.clone().map_or(TenantSelector::All, TenantSelector::One);
    Ok((operator::scope("audit", tenant).await?, namespace))
}

async fn verify(
    store: SqlAuditStore,
    verifier: &Verifier<SqlAuditStore>,
    matches: &ArgMatches,
) -> Result<bool, AnyError> {
    let (scope, namespace) = scope(matches).await?;
    let checkpoint = matches.get_one::<String>("checkpoint").map(|text| checkpoint(text)).transpose()?;
    let ledgers = match &namespace {
        Some(namespace) => Ledger::within(&scope, Some(namespace)).into_iter().collect(),
        None => store.ledgers(&scope).await?,
    };
    let mut whole = true;
    for ledger in ledgers {
        let found = verifier.verify(&ledger, Range::default(), checkpoint.as_ref()).await?;
        whole &= found.first_broken.is_none();
        print(&told(ledger.as_str(), &found))?;
    }
    Ok(whole)
}

/// One line for one chain.
fn told(ledger: &str, verified: &Verified) -> String {
    let Verified { from, to, sealed, first_broken, .. } = verified;
    let ledger = if ledger.is_empty() { "(of no namespace)" } else { ledger };
    match first_broken {
        None => format!("{ledger}: {} events verified, {from} to {to}\n", to - from + 1),
        Some(broken) => {
            let event = broken.id.map(|id| format!(", event {id}")).unwrap_or_default();
            let fault = serde_json::to_value(broken.fault).ok();
            let fault = fault.as_ref().and_then(|fault| fault.as_str()).unwrap_or("broken");
            format!("{ledger}: BROKEN at {} of {sealed}: {fault}{event}\n", broken.sequence)
        }
    }
}

fn checkpoint(text: &str) -> Result<Checkpoint, AnyError> {
    let parts = text.split_once(':').and_then(|(sequence, hash)| Some((sequence.parse().ok()?, hash)));
    let (sequence, hash) =
        parts.ok_or_else(|| format!("`{text}` is no place: it is written `SEQUENCE:HASH`"))?;
    Ok(Checkpoint { sequence, hash: hash.to_owned() })
}

/// So many are read at once.
const PAGE: u64 = 500;

async fn export(store: &SqlAuditStore, matches: &ArgMatches) -> Result<(), AnyError> {
    let (scope, namespace) = scope(matches).await?;
    let mut query = AuditQuery::default();
    query.size = PageSize::new(PAGE)?;
    let mut after = (namespace.map(|namespace| namespace.to_string()).unwrap_or_default(), 0);
    let mut out = io::stdout().lock();
    loop {
        let page = store.walk(&scope, &query, &after).await?;
        let is_last = page.len() < query.size.get();
        for stored in page {
            if let Some(place) = &stored.place {
                after = (stored.record.namespace.clone(), place.sequence);
            }
            match writeln!(out, "{}", shown(stored)?) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            }
        }
        if is_last {
            return Ok(out.flush()?);
        }
    }
}

async fn sinks(
    config: &Config,
    store: &SqlAuditStore,
    task: &str,
    matches: &ArgMatches,
) -> Result<(), AnyError> {
    let exporters = exporters(config, store)?;
    if task == "sinks" {
        for exporter in exporters {
            let lag = exporter.lag().await?;
            let parked = lag.parked.map(|why| format!(", parked: {why}")).unwrap_or_default();
            print(&format!("{} {} s behind{parked}\n", exporter.name(), lag.age.as_secs()))?;
        }
        return Ok(());
    }
    let name = matches.get_one::<String>("sink").map_or("", String::as_str);
    let exporter = exporters.iter().find(|exporter| exporter.name() == name);
    let exporter = exporter.ok_or_else(|| format!("no sink `{name}` is configured"))?;
    match task {
        "resume" => exporter.resume().await?,
        _ => exporter.skip().await?,
    }
    Ok(())
}
