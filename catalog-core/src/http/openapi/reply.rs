use http::StatusCode;

use super::Shape;

/// What a route answers when all is well, for the document.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    pub(in crate::http) status: StatusCode,
    /// None has no body.
    pub(super) body: Option<(String, Shape)>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) not_modified: bool,
    pub(super) also: Vec<(StatusCode, String, Shape)>,
}

const ETAG: (&str, &str) = ("ETag", "Tells this answer from every other.");
const REVISION: (&str, &str) =
    ("ETag", "Tells this revision from every other, for writers; what else is told may change within it.");
const X_CACHE: (&str, &str) = ("X-Cache", "`HIT` if the answer was kept here, else `MISS`.");
const LOCATION: (&str, &str) = ("Location", "Where it is.");

impl Reply {
    fn new(body: Option<(String, Shape)>) -> Self {
        Self { status: StatusCode::OK, body, headers: Vec::new(), not_modified: false, also: Vec::new() }
    }

    /// JSON of the shape of that name.
    pub fn json(shape: impl AsRef<str>) -> Self {
        Self::shaped(Shape::named(shape.as_ref()))
    }

    /// JSON of that shape.
    pub fn shaped(shape: Shape) -> Self {
        Self::new(Some((JSON.into(), shape)))
    }

    /// Text of that media type.
    pub fn text(media_type: impl Into<String>, description: &str) -> Self {
        Self::new(Some((media_type.into(), Shape::string().described(description))))
    }

    /// Nothing but the word that it is, and stays, elsewhere.
    pub fn moved() -> Self {
        let headers = vec![LOCATION];
        Self { status: StatusCode::PERMANENT_REDIRECT, headers, ..Self::new(None) }
    }

    /// Nothing but the word where to go on.
    pub fn see_other() -> Self {
        Self { status: StatusCode::SEE_OTHER, headers: vec![LOCATION], ..Self::new(None) }
    }

    /// 202 with JSON of the shape of that name, and where what is done is told.
    pub fn accepted(shape: impl AsRef<str>) -> Self {
        Self { status: StatusCode::ACCEPTED, headers: vec![LOCATION], ..Self::json(shape) }
    }

    /// Nothing but the word that it is done.
    pub fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, ..Self::new(None) }
    }

    /// Or 304, for it has a tag.
    pub fn tagged(mut self) -> Self {
        self.not_modified = true;
        self.headers.push(ETAG);
        self
    }

    /// Or 304, for it is kept and has a tag.
    pub fn cached(mut self) -> Self {
        self.headers.push(X_CACHE);
        self.tagged()
    }

    /// With the tag of a revision, which writers give back and which answers no 304.
    pub fn revised(mut self) -> Self {
        self.headers.push(REVISION);
        self
    }

    /// Or that status, with JSON of that shape.
    pub fn or(mut self, status: StatusCode, description: &str, shape: Shape) -> Self {
        self.also.push((status, description.into(), shape));
        self
    }
}

pub(super) const JSON: &str = "application/json";
