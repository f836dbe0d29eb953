//! The config file: TOML, every key optional, unknown keys refused.

pub mod cluster;
mod operator;
mod words;

pub use cluster::{Cluster, NO_CLUSTER};
pub use operator::{Operator, Role};

use crate::limits::{
    ADMIN_BYTES, HISTORY_PAGE_MOST, Limits, MEMORY_LEAST, MOTD_LINES, OUTBOX_BYTES_LEAST,
    OWASP_ITERATIONS, SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN, SERVER_NAME_BYTES,
};
use crate::networks::Networks;
use proto::Capability;
use proto::name::same;
use serde::{Deserialize, Serialize};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// The server's default description, shown by `WHOIS`, `VERSION` and others.
pub const DESCRIPTION: &str = "a Parlor chat server";

/// The config file. The default is the same as an empty file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[[operator]]`: the operators of the server.
    pub operator: Vec<Operator>,
    /// `[admin]`: who runs the server, as shown by `ADMIN`.
    pub admin: Admin,
    /// `[tls]`: a certificate to use.
    pub tls: Tls,
    /// `[http]`: access over HTTP and WebSocket.
    pub http: Http,
    /// `[backup]`: automatic backups.
    pub backup: Backup,
    /// `[limits]`
    pub limits: Limits,
    /// `[history]`: how long history is kept.
    pub history: History,
    /// `[accounts]`: who may register, and how long accounts are kept.
    pub accounts: Accounts,
    /// `[cluster]`: this server is one of several nodes.
    pub cluster: Option<Cluster>,
    /// The file it was read from, if any.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// The port shown to people: the first one listened on.
    #[serde(skip)]
    pub port: u16,
}

/// `[history]`: how long history is kept; a room may keep less.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Days for which events are kept; 0: forever.
    pub keep_days: u32,
    /// Messages kept per room; 0: all.
    pub keep_per_room: u32,
}

/// Who may register.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    #[default]
    Open,
    /// Those with an invitation.
    Invite,
    /// Nobody.
    Closed,
}

/// `[accounts]`: who may register, and how long accounts are kept.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// Days after the last login after which an account that has never said anything is removed; 0:
    /// never.
    pub expire_days: u32,
    /// Who may register.
    pub registration: Registration,
    /// Whether the messages of a deleted account are redacted.
    pub delete_messages: bool,
    /// Whether members may invite others to register, not only operators.
    pub member_invitations: bool,
    /// Whether the server's operators have their rights only with a second factor.
    pub operators_need_2fa: bool,
}

/// `[tls]`: the certificate to use instead of a generated one. Both keys or neither.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// A PEM file: the server's certificate, then the rest of its chain.
    pub certificate: Option<PathBuf>,
    /// A PEM file: its private key.
    pub key: Option<PathBuf>,
    /// Whether the certificate is signed by somebody else; known once it is loaded.
    #[serde(skip)]
    pub vouched: bool,
}

impl Tls {
    /// Whether clients can verify the certificate without having seen it before.
    pub fn is_real(&self) -> bool {
        self.certificate.is_some() && self.vouched
    }
}

/// `[http]`: access over HTTP and WebSocket.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// The `Origin`s whose pages may open a WebSocket, such as `https://chat.example`, besides the
    /// server's own; `*` is all.
    pub origins: Vec<String>,
    /// The networks that may read `/metrics`, besides this machine.
    pub metrics: Networks,
}

/// `[backup]`: automatic backups.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// The folder for backups; if none, there are no backups.
    pub folder: Option<PathBuf>,
    /// Hours between backups.
    pub every_hours: u32,
    /// The number of backups kept.
    pub keep: u32,
}

impl Default for Backup {
    fn default() -> Backup {
        Backup { folder: None, every_hours: 24, keep: 7 }
    }
}

/// `[admin]`: who runs the server.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// The server's location.
    pub location1: String,
    /// Who runs it.
    pub location2: String,
    /// A contact address.
    pub email: String,
}

