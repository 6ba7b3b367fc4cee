//! Changes of sources: enabled, disabled, removed.

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, Uri};

use super::{answer, key};
use crate::{
    http::{
        Catalog, Doc, Parameter, Reply, Routes,
        assets::store_problem,
        if_match::IfMatch,
        query::Query,
        request::{Context, Scope, Segment},
    },
    name::PluginName,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    registry::PluginHandle,
    store::{AssetStore, Attribution, SourceKey, SourceStore, hook::Unfenced},
    tenant::TenantScope,
};

pub(super) fn routes<A: AssetStore, S: SourceStore>(
    catalog: &Catalog<A, S>,
    plugin: &PluginHandle,
) -> Routes {
    let name = plugin.name().clone();
    let may =
        |verb| Permission::new(verb, Resource::CatalogSources, Reach::Tenant).of_plugin(name.to_string());
    let path = format!("{}/sources/{{id}}", plugin.definition().base_path());
    let doc = |operation: &str, summary: &str, reply: Reply| {
        let if_match = Parameter::header(
            "If-Match",
            "The tag of the source that is meant; 412 if it has changed since.",
        );
        Doc::new(format!("{operation}_{name}_source"), summary, reply)
            .with_parameters([Parameter::path("id", "The source's id."), if_match])
            .tagged(name.as_str())
            .audited()
    };
    let switch = |is_on: bool| {
        let (catalog, name) = (catalog.clone(), name.clone());
        move |scope: Scope, context: Context, Segment(id): Segment, expected: IfMatch, uri: Uri| {
            let change = Change { catalog: catalog.clone(), plugin: name.clone(), id, expected };
            change.switch(scope, context, uri, is_on)
        }
    };
    let remove = {
        let (catalog, name) = (catalog.clone(), name.clone());
        move |scope: Scope, context: Context, Segment(id): Segment, expected: IfMatch, uri: Uri| {
            let change = Change { catalog: catalog.clone(), plugin: name.clone(), id, expected };
            change.remove(scope, context, uri)
        }
    };
    Routes::new()
        .with(
            Method::POST,
            format!("{path}:enable"),
            may(Verb::Update),
            doc("enable", "Lets a source be read.", Reply::json("Source").revised()),
            switch(true),
        )
        .with(
            Method::POST,
            format!("{path}:disable"),
            may(Verb::Update),
            doc(
                "disable",
                "Takes a source's assets away until it is enabled.",
                Reply::json("Source").revised(),
            ),
            switch(false),
        )
        .with(
            Method::DELETE,
            path,
            may(Verb::Delete),
            doc("delete", "Removes a source with all its assets.", Reply::empty()),
            remove,
        )
}

/// A change of one source that is asked for.
struct Change<A, S> {
    catalog: Catalog<A, S>,
    plugin: PluginName,
    id: String,
    expected: IfMatch,
}

impl<A: AssetStore, S: SourceStore> Change<A, S> {
    async fn switch(
        self,
        Scope(scope): Scope,
        Context(context): Context,
        uri: Uri,
        is_on: bool,
    ) -> Result<Response, Problem> {
        Query::parse(uri.query(), &[])?;
        let (key, by) = (key(self.plugin.clone(), self.id.clone())?, Attribution::Request(context));
        let sources = &self.catalog.parts.sources;
        let changed = sources.change(&scope, &by, &key, &self.expected.0, |spec| spec.enabled = is_on).await;
        let source = changed.map_err(|error| store_problem(&error))?.ok_or_else(nothing)?;
        if !is_on {
            self.empty(&scope, &by, &key).await?;
        }
        Ok(answer(source))
    }

    async fn remove(
        self,
        Scope(scope): Scope,
        Context(context): Context,
        uri: Uri,
    ) -> Result<Response, Problem> {
        Query::parse(uri.query(), &[])?;
        let (key, by) = (key(self.plugin.clone(), self.id.clone())?, Attribution::Request(context));
        let sources = &self.catalog.parts.sources;
        let found = sources.find(&scope, &key).await.map_err(|error| store_problem(&error))?;
        let found = found.ok_or_else(nothing)?;
        self.expected.0.check(&found).map_err(|error| store_problem(&error))?;
        self.empty(&scope, &by, &key).await?;
        let removed = sources.remove(&scope, &by, &key, &self.expected.0).await;
        if removed.map_err(|error| store_problem(&error))? {
            Ok(StatusCode::NO_CONTENT.into_response())
        } else {
            Err(nothing())
        }
    }

    /// Takes the source's assets away, which follows from what was asked for.
    async fn empty(&self, scope: &TenantScope, by: &Attribution, key: &SourceKey) -> Result<(), Problem> {
        let assets = &self.catalog.parts.assets;
        let emptied = assets.replace(scope, &by.consequence(), key, Vec::new(), &Unfenced).await;
        emptied.map(drop).map_err(|error| store_problem(&error))
    }
}

fn nothing() -> Problem {
    Problem::not_found("there is no such source")
}
