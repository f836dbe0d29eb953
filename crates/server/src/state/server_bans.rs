//! Bans from the whole server: of an account, of a mask, or of a network.

use crate::effects::Effects;
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::records::{self, SERVER};
use crate::state::room::MaskSubject;
use crate::state::suspension;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use store::{AccountId, RecordKind};

/// A ban, as it is stored.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ServerBan {
    /// Who is banned.
    pub target: Target,
    /// Why.
    pub reason: Box<str>,
    /// Who set it.
    pub by: Box<str>,
    /// When (milliseconds since the epoch).
    pub set: i64,
    /// When it expires; none: never.
    pub until: Option<i64>,
}

/// Who is banned.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// An account, even if it is renamed.
    Account(AccountId),
    /// Users whose source matches.
    Mask(Box<str>),
    /// Connections from this network.
    Network(IpNet),
}

impl Target {
    /// Parses a network or a mask; anything else is a name.
    pub fn parse(text: &str) -> Option<Target> {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        if let Ok(network) = network {
            return Some(Target::Network(canonical(network).trunc()));
        }
        text.contains(['!', '@', '*', '?']).then(|| Target::Mask(whole_mask(text).into()))
    }
}

/// Turns an IPv4-mapped IPv6 network into the IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (address @ IpAddr::V4(_), Some(length)) if network.addr().is_ipv6() => {
            IpNet::new(address, length).unwrap_or(network)
        }
        _ => network,
    }
}

/// Completes a mask: `bob` is `bob!*@*`, and `*@host` is `*!*@host`.
fn whole_mask(text: &str) -> String {
    match (text.contains('!'), text.contains('@')) {
        (true, true) => text.to_owned(),
        (true, false) => format!("{text}@*"),
        (false, true) => format!("*!{text}"),
        (false, false) => format!("{text}!*@*"),
    }
}

impl ServerBan {
    /// What the banned person is told.
    pub fn sentence(&self) -> String {
        suspension::sentence("You are banned from this server", &self.reason, self.until)
    }
}

/// All bans, and their indexes.
#[derive(Debug, Default, PartialEq)]
pub struct ServerBans {
    all: BTreeMap<u32, ServerBan>,
    targets: BTreeMap<Target, u32>,
    ends: BTreeSet<(i64, u32)>,
    /// The prefix lengths of all networks: an address is looked up once with each.
    lengths: BTreeSet<u8>,
}

impl ServerBans {
    /// All bans by number.
    pub fn all(&self) -> impl Iterator<Item = (u32, &ServerBan)> {
        self.all.iter().map(|(id, ban)| (*id, ban))
    }

    /// The number of bans.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The ban of this number.
    pub fn get(&self, id: u32) -> Option<&ServerBan> {
        self.all.get(&id)
    }

    /// The number of the ban of this target.
    pub fn find(&self, target: &Target) -> Option<u32> {
        self.targets.get(target).copied()
    }

    /// The number for the next ban.
    pub fn next(&self) -> u32 {
        self.all.last_key_value().map_or(1, |(id, _)| id + 1)
    }

    /// The ban of an address, if there is one.
    pub fn of_address(&self, address: IpAddr) -> Option<&ServerBan> {
        let address = address.to_canonical();
        self.lengths.iter().find_map(|length| {
            let network = IpNet::new(address, *length).ok()?.trunc();
            self.all.get(self.targets.get(&Target::Network(network))?)
        })
    }

    /// The ban of a user by account or source, if there is one.
    pub fn of_user(&self, account: Option<AccountId>, who: &MaskSubject) -> Option<&ServerBan> {
        let of_account = account.and_then(|account| self.targets.get(&Target::Account(account)));
        if let Some(id) = of_account {
            return self.all.get(id);
        }
        let fits = |ban: &&ServerBan| match &ban.target {
            Target::Mask(mask) => who.fits(mask),
            _ => false,
        };
        self.all.values().find(fits)
    }

    /// Whether any ban has expired.
    pub fn any_expired(&self, now: i64) -> bool {
        self.ends.first().is_some_and(|(until, _)| *until <= now)
    }

