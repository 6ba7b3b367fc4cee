use http::{Uri, uri::Scheme};

use crate::authenticate::oidc::issuer::is_loopback;

/// Where browsers reach the service: an origin, as they write it in `Origin`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct BaseUrl {
    origin: String,
    secure: bool,
}

impl BaseUrl {
    /// `None` for what is more or less than an origin, and for `http:` elsewhere than on the machine itself.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let (scheme, authority, host) = (uri.scheme()?, uri.authority()?, uri.host()?);
        let whole = [format!("{scheme}://{authority}"), format!("{scheme}://{authority}/")];
        if host.is_empty()
            || authority.as_str().contains('@')
            || !whole.iter().any(|whole| whole.eq_ignore_ascii_case(text))
        {
            return None;
        }
        let (secure, usual) = match scheme {
            scheme if *scheme == Scheme::HTTPS => (true, 443),
            scheme if *scheme == Scheme::HTTP && is_loopback(host) => (false, 80),
            _ => return None,
        };
        let host = host.to_ascii_lowercase();
        let port = match authority.port() {
            Some(port) => Some(port.as_str().parse::<u16>().ok()?).filter(|port| *port != usual),
            // `host:` and numbers that are no port
            None if authority.as_str().len() > host.len() => return None,
            None => None,
        };
        let origin = match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        Some(Self { origin, secure })
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether cookies can be kept to encrypted connections.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// The URL of a path.
    pub(super) fn with(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, origin) in [
            ("https://catalog.example", Some("https://catalog.example")),
            ("HTTPS://Catalog.Example/", Some("https://catalog.example")),
            ("https://catalog.example:443", Some("https://catalog.example")),
            ("https://catalog.example:8443", Some("https://catalog.example:8443")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://[::1]:80/", Some("http://[::1]")),
            ("http://localhost", Some("http://localhost")),
            ("http://catalog.example", None),
            ("http://localhost.evil.example", None),
            ("https://catalog.example/catalog", None),
            ("https://catalog.example?a", None),
            ("https://catalog.example#a", None),
            ("https://jane@catalog.example", None),
            ("https://catalog.example:", None),
            ("https://catalog.example:99999", None),
            ("ftp://catalog.example", None),
            ("catalog.example", None),
            ("/auth", None),
            ("", None),
        ] {
            assert_eq!(BaseUrl::parse(text).map(|url| url.origin).as_deref(), origin, "{text}");
        }
        assert!(BaseUrl::parse("https://localhost").is_some_and(|url| url.is_secure()));
        assert!(BaseUrl::parse("http://localhost").is_some_and(|url| !url.is_secure()));
    }
}
