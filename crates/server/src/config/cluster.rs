//! `[cluster]`: several nodes as one server, which a log on NATS JetStream orders.

use crate::limits::{CLUSTER_NAME_BYTES, NATS_SERVERS, NODE_NAME_BYTES};
use proto::node::Node;
use serde::Deserialize;
use std::path::PathBuf;

/// What a program says that cannot be a node.
pub const NO_CLUSTER: &str = "this chatserver was built without the cargo feature `cluster`, which is on by default; \
    build it with `cargo build --release -p parlor-server`";

/// `[cluster]`: this server is one of several nodes. `name`, `node`, `servers` and `key_file` are
/// required.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// The cluster's name, of which those of its stream and subjects are made.
    pub name: String,
    /// The name of this node, which no other one has.
    pub node: String,
    /// The NATS servers, as `nats://HOST:PORT` or `tls://HOST:PORT`.
    pub servers: Vec<String>,
    /// A file with the credentials of a NATS user (`.creds`).
    pub credentials: Option<PathBuf>,
    /// `[cluster.tls]`: certificates for the connections to NATS.
    pub tls: ClusterTls,
    /// The file with the cluster's key, the same on all nodes.
    pub key_file: PathBuf,
    /// Where clients may connect to this node instead of another one, as `HOST:PORT`.
    pub advertise: Option<String>,
    /// Whether the log may be on one NATS server only, whose loss ends the cluster.
    pub allow_single_log: bool,
}

/// `[cluster.tls]`: certificates for the connections to NATS.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterTls {
    /// A PEM file with the authorities that sign the certificates of the NATS servers; if none, the
    /// system's.
    pub ca: Option<PathBuf>,
    /// A PEM file with the certificate that this node shows to them.
    pub certificate: Option<PathBuf>,
    /// A PEM file with its private key.
    pub key: Option<PathBuf>,
}

impl Cluster {
    /// Whether the values can be used, as far as the config file alone shows it.
    ///
    /// # Errors
    /// A sentence that names the key, and says what its value should be.
    pub(super) fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=CLUSTER_NAME_BYTES).contains(&self.name.len()) || !self.name.chars().all(plain) {
            return Err(format!(
                "[cluster] name is {:?}; use 1 to {CLUSTER_NAME_BYTES} lower-case letters, digits and hyphens, the same on all nodes",
                self.name
            ));
        }
        if !is_node_name(&self.node) {
            return Err(format!(
                "[cluster] node is {:?}; use 1 to {NODE_NAME_BYTES} lower-case letters, digits, dots and hyphens, different on each node",
                self.node
            ));
        }
        if self.servers.is_empty() || self.servers.len() > NATS_SERVERS {
            return Err(format!(
                "[cluster] servers must list 1 to {NATS_SERVERS} NATS servers, such as [\"nats://10.0.0.1:4222\"]"
            ));
        }
        if let Some(server) = self.servers.iter().find(|server| !is_server(server)) {
            return Err(format!(
                "[cluster] servers has {server:?}; write nats://HOST:PORT, or tls://HOST:PORT with TLS"
            ));
        }
        if self.key_file.as_os_str().is_empty() {
            return Err(
                "[cluster] key_file is missing; `chatserver cluster key FILE` creates one; copy it to all nodes"
                    .into(),
            );
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return Err("[cluster.tls] needs both certificate and key, or neither".into());
        }
        if let Some(advertise) = self.advertise.as_deref().filter(|it| !is_place(it)) {
            return Err(format!(
                "[cluster] advertise is {advertise:?}; write HOST:PORT, where clients reach this node"
            ));
        }
        Ok(())
    }
}

/// Whether a node may have this name.
pub fn is_node_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    (1..=NODE_NAME_BYTES).contains(&name.len()) && name.chars().all(plain)
}

/// Whether this is the URL of a NATS server.
fn is_server(server: &str) -> bool {
    let rest = ["nats://", "tls://"].iter().find_map(|scheme| server.strip_prefix(scheme));
    let Some(rest) = rest else { return false };
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    let host_alone = !address.is_empty() && address.chars().all(is_of_host);
    host_alone || is_host_and_port(address)
}

/// Whether clients can be told this address.
fn is_place(address: &str) -> bool {
    address.parse::<Node>().is_ok_and(|node| node.fingerprint.is_none())
}

/// Whether this is `HOST:PORT`, with an IPv6 address in brackets.
fn is_host_and_port(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let known = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_of_host),
    };
    known && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_of_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_'
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const GOOD: &str = "\
        [cluster]\n\
        name = \"chat\"\n\
        node = \"a.example\"\n\
        servers = [\"nats://10.0.0.1:4222\", \"tls://user:word@[::1]:4222\", \"nats://host\"]\n\
        key_file = \"key\"\n\
        advertise = \"a.example:9999\"\n";

    fn check(text: &str) -> Result<(), String> {
        let config: Config = toml::from_str(text).expect("valid TOML");
        config.cluster.expect("there is one").check()
    }

    #[test]
    fn invalid_values_are_refused_in_a_sentence_that_names_the_key() {
        assert_eq!(check(GOOD), Ok(()));
        for (good, bad, named) in [
            ("\"chat\"", "\"Chat\"", "name"),
            ("\"chat\"", "\"\"", "name"),
            ("\"chat\"", "\"a.b\"", "name"),
            ("\"a.example\"", "\"\"", "node"),
            ("\"a.example\"", "\"a b\"", "node"),
            ("\"nats://host\"", "\"host\"", "servers"),
            ("\"nats://host\"", "\"http://host\"", "servers"),
            ("\"nats://host\"", "\"nats://host:0\"", "servers"),
            ("\"nats://host\"", "\"nats://\"", "servers"),
            ("\"nats://host\"", "\"nats://host:4222/x\"", "servers"),
            ("\"key\"", "\"\"", "key_file"),
            ("\"a.example:9999\"", "\"a.example\"", "advertise"),
            ("\"a.example:9999\"", "\":9999\"", "advertise"),
            ("\"a.example:9999\"", "\"::1:9999\"", "advertise"),
            ("\"a.example:9999\"", "\"a:70000\"", "advertise"),
        ] {
            let text = GOOD.replace(good, bad);
            assert_ne!(text, GOOD, "{good}");
            let error = check(&text).expect_err(bad);
            assert!(error.starts_with(&format!("[cluster] {named} ")), "{bad}: {error}");
        }
        let half = format!("{GOOD}[cluster.tls]\ncertificate = \"file\"\n");
        assert!(check(&half).expect_err("no key").starts_with("[cluster.tls] needs both"));
        let none = check("[cluster]\nname = \"chat\"\nnode = \"a\"\nkey_file = \"key\"\n");
        assert!(none.expect_err("no servers").starts_with("[cluster] servers must list"));
    }
}
