use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, InvalidHeaderValue},
};

/// Who asks: the headers that say so.
#[derive(Clone, Default)]
pub struct Caller {
    headers: HeaderMap,
}

impl Caller {
    /// The holder of a bearer token.
    ///
    /// # Errors
    /// [`InvalidHeaderValue`] when the token cannot stand in a header.
    pub fn bearer(token: &str) -> Result<Self, InvalidHeaderValue> {
        Ok(HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?)]).into())
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl From<HeaderMap> for Caller {
    fn from(headers: HeaderMap) -> Self {
        Self { headers }
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Caller {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(headers: I) -> Self {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        map.into()
    }
}

/// Names only: the values are credentials.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.headers.keys()).finish()
    }
}
