use catalog_core::{
    http::{Doc, Parameter, Reply, Routes},
    permission::Access,
};
use http::{HeaderMap, Method, Uri};

use super::Login;

/// Where a login begins.
pub(super) const LOGIN: &str = "/auth/login";
/// Where the provider sends browsers back to.
pub(super) const CALLBACK: &str = "/auth/callback";
const LOGOUT: &str = "/auth/logout";

pub(super) fn routes(login: &Login) -> Routes {
    let doc = |id: &str, summary: &str, reply: Reply| Doc::new(id, summary, reply).tagged("auth");
    let begin = doc("login", "Begins a login: sends a browser to the provider.", Reply::see_other())
        .with_parameters([Parameter::query("return", "The path of this service that the login leads to.")]);
    let callback =
        doc("loginCallback", "Ends a login: where the provider sends a browser back to.", Reply::see_other())
            .with_parameters([
                Parameter::query("code", "What the provider gives its ID token for."),
                Parameter::query("state", "What the login was begun with."),
                Parameter::query("error", "Why the provider logs nobody in."),
                Parameter::query("error_description", "The same in words."),
                Parameter::query("iss", "The provider."),
            ]);
    let logout = doc("logout", "Ends the session of a browser.", Reply::empty()).changing_nothing();
    let (begins, calls, ends) = (login.clone(), login.clone(), login.clone());
    Routes::new()
        .get(LOGIN, Access::Public, begin, move |uri: Uri| begins.clone().begin(uri))
        .get(CALLBACK, Access::Public, callback, move |uri: Uri, headers: HeaderMap| {
            calls.clone().finish(uri, headers)
        })
        .with(Method::POST, LOGOUT, Access::Public, logout, move |headers: HeaderMap| {
            let login = ends.clone();
            async move { login.end(&headers) }
        })
}
