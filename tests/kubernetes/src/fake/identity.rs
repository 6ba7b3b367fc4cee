//! Whom a request comes from.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::rbac::{self, Attributes, MASTERS, User};
use super::resource::SERVICE_ACCOUNTS;
use super::status::Failure;
use super::store::Store;

/// What a token is good for that names no audience: the API server itself.
pub(super) const API_AUDIENCE: &str = "https://kubernetes.default.svc";

const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const ANONYMOUS: &str = "system:anonymous";
const INVALID: &str = "invalid bearer token";

/// Somebody whom the fake knows by a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenUser {
    user: User,
    audiences: Vec<String>,
    /// Namespace and name of the service account, without which the token is void.
    account: Option<(String, String)>,
}

impl TokenUser {
    /// A user in no group but that of all who are authenticated.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let user = User { name: name.into(), ..User::default() };
        Self { user, audiences: vec![API_AUDIENCE.to_owned()], account: None }
    }

    /// Sets the groups.
    #[must_use]
    pub fn with_groups<G: Into<String>>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.user.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the uid.
    #[must_use]
    pub fn with_uid(mut self, uid: impl Into<String>) -> Self {
        self.user.uid = uid.into();
        self
    }

    /// Adds a piece of what else is known about the user.
    #[must_use]
    pub fn with_extra<V: Into<String>>(
        mut self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.user.extra.insert(key.into(), values.into_iter().map(Into::into).collect());
        self
    }

    /// Sets whom the token is for, in place of the API server.
    #[must_use]
    pub fn with_audiences<A: Into<String>>(mut self, audiences: impl IntoIterator<Item = A>) -> Self {
        self.audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// A service account as its tokens name it.
    pub(super) fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        let mut user = Self::new(rbac::service_account_user(namespace, name)).with_uid(uid).with_groups([
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
        ]);
        user.account = Some((namespace.to_owned(), name.to_owned()));
        user
    }
}

/// The tokens that are good.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    users: BTreeMap<String, TokenUser>,
}

impl Tokens {
    pub(super) fn insert(&mut self, token: String, user: TokenUser) {
        self.users.insert(token, user);
    }

    pub(super) fn remove(&mut self, token: &str) {
        self.users.remove(token);
    }

    /// Finds whose token it is, and for which of the asked audiences it is good.
    ///
    /// # Errors
    /// Says in the words of the API server why it is not good.
    pub(super) fn verify(
        &self,
        store: &Store,
        token: &str,
        audiences: &[String],
    ) -> Result<(User, Vec<String>), String> {
        let found = self.users.get(token).ok_or(INVALID)?;
        let good: Vec<String> =
            audiences.iter().filter(|asked| found.audiences.contains(asked)).cloned().collect();
        if good.is_empty() {
            let (has, wants) = (&found.audiences, audiences);
            return Err(format!(
                "[{INVALID}, token audiences {} is invalid for the target audiences {}]",
                quoted(has),
                quoted(wants)
            ));
        }
        if let Some((namespace, name)) = &found.account {
            let account = store.find(&SERVICE_ACCOUNTS, namespace, name);
            if account.is_none_or(|account| super::object::uid(account) != found.user.uid) {
                return Err(INVALID.to_owned());
            }
        }
        Ok((authenticated(found.user.clone()), good))
    }
}

fn quoted(list: &[String]) -> String {
    let list: Vec<String> = list.iter().map(|one| format!("{one:?}")).collect();
    format!("[{}]", list.join(" "))
}

fn authenticated(mut user: User) -> User {
    if user.name != ANONYMOUS && !user.groups.iter().any(|group| group == AUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

/// The user of a request: whom its token names, or whom that one acts as.
pub(super) fn identify(store: &Store, tokens: &Tokens, headers: &HeaderMap) -> Result<User, Failure> {
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let user = match headers.get(http::header::AUTHORIZATION).map(text) {
        None => User { name: ANONYMOUS.into(), groups: vec![UNAUTHENTICATED.into()], ..User::default() },
        Some(credentials) => {
            let token = credentials.strip_prefix("Bearer ").unwrap_or_default().trim();
            let audiences = [API_AUDIENCE.to_owned()];
            tokens.verify(store, token, &audiences).map_err(|_| Failure::unauthorized())?.0
        }
    };
    impersonate(store, user, headers)
}

/// Lets a user act as another, if it may.
fn impersonate(store: &Store, user: User, headers: &HeaderMap) -> Result<User, Failure> {
    let values = |name: &str| -> Vec<String> {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
    };
    let mut groups = values("impersonate-group");
    let uid = values("impersonate-uid").into_iter().next().unwrap_or_default();
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix("impersonate-extra-") {
            extra.insert(key.to_owned(), values(name.as_str()));
        }
    }
    let Some(name) = values("impersonate-user").into_iter().next() else {
        if groups.is_empty() && uid.is_empty() && extra.is_empty() {
            return Ok(user);
        }
        let message = format!("requested groups {groups:?} without impersonating a user");
        return Err(Failure::internal(format!("Internal error occurred: {message}")));
    };
    let account = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let mut asked = vec![match account {
        Some((namespace, account)) => act_as("", "serviceaccounts", namespace, account),
        None => act_as("", "users", "", &name),
    }];
    asked.extend(groups.iter().map(|group| act_as("", "groups", "", group)));
    let authentication = "authentication.k8s.io";
    asked.extend((!uid.is_empty()).then(|| act_as(authentication, "uids", "", &uid)));
    for (key, values) in &extra {
        asked.extend(values.iter().map(|value| Attributes {
            subresource: key.clone(),
            ..act_as(authentication, "userextras", "", value)
        }));
    }
    for attributes in &asked {
        rbac::authorize(store, &user, attributes)?;
    }
    if let (Some((namespace, _)), true) = (account, groups.is_empty()) {
        groups = vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")];
    }
    let user = User { name, uid, groups, extra };
    if user.groups.iter().any(|group| group == UNAUTHENTICATED) {
        return Ok(user);
    }
    Ok(authenticated(user))
}

fn act_as(group: &str, resource: &str, namespace: &str, name: &str) -> Attributes {
    Attributes {
        verb: "impersonate".into(),
        group: group.into(),
        resource: resource.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Attributes::default()
    }
}

/// The one who may do everything.
pub(super) fn admin() -> TokenUser {
    TokenUser::new("admin").with_groups([MASTERS])
}
