//! The state of the fake, and the way of a request through it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::bootstrap;
use super::escalation;
use super::fault::{Effect, Faults, Subject};
use super::identity::{self, Tokens};
use super::list;
use super::log::Seen;
use super::patch;
use super::rbac::{self, User};
use super::request::Call;
use super::resource::{NAMESPACES, RBAC, Resource};
use super::review::{self, Answer};
use super::status::Failure;
use super::store::{Key, Store};
use super::watch::{Open, Watch};
use super::write::{self, Reply};

/// What a request is answered with.
pub(super) enum Response {
    Object(Reply),
    /// Neither object nor refusal, as probes answer.
    Text(&'static str),
    Watch(Box<Watch>),
    Failure(Failure),
}

/// Everything that requests change.
#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) tokens: Tokens,
    pub(super) faults: Faults,
    pub(super) log: Vec<Seen>,
    pub(super) watches: Vec<Open>,
}

/// One API server.
#[derive(Debug)]
pub(super) struct Server {
    state: Mutex<State>,
    /// The revision of the store, for those who wait for the next.
    pub(super) changed: watch::Sender<u64>,
}

impl Server {
    /// A fresh cluster, with an administrator who has `token`.
    pub(super) fn new(token: &str) -> Self {
        let mut store = Store::default();
        bootstrap::fill(&mut store);
        let mut tokens = Tokens::default();
        tokens.insert(token.to_owned(), identity::admin());
        let changed = watch::Sender::new(store.revision());
        let state = State { store, tokens, faults: Faults::default(), log: Vec::new(), watches: Vec::new() };
        Self { state: Mutex::new(state), changed }
    }

    /// A test that panicked while it held the state leaves it whole: nothing is changed by halves.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request, and says what is to go wrong with it.
    pub(super) fn receive(&self, call: &Call) -> Vec<Effect> {
        let mut state = self.state();
        let subject = Subject::of(call);
        let effects = state.faults.meet(&subject);
        state.log.push(Seen::new(call, subject));
        effects
    }

    /// Does what a request asks for.
    pub(super) fn handle(self: &Arc<Self>, call: &Call, answer: &Answer) -> Response {
        let mut state = self.state();
        let response = self.route(&mut state, call, answer).unwrap_or_else(Response::Failure);
        self.tell(state);
        response
    }

    /// Removes a namespace with all that is in it, finalizers or not.
    pub(super) fn remove_namespace(&self, name: &str) {
        let mut state = self.state();
        for (_, key) in state.store.content(name) {
            state.store.remove(&key);
        }
        state.store.remove(&Key::new(&NAMESPACES, "", name));
        self.tell(state);
    }

    /// Wakes the watches, if there is something to tell.
    fn tell(&self, state: MutexGuard<'_, State>) {
        let revision = state.store.revision();
        drop(state);
        self.changed.send_if_modified(|seen| std::mem::replace(seen, revision) != revision);
    }

    fn route(self: &Arc<Self>, state: &mut State, call: &Call, answer: &Answer) -> Result<Response, Failure> {
        let user = identity::identify(&state.store, &state.tokens, &call.headers)?;
        let asked = &call.attributes;
        rbac::authorize(&state.store, &user, asked)?;
        if asked.resource.is_empty() {
            return page(call);
        }
        if let Some(reply) = review::review(state, call, &user, answer) {
            return reply.map(Response::Object);
        }
        let resource = Resource::find(&asked.group, &call.version, &asked.resource)
            .filter(|_| asked.subresource.is_empty())
            .ok_or_else(Failure::unknown_resource)?;
        if resource.namespaced
            && asked.namespace.is_empty()
            && !matches!(asked.verb.as_str(), "list" | "watch")
        {
            return Err(Failure::unknown_resource());
        }
        if asked.verb == "watch" {
            let watch = Watch::open(self, state, call, Subject::of(call), resource)?;
            return Ok(Response::Watch(Box::new(watch)));
        }
        let writes = matches!(asked.verb.as_str(), "create" | "update" | "patch");
        let grants = writes && resource.group == RBAC && !user.is_master();
        if !grants && !call.dry_run() {
            return operate(&mut state.store, call, &user, resource).map(Response::Object);
        }
        // What is to be checked afterwards, or not to last, is done to a copy.
        let mut store = state.store.clone();
        let reply = operate(&mut store, call, &user, resource)?;
        if grants {
            escalation::check(&state.store, &user, asked, resource, &reply.1)?;
        }
        if !call.dry_run() {
            state.store = store;
        }
        Ok(Response::Object(reply))
    }
}

fn operate(
    store: &mut Store,
    call: &Call,
    user: &User,
    resource: &'static Resource,
) -> Result<Reply, Failure> {
    match call.attributes.verb.as_str() {
        "get" => list::get(store, call, resource),
        "list" => list::list(store, call, resource),
        "create" => write::create(store, call, resource),
        "update" => write::replace(store, call, user, resource),
        "patch" => patch::patch(store, call, user, resource),
        "delete" => write::delete(store, call, resource),
        "deletecollection" => write::delete_collection(store, call, resource),
        _ => Err(Failure::method_not_allowed()),
    }
}

/// The few paths that are no resource.
fn page(call: &Call) -> Result<Response, Failure> {
    if call.method != Method::GET {
        return Err(Failure::unknown_resource());
    }
    match call.path.as_str() {
        "/livez" | "/readyz" | "/healthz" => Ok(Response::Text("ok")),
        "/version" | "/version/" => Ok(Response::Object((StatusCode::OK, version()))),
        _ => Err(Failure::unknown_resource()),
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0-fake", "gitCommit": "", "gitTreeState": "",
        "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
    })
}
