/// A longer path is none to return to, in bytes.
const MAX_PATH: usize = 2_048;

/// Whether a browser that is sent there stays on this service: an absolute path, and nothing that a browser reads as the beginning
/// of a host.
///
/// Source: the URL standard of WHATWG, by which a backslash is a slash, and tabs and line ends are nothing.
pub(super) fn is_local(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`');
    path.len() <= MAX_PATH && path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_of_this_service_are_returned_to() {
        for path in [
            "/",
            "/docs/",
            "/a/b?c=d&e=f#g",
            "/a//b",
            "/a?next=https://op.example",
            "/%2F%2Fevil.example",
            "/@evil",
        ] {
            assert!(is_local(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(MAX_PATH));
        for path in [
            "",
            "docs",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/docs\\..\\",
            "https://evil.example",
            "HTTPS:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/docs\r\nset-cookie: a=b",
            "/ä",
            "/a b",
            "/\"><script>",
            "?a=b",
            "#a",
            "@evil.example",
            &long,
        ] {
            assert!(!is_local(path), "{path:?}");
        }
    }

    proptest! {
        /// By a parser of the URL standard, which is what browsers have.
        #[test]
        fn no_local_path_leads_to_another_origin(path in "/[/\\\\.a-z:@?#\t\n ]{0,8}") {
            let base = openidconnect::url::Url::parse("https://catalog.example/auth/callback").unwrap();
            let stays = base.join(&path).is_ok_and(|url| url.origin() == base.origin());
            prop_assert!(stays || !is_local(&path));
        }
    }
}
