//! The queue of events, and what must hold at each of them.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{ElectorConfig, election::Command},
    node::Node,
    server::Server,
};
use crate::{
    fence::FencingToken,
    lease::{Claim, LeaseError, LeaseErrorKind, LeaseRecord, Version},
};

/// What happens in one run.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    /// Of each candidate's clock.
    pub(super) rates: Vec<f64>,
    /// Whether the store has a clock.
    pub(super) has_clock: bool,
    /// How probable it is that a message is lost.
    pub(super) loss: f64,
    /// How long a message takes at most, as a rule.
    pub(super) delay_ms: u64,
    pub(super) troubles: Vec<Trouble>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    pub(super) at_ms: u64,
    pub(super) node: usize,
    pub(super) what: What,
}

/// What befalls a candidate; times are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// The process is stopped for a while, and its clock goes on.
    Stop(u64),
    /// The process is killed, and another one begins.
    Kill,
    /// The process leaves in order, and another one begins.
    Leave,
    /// Nothing comes to it or from it.
    CutOff(u64),
    /// The store answers nobody.
    Outage(u64),
    /// The store says that it is overloaded.
    Refuse(u64),
}

#[derive(Clone, Debug)]
enum Event {
    Wake(u64),
    Trouble(What),
    Arrives(u64, Ask),
    Answered(u64, Reply),
}

#[derive(Clone, Debug)]
enum Ask {
    Read,
    Newest,
    Claim(Claim, Duration),
    Raise(FencingToken),
    Release(String, Version),
}

#[derive(Clone, Debug)]
enum Reply {
    Read(Result<Option<LeaseRecord>, LeaseErrorKind>),
    Newest(Result<FencingToken, LeaseErrorKind>),
    Claim(Duration, Result<Version, LeaseErrorKind>),
    Raise(Result<FencingToken, LeaseErrorKind>),
    TimedOut(Ask),
}

/// After this nothing goes wrong any more.
const QUIET: Duration = Duration::from_secs(135);
/// And then somebody leads after this.
const END: Duration = Duration::from_secs(135 + 40);

#[derive(Debug)]
pub(super) struct World {
    now: Duration,
    queue: BTreeMap<(Duration, u64), (usize, Box<Event>)>,
    events: u64,
    nodes: Vec<Node>,
    server: Server,
    random: fastrand::Rng,
    loss: f64,
    delay_ms: u64,
    outage_until: Duration,
    refuses_until: Duration,
    greatest: FencingToken,
    trusts_from_the_answer: bool,
}

impl World {
    pub(super) fn new(schedule: &Schedule) -> Self {
        let mut random = fastrand::Rng::with_seed(schedule.seed);
        let node = |(number, rate): (usize, &f64)| {
            Node::new(format!("n{number}"), *rate, random.u64(..), Duration::ZERO)
        };
        let nodes: Vec<Node> = schedule.rates.iter().enumerate().map(node).collect();
        let mut world = Self {
            now: Duration::ZERO,
            queue: BTreeMap::new(),
            events: 0,
            nodes,
            server: Server::new(schedule.has_clock),
            random,
            loss: schedule.loss,
            delay_ms: schedule.delay_ms,
            outage_until: Duration::ZERO,
            refuses_until: Duration::ZERO,
            greatest: FencingToken::default(),
            trusts_from_the_answer: false,
        };
        for node in 0..world.nodes.len() {
            world.put(Duration::ZERO, node, Event::Wake(0));
        }
        for trouble in &schedule.troubles {
            let node = trouble.node % world.nodes.len();
            world.put(Duration::from_millis(trouble.at_ms), node, Event::Trouble(trouble.what));
        }
        world
    }

    pub(super) fn trust_from_the_answer(&mut self) {
        self.trusts_from_the_answer = true;
    }

    pub(super) fn run(&mut self) -> Result<(), String> {
        while let Some(((at, _), (node, event))) = self.queue.pop_first() {
            if at > END {
                break;
            }
            self.now = at;
            self.happen(node, *event)?;
        }
        self.now = END;
        let leaders = self.nodes.iter().filter(|node| node.is_leading(END)).count();
        if leaders == 1 { Ok(()) } else { Err(format!("in the end {leaders} lead")) }
    }

