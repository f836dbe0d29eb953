//! Listening: binds the addresses, accepts connections, and hands them to the shards in turn.

use crate::limits::{ACCEPT_BACKLOG, ACCEPT_PAUSE_MILLIS};
use crate::shard::Item;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

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
    #[error("{address:?} is not an address to listen on (HOST:PORT): {source}")]
    BadAddress {
        /// What was given.
        address: String,
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
pub fn bind(address: Option<IpAddr>, port: u16) -> Result<TcpListener, ListenError> {
    let all_ipv6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    match address {
        Some(address) => bind_one(SocketAddr::new(address, port)),
        None => bind_one(SocketAddr::new(all_ipv6, port)).or_else(|error| match error {
            // A machine without IPv6.
            ListenError::Other { .. } => {
                bind_one(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))
            }
            other => Err(other),
        }),
    }
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

/// Accepts until dropped; each connection goes to the next shard.
pub async fn accept(listener: TcpListener, shards: Vec<Sender<Item>>, turn: Arc<AtomicUsize>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("cannot watch a listening socket: {error}"),
    };
    loop {
        // Taken out of this runtime again: the shard registers it with its own.
        let accepted = listener.accept().await;
        match accepted.and_then(|(stream, address)| Ok((stream.into_std()?, address))) {
            Ok((stream, address)) => {
                let shard = turn.fetch_add(1, Ordering::Relaxed) % shards.len();
                if shards[shard].send(Item::Connection(stream, address)).await.is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!("cannot accept a connection, will try again: {error}");
                tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MILLIS)).await;
            }
        }
    }
}
