//! How to reach the server: its address, proxy and encryption.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::node::Node;

use crate::args::Args;
use crate::endpoints::{Endpoint, Endpoints};
use crate::known_hosts::{KnownHosts, server_name};
use crate::limits::{CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT};
use crate::proxy::{Proxy, Target};
use crate::saved_login::SavedLogin;
use crate::tls::{Encryption, HandshakeError, Limited, Tls};
use crate::trust::{Refusal, Trust};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name does not resolve.
    #[error("cannot resolve host {host:?} ({source})")]
    UnknownHost {
        /// The name as given.
        host: String,
        /// The resolver's error.
        source: io::Error,
    },
    /// No address of the host answers.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// The last address tried.
        address: SocketAddr,
        /// The network error.
        source: io::Error,
    },
    /// The proxy cannot be used, or does not connect to the server.
    #[error("cannot use the proxy {proxy}: {reason}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// Its answer, or what is wrong.
        reason: String,
    },
    /// The environment's proxy setting is invalid.
    #[error("{0}")]
    NoProxy(String),
    /// It accepted the connection, and said nothing.
    #[error("{server} does not answer")]
    Silent {
        /// The host and port.
        server: String,
    },
    /// It closed the connection without a reason.
    #[error("{server} {how} during the TLS handshake")]
    Closed {
        /// The host and port.
        server: String,
        /// How it ended.
        how: &'static str,
    },
    /// The server is not the right one.
    #[error(transparent)]
    Untrusted(Refusal),
    /// The peer does not speak TLS, and never did.
    #[error(
        "{server} does not speak TLS ({reason}). To connect without encryption, use --plaintext"
    )]
    NoTls {
        /// The host and port.
        server: String,
        /// What it did instead.
        reason: String,
    },
    /// The server does not speak TLS, although it did before.
    #[error(
        "{server} does not speak TLS ({reason}), although it did before; something is wrong with it, \
        or someone is interfering"
    )]
    NoTlsAnyMore {
        /// The host and port.
        server: String,
        /// What it did instead.
        reason: String,
    },
    /// No agreement on the encryption.
    #[error("cannot set up encryption with {server}: {source}")]
    Handshake {
        /// The host and port.
        server: String,
        /// The TLS error.
        source: rustls::Error,
    },
    /// It has the maximum number of connections, from here or in all.
    #[error("the server is not accepting more connections from here right now; try again later")]
    Full,
    /// The saved login cannot be read.
    #[error("cannot use the saved login: {0}")]
    SavedLogin(#[from] crate::saved_login::SavedLoginError),
    /// Connected, but the connection could not be set up.
    #[error("cannot set up the connection: {0}")]
    SetUp(#[from] io::Error),
    /// The system has no random numbers.
    #[error("no random numbers are available: {0}")]
    NoChance(#[from] getrandom::Error),
}

/// Where the server is, and how to connect to it.
#[derive(Debug)]
pub struct Route {
    host: String,
    port: u16,
    /// None for plaintext.
    tls: Option<Tls>,
    proxy: Option<Proxy>,
    saved_login: Option<Arc<SavedLogin>>,
    /// Changed when nodes are announced, read by the connecting thread.
    endpoints: Mutex<Endpoints>,
}

/// An open connection, after the TLS handshake, if any.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub stream: TcpStream,
    /// Its encryption; none in plaintext.
    pub encryption: Option<Encryption>,
}

impl Route {
    /// The route given by the command line and the environment.
    ///
    /// # Errors
    /// [`ConnectError::NoProxy`].
    pub fn new(args: &Args) -> Result<Route, ConnectError> {
        let (host, port) = (args.host(), args.port());
        let proxy = match &args.proxy {
            Some(proxy) => Some(proxy.clone()),
            None => Proxy::of_environment(host).map_err(ConnectError::NoProxy)?,
        };
        let saved_login = saved_login(args)?.map(Arc::new);
        let tls = (!args.plaintext).then(|| {
            let known_hosts = KnownHosts::of_this_person();
            let trust = Trust::new(host, port, args.fingerprint, known_hosts);
            Tls::new(host, trust, saved_login.clone())
        });
        let endpoints = Mutex::new(Endpoints::new(host, port));
        Ok(Route { host: host.to_owned(), port, tls, proxy, saved_login, endpoints })
    }

    /// The user of the saved login, if it is to be used.
    pub fn saved_user(&self) -> Option<&str> {
        self.saved_login.as_ref().map(|saved_login| &*saved_login.user)
    }

    /// The server's name in messages and in the file of known servers.
    pub fn server(&self) -> String {
        server_name(&self.host, self.port)
    }

    /// Whether it is unencrypted.
    pub fn is_plaintext(&self) -> bool {
        self.tls.is_none()
    }

    /// Stores the nodes that the server announced over a trusted connection.
    pub fn learn(&self, nodes: &[Node]) {
        self.endpoints().learn(nodes);
    }

    /// The last connection got as far as a login.
    pub fn logged_in(&self) {
        self.endpoints().logged_in();
    }

    /// Whether there is another node.
    pub fn has_others(&self) -> bool {
        self.endpoints().has_others()
    }

    fn endpoints(&self) -> MutexGuard<'_, Endpoints> {
        // A panic elsewhere cannot have left the list half changed.
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects, up to the point where lines can be sent: to the endpoint used last or given, or
    /// else to another node. What the person should know, whatever the outcome, is added to `notices`.
    ///
    /// # Errors
    /// If the host is unknown, nothing listens there, or what does is not to be trusted or does not speak TLS. Of several
    /// endpoints, why the first one cannot be used.
    pub fn open(&self, notices: &mut Vec<String>) -> Result<Opened, ConnectError> {
        let mut chance = [0; 8];
        getrandom::fill(&mut chance)?;
        let (order, timeout) = {
            let mut endpoints = self.endpoints();
            (endpoints.order(u64::from_le_bytes(chance)), endpoints.begin_round())
        };
        let mut failed = None;
        for endpoint in order {
            let error = match self.open_at(&endpoint, timeout, notices) {
                Ok(opened) => {
                    self.endpoints().connected(endpoint);
                    // The first failure is not the outcome, but may be an attack.
                    notices.extend(failed.as_ref().and_then(untrusted));
                    return Ok(opened);
                }
                Err(error) => error,
            };
            match failed {
                None => failed = Some(error),
                Some(_) => notices.extend(untrusted(&error)),
            }
        }
        Err(failed.expect("there is at least one endpoint"))
    }

    /// Connects to the first address of an endpoint that answers and, with encryption, performs the
    /// handshake.
    fn open_at(
        &self,
        endpoint: &Endpoint,
        timeout: Option<Duration>,
        notices: &mut Vec<String>,
    ) -> Result<Opened, ConnectError> {
        let tls = self.tls.as_ref().map(|tls| self.tls_at(tls, endpoint, timeout));
        let connect = timeout.unwrap_or(CONNECT_TIMEOUT);
        let agree = |stream: TcpStream, notices: &mut Vec<String>| {
            stream.set_nodelay(true)?;
            let encryption = match &tls {
                Some(tls) => {
                    let agreed = tls.handshake(&stream);
                    let agreed = agreed.map_err(|error| failed(tls, endpoint, error))?;
                    notices.extend(agreed.1);
                    Some(agreed.0)
                }
                None => {
                    notices.extend(self.warning(stream.peer_addr()?));
                    None
                }
            };
            if !self.endpoints().is_named(endpoint) {
                let server = server_name(&endpoint.host, endpoint.port);
                notices.push(format!("Connected to {server}, another node of the server."));
            }
            Ok(Opened { stream, encryption })
        };
        let Some(proxy) = &self.proxy else {
            let addresses = resolve(&endpoint.host, endpoint.port)?;
            return first(addresses, notices, |address, notices| {
                agree(reach(address, connect)?, notices)
            });
        };
        if proxy.resolves && endpoint.host.parse::<IpAddr>().is_err() {
            let target = Target::Name(&endpoint.host, endpoint.port);
            return agree(through(proxy, &target, timeout)?, notices);
        }
        first(resolve(&endpoint.host, endpoint.port)?, notices, |address, notices| {
            agree(through(proxy, &Target::Address(address), timeout)?, notices)
        })
    }

    /// The encryption for an endpoint. A certificate that the server announced for a node counts
    /// like its own; otherwise another node's certificate needs a CA.
    fn tls_at(&self, tls: &Tls, endpoint: &Endpoint, timeout: Option<Duration>) -> Tls {
        let endpoints = self.endpoints();
        let listed = endpoints.nodes().iter().filter_map(|node| node.fingerprint).collect();
        let trust = match endpoints.is_named(endpoint) {
            true => tls.trust.or_listed(listed),
            false => tls.trust.of_node(&endpoint.host, endpoint.port, listed),
        };
        tls.to(&endpoint.host, trust, timeout.unwrap_or(HANDSHAKE_TIMEOUT))
    }

    /// A warning about plaintext that leaves this machine.
    fn warning(&self, address: SocketAddr) -> Option<String> {
        let leaves = self.proxy.is_some() || !address.ip().to_canonical().is_loopback();
        leaves.then(|| {
            format!(
                "This connection is not encrypted: anyone between here and {} can read it.",
                self.host
            )
        })
    }
}

/// What the person must know of an endpoint that another one has stood in for: a wrong certificate
/// is no mere failure.
fn untrusted(error: &ConnectError) -> Option<String> {
    match error {
        ConnectError::Untrusted(refusal) => {
            let refusal = refusal.to_string();
            let words: Vec<&str> = refusal.split_whitespace().collect();
            Some(format!("A node of the server is not trusted: {}", words.join(" ")))
        }
        _ => None,
    }
}

fn failed(tls: &Tls, endpoint: &Endpoint, error: HandshakeError) -> ConnectError {
    let server = server_name(&endpoint.host, endpoint.port);
    match error {
        HandshakeError::Untrusted(refusal) => ConnectError::Untrusted(refusal),
        // An attacker in between would like the person to switch to plaintext.
        HandshakeError::NoTls(reason) if tls.trust.is_known() => {
            ConnectError::NoTlsAnyMore { server, reason }
        }
        HandshakeError::NoTls(reason) => ConnectError::NoTls { server, reason },
        HandshakeError::Tls(source) => ConnectError::Handshake { server, source },
        HandshakeError::Silent => ConnectError::Silent { server },
        HandshakeError::Closed(how) => ConnectError::Closed { server, how },
        HandshakeError::Full => ConnectError::Full,
        HandshakeError::Broken(source) => ConnectError::SetUp(source),
    }
}

/// The saved login for the server, unless another user is given.
fn saved_login(args: &Args) -> Result<Option<SavedLogin>, ConnectError> {
    if args.plaintext || args.password_file.is_some() {
        return Ok(None);
    }
    let saved_login = SavedLogin::at(&server_name(args.host(), args.port()))?;
    let is_meant = |saved_login: &SavedLogin| {
        args.user.as_ref().is_none_or(|user| proto::name::same(user, &saved_login.user))
    };
    Ok(saved_login.filter(is_meant))
}

fn reach(address: SocketAddr, timeout: Duration) -> Result<TcpStream, ConnectError> {
    let connected = TcpStream::connect_timeout(&address, timeout);
    connected.map_err(|source| ConnectError::Unreachable { address, source })
}

/// The addresses of a host; at least one.
fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let unknown = |source| ConnectError::UnknownHost { host: host.to_owned(), source };
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(unknown)?.collect();
    match addresses.is_empty() {
        true => Err(unknown(io::Error::new(ErrorKind::NotFound, "it has no address"))),
        false => Ok(addresses),
    }
}