    fn put(&mut self, at: Duration, node: usize, event: Event) {
        self.events += 1;
        self.queue.insert((at, self.events), (node, Box::new(event)));
    }

    fn is_quiet(&self) -> bool {
        self.now >= QUIET
    }

    fn happen(&mut self, index: usize, event: Event) -> Result<(), String> {
        let stopped_until = self.nodes[index].stopped_until;
        match event {
            Event::Trouble(what) => self.befall(index, what),
            Event::Arrives(id, ask) => self.arrive(index, id, ask),
            event if stopped_until > self.now => self.put(stopped_until, index, event),
            Event::Wake(id) | Event::Answered(id, _) if id != self.nodes[index].awaits => {}
            Event::Wake(_) => self.go_on(index)?,
            Event::Answered(_, reply) => {
                self.hear(index, reply);
                self.go_on(index)?;
            }
        }
        Ok(())
    }

    fn befall(&mut self, index: usize, what: What) {
        let after = |ms| self.now + Duration::from_millis(ms);
        match what {
            What::Stop(ms) => self.nodes[index].stopped_until = after(ms),
            What::CutOff(ms) => self.nodes[index].cut_off_until = after(ms),
            What::Outage(ms) => self.outage_until = after(ms),
            What::Refuse(ms) => self.refuses_until = after(ms),
            What::Kill => self.begin_anew(index),
            What::Leave if self.nodes[index].stopped_until > self.now => {}
            What::Leave => {
                let local = self.nodes[index].local(self.now);
                let node = &mut self.nodes[index];
                let (holder, version) = (node.name.clone(), node.election.resign(local));
                node.leads = None;
                if let Some(version) = version {
                    self.send(index, Ask::Release(holder, version));
                }
                self.begin_anew(index);
            }
        }
    }

    fn begin_anew(&mut self, index: usize) {
        let (rate, seed) = (self.nodes[index].rate(), self.random.u64(..));
        self.events += 1;
        let awaits = self.events;
        let name = format!("n{index}-{awaits}");
        self.nodes[index] = Node::new(name, rate, seed, self.now);
        self.nodes[index].awaits = awaits;
        self.put(self.now, index, Event::Wake(awaits));
    }

    /// The candidate does what comes next.
    fn go_on(&mut self, index: usize) -> Result<(), String> {
        self.check(index)?;
        let node = &mut self.nodes[index];
        let local = node.local(self.now);
        let command = node.election.next(local);
        self.check(index)?;
        let node = &self.nodes[index];
        let ask = match command {
            Command::Wait(until) => {
                let at = node.global(until);
                self.events += 1;
                let awaits = self.events;
                self.nodes[index].awaits = awaits;
                self.put(at, index, Event::Wake(awaits));
                return Ok(());
            }
            Command::Read => Ask::Read,
            Command::Claim(claim) if node.knows_newest || node.election.leadership().is_some() => {
                Ask::Claim(claim, local)
            }
            Command::Claim(_) => Ask::Newest,
            Command::Raise => Ask::Raise(node.newest),
        };
        self.nodes[index].knows_newest = false;
        self.send(index, ask);
        Ok(())
    }

    /// Nobody else leads where this one does, and its token is greater than any before.
    fn check(&mut self, index: usize) -> Result<(), String> {
        let node = &mut self.nodes[index];
        let leads = node.election.leadership();
        let is_new = leads.is_some_and(|(token, _)| node.leads.is_none_or(|(before, _)| before != token));
        node.leads = leads;
        if !node.is_leading(self.now) {
            return Ok(());
        }
        if let Some((token, _)) = leads.filter(|_| is_new) {
            if token <= self.greatest {
                return Err(format!("token {token} after {}", self.greatest));
            }
            self.greatest = token;
        }
        let other =
            self.nodes.iter().enumerate().find(|(other, node)| *other != index && node.is_leading(self.now));
        other.map_or(Ok(()), |(other, _)| Err(format!("{index} and {other} both lead at {:?}", self.now)))
    }