/// `[server]`: the server's name, and how it treats its users.
#[derive(Clone, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The server's name on the wire, and the host of all accounts.
    pub name: String,
    /// The server's description, shown by `LINKS` and `WHOIS`.
    pub description: String,
    /// The port to listen on; 0: any free one.
    pub port: u16,
    /// The address to listen on; if none, all addresses of this machine.
    pub bind: Option<String>,
    /// The data folder.
    pub data: PathBuf,
    /// Further addresses to listen on, as `HOST:PORT`.
    pub listen: Vec<String>,
    /// One password for everybody, required before any login.
    pub password: Option<String>,
    /// The message of the day, possibly of several lines.
    pub motd: String,
    /// The room that every user is in; `""` for none.
    pub lobby: String,
    /// Whether passwords are accepted unencrypted from other machines.
    pub plaintext_login: bool,
    /// Trusted reverse proxies, which may name the client of a connection.
    pub proxies: Networks,
    /// Whether people may chat without an account, under a name that nobody has registered.
    pub guests: bool,
    /// The rooms that guests may join, besides the lobby; if none, any.
    pub guest_rooms: Option<Vec<String>>,
    /// Whether users who log in rejoin the rooms they were in.
    pub remember_rooms: bool,
    /// Capabilities that are not offered.
    pub capabilities_off: Vec<String>,
    /// Iterations of the key derivation for new passwords, which determine the cost of guessing
    /// one.
    pub password_iterations: u32,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Default for Server {
    fn default() -> Server {
        Server {
            name: "parlor".into(),
            description: DESCRIPTION.into(),
            port: 9999,
            bind: None,
            data: "./parlor-data".into(),
            listen: Vec::new(),
            password: None,
            motd: String::new(),
            lobby: "#lobby".into(),
            plaintext_login: false,
            proxies: Networks::default(),
            guests: false,
            guest_rooms: None,
            remember_rooms: true,
            capabilities_off: Vec::new(),
            password_iterations: OWASP_ITERATIONS,
        }
    }
}

/// Why a config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the config file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It is not valid TOML, or has an unknown key or a value of the wrong type.
    #[error("the config file {path} has an error in line {line}: {message}")]
    Mistake {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A value that is well-formed but invalid.
    #[error("the config file {path} cannot be used: {message}")]
    Impossible {
        /// The file.
        path: PathBuf,
        /// The key, and what its value should be.
        message: String,
    },
}

