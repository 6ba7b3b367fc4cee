use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use super::{
    Plan,
    replica::{GLANCE, Replica, sqlite},
};
use crate::{
    AnyError,
    figure::{Figure, Goal},
    load::{self, Connection, Target},
};

const CONNECTIONS: usize = 20;
/// Under load for so long before it is told to leave.
const LOADED: Duration = Duration::from_secs(1);

/// Requests that a server which was told to leave has cut off: those to which there was no whole answer. Whoever asks does as a load
/// balancer does: it sends nothing more once the server says that it is not ready.
pub(super) async fn measure(plan: &Plan) -> Result<(), AnyError> {
    let (mut cut, mut answered) = (Vec::new(), 0);
    for _ in 0..plan.rounds {
        let folder = tempfile::tempdir()?;
        let mut replica = Replica::start(plan, &sqlite(folder.path()))?;
        replica.ready().await?;
        let told = Arc::new(Told::default());
        let mut clients = JoinSet::new();
        for _ in 0..CONNECTIONS {
            clients.spawn(ask(replica.target("/api/plugins"), Arc::clone(&told)));
        }
        tokio::time::sleep(LOADED).await;
        replica.signal("TERM").await?;
        while matches!(load::once(&replica.target("/readyz")).await, Ok((200, ..))) {
            tokio::time::sleep(GLANCE).await;
        }
        told.stop.store(true, Ordering::Relaxed);
        clients.join_all().await;
        replica.end().await?;
        answered += told.answered.load(Ordering::Relaxed);
        cut.push(f64::from(u32::try_from(told.cut.load(Ordering::Relaxed))?));
    }
    let what = format!("SQLite: SIGTERM under load, requests cut ({answered} answered)");
    println!("{}", Figure { what, values: cut, unit: "", goal: Goal::AtMost(0.0) });
    Ok(())
}

#[derive(Debug, Default)]
struct Told {
    stop: AtomicBool,
    answered: AtomicU64,
    cut: AtomicU64,
}

async fn ask(target: Target, told: Arc<Told>) {
    while !told.stop.load(Ordering::Relaxed) {
        // whoever is not let in is sent to another replica
        let Ok(mut connection) = Connection::open(&target).await else { return };
        while !told.stop.load(Ordering::Relaxed) {
            let (count, ended) = match connection.ask().await {
                // whoever asks so much may be told that it is too much
                Ok(_) => (&told.answered, connection.is_last()),
                Err(_) => (&told.cut, true),
            };
            count.fetch_add(1, Ordering::Relaxed);
            if ended {
                break;
            }
        }
    }
}