    fn send(&mut self, index: usize, ask: Ask) {
        self.events += 1;
        let awaits = self.events;
        let node = &mut self.nodes[index];
        node.awaits = awaits;
        let local = node.local(self.now);
        let by = local + ElectorConfig::default().retry();
        let by = node.election.gives_up().map_or(by, |at| at.min(by));
        let times_out = node.global(by);
        self.put(times_out, index, Event::Answered(awaits, Reply::TimedOut(ask.clone())));
        if let Some(at) = self.passes(index) {
            self.put(at, index, Event::Arrives(awaits, ask));
        }
    }

    /// When a message arrives, if it does.
    fn passes(&mut self, index: usize) -> Option<Duration> {
        if self.is_quiet() {
            return Some(self.now + Duration::from_millis(5));
        }
        let cut = self.nodes[index].cut_off_until.max(self.outage_until) > self.now;
        if cut || self.random.f64() < self.loss {
            return None;
        }
        let rarely = if self.random.u8(..) < 8 { 10 } else { 1 };
        let delay = self.random.u64(0..=self.delay_ms) * self.random.u64(1..=rarely);
        Some(self.now + Duration::from_millis(delay))
    }

    fn arrive(&mut self, index: usize, id: u64, ask: Ask) {
        let refused = self.refuses_until > self.now && !self.is_quiet();
        let kind = LeaseErrorKind::Unavailable;
        let (now, server) = (self.now, &mut self.server);
        let reply = match ask {
            Ask::Release(holder, version) if !refused => return server.release(&holder, &version),
            Ask::Release(..) => return,
            Ask::Read => Reply::Read(if refused { Err(kind) } else { Ok(server.read(now)) }),
            Ask::Newest => Reply::Newest(if refused { Err(kind) } else { Ok(server.newest()) }),
            Ask::Claim(claim, sent) => {
                Reply::Claim(sent, if refused { Err(kind) } else { server.claim(now, &claim) })
            }
            Ask::Raise(newest) => Reply::Raise(if refused { Err(kind) } else { server.raise(newest) }),
        };
        if let Some(at) = self.passes(index) {
            self.put(at, index, Event::Answered(id, reply));
        }
    }

    fn hear(&mut self, index: usize, reply: Reply) {
        let now = self.now;
        let node = &mut self.nodes[index];
        let local = node.local(now);
        let unavailable = LeaseErrorKind::Unavailable;
        let reply = match reply {
            Reply::TimedOut(Ask::Read) => Reply::Read(Err(unavailable)),
            Reply::TimedOut(Ask::Newest) => Reply::Newest(Err(unavailable)),
            Reply::TimedOut(Ask::Claim(_, sent)) => Reply::Claim(sent, Err(unavailable)),
            Reply::TimedOut(Ask::Raise(_)) => Reply::Raise(Err(unavailable)),
            reply => reply,
        };
        match reply {
            Reply::Read(read) => {
                let read = read.map_err(LeaseError::from);
                node.election.on_read(local, read.as_ref().map(Clone::clone));
            }
            Reply::Newest(Ok(newest)) => (node.newest, node.knows_newest) = (newest, true),
            Reply::Newest(Err(kind)) => node.election.on_claim(local, local, Err(&kind.into())),
            Reply::Claim(sent, claimed) => {
                let sent = if self.trusts_from_the_answer {
                    local + ElectorConfig::default().lease() / 10
                } else {
                    sent
                };
                let claimed = claimed.map_err(LeaseError::from);
                node.election.on_claim(sent, local, claimed.as_ref().map(Clone::clone));
            }
            Reply::Raise(raised) => {
                let raised = raised.map_err(LeaseError::from);
                node.election.on_raise(local, raised.as_ref().map(|token| *token));
            }
            Reply::TimedOut(_) => {}
        }
    }
}