impl Config {
    /// Reads and checks the config file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`], whose text names the file, the line and the key.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = crate::files::read(path).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error))
        });
        let text =
            text.map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut config: Config = toml::from_str(text).map_err(|error| ConfigError::Mistake {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: words::of(error.message(), error.span().map(|span| &text[..span.start])),
        })?;
        config
            .check()
            .map_err(|message| ConfigError::Impossible { path: path.to_owned(), message })?;
        config.file = Some(path.to_owned());
        Ok(config)
    }

    /// The role of an account, if it has one.
    pub fn role_of(&self, account: &str) -> Option<Role> {
        let is = |operator: &&Operator| {
            operator.account.as_deref().is_some_and(|name| same(name, account))
        };
        self.operator.iter().filter(is).filter_map(|operator| operator.role).max()
    }

    /// The name of the file it was read from, without its folder.
    pub fn file_name(&self) -> Option<String> {
        let name = self.file.as_deref()?.file_name()?;
        Some(name.to_string_lossy().into_owned())
    }

    /// The config after reloading `new` in a running server, and the changed keys that need a
    /// restart.
    pub fn reload(&self, mut new: Config) -> (Config, Vec<&'static str>) {
        let (old, next) = (&self.server, &mut new.server);
        let mut later = Vec::new();
        later.extend((next.name != old.name).then_some("server.name"));
        later.extend((next.port != old.port).then_some("server.port"));
        later.extend((next.bind != old.bind).then_some("server.bind"));
        later.extend((next.data != old.data).then_some("server.data"));
        later.extend((new.backup != self.backup).then_some("backup"));
        later.extend((new.cluster != self.cluster).then_some("cluster"));
        later.extend((next.listen != old.listen).then_some("server.listen"));
        later.extend((next.lobby != old.lobby).then_some("server.lobby"));
        let remembers = next.remember_rooms != old.remember_rooms;
        later.extend(remembers.then_some("server.remember_rooms"));
        (next.name, next.listen) = (old.name.clone(), old.listen.clone());
        (next.port, next.bind, next.data) = (old.port, old.bind.clone(), old.data.clone());
        (next.lobby, next.remember_rooms) = (old.lobby.clone(), old.remember_rooms);
        new.cluster.clone_from(&self.cluster);
        new.port = self.port;
        (new, later)
    }

    fn check(&self) -> Result<(), String> {
        let server = &self.server;
        let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
        if server.name.is_empty()
            || server.name.len() > SERVER_NAME_BYTES
            || !server.name.bytes().all(name_byte)
        {
            return Err(format!(
                "[server] name is {:?}; use 1 to {SERVER_NAME_BYTES} letters, digits, dots and hyphens",
                server.name
            ));
        }
        let described = 1..=ADMIN_BYTES;
        if !described.contains(&server.description.len())
            || server.description.contains(['\n', '\r'])
        {
            return Err(format!(
                "[server] description must be one line of 1 to {ADMIN_BYTES} bytes"
            ));
        }
        if !server.lobby.is_empty()
            && let Err(error) = proto::name::check_room(&server.lobby)
        {
            return Err(format!("[server] lobby is {:?}: {error}", server.lobby));
        }
        for room in server.guest_rooms.iter().flatten() {
            if let Err(error) = proto::name::check_room(room) {
                return Err(format!("[server] guest_rooms has {room:?}: {error}"));
            }
        }
        if server.password.as_deref() == Some("") {
            return Err("[server] password is empty; leave the key out for none".into());
        }
        let iterations = SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX;
        if !iterations.contains(&server.password_iterations) {
            return Err(format!(
                "[server] password_iterations is {}; use {} to {}, {OWASP_ITERATIONS} if in doubt",
                server.password_iterations,
                iterations.start(),
                iterations.end()
            ));
        }
        for name in &server.capabilities_off {
            if Capability::from_name(name).is_none_or(|one| one == Capability::CapNotify) {
                return Err(format!(
                    "[server] capabilities_off has {name:?}, which is not a capability that can be disabled"
                ));
            }
        }
        if server.motd.lines().count() > MOTD_LINES {
            return Err(format!("[server] motd has more than {MOTD_LINES} lines"));
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return Err("[tls] needs both certificate and key, or neither".into());
        }
        if let Some(origin) = self.http.origins.iter().find(|one| *one != "*" && !is_origin(one)) {
            return Err(format!(
                "[http] origins has {origin:?}; an origin is a scheme and a host, such as \"https://chat.example\", or \"*\" for all"
            ));
        }
        let admin = &self.admin;
        let texts = [&admin.location1, &admin.location2, &admin.email];
        if texts.iter().any(|text| text.len() > ADMIN_BYTES || text.contains(['\n', '\r'])) {
            return Err(format!(
                "[admin] has a value of more than one line or {ADMIN_BYTES} bytes"
            ));
        }
        if server.motd.lines().any(|line| line.len() > crate::limits::NAMES_LINE_BYTES) {
            return Err(format!(
                "[server] motd has a line of more than {} bytes",
                crate::limits::NAMES_LINE_BYTES
            ));
        }
        if self.backup.every_hours == 0 || self.backup.keep == 0 {
            return Err("[backup] needs every_hours and keep of at least 1".into());
        }
        let limits = &self.limits;
        if limits.outbox_bytes != 0 && limits.outbox_bytes < OUTBOX_BYTES_LEAST {
            return Err(format!(
                "[limits] outbox_bytes is {}; use at least {OUTBOX_BYTES_LEAST}",
                limits.outbox_bytes
            ));
        }
        if let Some(memory @ 1..MEMORY_LEAST) = limits.memory {
            return Err(format!("[limits] memory is {memory}; use at least {MEMORY_LEAST}"));
        }
        if limits.history_page > HISTORY_PAGE_MOST {
            return Err(format!(
                "[limits] history_page is {}; use at most {HISTORY_PAGE_MOST}",
                limits.history_page
            ));
        }
        if limits.replay > HISTORY_PAGE_MOST {
            return Err(format!(
                "[limits] replay is {}; use at most {HISTORY_PAGE_MOST}",
                limits.replay
            ));
        }
        if self.cluster.is_some() && !cfg!(feature = "cluster") {
            return Err(format!("[cluster] cannot be used: {NO_CLUSTER}"));
        }
        self.cluster.iter().try_for_each(Cluster::check)?;
        self.operator.iter().try_for_each(Operator::check)
    }
}

/// Whether this is an origin as browsers send it, such as `https://chat.example:8443`.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let bad = |c: char| c == '/' || c.is_whitespace();
    let plain = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let host = host.strip_suffix('/').unwrap_or(host);
    !scheme.is_empty() && plain && !host.is_empty() && !host.contains(bad)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}
