//! What an API server that is started for a test is known by, and knows its administrator by.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Names of the files in the folder of the server.
pub(crate) const CERTIFICATE: &str = "server.crt";
pub(crate) const KEY: &str = "server.key";
pub(crate) const ACCOUNT_KEY: &str = "accounts.key";
pub(crate) const ACCOUNT_PUBLIC_KEY: &str = "accounts.pub";
pub(crate) const TOKENS: &str = "tokens.csv";

/// What a client needs to know.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The authority that vouches for the server, in DER.
    pub(crate) authority: Vec<u8>,
    /// The token of the administrator.
    pub(crate) token: String,
}

impl Credentials {
    /// Makes them up, and puts into `folder` what the server needs.
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;

        let key = KeyPair::generate()?;
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
        fs::write(folder.join(CERTIFICATE), certificate.pem())?;
        fs::write(folder.join(KEY), key.serialize_pem())?;

        let accounts = KeyPair::generate()?;
        fs::write(folder.join(ACCOUNT_KEY), accounts.serialize_pem())?;
        fs::write(folder.join(ACCOUNT_PUBLIC_KEY), accounts.public_key_pem())?;

        let token = uuid::Uuid::new_v4().simple().to_string();
        fs::write(folder.join(TOKENS), format!("{token},admin,admin,\"system:masters\"\n"))?;
        Ok(Self { authority: authority.der().to_vec(), token })
    }
}
