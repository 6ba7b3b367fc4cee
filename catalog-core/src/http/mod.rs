//! The catalog's HTTP contract on axum: discovery, assets, sources, the OpenAPI document.
//!
//! Every route is declared in a [`Routes`] with what it asks for; the check, the printed table and the document all derive from
//! that one declaration, and what declares nothing cannot be mounted.

mod artifacts;
mod assets;
mod cache;
mod capabilities;
mod catalog;
mod custom;
mod declare;
mod discovery;
mod filter_options;
mod generations;
mod guard;
mod if_match;
mod if_none_match;
mod limit_target;
mod openapi;
mod pages;
mod problem;
mod query;
mod request;
mod route;
mod sources;

pub use self::{
    assets::store_problem,
    cache::{cached_json, json},
    catalog::{Catalog, CatalogConfig},
    guard::{GuardPlugin, GuardPluginLayer},
    if_match::IfMatch,
    if_none_match::IfNoneMatch,
    limit_target::{LimitTarget, LimitTargetLayer},
    openapi::{Parameter, Reply, Security, Shape},
    problem::{DescribeProblems, DescribeProblemsLayer, OwnShape},
    query::Query,
    request::{Context, Scope, Segment},
    route::{Doc, RouteError, Routes},
};
