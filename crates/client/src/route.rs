//! The way to the server: its address, and how what is said on the way is protected.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::node::Node;

use crate::args::Args;
use crate::known_hosts::{KnownHosts, server_name};
use crate::limits::{CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT, NODE_TIMEOUT};
use crate::places::{Place, Places};
use crate::proxy::{Proxy, Target};
use crate::remembered::Remembered;
use crate::tls::{Encryption, HandshakeError, Limited, Tls};
use crate::trust::{Refusal, Trust};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("cannot resolve host {host:?} ({source})")]
    UnknownHost {
        /// The name as given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address of the host answers.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// The last address tried.
        address: SocketAddr,
        /// What the network said.
        source: io::Error,
    },
    /// The proxy cannot be used, or does not go on to the server.
    #[error("cannot use the proxy {proxy}: {reason}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// What it said, or what is wrong.
        reason: String,
    },
    /// What the environment says about a proxy cannot be used.
    #[error("{0}")]
    NoProxy(String),
    /// It takes the connection, and says nothing.
    #[error("{server} does not answer")]
    Silent {
        /// The host and port.
        server: String,
    },
    /// It closes the connection without having said why.
    #[error("{server} {how} during the TLS handshake")]
    Closed {
        /// The host and port.
        server: String,
        /// How it ended.
        how: &'static str,
    },
    /// The server is not the one that it should be.
    #[error(transparent)]
    Untrusted(Refusal),
    /// What answers does not speak TLS, and did not before.
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
    /// The encryption could not be agreed on.
    #[error("cannot set up encryption with {server}: {source}")]
    Handshake {
        /// The host and port.
        server: String,
        /// What the handshake said.
        source: rustls::Error,
    },
    /// It has as many connections as it takes, from here or in all.
    #[error("the server is not accepting more connections from here right now; try again later")]
    Full,
    /// The remembered login cannot be read.
    #[error("cannot use the remembered login: {0}")]
    Remembered(#[from] crate::remembered::Unusable),
    /// Connected, but the connection could not be set up.
    #[error("cannot set up the connection: {0}")]
    SetUp(#[from] io::Error),
    /// The system has no random numbers.
    #[error("no random numbers are available: {0}")]
    NoChance(#[from] getrandom::Error),
}

/// Where the server is, and how to talk to it.
#[derive(Debug)]
pub struct Route {
    host: String,
    port: u16,
    /// None to talk to it in plaintext.
    tls: Option<Tls>,
    proxy: Option<Proxy>,
    remembered: Option<Arc<Remembered>>,
    /// Changed by whoever hears of nodes, read by the thread that connects.
    places: Mutex<Places>,
}

/// A connection that is open, and where encryption was agreed on, if it should be.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub stream: TcpStream,
    /// Its encryption; none in plaintext.
    pub encryption: Option<Encryption>,
    /// What the person should be told, each a sentence.
    pub told: Vec<String>,
}

impl Route {
    /// The route that the command line and the environment give.
    ///
    /// # Errors
    /// [`ConnectError::NoProxy`].
    pub fn new(args: &Args) -> Result<Route, ConnectError> {
        let (host, port) = (args.host(), args.port());
        let proxy = match &args.proxy {
            Some(proxy) => Some(proxy.clone()),
            None => Proxy::of_environment(host).map_err(ConnectError::NoProxy)?,
        };
        let remembered = remembered(args)?.map(Arc::new);
        let tls = (!args.plaintext).then(|| {
            let known_hosts = KnownHosts::of_this_person();
            let trust = Trust::new(host, port, args.fingerprint, known_hosts);
            Tls::new(host, trust, remembered.clone())
        });
        let places = Mutex::new(Places::new(host, port));
        Ok(Route { host: host.to_owned(), port, tls, proxy, remembered, places })
    }

    /// Whose login is remembered for this server, and to be used.
    pub fn remembered_user(&self) -> Option<&str> {
        self.remembered.as_ref().map(|remembered| &*remembered.user)
    }

    /// The server, as messages and the file of known servers name it.
    pub fn server(&self) -> String {
        server_name(&self.host, self.port)
    }

    /// Whether it is unencrypted.
    pub fn is_plaintext(&self) -> bool {
        self.tls.is_none()
    }

    /// The server has told of its nodes, over a connection that was trusted.
    pub fn learn(&self, nodes: &[Node]) {
        self.places().learn(nodes);
    }

    /// The last connection has come to a login.
    pub fn logged_in(&self) {
        self.places().logged_in();
    }

    /// Whether there is another node to go to.
    pub fn has_others(&self) -> bool {
        self.places().has_others()
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Whatever a thread was at, the list is whole.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects, up to the point where lines can be sent: to the server as it was named or served last, or else to one of
    /// its other nodes.
    ///
    /// # Errors
    /// If the host is unknown, nothing listens there, or what does is not to be trusted or does not speak TLS. Of several
    /// places, why the first one cannot be used.
    pub fn open(&self) -> Result<Opened, ConnectError> {
        let mut chance = [0; 8];
        getrandom::fill(&mut chance)?;
        let order = self.places().order(u64::from_le_bytes(chance));
        // With somewhere else to go, nobody waits long for one.
        let patience = (order.len() > 1).then_some(NODE_TIMEOUT);
        let mut failed = None;
        for place in order {
            match self.open_at(&place, patience) {
                Ok(opened) => {
                    self.places().connected(place);
                    return Ok(opened);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.expect("there is at least one place"))
    }

    /// Connects to the first address of a place that answers and, where encryption is wanted, proves who it is.
    fn open_at(&self, place: &Place, patience: Option<Duration>) -> Result<Opened, ConnectError> {
        let tls = self.tls.as_ref().map(|tls| self.tls_at(tls, place, patience));
        let connect = patience.unwrap_or(CONNECT_TIMEOUT);
        let agree = |stream: TcpStream| {
            stream.set_nodelay(true)?;
            let (encryption, mut told) = match &tls {
                Some(tls) => {
                    let agreed = tls.handshake(&stream);
                    let agreed = agreed.map_err(|error| failed(tls, place, error))?;
                    (Some(agreed.0), agreed.1)
                }
                None => (None, Vec::from_iter(self.warning(stream.peer_addr()?))),
            };
            if !self.places().is_named(place) {
                let server = server_name(&place.host, place.port);
                told.push(format!("Connected to {server}, another node of the server."));
            }
            Ok(Opened { stream, encryption, told })
        };
        let Some(proxy) = &self.proxy else {
            return first(&place.host, place.port, |address| agree(reach(address, connect)?));
        };
        if proxy.resolves && place.host.parse::<IpAddr>().is_err() {
            return agree(through(proxy, &Target::Name(&place.host, place.port))?);
        }
        first(&place.host, place.port, |address| agree(through(proxy, &Target::Address(address))?))
    }

    /// The encryption with a place. What the server has told of its nodes counts: a certificate that it vouches for is as
    /// good as its own; of another node's address nothing else does but an authority.
    fn tls_at(&self, tls: &Tls, place: &Place, patience: Option<Duration>) -> Tls {
        let places = self.places();
        let listed = places.nodes().iter().filter_map(|node| node.fingerprint).collect();
        let trust = match places.is_named(place) {
            true => tls.trust.or_listed(listed),
            false => tls.trust.of_node(&place.host, place.port, listed),
        };
        tls.to(&place.host, trust, patience.unwrap_or(HANDSHAKE_TIMEOUT))
    }

    /// What to say about plaintext that leaves this machine.
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

fn failed(tls: &Tls, place: &Place, error: HandshakeError) -> ConnectError {
    let server = server_name(&place.host, place.port);
    match error {
        HandshakeError::Untrusted(refusal) => ConnectError::Untrusted(refusal),
        // Whoever stands in between would like to hear that plaintext is the remedy.
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

/// The login that is remembered for the server, unless another one is given.
fn remembered(args: &Args) -> Result<Option<Remembered>, ConnectError> {
    if args.plaintext || args.password_file.is_some() {
        return Ok(None);
    }
    let remembered = Remembered::at(&server_name(args.host(), args.port()))?;
    let is_meant = |remembered: &Remembered| {
        args.user.as_ref().is_none_or(|user| proto::name::same(user, &remembered.user))
    };
    Ok(remembered.filter(is_meant))
}

fn reach(address: SocketAddr, patience: Duration) -> Result<TcpStream, ConnectError> {
    let connected = TcpStream::connect_timeout(&address, patience);
    connected.map_err(|source| ConnectError::Unreachable { address, source })
}

/// The first address of the host to which `connect` succeeds; or else what went wrong at one that answers.
fn first<T>(
    host: &str,
    port: u16,
    connect: impl Fn(SocketAddr) -> Result<T, ConnectError>,
) -> Result<T, ConnectError> {
    let unknown = |source| ConnectError::UnknownHost { host: host.to_owned(), source };
    let addresses = (host, port).to_socket_addrs().map_err(unknown)?;
    let mut failed = unknown(io::Error::new(ErrorKind::NotFound, "it has no address"));
    let mut answered = false;
    for address in addresses {
        match connect(address) {
            Ok(connected) => return Ok(connected),
            Err(_) if answered => {}
            Err(error) => {
                answered = !matches!(error, ConnectError::Unreachable { .. });
                failed = error;
            }
        }
    }
    Err(failed)
}

/// Connects to the target through the proxy.
fn through(proxy: &Proxy, target: &Target<'_>) -> Result<TcpStream, ConnectError> {
    let failed = |reason: String| {
        let proxy = server_name(&proxy.host, proxy.port);
        ConnectError::Proxy { proxy, reason }
    };
    let stream = first(&proxy.host, proxy.port, |address| reach(address, CONNECT_TIMEOUT));
    let stream = stream.map_err(|error| failed(error.to_string()))?;
    let went = proxy.go_on(&mut Limited::new(&stream, HANDSHAKE_TIMEOUT), target);
    went.map_err(|error| failed(error.to_string()))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_that_leaves_the_machine_is_warned_of() {
        let host = "chat.example".to_owned();
        let places = Mutex::new(Places::new(&host, 9999));
        let (tls, proxy, remembered) = (None, None, None);
        let mut route = Route { host, port: 9999, tls, proxy, remembered, places };
        let warning = |address: &str| route.warning(address.parse().unwrap());
        for own in ["127.0.0.1:9999", "127.8.8.8:9999", "[::1]:9999", "[::ffff:127.0.0.1]:9999"] {
            assert_eq!(warning(own), None, "{own}");
        }
        for other in ["192.0.2.1:9999", "[2001:db8::1]:9999", "[::ffff:192.0.2.1]:9999"] {
            let told = warning(other).unwrap();
            assert!(told.contains("chat.example can read it"), "{other}: {told}");
        }
        route.proxy = Some("socks5h://localhost:1080".parse().unwrap());
        let to_the_proxy = route.warning("127.0.0.1:1080".parse().unwrap());
        assert!(to_the_proxy.is_some(), "behind the proxy it goes on in plaintext");
    }
}
