//! The admin socket: a Unix socket in the data folder, for whoever runs the server. Its connections
//! are admins without logging in, so only the owner of the folder may open it.

use crate::limits::{ACCEPT_BACKLOG, SOCKET_PATH_BYTES};
use mio::net::{TcpStream, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The file name of the socket in the data folder.
pub const ADMIN_SOCKET: &str = "admin.sock";

/// Why the admin socket cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the admin socket {path}: {source}")]
pub struct AdminSocketError {
    path: PathBuf,
    source: io::Error,
}

/// The listening socket, on the first shard.
#[derive(Debug)]
pub struct AdminSocket {
    socket: UnixListener,
}

impl AdminSocket {
    const TOKEN: Token = Token(usize::MAX - 2);

    /// Creates the socket in a data folder whose database this process has open, replacing one left
    /// by a killed server.
    ///
    /// # Errors
    /// When the system refuses, or a folder has the name.
    pub fn bind(folder: &Path) -> Result<AdminSocket, AdminSocketError> {
        let path = folder.join(ADMIN_SOCKET);
        let socket = bind(folder).map_err(|source| AdminSocketError { path, source })?;
        Ok(AdminSocket { socket })
    }

    /// Registers the socket for events.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn register(&mut self, registry: &Registry) -> io::Result<()> {
        registry.register(&mut self.socket, AdminSocket::TOKEN, Interest::READABLE)
    }

    /// Whether an event is about this socket.
    pub fn is_token(token: Token) -> bool {
        token == AdminSocket::TOKEN
    }

    /// Accepts a connection, if one is waiting. It is read and written like any other, so the shard
    /// need not know that it is a Unix socket.
    ///
    /// # Errors
    /// When one is waiting but cannot be accepted now.
    pub fn accept(&mut self) -> io::Result<Option<TcpStream>> {
        loop {
            return match self.socket.accept() {
                Ok((stream, _)) => {
                    let stream = std::net::TcpStream::from(OwnedFd::from(stream));
                    Ok(Some(TcpStream::from_std(stream)))
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => Ok(None),
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted => continue,
                    _ => Err(error),
                },
            };
        }
    }
}

fn bind(folder: &Path) -> io::Result<UnixListener> {
    let path = folder.join(ADMIN_SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let (address, _folder) = address_in(folder)?;
    socket.bind(&address)?;
    // Set before it listens, so that nobody else can ever connect.
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(UnixListener::from_std(OwnedFd::from(socket).into()))
}

/// The address of the socket in a data folder. If the path is too long for an address, it goes
/// through the open folder, which must stay open until the address is used.
///
/// # Errors
/// When the folder cannot be opened.
pub fn address_in(folder: &Path) -> io::Result<(SockAddr, Option<File>)> {
    let path = folder.join(ADMIN_SOCKET);
    if path.as_os_str().as_bytes().len() <= SOCKET_PATH_BYTES {
        return Ok((SockAddr::unix(path)?, None));
    }
    let open = File::open(folder)?;
    let short = format!("/proc/self/fd/{}/{ADMIN_SOCKET}", open.as_raw_fd());
    Ok((SockAddr::unix(short)?, Some(open)))
}

/// Removes the socket when the server stops. One that is left over is harmless: the next start
/// replaces it.
pub fn remove(folder: &Path) {
    if let Err(error) = fs::remove_file(folder.join(ADMIN_SOCKET)) {
        tracing::warn!(%error, "Cannot remove the admin socket");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::fs::{FileTypeExt, symlink};

    fn connect(folder: &Path) -> io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let (address, _folder) = address_in(folder)?;
        socket.connect(&address)?;
        Ok(socket)
    }

    fn talks(folder: &Path, listening: &mut AdminSocket) {
        let mut peer = connect(folder).unwrap();
        let mut stream = loop {
            if let Some(stream) = listening.accept().unwrap() {
                break stream;
            }
        };
        stream.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        peer.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
    }

    #[test]
    fn the_admin_socket_is_private_and_a_leftover_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, path) = (folder.path(), folder.path().join(ADMIN_SOCKET));
        for _ in 0..2 {
            let mut listening = AdminSocket::bind(folder).unwrap();
            let found = fs::symlink_metadata(&path).unwrap();
            assert!(found.file_type().is_socket());
            assert_eq!(found.permissions().mode() & 0o777, 0o600);
            talks(folder, &mut listening);
            drop(listening);
            // A killed server leaves a socket that nobody listens on.
            assert_eq!(connect(folder).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        }
    }

    #[test]
    fn a_link_in_place_of_the_admin_socket_is_removed_but_not_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, path) = (folder.path(), folder.path().join(ADMIN_SOCKET));
        let other = folder.join("other");
        fs::write(&other, "text").unwrap();
        symlink(&other, &path).unwrap();
        let mut listening = AdminSocket::bind(folder).unwrap();
        talks(folder, &mut listening);
        assert_eq!(fs::read(&other).unwrap(), b"text");
        remove(folder);
        assert!(!path.exists());
        fs::create_dir(&path).unwrap();
        let error = AdminSocket::bind(folder).unwrap_err().to_string();
        assert!(error.contains(ADMIN_SOCKET), "{error}");
    }

    #[test]
    fn a_folder_with_a_long_path_has_an_admin_socket_too() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("f".repeat(150));
        fs::create_dir(&folder).unwrap();
        let mut listening = AdminSocket::bind(&folder).unwrap();
        talks(&folder, &mut listening);
    }
}
