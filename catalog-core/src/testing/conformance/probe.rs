//! What every check asks with.

use serde_json::Value;

use super::{
    answer::Answer,
    ask::Ask,
    caller::Caller,
    entity::Entity,
    faults::Stop,
    suite::{Conformance, Tenants},
    target::Target,
};

/// One of the two tenants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tenant {
    A,
    B,
}

/// The plugin that is checked, what it says of itself, and all that it lists.
pub(super) struct Probe<'a> {
    target: &'a dyn Target,
    pub(super) plan: &'a Conformance,
    /// Why there are no subjects.
    unread: Option<String>,
    subjects: Vec<Subject>,
    base: String,
}

/// An entity with all its assets.
pub(super) struct Subject {
    pub(super) entity: Entity,
    items_a: Result<Vec<Value>, Stop>,
    items_b: Result<Vec<Value>, Stop>,
}

impl Subject {
    /// All assets of the first tenant, in the list's usual order.
    pub(super) fn items(&self) -> Result<&[Value], Stop> {
        self.items_of(Tenant::A)
    }

    /// All assets of a tenant, in the list's usual order.
    pub(super) fn items_of(&self, tenant: Tenant) -> Result<&[Value], Stop> {
        let items = if tenant == Tenant::A { &self.items_a } else { &self.items_b };
        items.as_deref().map_err(|stop| Stop::skip(stop.reason()))
    }

    /// All assets of the first tenant, for the one check that fails where a list cannot be walked; the others are skipped.
    pub(super) fn walked(&self) -> Result<&[Value], Stop> {
        self.items_a.as_deref().map_err(Stop::clone)
    }
}

impl<'a> Probe<'a> {
    /// Reads what the plugin says of itself, and walks its lists.
    pub(super) async fn prepare(target: &'a dyn Target, plan: &'a Conformance) -> Self {
        let mut probe = Self { target, plan, unread: None, subjects: Vec::new(), base: String::new() };
        let (entities, base) = match probe.entities().await {
            Ok(read) => read,
            Err(stop) => {
                probe.unread = Some(stop.reason().to_owned());
                return probe;
            }
        };
        probe.base = base;
        for entity in entities {
            let items_a = probe.whole(&entity, Tenant::A).await;
            let items_b = probe.whole(&entity, Tenant::B).await;
            probe.subjects.push(Subject { entity, items_a, items_b });
        }
        probe
    }

    async fn entities(&self) -> Result<(Vec<Entity>, String), Stop> {
        let plugin = self.send(self.cluster(format!("/api/plugins/{}", self.plan.plugin))).await?.good()?;
        let path = format!("/api/plugins/{}/capabilities", self.plan.plugin);
        let capabilities = self.send(self.cluster(path)).await?.good()?;
        let entities = capabilities.list("entities")?;
        let read: Option<Vec<Entity>> = entities.iter().map(Entity::read).collect();
        let read = read.filter(|entities| !entities.is_empty());
        let read = read.ok_or_else(|| Stop::fail("the capabilities name no entity with its endpoints"))?;
        Ok((read, plugin.json()["basePath"].as_str().unwrap_or_default().to_owned()))
    }

    async fn whole(&self, entity: &Entity, tenant: Tenant) -> Result<Vec<Value>, Stop> {
        let ask = self.ask(tenant, entity.list.clone())?;
        let walk = self.walk(&ask, 100, self.plan.max_assets / 100 + 1).await;
        let Walk { items, complete } = walk.map_err(|reason| {
            Stop::fail(format!("the list of `{}` cannot be walked: {reason}", entity.kind))
        })?;
        if complete && items.len() <= self.plan.max_assets {
            return Ok(items);
        }
        Err(Stop::skip(format!(
            "the list of `{}` holds more than {} assets, which is as many as the suite compares",
            entity.kind, self.plan.max_assets
        )))
    }

    /// The entities of the plugin.
    pub(super) fn subjects(&self) -> Result<&[Subject], Stop> {
        match &self.unread {
            None => Ok(&self.subjects),
            Some(reason) => {
                Err(Stop::skip(format!("what the plugin says of itself cannot be read: {reason}")))
            }
        }
    }

    /// The path below which the plugin serves.
    pub(super) fn base(&self) -> Result<&str, Stop> {
        self.subjects()?;
        if self.base.is_empty() { Err(Stop::fail("the plugin has no `basePath`")) } else { Ok(&self.base) }
    }