/// The first address to which `connect` succeeds; otherwise the error of an address that answered.
/// An untrusted address is reported in any case.
fn first<T>(
    addresses: Vec<SocketAddr>,
    notices: &mut Vec<String>,
    mut connect: impl FnMut(SocketAddr, &mut Vec<String>) -> Result<T, ConnectError>,
) -> Result<T, ConnectError> {
    let mut failed: Option<ConnectError> = None;
    for address in addresses {
        let error = match connect(address, notices) {
            Ok(connected) => {
                notices.extend(failed.as_ref().and_then(untrusted));
                return Ok(connected);
            }
            Err(error) => error,
        };
        match &failed {
            None | Some(ConnectError::Unreachable { .. }) => failed = Some(error),
            // Most likely the same machine, by another protocol.
            Some(ConnectError::Untrusted(_)) => {}
            Some(_) => notices.extend(untrusted(&error)),
        }
    }
    Err(failed.expect("there is at least one address"))
}

/// Connects to the target through the proxy, which has `timeout` for each step.
fn through(
    proxy: &Proxy,
    target: &Target<'_>,
    timeout: Option<Duration>,
) -> Result<TcpStream, ConnectError> {
    let (connect, answer) =
        (timeout.unwrap_or(CONNECT_TIMEOUT), timeout.unwrap_or(HANDSHAKE_TIMEOUT));
    let failed = |reason: String| {
        let proxy = server_name(&proxy.host, proxy.port);
        ConnectError::Proxy { proxy, reason }
    };
    let stream = resolve(&proxy.host, proxy.port).and_then(|addresses| {
        first(addresses, &mut Vec::new(), |address, _| reach(address, connect))
    });
    let stream = stream.map_err(|error| failed(error.to_string()))?;
    let went = proxy.request_connection(&mut Limited::new(&stream, answer), target);
    went.map_err(|error| failed(error.to_string()))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use proto::Fingerprint;

    use super::*;
    use crate::known_hosts::Unusable;
    use crate::trust::{PresentedCertificate, VerifyError};

    #[test]
    fn an_untrusted_address_is_reported_whatever_the_others_are() {
        let [one, two, three] = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let trust = Trust::new("a", 9999, Some(Fingerprint::FIRST), Err(Unusable::NoFolder));
        let vouched = Err(VerifyError::Unknown);
        let shown = PresentedCertificate { fingerprint: Fingerprint::LAST, vouched };
        let refusal = || ConnectError::Untrusted(trust.check(&shown).unwrap_err());
        let gone = |address| {
            let source = ErrorKind::ConnectionRefused.into();
            ConnectError::Unreachable { address, source }
        };
        let silent = || ConnectError::Silent { server: "a:9999".to_owned() };
        let tried = |outcomes: &dyn Fn(SocketAddr) -> Result<u16, ConnectError>| {
            let mut notices = Vec::new();
            let outcome =
                first(vec![one, two, three], &mut notices, |address, _| outcomes(address));
            (outcome, notices)
        };
        let (outcome, notices) = tried(&|address| match address.port() {
            1 => Err(gone(address)),
            2 => Err(refusal()),
            port => Ok(port),
        });
        assert_eq!((outcome.unwrap(), notices.len()), (3, 1), "{notices:?}");
        assert!(
            notices[0].starts_with("A node of the server is not trusted: a:9999 "),
            "{notices:?}"
        );
        let (outcome, notices) = tried(&|address| match address.port() {
            1 => Err(silent()),
            2 => Err(refusal()),
            _ => Err(gone(address)),
        });
        assert!(
            matches!(outcome, Err(ConnectError::Silent { .. })) && notices.len() == 1,
            "{notices:?}"
        );
        let (outcome, notices) = tried(&|address| match address.port() {
            1 => Err(refusal()),
            _ => Err(gone(address)),
        });
        assert!(
            matches!(outcome, Err(ConnectError::Untrusted(_))) && notices.is_empty(),
            "{notices:?}"
        );
    }

    #[test]
    fn plaintext_that_leaves_the_machine_is_warned_of() {
        let host = "chat.example".to_owned();
        let endpoints = Mutex::new(Endpoints::new(&host, 9999));
        let (tls, proxy, saved_login) = (None, None, None);
        let mut route = Route { host, port: 9999, tls, proxy, saved_login, endpoints };
        let warning = |address: &str| route.warning(address.parse().unwrap());
        for own in ["127.0.0.1:9999", "127.8.8.8:9999", "[::1]:9999", "[::ffff:127.0.0.1]:9999"] {
            assert_eq!(warning(own), None, "{own}");
        }
        for other in ["192.0.2.1:9999", "[2001:db8::1]:9999", "[::ffff:192.0.2.1]:9999"] {
            let notices = warning(other).unwrap();
            assert!(notices.contains("chat.example can read it"), "{other}: {notices}");
        }
        route.proxy = Some("socks5h://localhost:1080".parse().unwrap());
        let to_the_proxy = route.warning("127.0.0.1:1080".parse().unwrap());
        assert!(to_the_proxy.is_some(), "behind the proxy it goes on in plaintext");
    }
}
