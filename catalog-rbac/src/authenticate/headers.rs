use http::{HeaderMap, HeaderName, header};

/// Headers by which a proxy names its caller begin so.
pub(super) const REMOTE: &str = "x-remote-";
/// The caller's name.
pub(super) const REMOTE_USER: HeaderName = HeaderName::from_static("x-remote-user");
/// One group for each header line.
pub(super) const REMOTE_GROUP: HeaderName = HeaderName::from_static("x-remote-group");
/// What follows is a key of the extras.
pub(super) const REMOTE_EXTRA: &str = "x-remote-extra-";

/// Why it cannot be told which credential of a request is meant.
pub(super) fn conflict(headers: &HeaderMap) -> Option<&'static str> {
    let mut authorization = headers.get_all(header::AUTHORIZATION).iter();
    authorization.next()?;
    if authorization.next().is_some() {
        return Some("the request has several Authorization headers");
    }
    let names_caller = |name: &HeaderName| {
        *name == REMOTE_USER || *name == REMOTE_GROUP || name.as_str().starts_with(REMOTE_EXTRA)
    };
    headers
        .keys()
        .any(names_caller)
        .then_some("the request has both an Authorization header and those of a proxy")
}

/// Takes out what names the caller or proves who it is, so that neither handlers nor what they call can take it for true.
pub(super) fn strip(headers: &mut HeaderMap) {
    headers.remove(header::AUTHORIZATION);
    strip_remote(headers);
}

/// Takes out a proxy's headers, also as CGI and what is like it would read them: with underscores.
pub(super) fn strip_remote(headers: &mut HeaderMap) {
    let remote = |name: &&HeaderName| {
        let (name, prefix) = (name.as_str().bytes(), REMOTE.bytes());
        name.len() >= prefix.len()
            && prefix.zip(name).all(|(want, have)| want == have || (want == b'-' && have == b'_'))
    };
    // most requests have none, and an empty list allocates nothing
    let found: Vec<HeaderName> = headers.keys().filter(remote).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn nothing_that_names_a_caller_is_left() {
        let mut all = headers(&[
            ("authorization", "Bearer a"),
            ("authorization", "Bearer b"),
            ("x-remote-user", "admin"),
            ("x-remote-group", "a"),
            ("x-remote-group", "b"),
            ("x-remote-extra-scopes", "all"),
            ("x-remote-addr", "10.0.0.1"),
            ("x_remote_user", "admin"),
            ("x-remote_group", "system:masters"),
            ("x-remotely", "kept"),
            ("x-request-id", "kept"),
        ]);
        strip(&mut all);
        let mut left: Vec<&str> = all.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-remotely", "x-request-id"]);
    }

    #[test]
    fn two_credentials_are_a_conflict_and_one_is_none() {
        for lines in [
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")][..],
            &[("authorization", "Bearer a"), ("authorization", "Basic b")],
            &[("authorization", "Bearer a"), ("x-remote-user", "jane")],
            &[("authorization", "Basic a"), ("x-remote-group", "a")],
            &[("authorization", "Bearer a"), ("x-remote-extra-a", "b")],
        ] {
            assert!(conflict(&headers(lines)).is_some(), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[("authorization", "Bearer a")],
            &[("authorization", "Bearer a"), ("x-remote-addr", "10.0.0.1")],
            &[("x-remote-user", "jane"), ("x-remote-group", "a"), ("x-remote-group", "b")],
        ] {
            assert!(conflict(&headers(lines)).is_none(), "{lines:?}");
        }
    }
}
