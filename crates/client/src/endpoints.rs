//! The addresses of the server: the one the person gave and, if it is a cluster, those of its other
//! nodes, which it announces ([`proto::node`]). Pure: random numbers are passed in.

use std::net::IpAddr;
use std::time::Duration;

use proto::node::Node;

use crate::known_hosts::server_name;
use crate::limits::{CONNECT_TIMEOUT, NODE_TIMEOUT};

/// An address to connect to. Two are the same if they lead to the same place, however they are
/// spelled.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// A host name or an IP address, as given: a resolver may treat `host.` and `host` differently.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Endpoint) -> bool {
        self.spelled_alike() == other.spelled_alike()
    }
}

impl Eq for Endpoint {}

impl Endpoint {
    /// The one spelling for all of the same address.
    fn spelled_alike(&self) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(address) => server_name(&address.to_canonical().to_string(), self.port),
            Err(_) => server_name(&self.host, self.port),
        }
    }
}

/// All endpoints of a server, and the current one.
#[derive(Debug)]
pub struct Endpoints {
    named: Endpoint,
    others: Vec<Node>,
    /// The endpoint of the last connection.
    current: Endpoint,
    /// That connection got as far as a login.
    proven: bool,
    /// How often in a row all were tried without a login.
    rounds: u32,
}

impl Endpoints {
    /// The endpoint the person gave; no others are known.
    pub fn new(host: &str, port: u16) -> Endpoints {
        let named = Endpoint { host: host.to_owned(), port };
        Endpoints { current: named.clone(), named, others: Vec::new(), proven: false, rounds: 0 }
    }

    /// Replaces the nodes that the server has announced.
    pub fn learn(&mut self, nodes: &[Node]) {
        self.others = nodes.to_vec();
    }

    /// The nodes that the server has announced.
    pub fn nodes(&self) -> &[Node] {
        &self.others
    }

    /// Whether there are other endpoints.
    pub fn has_others(&self) -> bool {
        self.named != self.current
            || self.others.iter().any(|node| Endpoint::from(node) != self.current)
    }

    /// Whether the endpoint is the one the person gave.
    pub fn is_named(&self, endpoint: &Endpoint) -> bool {
        *endpoint == self.named
    }

    /// The endpoints in the order to try them: the last one first, unless its last connection got
    /// no login; then the others in random order, so that the clients of a lost node spread over
    /// the others.
    pub fn order(&self, mut chance: u64) -> Vec<Endpoint> {
        let mut others: Vec<Endpoint> = Vec::new();
        for endpoint in
            std::iter::once(self.named.clone()).chain(self.others.iter().map(Endpoint::from))
        {
            if endpoint != self.current && !others.contains(&endpoint) {
                others.push(endpoint);
            }
        }
        for left in (1..others.len()).rev() {
            let count = left as u64 + 1;
            others.swap(left, (chance % count) as usize);
            chance /= count;
        }
        let at = if self.proven { 0 } else { others.len() };
        others.insert(at, self.current.clone());
        others
    }

    /// How long each endpoint may take in the round that begins now; none if there is only one. The
    /// first round is quick, so that a lost node costs little; over a slow connection, a later one
    /// gets through.
    pub fn begin_round(&mut self) -> Option<Duration> {
        let factor = 2_u32.saturating_pow(self.rounds);
        self.rounds = self.rounds.saturating_add(1);
        self.has_others().then(|| NODE_TIMEOUT.saturating_mul(factor).min(CONNECT_TIMEOUT))
    }

    /// A connection to this endpoint is open.
    pub fn connected(&mut self, endpoint: Endpoint) {
        (self.current, self.proven) = (endpoint, false);
    }

    /// It got as far as a login.
    pub fn logged_in(&mut self) {
        (self.proven, self.rounds) = (true, 0);
    }
}

