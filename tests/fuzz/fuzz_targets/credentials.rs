//! Whatever stands in headers makes nobody known: no credential among them can be good.
#![no_main]

use std::sync::LazyLock;

use catalog_core::identity::{Authenticator as Kind, Identity};
use catalog_rbac::authenticate::{
    Authenticator, OidcAuthenticator, OidcIssuer, Outcome, ProxyAuthenticator, TokenAuthenticator, TokenList,
};
use http::{HeaderName, HeaderValue, Request};
use libfuzzer_sys::fuzz_target;

struct Known {
    tokens: TokenAuthenticator,
    oidc: OidcAuthenticator,
    proxy: ProxyAuthenticator,
}

/// What is not to be guessed.
const SECRET: &str = "a-secret-that-nobody-guesses-29875";

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let list = TokenList::new().with_plain_token(SECRET, Identity::new("jane", Kind::Token)).unwrap();
    let issuer = OidcIssuer::new("http://127.0.0.1:1", "catalog").with_insecure_http();
    let header = HeaderName::from_static("x-proof");
    Known {
        tokens: TokenAuthenticator::new(list),
        oidc: OidcAuthenticator::new([issuer]).unwrap(),
        proxy: ProxyAuthenticator::new().with_shared_secret(header, SECRET).unwrap(),
    }
});

const NAMES: [&str; 6] = [
    "authorization",
    "x-remote-user",
    "x-remote-group",
    "x-remote-extra-scopes",
    "x-proof",
    "x-remote_user",
];

fuzz_target!(|lines: Vec<(u8, Vec<u8>)>| {
    let mut request = Request::new(());
    for (name, value) in lines {
        let name = HeaderName::from_static(NAMES[usize::from(name) % NAMES.len()]);
        if value.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()) {
            return;
        }
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            request.headers_mut().append(name, value);
        }
    }
    let (parts, ()) = request.into_parts();
    let authenticators: [&dyn Authenticator; 3] = [&KNOWN.tokens, &KNOWN.oidc, &KNOWN.proxy];
    for authenticator in authenticators {
        let outcome = authenticator.peek(&parts);
        assert!(!matches!(outcome, Some(Outcome::Known(_))), "{parts:?}");
    }
});
