//! The disk is shared: what one account may store per hour, and the reserve that is kept free for
//! those who can make room.
//!
//! The journal reports the free space; the hub measures nothing itself.

use crate::effects::{Effect, Effects, LogRecord};
use crate::limits::{RESERVE_HEALED_PART, ROW_BYTES};
use crate::metrics::Space;
use crate::session::Node;
use store::{Audit, Event, Write};

/// What the hub knows about the disk.
#[derive(Debug, Default)]
pub struct Disk {
    /// As last reported; none if nothing is stored on a disk.
    space: Option<Space>,
    /// Whether the reserve is in use: ordinary writes are refused.
    pub is_scarce: bool,
}

/// Judges the disk as reported now, or as last reported if only the config has changed.
pub fn check(node: &mut Node, out: &mut Effects, space: Option<Space>) {
    node.disk.space = space.or(node.disk.space);
    let Some(Space { free, total }) = node.disk.space else { return };
    let reserve = node.config.limits.reserve(total);
    // More than it takes to use the reserve, or the state would flip back and forth.
    let healed = reserve.saturating_add(reserve / RESERVE_HEALED_PART).min(total);
    let touched = free < if node.disk.is_scarce { healed } else { reserve };
    if touched != std::mem::replace(&mut node.disk.is_scarce, touched) {
        out.push(Effect::Log(LogRecord::Reserve { touched, free }));
    }
}

/// Roughly how many bytes a write adds. Deletions and replacements add nothing.
pub fn bytes_of(write: &Write) -> usize {
    match write {
        Write::Event { event, resend, pending_for, mentions } => {
            let resend = resend.as_ref().map_or(0, |resend| ROW_BYTES + resend.id.len());
            let rows = mentions.len() + pending_for.iter().count();
            bytes_of_event(event) + resend + rows * ROW_BYTES
        }
        Write::Redact { event, .. } => bytes_of_event(event),
        Write::Account(account) => ROW_BYTES + account.name.len(),
        Write::Room(room) => ROW_BYTES + room.topic.as_ref().map_or(0, |topic| topic.text.len()),
        Write::Member(_) | Write::ReadsFrom { .. } | Write::ReadMarker { .. } => ROW_BYTES,
        Write::Metadata { key, value: Some(value), .. } => ROW_BYTES + key.len() + value.len(),
        Write::Certificate { account: Some(_), .. } | Write::Unheard { day: Some(_), .. } => {
            ROW_BYTES
        }
        Write::Record { key, value: Some(value), .. } => ROW_BYTES + key.len() + value.len(),
        Write::Audit(entry) => {
            let Audit { by, verb, target, reason, .. } = entry;
            ROW_BYTES + by.len() + verb.len() + target.len() + reason.len()
        }
        Write::RoomEnded(_)
        | Write::MemberGone { .. }
        | Write::PendingDelivered { .. }
        | Write::Metadata { value: None, .. }
        | Write::Certificate { account: None, .. }
        | Write::Unheard { day: None, .. }
        | Write::AccountGone(_)
        | Write::DeleteAccount { .. }
        | Write::Record { value: None, .. }
        | Write::CloakKey(_)
        | Write::Applied(_)
        | Write::LogLeft
        | Write::Live { .. }
        | Write::Forget(_)
        | Write::Probe => 0,
    }
}

