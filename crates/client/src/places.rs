//! Where the server can be reached: as the person has named it, and, if it is a cluster, at its other nodes, of
//! which it tells ([`proto::node`]). Pure: chance comes in.

use proto::node::Node;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// All places of one server, and which of them serves.
#[derive(Debug)]
pub struct Places {
    named: Place,
    others: Vec<Node>,
    /// The place of the last connection.
    current: Place,
    /// That connection came to a login.
    proven: bool,
}

impl Places {
    /// The place that the person has named; no other is known.
    pub fn new(host: &str, port: u16) -> Places {
        let named = Place { host: host.to_owned(), port };
        Places { current: named.clone(), named, others: Vec::new(), proven: false }
    }

    /// What the server has told of its nodes; this replaces what it told before.
    pub fn learn(&mut self, nodes: &[Node]) {
        self.others = nodes.to_vec();
    }

    /// The nodes that the server has told of.
    pub fn nodes(&self) -> &[Node] {
        &self.others
    }

    /// Whether there is somewhere else to go.
    pub fn has_others(&self) -> bool {
        self.others.iter().any(|node| Place::from(node) != self.current)
    }

    /// Whether the place is the one that the person has named.
    pub fn is_named(&self, place: &Place) -> bool {
        *place == self.named
    }

    /// The places in the order in which to try them: the last one first, unless it has taken the last connection and not
    /// come to a login with it; then all others, in random order, so that those who lose one node do not all come to the
    /// same other one.
    pub fn order(&self, mut chance: u64) -> Vec<Place> {
        let mut others: Vec<Place> = Vec::new();
        for place in std::iter::once(self.named.clone()).chain(self.others.iter().map(Place::from))
        {
            if place != self.current && !others.contains(&place) {
                others.push(place);
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

    /// A connection to this place stands.
    pub fn connected(&mut self, place: Place) {
        (self.current, self.proven) = (place, false);
    }

    /// It has come to a login.
    pub fn logged_in(&mut self) {
        self.proven = true;
    }
}

impl From<&Node> for Place {
    fn from(node: &Node) -> Place {
        Place { host: node.host.clone(), port: node.port }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(order: &[Place]) -> Vec<&str> {
        order.iter().map(|place| &*place.host).collect()
    }

    fn places() -> Places {
        let mut places = Places::new("home", 1);
        places.connected(Place { host: "home".to_owned(), port: 1 });
        places.logged_in();
        places.learn(&["a:1", "b:1", "c:1"].map(|node| node.parse().unwrap()));
        places
    }

    #[test]
    fn the_last_place_comes_first_and_all_others_in_any_order() {
        let places = places();
        let mut orders: Vec<Vec<Place>> = (0..6).map(|chance| places.order(chance)).collect();
        assert!(orders.iter().all(|order| order[0].host == "home"));
        orders.sort_by_key(|order| names(order).join(" "));
        orders.dedup();
        assert_eq!(orders.len(), 6, "{orders:?}");
    }

    #[test]
    fn a_place_that_takes_connections_and_nobody_in_is_tried_last() {
        let mut places = places();
        let a = Place { host: "a".to_owned(), port: 1 };
        places.connected(a.clone());
        assert_eq!(places.order(0).last(), Some(&a));
        places.logged_in();
        let order = places.order(0);
        assert_eq!(order[0], a);
        assert!(names(&order).contains(&"home"), "the named one stays in the list");
        assert_eq!(order.len(), 4);
    }

    #[test]
    fn a_server_alone_has_one_place() {
        let mut places = Places::new("home", 1);
        assert_eq!((names(&places.order(9)), places.has_others()), (vec!["home"], false));
        places.learn(&["home:1".parse().unwrap()]);
        assert_eq!((names(&places.order(9)), places.has_others()), (vec!["home"], false));
    }
}
