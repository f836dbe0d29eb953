//! The listening sockets, which accept connections for all shards.

use crate::inbox::Inbox;
use crate::limits::SEND_BUFFER_BYTES;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;
use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener};

/// The listening sockets, all on the first shard, and the shard that is next.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<mio::net::TcpListener>,
    shards: Vec<Inbox>,
    turn: usize,
}

/// A new connection: its socket, its peer, and its shard, unless it is the first.
pub type Accepted<'a> = (TcpStream, SocketAddr, Option<&'a Inbox>);

impl Listeners {
    /// Sockets from [`crate::listen::bind`], and the shards, of which the first will own the
    /// sockets.
    pub fn new(sockets: Vec<TcpListener>, shards: Vec<Inbox>) -> Listeners {
        let sockets = sockets.into_iter().map(mio::net::TcpListener::from_std).collect();
        Listeners { sockets, shards, turn: 0 }
    }

    /// Registers the sockets for events, and limits the kernel's send buffers.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn register(&mut self, registry: &Registry) -> Result<(), Error> {
        for socket in &mut self.sockets {
            // Accepted connections inherit it.
            SockRef::from(&*socket).set_send_buffer_size(SEND_BUFFER_BYTES)?;
            registry.register(socket, Listeners::TOKEN, Interest::READABLE)?;
        }
        Ok(())
    }

    const TOKEN: Token = Token(usize::MAX - 1);

    /// Whether an event is about the listening sockets.
    pub fn is_token(token: Token) -> bool {
        token == Listeners::TOKEN
    }

    /// Accepts a connection, if one is waiting, for the next shard.
    ///
    /// # Errors
    /// When one is waiting but cannot be accepted now, usually for lack of file descriptors.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::bind;

    #[test]
    fn the_kernel_buffers_little_per_connection() {
        let listener = bind(Some("127.0.0.1"), 0).unwrap();
        let address = listener.local_addr().unwrap();
        let (inbox, outlet) = crate::inbox::new(Default::default()).unwrap();
        let mut listeners = Listeners::new(vec![listener], vec![inbox]);
        listeners.register(outlet.registry()).unwrap();
        let _peer = std::net::TcpStream::connect(address).unwrap();
        let stream = loop {
            if let Some((stream, ..)) = listeners.accept().unwrap() {
                break stream;
            }
        };
        let bytes = SockRef::from(&stream).send_buffer_size().unwrap();
        assert!((SEND_BUFFER_BYTES..=2 * SEND_BUFFER_BYTES).contains(&bytes), "{bytes}");
    }
}
