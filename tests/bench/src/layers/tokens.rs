//! An issuer on the loopback address, and tokens that it signed.

use std::time::SystemTime;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use axum::{Json, Router, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use catalog_rbac::authenticate::{OidcAuthenticator, OidcIssuer};
use http::HeaderValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::AnyError;

/// What checks tokens, and so many different ones, each as an `Authorization` header.
pub(super) struct Tokens {
    pub(super) authenticator: OidcAuthenticator,
    pub(super) headers: Vec<HeaderValue>,
}

impl Tokens {
    /// Of an issuer with an RSA key of 2,048 bits.
    pub(super) async fn rs256(how_many: usize) -> Result<Self, AnyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let (keys, discovery) =
            (jwks(&pair), json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}));
        let routes = Router::new()
            .route("/keys", get(async || Json(keys)))
            .route("/.well-known/openid-configuration", get(async || Json(discovery)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let token = |number: usize| {
            let claims = json!({
                "iss": issuer, "aud": "catalog", "sub": format!("jane-{number}"), "exp": now + 86_400, "iat": now,
                "email": "jane@example.com", "groups": ["science", "platform"],
            });
            HeaderValue::try_from(format!("Bearer {}", sign(&pair, &claims)?)).map_err(AnyError::from)
        };
        let headers = (0..how_many).map(token).collect::<Result<_, _>>()?;
        let authenticator =
            OidcAuthenticator::new([OidcIssuer::new(issuer.clone(), "catalog").with_insecure_http()])?;
        authenticator.fetch_keys().await?;
        Ok(Self { authenticator, headers })
    }
}

fn jwks(pair: &RsaKeyPair) -> Value {
    let key = pair.public_key();
    let (n, e) = (key.modulus(), key.exponent());
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (n, e) = (encode(n.big_endian_without_leading_zero()), encode(e.big_endian_without_leading_zero()));
    json!({"keys": [{"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": n, "e": e}]})
}

fn sign(pair: &RsaKeyPair, claims: &Value) -> Result<String, AnyError> {
    let header = json!({"alg": "RS256", "kid": "one", "typ": "JWT"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
