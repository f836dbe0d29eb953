//! Skeletons of names, so that no user or room can pass for another: UTS #39.
//!
//! Names that differ only in case may have different skeletons (`Il` and `il`). The name counts as
//! it is spelled, because that is what people see.

use proto::name::{fold, same};
use std::collections::BTreeSet;

/// Names that would be taken for the network, for the reader, or for everybody.
const RESERVED: [&str; 9] =
    ["all", "everyone", "here", "me", "online", "parlor", "server", "system", "you"];

/// How names of network services such as NickServ end.
const SERVICE: &str = "serv";

/// Names by skeleton, each with its owner's id. Names from before this was checked may look alike.
#[derive(Debug, Default, PartialEq)]
pub struct Skeletons(BTreeSet<(Box<str>, u32)>);

impl Skeletons {
    /// Adds a name.
    pub fn add(&mut self, name: &str, id: u32) {
        self.0.insert((skeleton(name), id));
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str, id: u32) {
        self.0.remove(&(skeleton(name), id));
    }

    /// The owner of a name that looks like this one, other than `own`.
    pub fn find(&self, name: &str, own: Option<u32>) -> Option<u32> {
        let look = skeleton(name);
        let alike = self.0.range((look.clone(), 0)..=(look, u32::MAX)).map(|(_, id)| *id);
        alike.filter(|id| Some(*id) != own).min()
    }
}

/// Whether a name is reserved: nobody can register it, nor use it as a guest.
pub fn is_reserved(name: &str, server: &str) -> bool {
    let look = skeleton(name);
    let alike = |reserved: &str| same(reserved, name) || *skeleton(reserved) == *look;
    RESERVED.into_iter().chain([server]).any(alike)
        || fold(name).ends_with(SERVICE)
        || look.ends_with(SERVICE)
}

/// What all names that look like this one have in common.
pub fn skeleton(name: &str) -> Box<str> {
    let look: String = unicode_security::skeleton(name).collect();
    fold(&look).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_are_found_and_nothing_else() {
        let mut lookalikes = Skeletons::default();
        for (id, name) in
            [(1, "paypal"), (2, "Bob"), (3, "#lobby"), (4, "barn"), (5, "#\u{e9}t\u{e9}")]
        {
            lookalikes.add(name, id);
        }
        for (name, whose) in [
            ("paypaI", 1),
            ("PaypaI", 1),
            ("paypa1", 1),
            ("b0b", 2),
            ("bam", 4),
            ("#l\u{43e}bby", 3),
            ("#Iobby", 3),
            ("#\u{ff4c}obby", 3),
            ("#e\u{301}te\u{301}", 5),
        ] {
            assert_eq!(lookalikes.find(name, None), Some(whose), "{name}");
            assert_eq!(lookalikes.find(name, Some(whose)), None, "{name}");
        }
        for name in ["paypals", "bobby", "lobby", "#lobb", "#ete"] {
            assert_eq!(lookalikes.find(name, None), None, "{name}");
        }
        lookalikes.add("b0b", 6);
        lookalikes.remove("Bob", 2);
        assert_eq!(lookalikes.find("bob", None), Some(6));
        assert_eq!(lookalikes.find("bob", Some(6)), None);
    }

    #[test]
    fn names_of_the_server_and_of_services_are_reserved_in_any_spelling() {
        for name in
            ["you", "Me", "SYSTEM", "systern", "parIor", "NickServ", "botserv", "serv", "Chat"]
        {
            assert!(is_reserved(name, "chat"), "{name}");
        }
        for name in ["young", "ann", "server2", "servant", "met"] {
            assert!(!is_reserved(name, "chat"), "{name}");
        }
    }
}
