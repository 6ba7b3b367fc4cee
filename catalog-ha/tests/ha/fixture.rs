//! A store of leases that fails as it is told to, and candidates that write down when they led.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use catalog_ha::{
    elector::{Elector, ElectorConfig, ElectorError, LeaderGuard, Role},
    fence::{FencingToken, MemoryFenceStore},
    lease::{
        Claim, LeaseError, LeaseErrorKind, LeaseName, LeaseRecord, LeaseStore, MemoryLeaseStore, Version,
    },
};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// What happens to what one candidate asks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Refused with that, before anything is done.
    Fails(LeaseErrorKind, Option<Duration>),
    /// Done, and the answer lost.
    LosesAnswer,
    /// Done, and answered so much later.
    Delays(Duration),
    /// Neither done nor answered.
    Hangs,
}

/// One candidate's way to a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    pub(crate) store: MemoryLeaseStore,
    fault: Arc<Mutex<Fault>>,
    /// When it was asked.
    pub(crate) asked: Arc<Mutex<Vec<Instant>>>,
}

impl Link {
    pub(crate) fn to(store: &MemoryLeaseStore) -> Self {
        Self { store: store.clone(), ..Self::default() }
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    async fn pass<T>(&self, done: impl Future<Output = Result<T, LeaseError>>) -> Result<T, LeaseError> {
        self.asked.lock().unwrap().push(Instant::now());
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::None => done.await,
            Fault::Fails(kind, retry_after) => Err(LeaseError::from(kind).with_retry_after(retry_after)),
            Fault::LosesAnswer => {
                let _ = done.await;
                Err(LeaseErrorKind::Unavailable.into())
            }
            Fault::Delays(by) => {
                let done = done.await;
                tokio::time::sleep(by).await;
                done
            }
            Fault::Hangs => std::future::pending().await,
        }
    }
}

impl LeaseStore for Link {
    async fn read(&self, name: &LeaseName) -> Result<Option<LeaseRecord>, LeaseError> {
        self.pass(self.store.read(name)).await
    }

    async fn claim(&self, name: &LeaseName, claim: &Claim) -> Result<Version, LeaseError> {
        self.pass(self.store.claim(name, claim)).await
    }

    async fn release(&self, name: &LeaseName, holder: &str, version: &Version) -> Result<(), LeaseError> {
        self.pass(self.store.release(name, holder, version)).await
    }

    async fn changed(&self, name: &LeaseName) {
        if *self.fault.lock().unwrap() == Fault::None {
            self.store.changed(name).await;
        } else {
            std::future::pending::<()>().await;
        }
    }
}

/// A term of somebody.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) who: String,
    pub(crate) token: FencingToken,
    pub(crate) began: Instant,
    pub(crate) guard: LeaderGuard,
}

/// What all candidates of a test share.
#[derive(Clone, Debug)]
pub(crate) struct Terms(watch::Sender<Vec<Term>>);

impl Default for Terms {
    fn default() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }
}

impl Terms {
    pub(crate) fn all(&self) -> Vec<Term> {
        self.0.borrow().clone()
    }

    /// Waits until so many terms have begun, and gives the last one.
    pub(crate) async fn nth(&self, count: usize) -> Term {
        let mut terms = self.0.subscribe();
        let waiting = terms.wait_for(|terms| terms.len() >= count);
        let terms = tokio::time::timeout(Duration::from_mins(10), waiting).await.unwrap();
        terms.unwrap()[count - 1].clone()
    }

    /// Nobody else leads when a term begins, and its token is greater.
    pub(crate) fn begin(&self, who: &str, guard: &LeaderGuard) {
        for before in self.0.borrow().iter() {
            assert!(!before.guard.is_leading(), "{} still leads when {who} begins", before.who);
            assert!(before.token < guard.token(), "{} after {}", guard.token(), before.token);
        }
        let (who, guard) = (who.to_owned(), guard.clone());
        let term = Term { who, token: guard.token(), began: Instant::now(), guard };
        self.0.send_modify(|terms| terms.push(term));
    }
}

/// How a candidate's work behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// It ends when it is cancelled.
    Obeys,
    /// It goes on for so much longer.
    Lingers(Duration),
    /// It does not end, and cannot be aborted.
    Blocks,
    /// It panics after so much time.
    Panics(Duration),
    /// It fails after so much time.
    Fails(Duration),
}

pub(crate) struct Candidate {
    pub(crate) link: Link,
    pub(crate) elector: Arc<Elector<Link, MemoryFenceStore>>,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), ElectorError>>,
    /// Whether its work has ended.
    pub(crate) ended: Arc<AtomicBool>,
}

impl Candidate {
    pub(crate) fn new(
        who: &str,
        link: Link,
        fences: &MemoryFenceStore,
        terms: &Terms,
        manner: Manner,
    ) -> Self {
        let name = LeaseName::new("test").unwrap();
        let elector = Elector::new(name, link.clone(), fences.clone(), who, ElectorConfig::default());
        let elector = Arc::new(elector.unwrap().with_seed(who.len() as u64));
        let (stop, ended) = (CancellationToken::new(), Arc::new(AtomicBool::new(true)));
        let running = tokio::spawn({
            let (elector, stop, terms, who, ended) =
                (elector.clone(), stop.clone(), terms.clone(), who.to_owned(), ended.clone());
            async move {
                let work = move |guard: LeaderGuard| {
                    let (terms, who, ended) = (terms.clone(), who.clone(), ended.clone());
                    async move {
                        assert!(ended.swap(false, Ordering::SeqCst), "its last work goes on");
                        terms.begin(&who, &guard);
                        let _guard = SetOnDrop(ended);
                        match manner {
                            Manner::Obeys => guard.cancelled().await,
                            Manner::Lingers(span) => {
                                guard.cancelled().await;
                                tokio::time::sleep(span).await;
                            }
                            Manner::Blocks => std::future::pending().await,
                            Manner::Panics(span) => {
                                tokio::time::sleep(span).await;
                                panic!("as told");
                            }
                            Manner::Fails(span) => {
                                tokio::time::sleep(span).await;
                                return Err("as told".into());
                            }
                        }
                        Ok(())
                    }
                };
                elector.run(&stop, work).await
            }
        });
        Self { link, elector, stop, running, ended }
    }

    pub(crate) fn role(&self) -> Role {
        self.elector.status().borrow().role
    }

    /// As by SIGKILL: nothing is released.
    pub(crate) fn kill(self) {
        self.running.abort();
    }
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A store with its tokens, and who led.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) store: MemoryLeaseStore,
    pub(crate) fences: MemoryFenceStore,
    pub(crate) terms: Terms,
}

impl Place {
    pub(crate) fn candidate(&self, who: &str) -> Candidate {
        self.candidate_that(who, Manner::Obeys)
    }

    pub(crate) fn candidate_that(&self, who: &str, manner: Manner) -> Candidate {
        Candidate::new(who, Link::to(&self.store), &self.fences, &self.terms, manner)
    }
}
