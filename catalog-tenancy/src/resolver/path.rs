use std::borrow::Cow;

use catalog_core::{context::RequestContext, tenant::TenantSelector};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::{TenantResolver, one};
use crate::TenantError;

const PLACE: &str = "path";

/// A segment of the path: that of a placeholder of the route's template, or one at a fixed place.
#[derive(Clone, Copy, Debug)]
pub struct PathResolver {
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Placeholder(&'static str),
    Segment(usize),
}

impl PathResolver {
    /// The segment that the route's template calls so: `namespace` of `/t/{namespace}/models`. A route that declared no such
    /// placeholder names no tenant in this way.
    pub fn placeholder(name: &'static str) -> Self {
        Self { place: Place::Placeholder(name) }
    }

    /// The segment at that place, from 0: for services that declare no templates.
    pub fn segment(index: usize) -> Self {
        Self { place: Place::Segment(index) }
    }
}

impl TenantResolver for PathResolver {
    fn resolve(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError> {
        let index = match self.place {
            Place::Segment(index) => Some(index),
            Place::Placeholder(name) => {
                let route = RequestContext::find(&request.extensions).and_then(RequestContext::route);
                route.and_then(|route| {
                    segments(route.template()).position(|segment| is_placeholder(segment, name))
                })
            }
        };
        let Some(segment) = index.and_then(|index| segments(request.uri.path()).nth(index)) else {
            return Ok(None);
        };
        let name =
            percent_decode_str(segment).decode_utf8().map_err(|_| TenantError::NoText { place: PLACE })?;
        one(&name).map(Some)
    }

    fn how(&self) -> Cow<'static, str> {
        "the path".into()
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

fn is_placeholder(segment: &str, name: &str) -> bool {
    segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) == Some(name)
}
