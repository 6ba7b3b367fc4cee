//! An API server in the process, without a socket, that can be made to fail.
//!
//! It serves namespaces, config maps, secrets, service accounts with their tokens, events, leases, roles and
//! bindings, and reviews of access and of tokens. It follows a real server in versions, conflicts, wording of
//! refusals, paging, selectors, watches and rights. It differs where a test is better off without waiting: a
//! deleted namespace is emptied at once, and aggregated cluster roles are filled at once.
//!
//! It has no discovery, no garbage collection of what lost its owner, no ownership of fields and no streaming
//! lists; of the built-in cluster roles it has those that concern what it serves.

mod aggregation;
mod bootstrap;
mod escalation;
mod fault;
mod front;
mod identity;
mod list;
mod log;
mod object;
mod patch;
mod rbac;
mod request;
mod resource;
mod review;
mod selector;
mod server;
mod service;
mod status;
mod store;
mod validate;
mod watch;
mod write;

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use kube::Client;

pub use self::fault::{Effect, On, Subject};
pub use self::identity::TokenUser;
pub use self::log::Seen;
pub(crate) use self::object::suffix;

use self::server::Server;
use self::service::FakeService;
use self::watch::Cut;

/// The fake; clones are the same cluster.
#[derive(Clone, Debug)]
pub struct Fake {
    server: Arc<Server>,
    admin: String,
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// A cluster with what every fresh cluster has.
    #[must_use]
    pub fn new() -> Self {
        let admin = suffix(16);
        Self { server: Arc::new(Server::new(&admin)), admin }
    }

    /// A client that may do everything.
    ///
    /// # Panics
    /// Outside of a runtime, as do all that make clients.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_as(&self.admin)
    }

    /// A client of whom `token` names, who may what the roles say; of nobody if the token is not good.
    #[must_use]
    pub fn client_as(&self, token: &str) -> Client {
        self.connect(&[("authorization", &format!("Bearer {token}"))])
    }

    /// A client of a user who may what the roles say.
    #[must_use]
    pub fn client_for(&self, user: &str, groups: &[&str]) -> Client {
        let token = format!("Bearer {}", self.admin);
        let mut headers = vec![("authorization", token.as_str()), ("impersonate-user", user)];
        headers.extend(groups.iter().map(|group| ("impersonate-group", *group)));
        self.connect(&headers)
    }

    /// A client that does not say who it is.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        self.connect(&[])
    }

    fn connect(&self, headers: &[(&'static str, &str)]) -> Client {
        let credential = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value);
            (HeaderName::from_static(name), value.unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        let credentials = headers.iter().map(credential).collect();
        Client::new(FakeService { server: Arc::clone(&self.server), credentials }, "default")
    }

    /// Serves it on a free port of the loopback address, without TLS, for as long as the runtime lives.
    pub async fn serve(&self) -> SocketAddr {
        front::serve(FakeService { server: Arc::clone(&self.server), credentials: Vec::new() }).await
    }

    /// Makes a token good.
    pub fn register_token(&self, token: impl Into<String>, user: TokenUser) {
        self.server.state().tokens.insert(token.into(), user);
    }

    /// Makes a token void.
    pub fn revoke_token(&self, token: &str) {
        self.server.state().tokens.remove(token);
    }

    /// Lets something go wrong from now on. Of several faults that a request meets, those injected first come
    /// first.
    pub fn inject(&self, on: On, effect: Effect) {
        self.server.state().faults.inject(on, effect);
    }

    /// Lets nothing go wrong any more.
    pub fn clear_faults(&self) {
        self.server.state().faults.clear();
    }

    /// All requests so far, refused ones too, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.server.state().log.clone()
    }

    /// How many requests there were of a kind, whatever number `on` is limited to.
    #[must_use]
    pub fn count(&self, on: &On) -> usize {
        self.server.state().log.iter().filter(|seen| on.matches(&seen.subject)).count()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.server.state().log.clear();
    }

    /// How many watches of a kind are being read.
    #[must_use]
    pub fn open_watches(&self, on: &On) -> usize {
        let mut state = self.server.state();
        state.watches.retain(|open| !open.cut.is_closed());
        state.watches.iter().filter(|open| on.matches(&open.subject)).count()
    }

    /// Ends the watches of a kind as if their time were over.
    pub fn end_watches(&self, on: &On) {
        self.cut(on, Cut::End);
    }

    /// Breaks the connections of the watches of a kind.
    pub fn break_watches(&self, on: &On) {
        self.cut(on, Cut::Break);
    }

    fn cut(&self, on: &On, cut: Cut) {
        let mut state = self.server.state();
        for open in state.watches.extract_if(.., |open| on.matches(&open.subject)) {
            // Nobody reads it any more: then it is over already.
            let _ = open.cut.send(cut);
        }
    }

    /// Forgets the history: a watch or a list that goes on from an earlier version is answered with 410, watches
    /// in the stream and lists by their status. Watches that are open go on.
    pub fn compact(&self) {
        self.server.state().store.compact();
    }

    /// Removes a namespace with all that is in it, finalizers or not.
    pub(crate) fn remove_namespace(&self, name: &str) {
        self.server.remove_namespace(name);
    }
}