fn bytes_of_event(event: &Event) -> usize {
    let userhost = event.userhost.as_ref().map_or(0, |userhost| userhost.len());
    let names = event.nick.len() + event.target.len() + userhost;
    ROW_BYTES + names + event.text.len() + event.tags.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::hub::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
    use crate::session_id::SessionId;
    use store::{MemoryStore, Store};

    struct World {
        hub: Hub,
        steady: i64,
    }

    fn session(slot: u32) -> SessionId {
        SessionId { node: 0, shard: 0, slot, generation: 1 }
    }

    impl World {
        /// A hub with guests, each with an address of its own; the first is an operator.
        fn new(config: &str) -> World {
            let text = format!(
                "server.guests = true\noperator = [{{ name = \"boss\", password = \"up\" }}]\n{config}"
            );
            let config: Config = toml::from_str(&text).expect("a config");
            let loaded = MemoryStore::new("test").load().expect("it is in memory");
            let mut hub = World { hub: Hub::new(config.into(), loaded, 0).0, steady: 0 };
            for (slot, nick) in [(1, "boss"), (2, "ann"), (3, "bob")] {
                hub.opens(slot, slot as u8, nick);
            }
            hub.says(1, "OPER boss up");
            hub
        }

        fn apply(&mut self, input: Input) -> Effects {
            self.hub.apply(Stamped { now: 0, steady: self.steady, committed: 0, input })
        }

        fn opens(&mut self, slot: u32, host: u8, nick: &str) {
            // Passwords are accepted from this machine.
            let address = if host == 1 { [127, 0, 0, 1] } else { [192, 0, 2, host] }.into();
            let event = ClientEvent::Opened { address, entropy: [0; 16] };
            let events = vec![SessionEvent { session: session(slot), event }];
            self.apply(Input::Batch(Batch { events, ..Batch::default() }));
            self.says(slot, "CAP REQ :message-tags draft/message-redaction draft/metadata-3");
            self.says(slot, "CAP END");
            self.says(slot, &format!("NICK {nick}"));
            self.says(slot, "USER u 0 * :Somebody");
        }

        /// The number of writes caused by a line, and the answer.
        fn says(&mut self, slot: u32, line: &str) -> (usize, String) {
            let event = ClientEvent::Line(0..line.len() as u32);
            let events = vec![SessionEvent { session: session(slot), event }];
            let effects = self.apply(Input::Batch(Batch { shard: 0, text: line.into(), events }));
            let replies = effects.list.iter().filter_map(|effect| match &effect.effect {
                Effect::Reply { text, .. } => Some(text.start as usize..text.end as usize),
                _ => None,
            });
            let told: Vec<u8> = replies.flat_map(|range| effects.text[range].to_vec()).collect();
            (effects.writes.len(), String::from_utf8(told).expect("UTF-8"))
        }

        fn has(&mut self, free: u64) -> Vec<Effect> {
            let effects = self.apply(Input::Disk(Space { free, total: 1000 }));
            effects.list.into_iter().map(|effect| effect.effect).collect()
        }
    }

    const ORDINARY: [&str; 9] = [
        "PRIVMSG #lobby :hello",
        "PRIVMSG boss :hello",
        "NOTICE #lobby :hello",
        "BM :hello",
        "PM boss :hello",
        "@+draft/react=x TAGMSG #lobby",
        "JOIN #other",
        "TOPIC #a :new",
        "MODE #a +m",
    ];

    #[test]
    fn with_the_reserve_in_use_only_operators_store_and_redaction_still_works() {
        let mut hub = World::new("limits.reserve_bytes = 100\nlimits.reserve_percent = 50");
        for slot in [1, 2] {
            hub.says(slot, "JOIN #a,#b");
            hub.says(slot, "JOIN #c");
        }
        hub.says(2, "JOIN #a2");
        assert!(hub.has(100).is_empty());
        let touched = LogRecord::Reserve { touched: true, free: 99 };
        assert!(matches!(&hub.has(99)[..], [Effect::Log(fact)] if *fact == touched));
        assert!(hub.has(98).is_empty(), "it is told once");
        for line in ORDINARY.map(|line| line.replace("#a", "#a2")) {
            let (writes, told) = hub.says(2, &line);
            assert_eq!(writes, 0, "{line}");
            assert!(told.contains(" DISK_FULL :"), "{line}: {told}");
        }
        let (writes, told) = hub.says(2, "METADATA * SET url :x");
        assert!(writes == 0 && told.contains("FAIL METADATA DISK_FULL "), "{told}");
        // What stores nothing is not refused, nor are questions.
        for line in ["@+typing=active TAGMSG #lobby", "MODE #a2", "MODE #a2 +b", "TOPIC #a2"] {
            let (_, told) = hub.says(2, line);
            assert!(!told.contains("DISK_FULL"), "{line}: {told}");
        }
        let mine = store::msgid("test", 1);
        for line in [format!("REDACT #b {mine}"), "PART #b".into(), "KICK #a2 ann".into()] {
            let (writes, told) = hub.says(2, &line);
            assert!(writes > 0, "{line}: {told}");
        }
        for line in ORDINARY {
            let (writes, told) = hub.says(1, line);
            assert!(writes > 0 && !told.contains("DISK_FULL"), "{line}: {told}");
        }
        // Healing takes a little more space than was missing.
        assert!(hub.has(111).is_empty());
        let healed = LogRecord::Reserve { touched: false, free: 112 };
        assert!(matches!(&hub.has(112)[..], [Effect::Log(fact)] if *fact == healed));
        assert!(hub.says(2, "PRIVMSG #lobby :again").0 > 0);
    }

    #[test]
    fn the_reserve_is_the_smaller_of_both_limits_and_each_can_be_disabled() {
        let mut hub = World::new("limits.reserve_bytes = 100\nlimits.reserve_percent = 5");
        assert!(hub.has(50).is_empty());
        assert_eq!(hub.has(49).len(), 1);
        for none in ["limits.reserve_bytes = 0", "limits.reserve_percent = 0"] {
            assert!(World::new(none).has(0).is_empty());
        }
        assert_eq!(World::new("limits.reserve_percent = 100").has(999).len(), 1);
    }

    fn until_refused(hub: &mut World, slot: u32, line: &str) -> (usize, String) {
        for stored in 0..1000 {
            let (writes, told) = hub.says(slot, line);
            if writes == 0 {
                return (stored, told);
            }
        }
        panic!("never refused");
    }

    #[test]
    fn storage_per_hour_is_bounded_and_guests_share_their_addresss_quota() {
        let mut hub = World::new("limits.stored_bytes_per_hour = 36000\nlimits.work_millis = 0");
        let (stored, told) = until_refused(&mut hub, 2, "PRIVMSG #lobby :hello");
        assert!((100..300).contains(&stored), "{stored}");
        let text = "You have reached your hourly storage quota; try again in ";
        assert!(told.starts_with(&format!(":parlor 263 ann PRIVMSG :{text}")), "{told}");
        let (_, told) = hub.says(2, "BM :hello");
        assert!(told.starts_with(":parlor FAIL BM RATE_LIMITED "), "{told}");
        // Questions are answered, and other users are not affected.
        assert!(hub.says(2, "NAMES #lobby").1.contains(" 366 "));
        assert!(hub.says(3, "PRIVMSG #lobby :hello").0 > 0);
        // A new guest at the same address gets no fresh allowance.
        hub.opens(4, 2, "eve");
        assert_eq!(hub.says(4, "PRIVMSG #lobby :hello").0, 0);
        hub.steady += 60_000;
        assert!(
            hub.says(4, "PRIVMSG #lobby :hello").0 > 0,
            "a minute later there is room for some"
        );
    }

    #[test]
    fn tags_and_pending_messages_count_as_stored() {
        let plain = |tags: &str, pending_for| {
            let event = Event {
                id: 1,
                conversation: store::Conversation::direct(1, 2),
                kind: store::EventKind::Message,
                account: 1,
                guest: false,
                bot: false,
                nick: "ann".into(),
                userhost: None,
                target: "bob".into(),
                time: 0,
                text: "hello".into(),
                tags: tags.into(),
                about: None,
            };
            bytes_of(&Write::Event {
                event: event.into(),
                resend: None,
                pending_for,
                mentions: [].into(),
            })
        };
        assert_eq!(plain("+draft/reply=x", None) - plain("", None), "+draft/reply=x".len());
        assert!(plain("", Some(2)) > plain("", None));
    }
}
