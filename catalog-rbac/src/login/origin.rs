use http::{HeaderMap, HeaderName, Method, header};

use super::base_url::BaseUrl;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request may have been made by a page of another site, and would change something.
///
/// Browsers say in `Sec-Fetch-Site` and in `Origin` where a request comes from, and no page can make them lie. What says neither is
/// no browser of today; what says both has to be right in both.
pub(super) fn is_cross_site(method: &Method, headers: &HeaderMap, base_url: &BaseUrl) -> bool {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        return false;
    }
    let says = |name: &HeaderName, wanted: &str| {
        let mut values = headers.get_all(name).iter();
        let first = values.next()?;
        Some(first == wanted && values.next().is_none())
    };
    let site = says(&SEC_FETCH_SITE, "same-origin");
    let origin = says(&header::ORIGIN, base_url.origin());
    !matches!((site, origin), (Some(true), Some(true) | None) | (None, Some(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_comes_from_here() {
        let base_url = BaseUrl::parse("https://catalog.example").unwrap();
        let crosses = |method: Method, lines: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = lines
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
                .collect();
            is_cross_site(&method, &headers, &base_url)
        };
        let (ours, theirs) = (("origin", "https://catalog.example"), ("origin", "https://evil.example"));
        for lines in
            [&[("sec-fetch-site", "same-origin")][..], &[ours], &[("sec-fetch-site", "same-origin"), ours]]
        {
            assert!(!crosses(Method::POST, lines), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[theirs],
            &[("origin", "null")],
            &[("origin", "https://catalog.example.evil.example")],
            &[("origin", "http://catalog.example")],
            &[("origin", "https://catalog.example:8443")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), theirs],
            &[("sec-fetch-site", "cross-site"), ours],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[ours, theirs],
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
                assert!(crosses(method, lines), "{lines:?}");
            }
            assert!(!crosses(Method::GET, lines) && !crosses(Method::HEAD, lines), "{lines:?}");
        }
    }
}
