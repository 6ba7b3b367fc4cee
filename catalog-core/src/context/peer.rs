use std::{net::SocketAddr, sync::Arc};

/// Who is at the other end of the connection. The listener puts it into the extensions of each request of the connection; nothing
/// that a request says can make or change it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Peer {
    address: Option<SocketAddr>,
    certificate: Option<Arc<str>>,
}

impl Peer {
    /// Of a TCP connection from that address.
    pub fn tcp(address: SocketAddr) -> Self {
        Self { address: Some(address), certificate: None }
    }

    /// Of a Unix socket, which has no address: who may open it is for the file's mode.
    pub fn unix() -> Self {
        Self { address: None, certificate: None }
    }

    /// With the name of the client's certificate, which the listener has verified.
    #[must_use]
    pub fn with_certificate(mut self, name: impl Into<Arc<str>>) -> Self {
        self.certificate = Some(name.into());
        self
    }

    /// The address; none on a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Whether it came by a Unix socket.
    pub fn is_unix(&self) -> bool {
        self.address.is_none()
    }

    /// The name of the verified certificate, where there is one.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }
}
