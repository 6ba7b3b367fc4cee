//! A real provider: the npm package `oidc-provider`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use catalog_rbac::authenticate::{AuthenticatorChain, Claim, OidcAuthenticator, OidcIssuer};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::authenticate::{ask, groups};

/// The provider as a process of its own, which ends with this.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    _child: Child,
}

/// What npm may take to fetch some forty packages.
const INSTALL: Duration = Duration::from_mins(3);

impl Provider {
    pub(crate) async fn start() -> Self {
        let folder = install().await;
        let mut node = Command::new("node");
        node.arg("server.mjs").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            node.kill_on_drop(true).spawn().unwrap_or_else(|error| panic!("node is needed: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(Duration::from_mins(1), lines.next_line()).await;
        let Ok(Ok(Some(issuer))) = line else { panic!("the provider does not start: {line:?}") };
        Self { issuer, _child: child }
    }

    /// A token for that audience, signed in that way.
    async fn token(&self, audience: &str, algorithm: &str) -> String {
        let body = format!("grant_type=client_credentials&scope=read&resource=urn:{audience}:{algorithm}");
        let request = Request::post(format!("{}/token", self.issuer))
            .header("authorization", "Basic cm9ib3Q6cm9ib3Qtc2VjcmV0")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::<Bytes>::from(body))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }
}

/// The packages of the lock file, below the target folder. Tests that run at once wait for the first, and find what it fetched.
async fn install() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rbac/oidc_provider");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oidc_provider");
    fs::create_dir_all(&folder).unwrap();
    let turn = File::create(folder.join("turn")).unwrap();
    turn.lock().unwrap();
    for name in ["package.json", "package-lock.json", "server.mjs"] {
        fs::copy(source.join(name), folder.join(name)).unwrap();
    }
    let (wanted, fetched) = (fs::read(folder.join("package-lock.json")).unwrap(), folder.join("fetched"));
    if fs::read(&fetched).is_ok_and(|fetched| fetched == wanted) {
        return folder;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder).kill_on_drop(true);
    let Ok(output) = timeout(INSTALL, npm.output()).await else {
        panic!("npm fetched no packages within {INSTALL:?}: is its registry within reach?")
    };
    let output = output.unwrap_or_else(|error| panic!("npm is needed: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm fetched no packages: is its registry within reach?\n{told}");
    fs::write(fetched, wanted).unwrap();
    folder
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn tokens_of_a_real_provider_are_believed_for_us_and_not_for_others() {
    let provider = Provider::start().await;
    let chain = |change: fn(&mut OidcIssuer)| {
        let mut issuer = OidcIssuer::new(&provider.issuer, "catalog").with_insecure_http();
        issuer.groups_claim = Some(Claim::new("roles"));
        change(&mut issuer);
        AuthenticatorChain::new().with(OidcAuthenticator::new([issuer]).unwrap())
    };
    let (strict, required, other) = (
        chain(|_| {}),
        chain(|issuer| issuer.required_claims = [(Claim::new("scope"), "write".into())].into()),
        chain(|issuer| issuer.issuer.push('/')),
    );
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let ours = format!("Bearer {}", provider.token("catalog", algorithm).await);
        let theirs = format!("Bearer {}", provider.token("other", algorithm).await);
        let answer = ask(&strict, &[("authorization", &ours)]).await;
        assert_eq!(answer.outcome(), "robot", "{algorithm}");
        assert_eq!(groups(&answer), ["team-a", "system:authenticated"], "none of the system");
        for (chain, token) in [(&strict, &theirs), (&required, &ours), (&other, &ours)] {
            assert_eq!(
                ask(chain, &[("authorization", token)]).await.outcome(),
                "unauthenticated",
                "{algorithm}"
            );
        }
        let cut = &ours[..ours.len() - 4];
        assert_eq!(ask(&strict, &[("authorization", cut)]).await.outcome(), "unauthenticated", "{algorithm}");
    }
}
