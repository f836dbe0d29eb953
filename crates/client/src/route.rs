//! The way to the server: its address, and how what is said on the way is protected.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};

use crate::args::Args;
use crate::known_hosts::{KnownHosts, server_name};
use crate::limits::CONNECT_TIMEOUT;
use crate::tls::{Encryption, HandshakeError, Tls};
use crate::trust::{Refusal, Trust};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("there is no host {host:?} ({source})")]
    UnknownHost {
        /// The name as given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address of the host answers.
    #[error("nothing answers at {address}: {source}")]
    Unreachable {
        /// The last address tried.
        address: SocketAddr,
        /// What the network said.
        source: io::Error,
    },
    /// The server is not the one that it should be.
    #[error(transparent)]
    Untrusted(Refusal),
    /// What answers does not speak TLS, and did not before.
    #[error("{server} does not speak TLS ({reason}). To go on without encryption, say --plaintext")]
    NoTls {
        /// The host and port.
        server: String,
        /// What it did instead.
        reason: String,
    },
    /// What answers does not speak TLS, although the server is known to do so.
    #[error(
        "{server} does not speak TLS ({reason}), although it is known to; something is wrong there, \
        or in between"
    )]
    NoTlsAnyMore {
        /// The host and port.
        server: String,
        /// What it did instead.
        reason: String,
    },
    /// The encryption could not be agreed on.
    #[error("the encryption with {server} could not be set up: {source}")]
    Handshake {
        /// The host and port.
        server: String,
        /// What the handshake said.
        source: rustls::Error,
    },
    /// It has as many connections as it takes, from here or in all.
    #[error("the server takes no more connections from here at the moment; try again later")]
    Full,
    /// Connected, but the connection could not be set up.
    #[error("the connection could not be set up: {0}")]
    SetUp(#[from] io::Error),
}

/// Where the server is, and how to talk to it.
#[derive(Debug)]
pub struct Route {
    host: String,
    port: u16,
    /// None to talk to it in plaintext.
    tls: Option<Tls>,
}

/// A connection that is open, and where encryption was agreed on, if it should be.
pub struct Opened {
    /// The connection.
    pub stream: TcpStream,
    /// Its encryption; none in plaintext.
    pub encryption: Option<Encryption>,
    /// What the person should be told, each a sentence.
    pub told: Vec<String>,
}

impl Route {
    /// The way that the command line says.
    pub fn new(args: &Args) -> Route {
        let (host, port) = (args.host(), args.port());
        let tls = (!args.plaintext).then(|| {
            let known_hosts = KnownHosts::of_this_person();
            Tls::new(host, Trust::new(host, port, args.fingerprint, known_hosts))
        });
        Route { host: host.to_owned(), port, tls }
    }

    /// Whether it is unencrypted.
    pub fn is_plaintext(&self) -> bool {
        self.tls.is_none()
    }

    /// Goes it, up to the point where lines can be sent.
    ///
    /// # Errors
    /// If the host is unknown, nothing listens there, or what does is not to be trusted or does not speak TLS.
    pub fn open(&self) -> Result<Opened, ConnectError> {
        let stream = self.connect()?;
        stream.set_nodelay(true)?;
        let (encryption, told) = match &self.tls {
            Some(tls) => {
                let agreed = tls.handshake(&stream).map_err(|error| self.failed(tls, error))?;
                (Some(agreed.0), agreed.1)
            }
            None => (None, Vec::from_iter(self.warning(stream.peer_addr()?))),
        };
        Ok(Opened { stream, encryption, told })
    }

    fn connect(&self) -> Result<TcpStream, ConnectError> {
        let unknown = |source| ConnectError::UnknownHost { host: self.host.clone(), source };
        let addresses = (&*self.host, self.port).to_socket_addrs().map_err(unknown)?;
        let mut failed = unknown(io::Error::new(ErrorKind::NotFound, "it has no address"));
        for address in addresses {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Ok(stream),
                Err(source) => failed = ConnectError::Unreachable { address, source },
            }
        }
        Err(failed)
    }

    fn failed(&self, tls: &Tls, error: HandshakeError) -> ConnectError {
        let server = server_name(&self.host, self.port);
        match error {
            HandshakeError::Untrusted(refusal) => ConnectError::Untrusted(refusal),
            // Whoever stands in between would like to hear that plaintext is the remedy.
            HandshakeError::NoTls(reason) if tls.trust.is_known() => {
                ConnectError::NoTlsAnyMore { server, reason }
            }
            HandshakeError::NoTls(reason) => ConnectError::NoTls { server, reason },
            HandshakeError::Tls(source) => ConnectError::Handshake { server, source },
            HandshakeError::Full => ConnectError::Full,
            HandshakeError::Broken(source) => ConnectError::SetUp(source),
        }
    }

    /// What to say about plaintext that leaves this machine.
    fn warning(&self, address: SocketAddr) -> Option<String> {
        let leaves = !address.ip().to_canonical().is_loopback();
        leaves.then(|| {
            format!("Nothing is encrypted: all between here and {} can read along.", self.host)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_that_leaves_the_machine_is_warned_of() {
        let route = Route { host: "chat.example".to_owned(), port: 9999, tls: None };
        let warning = |address: &str| route.warning(address.parse().unwrap());
        for own in ["127.0.0.1:9999", "127.8.8.8:9999", "[::1]:9999", "[::ffff:127.0.0.1]:9999"] {
            assert_eq!(warning(own), None, "{own}");
        }
        for other in ["192.0.2.1:9999", "[2001:db8::1]:9999", "[::ffff:192.0.2.1]:9999"] {
            let told = warning(other).unwrap();
            assert!(told.contains("chat.example can read along"), "{other}: {told}");
        }
    }
}
