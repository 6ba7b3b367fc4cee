use http::{HeaderMap, header};

use super::Refusal;

/// A longer token is refused before anything looks into it, in bytes.
pub(super) const MAX_TOKEN: usize = 16 * 1024;

/// The bearer token of a request (RFC 6750, section 2.1); `None` where there is no `Authorization`, or one of another scheme.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(Refusal::malformed("several Authorization headers"));
    }
    let value = value.as_bytes();
    let (scheme, token) = match value.iter().position(|byte| *byte == b' ') {
        Some(space) => value.split_at(space),
        None => (value, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    let token = token.trim_ascii_start();
    if token.is_empty() {
        return Err(Refusal::malformed("no token behind the scheme"));
    }
    if token.len() > MAX_TOKEN {
        return Err(Refusal::malformed("the token is longer than 16 KiB"));
    }
    if !is_token(token) {
        return Err(Refusal::malformed("the token holds characters that a token cannot have"));
    }
    // what was let through is ASCII
    Ok(str::from_utf8(token).ok())
}

/// Whether all bytes are such as a token may have. It looks at all of them several at a time: one by one that took longer
/// than all else that a kept verdict costs.
fn is_token(bytes: &[u8]) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    bytes.iter().fold(true, |all, byte| all & fits(*byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let header = |value: &&[u8]| (header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        values.iter().map(header).collect()
    }

    #[test]
    fn a_token_is_found_behind_its_scheme_only() {
        for (value, token) in [
            ("Bearer abc.def", Some("abc.def")),
            ("bearer  a~+/=", Some("a~+/=")),
            ("Basic YTpi", None),
            ("Bearerabc", None),
            ("", None),
        ] {
            assert_eq!(bearer(&headers(&[value.as_bytes()])), Ok(token), "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn a_byte_fits_if_it_is_of_the_grammar() {
        for byte in 0..=u8::MAX {
            let fits = byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
            assert_eq!(is_token(&[b'a', byte, b'a']), fits, "{byte}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let huge = format!("Bearer {}", "a".repeat(MAX_TOKEN + 1));
        for value in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer \"a\"", "Bearer ä", &huge] {
            assert!(bearer(&headers(&[value.as_bytes()])).is_err(), "{value}");
        }
        assert!(bearer(&headers(&[b"Bearer \xff"])).is_err());
        assert!(bearer(&headers(&[b"Bearer a", b"Bearer a"])).is_err());
        assert!(bearer(&headers(&[b"Basic YTpi", b"Bearer a"])).is_err());
        let longest = format!("Bearer {}", "a".repeat(MAX_TOKEN));
        assert!(bearer(&headers(&[longest.as_bytes()])).unwrap().is_some());
    }
}
