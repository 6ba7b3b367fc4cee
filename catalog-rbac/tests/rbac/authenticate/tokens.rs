//! Tokens of a fixed list.

use std::{fs, time::Duration};

use catalog_core::identity::{self, Identity};
use catalog_rbac::authenticate::{
    AnonymousAuthenticator, AuthenticatorChain, TokenAuthenticator, TokenFile, TokenList, token_digest,
};

use super::{ask, groups};

fn chain(tokens: TokenAuthenticator) -> AuthenticatorChain {
    AuthenticatorChain::new().with(tokens).with(AnonymousAuthenticator::new())
}

async fn outcome(chain: &AuthenticatorChain, token: &str) -> String {
    ask(chain, &[("authorization", &format!("Bearer {token}"))]).await.outcome().to_owned()
}

fn line(token: &str, user: &str) -> String {
    format!("- {{sha256: {}, user: {user}}}\n", token_digest(token))
}

#[tokio::test]
async fn a_token_of_the_list_is_known_and_no_other_is() {
    let jane = Identity::new("jane", identity::Authenticator::Token).with_group("team-a");
    let list = TokenList::new().with_plain_token("jane-token", jane).unwrap();
    let chain = chain(TokenAuthenticator::new(list));
    let answer = ask(&chain, &[("authorization", "bearer jane-token")]).await;
    assert_eq!(groups(&answer), ["team-a", "system:authenticated"]);
    for token in ["jane-toke", "jane-token0", "JANE-TOKEN", "", "jane-token ,", &token_digest("jane-token")] {
        assert_eq!(outcome(&chain, token).await, "unauthenticated", "{token}");
    }
    assert_eq!(ask(&chain, &[("authorization", "Basic jane-token")]).await.outcome(), "unauthenticated");
    assert_eq!(ask(&chain, &[("x-token", "jane-token")]).await.outcome(), "system:anonymous");
}

#[tokio::test]
async fn two_lists_are_one_after_the_other() {
    let list = |token: &str, user: &str| {
        let identity = Identity::new(user, identity::Authenticator::Token);
        TokenAuthenticator::new(TokenList::new().with_plain_token(token, identity).unwrap())
    };
    let chain = AuthenticatorChain::new().with(list("a", "jane")).with(list("b", "joe"));
    assert_eq!((outcome(&chain, "a").await, outcome(&chain, "b").await), ("jane".into(), "joe".into()));
}

#[tokio::test]
async fn a_file_at_fault_changes_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.yaml");
    assert!(TokenFile::open(&path).await.is_err(), "a server does not start without its tokens");
    fs::write(&path, line("a", "jane")).unwrap();
    let file = TokenFile::open(&path).await.unwrap();
    let chain = chain(file.authenticator());
    assert!(!file.reload().await.unwrap(), "nothing has changed");

    for bad in [&b"- user: joe"[..], b"\xff", &[line("a", "jane"), line("a", "joe")].concat().into_bytes()] {
        fs::write(&path, bad).unwrap();
        for _ in 0..2 {
            let error = file.reload().await.unwrap_err().to_string();
            assert!(file.error().unwrap().to_string() == error && error.contains("tokens.yaml"), "{error}");
        }
        assert_eq!(outcome(&chain, "a").await, "jane");
    }
    fs::remove_file(&path).unwrap();
    assert!(file.reload().await.is_err());
    assert_eq!(outcome(&chain, "a").await, "jane");

    fs::write(&path, line("b", "joe")).unwrap();
    assert!(file.reload().await.unwrap());
    assert!(file.error().is_none());
    assert_eq!(outcome(&chain, "a").await, "unauthenticated");
    assert_eq!(outcome(&chain, "b").await, "joe");
}

#[tokio::test]
async fn a_file_may_name_masters_only_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.yaml");
    let masters = format!("- {{sha256: {}, user: root, groups: ['system:masters']}}", token_digest("a"));
    fs::write(&path, masters).unwrap();
    assert!(TokenFile::open(&path).await.is_err());
    let file = TokenFile::open_with_system_names(&path).await.unwrap();
    let answer = ask(&chain(file.authenticator()), &[("authorization", "Bearer a")]).await;
    assert_eq!(groups(&answer), ["system:masters", "system:authenticated"]);
}

#[tokio::test(start_paused = true)]
async fn a_watched_file_is_read_again_when_its_time_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.yaml");
    fs::write(&path, line("a", "jane")).unwrap();
    let file = TokenFile::open(&path).await.unwrap();
    let chain = chain(file.authenticator());
    let period = Duration::from_secs(10);
    // the time is the runtime's, which goes on when nothing else does
    let passes = async |span| {
        let _ = tokio::time::timeout(span, file.watch(period)).await;
    };
    fs::write(&path, line("b", "joe")).unwrap();
    passes(Duration::from_secs(9)).await;
    assert_eq!(outcome(&chain, "b").await, "unauthenticated");
    passes(period * 3).await;
    assert_eq!(outcome(&chain, "b").await, "joe");
    fs::write(&path, "nonsense").unwrap();
    passes(period * 3).await;
    assert_eq!((outcome(&chain, "b").await.as_str(), file.error().is_some()), ("joe", true));
}
