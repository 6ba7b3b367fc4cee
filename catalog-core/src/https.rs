//! Connections to servers whose certificates the system trusts.

use std::{io, sync::Arc};

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// Connects over HTTP/1.1, in the clear to `http` URLs. Trusts the certificates that the system does, or those that `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` name.
///
/// # Errors
/// When there are no such certificates; where none are `needed` that is none, and no `https` server is trusted.
pub fn connector(needed: bool) -> io::Result<HttpsConnector<HttpConnector>> {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)
    };
    let builder = match builder()?.with_native_roots() {
        Err(_) if !needed => builder()?.with_root_certificates(RootCertStore::empty()),
        trusted => trusted?,
    };
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(builder.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .build())
}