    /// Sets or removes a ban.
    fn set(&mut self, id: u32, ban: Option<ServerBan>) {
        if let Some(before) = self.all.remove(&id) {
            self.targets.remove(&before.target);
            if let Some(until) = before.until {
                self.ends.remove(&(until, id));
            }
        }
        if let Some(ban) = ban {
            self.targets.insert(ban.target.clone(), id);
            self.ends.extend(ban.until.map(|until| (until, id)));
            self.all.insert(id, ban);
        }
        let networks = self.targets.keys().filter_map(|target| match target {
            Target::Network(network) => Some(network.prefix_len()),
            _ => None,
        });
        self.lengths = networks.collect();
    }
}

/// The record of a ban has changed.
pub fn changed(state: &mut State, key: &str) {
    let Ok(id) = key.parse() else { return };
    let ban = state.records.get(RecordKind::ServerBan, SERVER, key);
    state.server_bans.set(id, ban);
}

/// Removes expired bans.
pub fn expire(state: &mut State, out: &mut Effects) {
    while let Some((until, id)) = state.server_bans.ends.first().copied() {
        if until > state.now {
            return;
        }
        out.begin(SessionId::NOBODY, None, false);
        records::remove(state, out, (RecordKind::ServerBan, SERVER, &id.to_string()));
        out.end(&state.renderer.server);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn ban(text: &str) -> ServerBan {
        let target = Target::parse(text).unwrap_or(Target::Account(7));
        ServerBan { target, reason: "no".into(), by: "ann".into(), set: 0, until: None }
    }

    fn who(source: &str) -> MaskSubject {
        MaskSubject { source: source.into(), account: None, steps: Cell::new(0) }
    }

    #[test]
    fn what_is_typed_is_a_network_a_mask_or_a_name() {
        let network = |text: &str| Some(Target::Network(text.parse().unwrap()));
        let mask = |text: &str| Some(Target::Mask(text.into()));
        for (text, expected) in [
            ("192.0.2.7", network("192.0.2.7/32")),
            ("192.0.2.7/24", network("192.0.2.0/24")),
            ("2001:db8::1/32", network("2001:db8::/32")),
            ("::ffff:192.0.2.7", network("192.0.2.7/32")),
            ("::ffff:192.0.2.7/120", network("192.0.2.0/24")),
            ("troll*", mask("troll*!*@*")),
            ("*@evil", mask("*!*@evil")),
            ("*!~bot", mask("*!~bot@*")),
            ("a!b@c", mask("a!b@c")),
            ("bob", None),
            ("192.0.2.0/33", None),
        ] {
            assert_eq!(Target::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_banned_by_its_networks_and_by_no_others() {
        let mut bans = ServerBans::default();
        for (id, text) in [(1, "192.0.2.0/24"), (2, "198.51.100.7"), (3, "2001:db8::/32")] {
            bans.set(id, Some(ban(text)));
        }
        let banned =
            |bans: &ServerBans, text: &str| bans.of_address(text.parse().unwrap()).is_some();
        for text in ["192.0.2.1", "::ffff:192.0.2.1", "198.51.100.7", "2001:db8:1::"] {
            assert!(banned(&bans, text), "{text}");
        }
        for text in ["192.0.3.1", "198.51.100.8", "2001:db9::", "::1"] {
            assert!(!banned(&bans, text), "{text}");
        }
        bans.set(1, None);
        assert!(!banned(&bans, "192.0.2.1"));
        assert_eq!(bans.next(), 4);
    }

    #[test]
    fn a_user_is_banned_by_account_or_mask() {
        let mut bans = ServerBans::default();
        bans.set(1, Some(ban("bob")));
        bans.set(2, Some(ban("troll*")));
        let banned = |account, source: &str| bans.of_user(account, &who(source)).is_some();
        assert!(banned(Some(7), "robert!robert@parlor"));
        assert!(banned(None, "Troll7!~x@guest"));
        assert!(!banned(Some(8), "ann!ann@parlor") && !banned(None, "ann!~ann@guest"));
    }

    #[test]
    fn a_stored_ban_can_be_read_back() {
        for text in ["bob", "troll*", "192.0.2.0/24"] {
            let stored = serde_json::to_string(&ban(text)).unwrap();
            assert_eq!(records::parse::<ServerBan>(&stored), Some(ban(text)), "{stored}");
        }
    }
}
