//! All events, line by line, no faster than they are read.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use catalog_core::{
    http::{Doc, Query, Reply, Routes, Scope},
    page::PageSize,
    permission::Verb,
    problem::Problem,
    store::StoreError,
    tenant::{ScopeView, TenantScope},
};
use futures_util::stream;
use http::{HeaderValue, Uri, header};

use super::{
    AuditApi,
    filter::{self, FILTERS},
    may,
};
use crate::{
    event::shown,
    store::{AuditQuery, AuditStore, SealStore},
};

const PATH: &str = "/api/audit/v1alpha1/events:export";
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// So many events are read at once: 6 MiB, were each as large as can be.
const PAGE: u64 = 100;

pub(super) fn routes<S: AuditStore + SealStore + Clone>(api: &AuditApi<S>) -> Routes {
    let doc = Doc::new(
        "exportAuditEvents",
        "All sealed events in the order of their sequence, by tenant, one a line. An answer that breaks off is not complete.",
        Reply::text("application/x-ndjson", "One event a line."),
    );
    let doc = doc.with_parameters(filter::parameters());
    let exporting = api.clone();
    Routes::new().get(PATH, may(Verb::List), api.doc(doc), move |scope: Scope, uri: Uri| {
        std::future::ready(export(&exporting, scope, &uri))
    })
}

fn export<S: AuditStore + SealStore + Clone>(
    api: &AuditApi<S>,
    Scope(scope): Scope,
    uri: &Uri,
) -> Result<Response, Problem> {
    let mut query = filter::read(&Query::parse(uri.query(), &FILTERS)?)?;
    query.size = PageSize::new(PAGE).unwrap_or_default();
    let after = match scope.view() {
        ScopeView::One(namespace) => (namespace.to_string(), 0),
        ScopeView::Set(_) | ScopeView::All => (String::new(), 0),
    };
    let walk = Walk { store: api.parts.store.clone(), scope, query, after };
    let lines = stream::try_unfold(Some(walk), |walk| async {
        let Some(walk) = walk else { return Ok(None) };
        walk.step().await.inspect_err(|error| {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "an export of audit events breaks off");
        })
    });
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(header::CONTENT_TYPE, NDJSON);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// Where an export is.
struct Walk<S> {
    store: S,
    scope: TenantScope,
    query: AuditQuery,
    after: (String, i64),
}

impl<S: AuditStore> Walk<S> {
    /// The next lines, and where it goes on; nothing once all was read.
    async fn step(mut self) -> Result<Option<(Bytes, Option<Self>)>, StoreError> {
        let page = self.store.walk(&self.scope, &self.query, &self.after).await?;
        let Some(last) = page.last() else { return Ok(None) };
        let sequence = last.place.as_ref().map_or(i64::MAX, |place| place.sequence);
        self.after = (last.record.namespace.clone(), sequence);
        let more = page.len() == self.query.size.get();
        let mut lines = String::new();
        for stored in page {
            lines.push_str(&shown(stored)?.to_string());
            lines.push('\n');
        }
        Ok(Some((lines.into(), Some(self).filter(|_| more))))
    }
}
