//! Where else clients may go: the nodes of a cluster, as `NODES` lists them (`parlor/nodes`).

use crate::Fingerprint;
use crate::limits::{NODE_ADDRESS_BYTES, NODES};
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A node of a cluster: `HOST:PORT`, or `HOST:PORT=FINGERPRINT` if its certificate is self-signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port, not 0.
    pub port: u16,
    /// The fingerprint of its certificate; none: an authority vouches for it.
    pub fingerprint: Option<Fingerprint>,
}

/// Why a text is not a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node is HOST:PORT or [IPV6]:PORT, of at most {NODE_ADDRESS_BYTES} bytes")]
pub struct NoNode;

impl FromStr for Node {
    type Err = NoNode;

    fn from_str(text: &str) -> Result<Node, NoNode> {
        let (address, fingerprint) = match text.split_once('=') {
            Some((address, digits)) => (address, Some(digits.parse().map_err(|_| NoNode)?)),
            None => (text, None),
        };
        let (host, port) = address.rsplit_once(':').ok_or(NoNode)?;
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| *port > 0 && digits).ok_or(NoNode)?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match inner {
            Some(inner) => inner.parse::<Ipv6Addr>().map_err(|_| NoNode)?.to_string(),
            None => host.to_ascii_lowercase(),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_host = inner.is_some() || (!host.is_empty() && host.chars().all(plain));
        if !is_host || address.len() > NODE_ADDRESS_BYTES {
            return Err(NoNode);
        }
        Ok(Node { host, port, fingerprint })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Node { host, port, fingerprint } = self;
        match host.contains(':') {
            true => write!(f, "[{host}]:{port}")?,
            false => write!(f, "{host}:{port}")?,
        }
        fingerprint.map_or(Ok(()), |fingerprint| write!(f, "={fingerprint:x}"))
    }
}

/// A list that comes on several lines: all but the last begin with a `*`, as those of `CAP LS` do.
#[derive(Debug, Default)]
pub struct Listing(Vec<Node>);

impl Listing {
    /// Takes the parameters of a `NODES` line. Returns the list when it is complete; what is no node
    /// is left out.
    pub fn take(&mut self, params: &[&str]) -> Option<Vec<Node>> {
        let more = params.first() == Some(&"*");
        let nodes = params.iter().filter_map(|param| param.parse().ok());
        let room = NODES - self.0.len();
        self.0.extend(nodes.take(room));
        (!more).then(|| std::mem::take(&mut self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_survives_parsing_and_writing() {
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let known = format!("192.0.2.7:6697={digits}");
        for text in ["a.example:9999", "[2001:db8::1]:1", &known] {
            let node: Node = text.parse().unwrap();
            assert_eq!(node.to_string(), text);
            assert_eq!(node.fingerprint.is_some(), text == known);
        }
        assert_eq!("A.Example:9".parse::<Node>().unwrap().to_string(), "a.example:9");
    }

    #[test]
    fn invalid_nodes_are_refused() {
        let long = format!("{}:1", "a".repeat(NODE_ADDRESS_BYTES));
        let texts = [
            "", ":", "a", "a:", "a:0", "a:65536", "a:+1", ":1", "a b:1", "a/b:1", "u@a:1", "::1:1",
            "[a]:1", "[::1", "a:1=", "a:1=12", "a:1=2=3", "ä:1", "*", &long,
        ];
        for text in texts {
            assert_eq!(text.parse::<Node>(), Err(NoNode), "{text}");
        }
    }

    #[test]
    fn a_capability_list_ends_with_the_line_without_a_star_and_is_bounded() {
        let mut listing = Listing::default();
        assert_eq!(listing.take(&["*", "a:1", "no node"]), None);
        let names = |nodes: Vec<Node>| nodes.iter().map(Node::to_string).collect::<Vec<_>>();
        assert_eq!(listing.take(&["b:2"]).map(names).unwrap(), ["a:1", "b:2"]);
        assert_eq!(listing.take(&[]), Some(Vec::new()));
        for _ in 0..NODES {
            assert_eq!(listing.take(&["*", "a:1", "b:2"]), None);
        }
        assert_eq!(listing.take(&["c:3"]).unwrap().len(), NODES);
    }
}
