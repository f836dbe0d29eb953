//! Listening: binds the addresses, and accepts connections for the shards in turn.

use crate::inbox::Inbox;
use crate::limits::ACCEPT_BACKLOG;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error(
        "port {port} is taken by another program; stop that one, or choose another port with -p"
    )]
    Taken {
        /// The port.
        port: u16,
    },
    /// Ports below 1024 are the administrator's.
    #[error("port {port} needs the administrator's rights; choose a port from 1024 up with -p")]
    Forbidden {
        /// The port.
        port: u16,
    },
    /// Not an address.
    #[error(
        "{address:?} is not an address to listen on: {source}; --bind takes HOST, listen takes HOST:PORT"
    )]
    BadAddress {
        /// What was given.
        address: String,
        /// What the system said.
        source: Error,
    },
    /// The service manager gave something else.
    #[error(
        "socket {at} of the service manager does not listen for TCP ({source}); use ListenStream in its unit"
    )]
    BadSocket {
        /// Which of its sockets, counted from 0.
        at: usize,
        /// What the system said.
        source: Error,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {source}; give an address of this machine with --bind")]
    Other {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: Error,
    },
}

/// Binds `port` on one address, or on all of this machine, IPv4 and IPv6.
///
/// # Errors
/// [`ListenError`], whose text says what to do.
pub fn bind(address: Option<&str>, port: u16) -> Result<TcpListener, ListenError> {
    let all = |ip: IpAddr| SocketAddr::new(ip, port);
    let Some(address) = address else {
        return bind_one(all(Ipv6Addr::UNSPECIFIED.into())).or_else(|error| match error {
            // A machine without IPv6.
            ListenError::Other { .. } => bind_one(all(Ipv4Addr::UNSPECIFIED.into())),
            other => Err(other),
        });
    };
    let bad = |source| ListenError::BadAddress { address: address.to_owned(), source };
    let found = (address, port).to_socket_addrs().map_err(bad)?.next();
    bind_one(found.ok_or_else(|| bad(ErrorKind::NotFound.into()))?)
}

/// Binds each of `addresses`, given as `HOST:PORT`.
///
/// # Errors
/// [`ListenError`], whose text says what to do.
pub fn bind_more(addresses: &[String]) -> Result<Vec<TcpListener>, ListenError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let bad = |source| ListenError::BadAddress { address: address.clone(), source };
        for resolved in address.to_socket_addrs().map_err(bad)? {
            listeners.push(bind_one(resolved)?);
        }
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> Result<TcpListener, ListenError> {
    open(address).map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => ListenError::Taken { port: address.port() },
        ErrorKind::PermissionDenied => ListenError::Forbidden { port: address.port() },
        _ => ListenError::Other { address, source },
    })
}

fn open(address: SocketAddr) -> Result<TcpListener, Error> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(socket.into())
}

/// The listening sockets, all of the first shard, and whose turn it is to get a connection.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<mio::net::TcpListener>,
    shards: Vec<Inbox>,
    turn: usize,
}

/// A new connection: its socket, its peer, and whose it is if not the first shard's own.
pub type Accepted<'a> = (TcpStream, SocketAddr, Option<&'a Inbox>);

impl Listeners {
    /// Sockets that [`bind`] made, and the shards, of which the first is to own them.
    pub fn new(sockets: Vec<TcpListener>, shards: Vec<Inbox>) -> Listeners {
        let sockets = sockets.into_iter().map(mio::net::TcpListener::from_std).collect();
        Listeners { sockets, shards, turn: 0 }
    }

    /// Watches the sockets for connections.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn register(&mut self, registry: &Registry) -> Result<(), Error> {
        for socket in &mut self.sockets {
            registry.register(socket, Listeners::TOKEN, Interest::READABLE)?;
        }
        Ok(())
    }

    const TOKEN: Token = Token(usize::MAX - 1);

    /// Whether an event is about the listening sockets.
    pub fn is_token(token: Token) -> bool {
        token == Listeners::TOKEN
    }

    /// Accepts a connection, if one waits; each goes to the next shard.
    ///
    /// # Errors
    /// When there is one but it cannot be accepted now: usually for want of file descriptors.
    pub fn accept(&mut self) -> Result<Option<Accepted<'_>>, Error> {
        let mut accepted = None;
        for socket in &self.sockets {
            accepted = accept_one(socket)?;
            if accepted.is_some() {
                break;
            }
        }
        let Some((stream, address)) = accepted else { return Ok(None) };
        let shard = self.turn % self.shards.len();
        self.turn = shard + 1;
        Ok(Some((stream, address, (shard > 0).then(|| &self.shards[shard]))))
    }
}

fn accept_one(socket: &mio::net::TcpListener) -> Result<Option<(TcpStream, SocketAddr)>, Error> {
    loop {
        return match socket.accept() {
            Ok(accepted) => Ok(Some(accepted)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(None),
                ErrorKind::ConnectionAborted | ErrorKind::Interrupted => continue,
                _ => Err(error),
            },
        };
    }
}