    /// The names of both tenants.
    pub(super) fn tenants(&self) -> Result<(&str, &str), Stop> {
        match &self.plan.tenants {
            Some(Tenants { a, b: Some(b) }) => Ok((a, b)),
            _ => Err(Stop::skip("no two tenants are given")),
        }
    }

    /// The first tenant's name.
    pub(super) fn tenant(&self) -> Result<&str, Stop> {
        let tenants = self.plan.tenants.as_ref();
        tenants
            .map(|tenants| tenants.a.as_str())
            .ok_or_else(|| Stop::skip("no tenant is given, as if the server had one"))
    }

    /// Who may read the second tenant. Where no credentials are given at all, nobody needs some.
    fn reader_of_b(&self) -> Result<Caller, Stop> {
        match (&self.plan.reader_of_a, &self.plan.reader_of_b) {
            (_, Some(caller)) => Ok(caller.clone()),
            (Some(_), None) => Err(Stop::skip("no caller is given who may read the second tenant")),
            (None, None) => Ok(Caller::default()),
        }
    }

    /// A request of no tenant, by who may read the first.
    pub(super) fn cluster(&self, path: impl Into<String>) -> Ask {
        Ask::new(path, &self.plan.reader_of_a.clone().unwrap_or_default())
    }

    /// A request of the first tenant by who may read it.
    pub(super) fn get(&self, path: impl Into<String>) -> Ask {
        let ask = self.cluster(path);
        match &self.plan.tenants {
            Some(tenants) => ask.with("namespace", &tenants.a),
            None => ask,
        }
    }

    /// A request of a tenant by who may read it.
    pub(super) fn ask(&self, tenant: Tenant, path: impl Into<String>) -> Result<Ask, Stop> {
        if tenant == Tenant::A {
            return Ok(self.get(path));
        }
        let (_, b) = self.tenants()?;
        Ok(Ask::new(path, &self.reader_of_b()?).with("namespace", b))
    }

    /// Sends it.
    pub(super) async fn send(&self, ask: Ask) -> Result<Answer, Stop> {
        let shown = ask.shown();
        let request = ask.request().map_err(|error| Stop::fail(format!("{shown}: {error}")))?;
        let response = self.target.send(request).await;
        let response = response.map_err(|error| Stop::fail(format!("{shown}: {}", error.told())))?;
        let (parts, body) = response.into_parts();
        Ok(Answer::new(shown, parts.status.as_u16(), parts.headers, body))
    }

    /// All items of a list, or those of its first `max_pages` pages.
    pub(super) async fn walk(&self, ask: &Ask, page_size: usize, max_pages: usize) -> Result<Walk, String> {
        let ask = ask.clone().with("pageSize", page_size.to_string());
        let (mut items, mut token): (Vec<Value>, Option<String>) = (Vec::new(), None);
        for _ in 0..max_pages {
            let page = match &token {
                None => ask.clone(),
                Some(token) => ask.clone().with("pageToken", token),
            };
            let page = self.send(page).await.and_then(Answer::good);
            let page = page.map_err(|stop| stop.reason().to_owned())?;
            let Ok(list) = page.list("items") else { return Err(format!("{page} has no list `items`")) };
            items.extend_from_slice(list);
            let next = page.json()["nextPageToken"].as_str().map(str::to_owned);
            if next.is_none() {
                return Ok(Walk { items, complete: true });
            }
            if next == token || list.is_empty() {
                return Err(format!("{page} leads nowhere: its `nextPageToken` does not get on"));
            }
            token = next;
        }
        Ok(Walk { items, complete: false })
    }

    /// The first page's token of a list in pages of `page_size`; none where one page is all.
    pub(super) async fn token(&self, ask: &Ask, page_size: usize) -> Result<Option<String>, Stop> {
        let page = self.send(ask.clone().with("pageSize", page_size.to_string())).await?.good()?;
        Ok(page.json()["nextPageToken"].as_str().map(str::to_owned))
    }
}

/// What a walk found.
pub(super) struct Walk {
    pub(super) items: Vec<Value>,
    /// Whether it came to the end.
    pub(super) complete: bool,
}

/// The ids of documents, in their order.
pub(super) fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap_or_default()).collect()
}

/// The name of a document.
pub(super) fn name(item: &Value) -> &str {
    item["name"].as_str().unwrap_or_default()
}
