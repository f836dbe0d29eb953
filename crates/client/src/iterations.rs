//! The SCRAM iteration count of each account's password. A lower one would make the password easier
//! to guess for an impostor who sees the proof, so it is refused.

use std::collections::HashMap;

use crate::known_hosts::{Known, KnownHosts, Lines, Unusable, account_name};

/// The accounts of one server in the file of known servers.
#[derive(Debug)]
pub struct KnownIterations {
    server: String,
    known_hosts: Result<KnownHosts, Unusable>,
}

impl KnownIterations {
    /// Those of this server (see [`crate::known_hosts::server_name`]).
    pub fn new(server: String, known_hosts: Result<KnownHosts, Unusable>) -> KnownIterations {
        KnownIterations { server, known_hosts }
    }

    /// The highest count seen for each account, by user name in lower case. If the file is
    /// unreadable, none.
    pub fn seen(&self) -> HashMap<String, u32> {
        let lines = self.known_hosts.as_ref().ok().and_then(|file| file.read().ok());
        lines.map_or_else(HashMap::new, |lines| lines.accounts(&self.server))
    }

    /// Records a count, if it is higher than before.
    ///
    /// # Errors
    /// Why it cannot be remembered.
    pub fn remember(&self, user: &str, count: u32) -> Result<(), String> {
        let known_hosts = self.known_hosts.as_ref().map_err(Unusable::to_string)?;
        let account = account_name(user, &self.server);
        let change = |lines: &mut Lines| {
            let more = match lines.find(&account).and_then(|entry| entry.known) {
                Some(Known::Iterations(before)) => count > before,
                _ => true,
            };
            if more {
                lines.set(&account, Known::Iterations(count));
            }
            Ok::<bool, std::convert::Infallible>(more)
        };
        known_hosts.change(change).map(drop).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_are_remembered_for_each_account_of_each_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        let iterations = |server: &str| {
            KnownIterations::new(server.to_owned(), Ok(KnownHosts::at(path.clone())))
        };
        let here = iterations("chat.example:9999");
        assert!(here.seen().is_empty());
        for count in [200_000, 600_000, 300_000] {
            here.remember("Ann", count).unwrap();
        }
        here.remember("bob", 100_000).unwrap();
        iterations("other.example:9999").remember("ann", 700_000).unwrap();
        let seen = here.seen();
        assert_eq!((seen["ann"], seen["bob"], seen.len()), (600_000, 100_000, 2));
        let without = KnownIterations::new("a:1".to_owned(), Err(Unusable::NoFolder));
        assert!(without.seen().is_empty() && without.remember("ann", 1).is_err());
    }
}
