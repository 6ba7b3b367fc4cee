use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};

use crate::{problem::Problem, store::IfTag};

/// What the client wants to change, as it knows it: its `If-Match` headers. Without one it changes whatever is there.
#[derive(Clone, Debug)]
pub struct IfMatch(pub IfTag);

impl IfMatch {
    /// That of a request. Tags are compared strongly (RFC 9110, section 13.1.1), so a weak one is nobody's.
    ///
    /// # Errors
    /// [`Problem`] for what is no list of tags: to pass it over would be to overwrite what the client does not know.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let values: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
        if values.is_empty() {
            return Ok(Self(IfTag::ANY));
        }
        let mut tags = Vec::new();
        for value in values {
            let text = value.to_str().map_err(|_| malformed())?;
            for tag in text.split(',').map(str::trim) {
                match tag.strip_prefix("W/").unwrap_or(tag) {
                    "*" => return Ok(Self(IfTag::ANY)),
                    quoted => {
                        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                        let inner = inner.ok_or_else(malformed)?;
                        if quoted == tag {
                            tags.push(inner);
                        }
                    }
                }
            }
        }
        Ok(Self(IfTag::of(tags)))
    }
}

fn malformed() -> Problem {
    Problem::invalid_parameter("`If-Match` is a list of entity tags, `\"…\"`, or `*`")
        .with_parameter("If-Match")
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn tags_are_read_from_lists_and_several_headers_and_what_is_none_is_refused() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, HeaderValue::try_from(*value).unwrap());
            }
            IfMatch::of(&headers).ok().map(|IfMatch(tags)| tags)
        };
        for (values, expected) in [
            (&[][..], Some(IfTag::ANY)),
            (&["*"], Some(IfTag::ANY)),
            (&["\"a\""], Some(IfTag::of(["a"]))),
            (&["\"a\", \"b\"", "\"c\""], Some(IfTag::of(["a", "b", "c"]))),
            (&["W/\"a\""], Some(IfTag::of(Vec::<String>::new()))),
            (&["a"], None),
            (&[""], None),
            (&["\"a"], None),
            (&["\"a\" x"], None),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }
}
