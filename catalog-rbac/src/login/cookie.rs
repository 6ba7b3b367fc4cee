use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use super::{base_url::BaseUrl, seal::Kind};

/// The cookies of a service, by their names.
///
/// On `https:` their names begin with `__Host-`, which browsers let no other host and no unencrypted connection set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookies {
    secure: bool,
}

/// What a request has of a cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found<'a> {
    Nothing,
    One(&'a [u8]),
    /// Nobody can tell which of them is meant: browsers send the oldest first, whoever set it.
    Several,
}

/// Browsers keep no cookie whose name and value are longer, in bytes (RFC 6265bis, section 5.6).
const MAX_COOKIE: usize = 4_096;

impl Cookies {
    pub(super) fn of(base_url: &BaseUrl) -> Self {
        Self { secure: base_url.is_secure() }
    }

    pub(super) fn name(self, kind: Kind) -> &'static str {
        match (kind, self.secure) {
            (Kind::Attempt, true) => "__Host-catalog-login",
            (Kind::Attempt, false) => "catalog-login",
            (Kind::Session, true) => "__Host-catalog-session",
            (Kind::Session, false) => "catalog-session",
        }
    }

    pub(super) fn find(self, kind: Kind, headers: &HeaderMap) -> Found<'_> {
        let name = self.name(kind).as_bytes();
        let mut found = pairs(headers).filter(|pair| pair_name(pair) == name);
        match (found.next(), found.next()) {
            (None, _) => Found::Nothing,
            (Some(pair), None) => Found::One(pair.get(name.len() + 1..).unwrap_or_default()),
            (Some(_), Some(_)) => Found::Several,
        }
    }

    /// Takes both out of what a request brings, and leaves others as they are.
    pub(super) fn strip(self, headers: &mut HeaderMap) {
        let ours = |pair: &&[u8]| {
            [Kind::Attempt, Kind::Session].iter().any(|kind| pair_name(pair) == self.name(*kind).as_bytes())
        };
        if !pairs(headers).any(|pair| ours(&pair)) {
            return;
        }
        let others: Vec<&[u8]> = pairs(headers).filter(|pair| !ours(pair)).collect();
        // parts of values that were in a header may stand in one
        let others = HeaderValue::from_bytes(&others.join(&b"; "[..])).ok().filter(|value| !value.is_empty());
        headers.remove(header::COOKIE);
        if let Some(others) = others {
            headers.insert(header::COOKIE, others);
        }
    }

    /// Keeps that value for that long; `None` where browsers would not keep it, for it is too long.
    pub(super) fn keep(self, kind: Kind, value: &str, age: Duration) -> Option<HeaderValue> {
        let name = self.name(kind);
        if name.len() + 1 + value.len() > MAX_COOKIE {
            return None;
        }
        HeaderValue::try_from(self.text(name, value, age.as_secs())).ok()
    }

    /// Has the browser forget it.
    pub(super) fn forget(self, kind: Kind) -> HeaderValue {
        // a name that is fixed always stands in a header
        HeaderValue::try_from(self.text(self.name(kind), "", 0)).unwrap_or(HeaderValue::from_static(""))
    }

    fn text(self, name: &str, value: &str, seconds: u64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }
}

/// Each `name=value` of a request, whose cookies may stand in several headers (RFC 9113, section 8.2.3).
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(header::COOKIE).into_iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b';')).map(<[u8]>::trim_ascii)
}

fn pair_name(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(base_url: &str) -> Cookies {
        Cookies::of(&BaseUrl::parse(base_url).unwrap())
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_only_once() {
        let cookies = cookies("https://catalog.example");
        let found = |lines: &[&str]| match cookies.find(Kind::Session, &headers(lines)) {
            Found::Nothing => "nothing".to_owned(),
            Found::One(value) => String::from_utf8(value.to_vec()).unwrap(),
            Found::Several => "several".to_owned(),
        };
        for (lines, value) in [
            (&[][..], "nothing"),
            (&["a=b; __Host-catalog-session=x=y;c=d"], "x=y"),
            (&["a=b", "__Host-catalog-session=x"], "x"),
            (&["__Host-catalog-session="], ""),
            (&["__Host-catalog-session"], ""),
            (
                &[
                    "catalog-session=x; __host-catalog-session=y; a__Host-catalog-session=z; b=__Host-catalog-session",
                ],
                "nothing",
            ),
            (&["__Host-catalog-session=x; __Host-catalog-session=x"], "several"),
            (&["__Host-catalog-session=x", "__Host-catalog-session=y"], "several"),
            (&["ä=b; __Host-catalog-session=x"], "x"),
        ] {
            assert_eq!(found(lines), value, "{lines:?}");
        }
    }

    #[test]
    fn handlers_see_the_cookies_of_others_alone() {
        let cookies = cookies("http://localhost");
        let left = |lines: &[&str]| {
            let mut headers = headers(lines);
            cookies.strip(&mut headers);
            headers
                .get_all(header::COOKIE)
                .iter()
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            left(&["a=b; catalog-session=x; c=d", "catalog-login=y; catalog-session=z"]),
            ["a=b; c=d"]
        );
        assert_eq!(left(&["a=b", "c=d;e"]), ["a=b", "c=d;e"]);
        assert!(left(&["catalog-session=x"]).is_empty());
    }

    #[test]
    fn a_cookie_is_kept_as_tightly_as_the_connection_allows() {
        let hour = Duration::from_hours(1);
        let kept = cookies("https://catalog.example").keep(Kind::Session, "x", hour).unwrap();
        assert_eq!(kept, "__Host-catalog-session=x; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure");
        let plain = cookies("http://127.0.0.1:8080");
        assert_eq!(
            plain.keep(Kind::Attempt, "x", hour).unwrap(),
            "catalog-login=x; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"
        );
        assert_eq!(plain.forget(Kind::Attempt), "catalog-login=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let room = MAX_COOKIE - "catalog-session=".len();
        assert!(plain.keep(Kind::Session, &"x".repeat(room), hour).is_some());
        assert!(plain.keep(Kind::Session, &"x".repeat(room + 1), hour).is_none());
    }
}
