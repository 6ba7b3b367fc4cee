use std::fmt;

use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::TenantError;

/// What a look at a body found; among the request's extensions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Peeked {
    /// A name that may be a tenant's.
    Name(String),
    /// None, or nothing that could be read: whoever parses the body says so.
    Nothing,
    /// A name that cannot be meant.
    Refused(TenantError),
}

const PLACE: &str = "field `namespace` of the body";

impl Peeked {
    /// Reads the field `namespace` of a JSON object and walks over the others.
    pub(super) fn of(body: &[u8]) -> Self {
        let mut found = Found::default();
        let mut json = serde_json::Deserializer::from_slice(body);
        let read = json.deserialize_map(&mut found).and_then(|()| json.end());
        match (found, read) {
            (Found { times: 2.., .. }, _) => Self::Refused(TenantError::Twice { place: PLACE }),
            (_, Err(_)) | (Found { times: 0, .. }, Ok(())) => Self::Nothing,
            (Found { name: Some(name), .. }, Ok(())) => Self::Name(name),
            (Found { name: None, .. }, Ok(())) => Self::Refused(TenantError::NoText { place: PLACE }),
        }
    }
}

#[derive(Debug, Default)]
struct Found {
    times: usize,
    name: Option<String>,
}

impl<'de> Visitor<'de> for &mut Found {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key != "namespace" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.times += 1;
            if self.times > 1 {
                return Err(A::Error::duplicate_field("namespace"));
            }
            match map.next_value::<serde_json::Value>()? {
                serde_json::Value::String(name) => self.name = Some(name),
                _ => self.name = None,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_found_wherever_it_stands_and_only_at_the_top() {
        let name = |name: &str| Peeked::Name(name.into());
        for (body, expected) in [
            (r#"{"namespace":"team-a"}"#, name("team-a")),
            (r#"{"x":{"namespace":"no"},"y":[1],"namespace":"team-a"}"#, name("team-a")),
            (r#"{"names\u0070ace":"team-a"}"#, name("team-a")),
            (r#"{"namespace":"TEAM"}"#, name("TEAM")),
            (r#"{"x":{"namespace":"no"}}"#, Peeked::Nothing),
            (r#"{"Namespace":"no"}"#, Peeked::Nothing),
            (r#"[{"namespace":"no"}]"#, Peeked::Nothing),
            ("", Peeked::Nothing),
            (r#"{"namespace":"team-a"} x"#, Peeked::Nothing),
            (r#"{"namespace":"team-a""#, Peeked::Nothing),
            (r#"{"namespace":7}"#, Peeked::Refused(TenantError::NoText { place: PLACE })),
            (r#"{"namespace":null}"#, Peeked::Refused(TenantError::NoText { place: PLACE })),
            (r#"{"namespace":"a","namespace":"b"}"#, Peeked::Refused(TenantError::Twice { place: PLACE })),
            (
                r#"{"namespace":"a","name\u0073pace":"a"}"#,
                Peeked::Refused(TenantError::Twice { place: PLACE }),
            ),
        ] {
            assert_eq!(Peeked::of(body.as_bytes()), expected, "{body}");
        }
    }
}
