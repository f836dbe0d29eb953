//! What is known of servers, in a file of this person's: a line for each server, with the
//! fingerprint of its certificate, or the word `authority` if a CA vouched for it; and a line
//! `user@server` for each account, with the highest SCRAM iteration count seen.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use proto::Fingerprint;

use crate::files;
use crate::limits::{KNOWN_HOSTS_BYTES, SYMLINKS_MAX};

/// The word in place of a fingerprint.
const AUTHORITY: &str = "authority";
/// Precedes the iteration count.
const ITERATIONS: &str = "iterations=";

/// What is known of a server or account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It presented the certificate with this fingerprint.
    Certificate(Fingerprint),
    /// It presented a certificate that a CA vouched for.
    Authority,
    /// Of an account: the SCRAM iteration count of its password.
    Iterations(u32),
}

/// What is known of a server, and where that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is known; none if the line is damaged.
    pub known: Option<Known>,
    /// The number of its line in the file, from 1.
    pub line: usize,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Its location is unknown.
    #[error("there is no directory for it: neither XDG_STATE_HOME nor HOME is set")]
    NoFolder,
    /// An error of the operating system.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

/// The file.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// The file in the state folder of the environment: `XDG_STATE_HOME`, or else `.local/state` in
    /// `HOME`.
    ///
    /// # Errors
    /// [`Unusable::NoFolder`].
    pub fn of_this_person() -> Result<KnownHosts, Unusable> {
        let folder = |name| std::env::var_os(name).map(PathBuf::from);
        KnownHosts::below(folder("XDG_STATE_HOME"), folder("HOME"))
    }

    fn below(state: Option<PathBuf>, home: Option<PathBuf>) -> Result<KnownHosts, Unusable> {
        // According to the XDG specification, a relative path counts as none.
        let state = state.filter(|path| path.is_absolute()).or_else(|| {
            home.filter(|path| path.is_absolute()).map(|home| home.join(".local/state"))
        });
        Ok(KnownHosts::at(state.ok_or(Unusable::NoFolder)?.join("parlor/known_hosts")))
    }

    /// The file at this path.
    pub fn at(path: PathBuf) -> KnownHosts {
        KnownHosts { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it; a missing file counts as empty.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than [`KNOWN_HOSTS_BYTES`].
    pub fn read(&self) -> Result<Lines, Unusable> {
        let mut bytes = Vec::new();
        let read = files::open(&self.path).and_then(|file| match file {
            None => Ok(()),
            Some((_, false)) => Err(io::Error::other("it is not a regular file")),
            Some((file, true)) => {
                file.take(KNOWN_HOSTS_BYTES as u64 + 1).read_to_end(&mut bytes).map(drop)
            }
        });
        let fits = read.and_then(|()| check_size(&bytes));
        fits.map_err(|source| unusable(&self.path, source))?;
        Ok(Lines::parse(&bytes))
    }

    /// The known servers, in the order of the file; none if it is unreadable, which is reported
    /// elsewhere.
    pub fn servers(&self) -> Vec<String> {
        let Ok(lines) = self.read() else { return Vec::new() };
        let servers = lines.entries().filter_map(|(name, entry)| {
            let seen = matches!(entry.known, Some(Known::Certificate(_) | Known::Authority));
            seen.then_some(name)
        });
        servers.collect()
    }

    /// Reads it, lets `change` change the lines, and writes them if it says so, while other clients
    /// are locked out. Whatever happens meanwhile, the file is either the old or the new one.
    ///
    /// # Errors
    /// If it cannot be read or written; what `change` said is in the inner result.
    pub fn change<E>(
        &self,
        change: impl FnOnce(&mut Lines) -> Result<bool, E>,
    ) -> Result<Result<(), E>, Unusable> {
        let fails = |source| unusable(&self.path, source);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        make_folder(folder).map_err(|source| unusable(folder, source))?;
        let lock_path = self.path.with_extension("lock");
        let lock = files::open_lock(&lock_path).map_err(|source| unusable(&lock_path, source))?;
        match lock.lock() {
            // Some network file systems have no locks; then the last writer wins.
            Err(error) if error.kind() != ErrorKind::Unsupported => return Err(fails(error)),
            _ => {}
        }
        let mut lines = self.read()?;
        match change(&mut lines) {
            Ok(true) => self.replace(&lines).map_err(fails).map(Ok),
            Ok(false) => Ok(Ok(())),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Writes a new file and renames it over the old one. If that is a symbolic link, its target is
    /// replaced, and the link stays.
    fn replace(&self, lines: &Lines) -> io::Result<()> {
        let bytes = lines.to_bytes();
        check_size(&bytes)?;
        let path = destination(&self.path)?;
        let new_path = path.with_extension("new");
        let mut new = files::create(&new_path)?;
        new.write_all(&bytes)?;
        new.sync_all()?;
        fs::rename(new_path, path)
    }
}

/// Where a path finally leads, even if nothing is there yet.
fn destination(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..SYMLINKS_MAX {
        match fs::read_link(&path) {
            // A relative link is relative to its folder.
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            // Not a link (EINVAL), or nothing there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("its symbolic links form a loop"))
}

fn check_size(bytes: &[u8]) -> io::Result<()> {
    match bytes.len() > KNOWN_HOSTS_BYTES {
        true => Err(io::Error::other(format!("it is larger than {KNOWN_HOSTS_BYTES} bytes"))),
        false => Ok(()),
    }
}

fn unusable(path: &Path, source: io::Error) -> Unusable {
    Unusable::File { path: path.to_owned(), source }
}

/// Creates the folder and its parents, accessible to their owner only.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The lines of the file, including those we do not understand, which stay as they are.
#[derive(Debug, Default)]
pub struct Lines(Vec<Vec<u8>>);

impl Lines {
    fn parse(bytes: &[u8]) -> Lines {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        Lines(if bytes.is_empty() { Vec::new() } else { lines.collect() })
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|line| [line, &b"\n"[..]]).flatten().copied().collect()
    }

    /// What is known of a server (see [`server_name`]) or account (see [`account_name`]). Of
    /// several lines, the first counts.
    pub fn find(&self, server: &str) -> Option<Entry> {
        self.entries().find(|(name, _)| name == server).map(|(_, entry)| entry)
    }

    /// The iteration count of each account on a server, by user name in lower case.
    pub fn accounts(&self, server: &str) -> HashMap<String, u32> {
        let accounts = self.entries().filter_map(|(name, entry)| match entry.known? {
            Known::Iterations(count) => {
                let user = name.strip_suffix(server)?.strip_suffix('@')?;
                Some((user.to_owned(), count))
            }
            Known::Certificate(_) | Known::Authority => None,
        });
        accounts.collect()
    }

    /// Records what is known of a server or account, replacing what was known.
    pub fn set(&mut self, server: &str, known: Known) {
        let what = match known {
            Known::Certificate(fingerprint) => fingerprint.to_string(),
            Known::Authority => AUTHORITY.to_owned(),
            Known::Iterations(count) => format!("{ITERATIONS}{count}"),
        };
        let line = format!("{server} {what}").into_bytes();
        match self.find(server) {
            Some(entry) => self.0[entry.line - 1] = line,
            None => self.0.push(line),
        }
    }

    /// The numbers of the lines that are unreadable: neither empty nor comments.
    pub fn damaged(&self) -> Vec<usize> {
        let entries = self.entries().map(|(_, entry)| entry);
        entries.filter(|entry| entry.known.is_none()).map(|entry| entry.line).collect()
    }

    /// The contents of each line, with the server it is about.
    fn entries(&self) -> impl Iterator<Item = (String, Entry)> {
        (1..).zip(&self.0).filter_map(|(line, text)| {
            let (server, known) = understand(text)?;
            Some((server, Entry { known, line }))
        })
    }
}

/// The server a line is about, and its contents; none if it is empty or a comment.
fn understand(line: &[u8]) -> Option<(String, Option<Known>)> {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let server = words.next().filter(|word| !word.starts_with('#'))?;
    let known = match (words.next(), words.next()) {
        (Some(word), None) if server.contains('@') => {
            let count = word.strip_prefix(ITERATIONS).and_then(|count| count.parse().ok());
            count.map(Known::Iterations)
        }
        (Some(AUTHORITY), None) => Some(Known::Authority),
        (Some(word), None) => word.parse().ok().map(Known::Certificate),
        _ => None,
    };
    Some((server.to_ascii_lowercase(), known))
}

/// How the file names the account of a user on a server (see [`server_name`]).
pub fn account_name(user: &str, server: &str) -> String {
    format!("{}@{server}", user.to_ascii_lowercase())
}

/// How the file names a server: the host in lower case, an IPv6 address in brackets, and the port.
pub fn server_name(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        // One spelling for each address.
        Ok(address) => SocketAddr::new(address, port).to_string(),
        Err(_) if host.contains(':') => format!("[{}]:{port}", with_zone(host)),
        Err(_) => {
            let host = host.strip_suffix('.').unwrap_or(host);
            format!("{}:{port}", host.to_ascii_lowercase())
        }
    }
}

/// An IPv6 address with a zone, such as `fe80::1%eth0`, in one spelling.
fn with_zone(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    match host.split_once('%').map(|(address, zone)| (address.parse::<Ipv6Addr>(), zone)) {
        Some((Ok(address), zone)) => format!("{address}%{zone}"),
        _ => host,
    }
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
