//! Binding the addresses to listen on.

use crate::limits::ACCEPT_BACKLOG;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program uses the port.
    #[error("port {port} is in use by another program; stop it, or choose another port with -p")]
    Taken {
        /// The port.
        port: u16,
    },
    /// The port is below 1024 and requires root privileges.
    #[error("port {port} requires root privileges; choose a port of 1024 or above with -p")]
    Forbidden {
        /// The port.
        port: u16,
    },
    /// An invalid address.
    #[error(
        "{address:?} is not an address to listen on: {source}; --bind takes HOST, listen takes HOST:PORT"
    )]
    BadAddress {
        /// The given text.
        address: String,
        /// The system's error.
        source: Error,
    },
    /// The service manager passed something else.
    #[error(
        "socket {at} of the service manager does not listen for TCP ({source}); use ListenStream in its unit"
    )]
    BadSocket {
        /// The index of the socket.
        at: usize,
        /// The system's error.
        source: Error,
    },
    /// A redundant address.
    #[error(
        "the address {address} in [server] listen is redundant: {by} already covers it; remove one of the two"
    )]
    Doubled {
        /// The address.
        address: SocketAddr,
        /// The one that covers it.
        by: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {source}; give an address of this machine with --bind")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: Error,
    },
}

/// Binds `port` on one address, or on all addresses of this machine, IPv4 and IPv6.
///
/// # Errors
/// [`ListenError`], whose text says what to do.
pub fn bind(address: Option<&str>, port: u16) -> Result<TcpListener, ListenError> {
    bind_one(resolve(address, port)?).or_else(|error| match error {
        // A machine without IPv6.
        ListenError::Other { .. } if address.is_none() => {
            bind_one((Ipv4Addr::UNSPECIFIED, port).into())
        }
        other => Err(other),
    })
}

/// Binds each of `addresses`, given as `HOST:PORT`, in addition to those in `taken`.
///
/// # Errors
/// [`ListenError`], whose text says what to do.
pub fn bind_more(
    addresses: &[String],
    taken: &[SocketAddr],
) -> Result<Vec<TcpListener>, ListenError> {
    resolve_more(addresses, taken)?.into_iter().map(bind_one).collect()
}

/// Resolves addresses to listen on, given as `HOST:PORT`. None may be redundant.
///
/// # Errors
/// [`ListenError`], whose text says what to do.
pub fn resolve_more(
    addresses: &[String],
    taken: &[SocketAddr],
) -> Result<Vec<SocketAddr>, ListenError> {
    let mut all = taken.to_vec();
    for given in addresses {
        let bad = |source| ListenError::BadAddress { address: given.clone(), source };
        for address in given.to_socket_addrs().map_err(bad)? {
            if let Some(by) = all.iter().find(|other| collide(**other, address)) {
                return Err(ListenError::Doubled { address, by: *by });
            }
            all.push(address);
        }
    }
    Ok(all.split_off(taken.len()))
}

/// Whether two addresses cannot both be listened on. Port 0 is a different one each time.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |all: IpAddr, one: IpAddr| match all {
        IpAddr::V6(all) => all.is_unspecified(), // IPv4, too
        IpAddr::V4(all) => all.is_unspecified() && one.is_ipv4(),
    };
    let (first, second) = (one.ip(), other.ip());
    one.port() == other.port()
        && one.port() != 0
        && (first == second || covers(first, second) || covers(second, first))
}

/// The address that [`bind`] would listen on.
///
/// # Errors
/// [`ListenError`], whose text says what to do.
pub fn resolve(address: Option<&str>, port: u16) -> Result<SocketAddr, ListenError> {
    let Some(address) = address else { return Ok((Ipv6Addr::UNSPECIFIED, port).into()) };
    let bad = |source| ListenError::BadAddress { address: address.to_owned(), source };
    let found = (address, port).to_socket_addrs().map_err(bad)?.next();
    found.ok_or_else(|| bad(ErrorKind::NotFound.into()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_another_covers_is_doubled() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (one, other, expected) in [
            ("127.0.0.1:9", "127.0.0.1:9", true),
            ("127.0.0.1:9", "127.0.0.1:8", false),
            ("127.0.0.1:9", "127.0.0.2:9", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("[::]:9", "127.0.0.1:9", true),
            ("[::]:9", "0.0.0.0:9", true),
            ("[::]:9", "[::1]:9", true),
            ("0.0.0.0:9", "127.0.0.1:9", true),
            ("0.0.0.0:9", "[::1]:9", false),
        ] {
            let (one, other) = (address(one), address(other));
            let found = [collide(one, other), collide(other, one)];
            assert_eq!(found, [expected; 2], "{one} {other}");
        }
        let more = ["127.0.0.1:6667".to_owned(), "[::1]:0".to_owned()];
        let resolved = resolve_more(&more, &[address("[::]:9")]).unwrap();
        assert_eq!(resolved, [address("127.0.0.1:6667"), address("[::1]:0")]);
    }
}