impl From<&Node> for Endpoint {
    fn from(node: &Node) -> Endpoint {
        Endpoint { host: node.host.clone(), port: node.port }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(order: &[Endpoint]) -> Vec<&str> {
        order.iter().map(|endpoint| &*endpoint.host).collect()
    }

    fn endpoints() -> Endpoints {
        let mut endpoints = Endpoints::new("home", 1);
        endpoints.connected(Endpoint { host: "home".to_owned(), port: 1 });
        endpoints.logged_in();
        endpoints.learn(&["a:1", "b:1", "c:1"].map(|node| node.parse().unwrap()));
        endpoints
    }

    #[test]
    fn the_last_endpoint_comes_first_and_all_others_in_any_order() {
        let endpoints = endpoints();
        let mut orders: Vec<Vec<Endpoint>> = (0..6).map(|chance| endpoints.order(chance)).collect();
        assert!(orders.iter().all(|order| order[0].host == "home"));
        orders.sort_by_key(|order| names(order).join(" "));
        orders.dedup();
        assert_eq!(orders.len(), 6, "{orders:?}");
    }

    #[test]
    fn an_endpoint_that_accepts_connections_but_no_logins_is_tried_last() {
        let mut endpoints = endpoints();
        let a = Endpoint { host: "a".to_owned(), port: 1 };
        endpoints.connected(a.clone());
        assert_eq!(endpoints.order(0).last(), Some(&a));
        endpoints.logged_in();
        let order = endpoints.order(0);
        assert_eq!(order[0], a);
        assert!(names(&order).contains(&"home"), "the named one stays in the list");
        assert_eq!(order.len(), 4);
    }

    #[test]
    fn a_server_that_is_no_cluster_has_one_endpoint() {
        let mut endpoints = Endpoints::new("home", 1);
        assert_eq!((names(&endpoints.order(9)), endpoints.has_others()), (vec!["home"], false));
        endpoints.learn(&["home:1".parse().unwrap()]);
        assert_eq!((names(&endpoints.order(9)), endpoints.has_others()), (vec!["home"], false));
    }

    #[test]
    fn an_address_is_the_same_however_it_is_spelled() {
        for (given, announced) in [
            ("chat.example", "Chat.Example:1"),
            ("chat.example.", "chat.example:1"),
            ("CHAT.example", "chat.example.:1"),
            ("2001:DB8:0::1", "[2001:db8::1]:1"),
            ("::ffff:192.0.2.7", "192.0.2.7:1"),
            ("192.0.2.7", "[::ffff:c000:207]:1"),
        ] {
            let mut endpoints = Endpoints::new(given, 1);
            let node: Node = announced.parse().unwrap();
            assert!(endpoints.is_named(&Endpoint::from(&node)), "{given} {announced}");
            endpoints.learn(&[node]);
            assert!(!endpoints.has_others(), "{given} {announced}");
            assert_eq!(names(&endpoints.order(0)), [given]);
        }
        let zone = |host: &str| Endpoint { host: host.to_owned(), port: 1 };
        assert_eq!(zone("fe80::1%eth0"), zone("FE80:0::1%eth0"));
        for other in ["chat.example:2", "other.example:1", "example:1"] {
            let node: Node = other.parse().unwrap();
            assert!(!Endpoints::new("chat.example", 1).is_named(&Endpoint::from(&node)), "{other}");
        }
    }

    #[test]
    fn each_round_without_a_login_has_more_time_up_to_a_bound() {
        let mut endpoints = endpoints();
        let seconds = |endpoints: &mut Endpoints, rounds: usize| -> Vec<u64> {
            (0..rounds).map(|_| endpoints.begin_round().unwrap().as_secs()).collect()
        };
        assert_eq!(seconds(&mut endpoints, 5), [2, 4, 8, 10, 10]);
        endpoints.connected(Endpoint { host: "a".to_owned(), port: 1 });
        assert_eq!(seconds(&mut endpoints, 1), [10], "a connection alone is no login");
        endpoints.logged_in();
        assert_eq!(seconds(&mut endpoints, 2), [2, 4]);
        assert_eq!(Endpoints::new("home", 1).begin_round(), None, "with one there is no hurry");
    }
}
