use std::time::{Duration, SystemTime};

use catalog_core::clock::Timestamp;
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, Nonce, SignatureVerificationError,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJwsSigningAlgorithm},
};

use crate::authenticate::{OidcIssuer, SigningAlgorithm};

/// Why an ID token is not one that counts.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdTokenError {
    #[error("the token is not the provider's, for us, of now and of this login")]
    Claims(#[source] ClaimsVerificationError),
    #[error("the key of the token cannot be found")]
    Key(#[source] SignatureVerificationError),
    #[error("`at_hash` cannot be computed")]
    Hash(#[source] openidconnect::SigningError),
    #[error("`at_hash` is not that of the access token")]
    OtherAccessToken,
    #[error("the token is not one of three parts")]
    Form,
    #[error("`azp` is not this client")]
    AuthorizedParty,
}

impl IdTokenError {
    /// Whether newer keys may change that.
    pub(super) fn is_unknown_key(&self) -> bool {
        let unknown =
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
        matches!(self, Self::Claims(error) if *error == unknown)
    }
}

/// Checks signature, issuer, audience, time and nonce, and that the access token came with it (OpenID Connect Core 1.0, sections
/// 3.1.3.7 and 3.1.3.8).
pub(super) fn verify(
    token: &CoreIdToken,
    access_token: &AccessToken,
    verifier: CoreIdTokenVerifier<'_>,
    nonce: &Nonce,
    issuer: &OidcIssuer,
    now: Timestamp,
) -> Result<(), IdTokenError> {
    let leeway = Duration::from_secs(issuer.leeway_seconds.into());
    let since_epoch = now.saturating_since(Timestamp::UNIX_EPOCH).saturating_sub(leeway);
    let verifier = verifier
        .set_allowed_algs(issuer.algorithms.iter().map(|algorithm| named(*algorithm)))
        .set_time_fn(move || (SystemTime::UNIX_EPOCH + since_epoch).into());
    let claims = token.claims(&verifier, nonce).map_err(IdTokenError::Claims)?;
    if let Some(said) = claims.access_token_hash() {
        let algorithm = token.signing_alg().map_err(IdTokenError::Key)?;
        let key = token.signing_key(&verifier).map_err(IdTokenError::Key)?;
        let hash = AccessTokenHash::from_token(access_token, algorithm, key).map_err(IdTokenError::Hash)?;
        if hash != *said {
            return Err(IdTokenError::OtherAccessToken);
        }
    }
    Ok(())
}

fn named(algorithm: SigningAlgorithm) -> CoreJwsSigningAlgorithm {
    match algorithm {
        SigningAlgorithm::Rs256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        SigningAlgorithm::Rs384 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        SigningAlgorithm::Rs512 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        SigningAlgorithm::Ps256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        SigningAlgorithm::Ps384 => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        SigningAlgorithm::Ps512 => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        SigningAlgorithm::Es256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        SigningAlgorithm::Es384 => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        SigningAlgorithm::EdDsa => CoreJwsSigningAlgorithm::EdDsa,
    }
}
