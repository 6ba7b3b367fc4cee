use utoipa::openapi::{
    Deprecated, Required,
    path::{Parameter as OpenApiParameter, ParameterBuilder, ParameterIn},
};

use super::Shape;
use crate::{order::OrderBy, page::PageSize, schema::EntitySchema};

/// A parameter of a route, for the document.
#[derive(Clone, Debug)]
pub struct Parameter {
    name: String,
    place: Place,
    description: String,
    shape: Shape,
    deprecated: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Path,
    Query,
    Header,
}

impl Parameter {
    fn new(place: Place, name: &str, description: &str) -> Self {
        Self {
            name: name.into(),
            place,
            description: description.into(),
            shape: Shape::string(),
            deprecated: false,
        }
    }

    /// A placeholder of the path.
    pub fn path(name: &str, description: &str) -> Self {
        Self::new(Place::Path, name, description)
    }

    /// A text in the query, which may be absent.
    pub fn query(name: &str, description: &str) -> Self {
        Self::new(Place::Query, name, description)
    }

    /// A header, which may be absent.
    pub fn header(name: &str, description: &str) -> Self {
        Self::new(Place::Header, name, description)
    }

    /// For older clients only.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// With values of that shape.
    #[must_use]
    pub fn shaped(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// The name of a placeholder of the path.
    pub(in crate::http) fn in_path(&self) -> Option<&str> {
        (self.place == Place::Path).then_some(self.name.as_str())
    }

    /// How many items a page holds.
    pub fn page_size() -> Self {
        let text = format!(
            "How many items a page holds: 1 to {}, 100 where nothing is said; more is cut.",
            PageSize::MAX
        );
        Self::query("pageSize", &text).shaped(Shape::integer())
    }

    /// Where a page begins.
    pub fn page_token() -> Self {
        Self::query("pageToken", "The `nextPageToken` of the page before; the other parameters as they were.")
    }

    pub(in crate::http) fn older_page_token() -> Self {
        Self::query(
            "nextPageToken",
            "`pageToken` by the name that older clients of Kubeflow's model catalog use.",
        )
        .deprecated()
    }

    /// `allNamespaces`, of lists that reach all tenants.
    pub fn all_namespaces() -> Self {
        Self::query("allNamespaces", "`true` asks for the objects of all tenants, as `namespace=*` does.")
            .shaped(Shape::boolean())
    }

    /// The tenant, which every tenant's route takes: in the query or as a header.
    pub(super) fn namespace() -> [Self; 2] {
        [
            Self::query("namespace", "The tenant: a Kubernetes namespace name."),
            Self::header(
                "X-Namespace",
                "The tenant, instead of `namespace`; where both are given they are the same.",
            ),
        ]
    }

    /// What a route with a tagged answer takes.
    pub(super) fn if_none_match() -> Self {
        Self::header(
            "If-None-Match",
            "The `ETag` of an answer that the client has: it gets 304 if that is still so.",
        )
    }

    /// What an entity's list takes.
    pub(in crate::http) fn list(entity: &EntitySchema) -> Vec<Self> {
        let aliases = OrderBy::aliases().map(|alias| -> &str { alias });
        let sortable: Vec<&str> = OrderBy::sortable(entity).chain(aliases).collect();
        vec![
            Self::query("filterQuery", "Only assets that match: `provider = 'Acme' AND tags IN ('chat', 'code')`."),
            Self::query("q", "Only assets with all of these words in name, display name, description, provider or another searched field; each may be the beginning of one. Without `orderBy` what is called so comes first."),
            Self::query("source", "Only assets of that source."),
            Self::query("orderBy", "The field that orders the list; `name` where nothing is said. `ID`, `NAME`, `CREATE_TIME` and `LAST_UPDATE_TIME` are taken, too.")
                .shaped(Shape::one_of(&sortable)),
            Self::query("sortOrder", "Which way it runs.").shaped(Shape::one_of(&["ASC", "DESC"])),
            Self::page_size(),
            Self::page_token(),
            Self::older_page_token(),
            Self::query("includeTotal", "`true` asks for `totalSize`, which costs a count.").shaped(Shape::boolean()),
        ]
    }
}

impl From<Parameter> for OpenApiParameter {
    fn from(parameter: Parameter) -> Self {
        let (place, required) = match parameter.place {
            Place::Path => (ParameterIn::Path, Required::True),
            Place::Query => (ParameterIn::Query, Required::False),
            Place::Header => (ParameterIn::Header, Required::False),
        };
        ParameterBuilder::new()
            .name(parameter.name)
            .parameter_in(place)
            .required(required)
            .description(Some(parameter.description))
            .deprecated(parameter.deprecated.then_some(Deprecated::True))
            .schema(Some(parameter.shape.0))
            .build()
    }
}
