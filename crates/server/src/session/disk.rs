//! The disk is shared: how many bytes each write counts for towards the hourly quota of an account,
//! and the reserve that is kept free for operators, who can free space.
//!
//! The journal reports the free space; the hub measures nothing itself.

use crate::effects::{Effect, Effects, LogRecord};
use crate::limits::{RESERVE_HYSTERESIS_PART, ROW_BYTES};
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

/// Updates whether the reserve is in use, from the space reported now, or last if only the config has changed.
pub fn check(node: &mut Node, out: &mut Effects, space: Option<Space>) {
    node.disk.space = space.or(node.disk.space);
    let Some(Space { free, total }) = node.disk.space else { return };
    let reserve = node.config.limits.reserve(total);
    // Hysteresis, or the state would flip back and forth.
    let restored = reserve.saturating_add(reserve / RESERVE_HYSTERESIS_PART).min(total);
    let in_use = free < if node.disk.is_scarce { restored } else { reserve };
    if in_use != std::mem::replace(&mut node.disk.is_scarce, in_use) {
        out.push(Effect::Log(LogRecord::Reserve { in_use, free }));
    }
}

/// Roughly how many bytes a write adds. Deletions and replacements add nothing.
pub fn stored_bytes(write: &Write) -> usize {
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

    /// A hub, with a monotonic clock that the test sets.
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
            let mut world = World { hub: Hub::new(config.into(), loaded, 0).0, steady: 0 };
            for (slot, nick) in [(1, "boss"), (2, "ann"), (3, "bob")] {
                world.connect(slot, slot as u8, nick);
            }
            world.send(1, "OPER boss up");
            world
        }

        fn apply(&mut self, input: Input) -> Effects {
            self.hub.apply(Stamped { now: 0, steady: self.steady, committed: 0, input })
        }

        fn connect(&mut self, slot: u32, host: u8, nick: &str) {
            // Passwords are accepted from this machine.
            let address = if host == 1 { [127, 0, 0, 1] } else { [192, 0, 2, host] }.into();
            let event = ClientEvent::Opened { address, entropy: [0; 16] };
            let events = vec![SessionEvent { session: session(slot), event }];
            self.apply(Input::Batch(Batch { events, ..Batch::default() }));
            self.send(slot, "CAP REQ :message-tags draft/message-redaction draft/metadata-3");
            self.send(slot, "CAP END");
            self.send(slot, &format!("NICK {nick}"));
            self.send(slot, "USER u 0 * :Somebody");
        }

        /// The number of writes caused by a line, and the answer.
        fn send(&mut self, slot: u32, line: &str) -> (usize, String) {
            let event = ClientEvent::Line(0..line.len() as u32);
            let events = vec![SessionEvent { session: session(slot), event }];
            let effects = self.apply(Input::Batch(Batch { shard: 0, text: line.into(), events }));
            let replies = effects.list.iter().filter_map(|effect| match &effect.effect {
                Effect::Reply { text, .. } => Some(text.start as usize..text.end as usize),
                _ => None,
            });
            let reply: Vec<u8> = replies.flat_map(|range| effects.text[range].to_vec()).collect();
            (effects.writes.len(), String::from_utf8(reply).expect("UTF-8"))
        }

        fn report_free(&mut self, free: u64) -> Vec<Effect> {
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
        let mut world = World::new("limits.reserve_bytes = 100\nlimits.reserve_percent = 50");
        for slot in [1, 2] {
            world.send(slot, "JOIN #a,#b");
            world.send(slot, "JOIN #c");
        }
        world.send(2, "JOIN #a2");
        assert!(world.report_free(100).is_empty());
        let in_use = LogRecord::Reserve { in_use: true, free: 99 };
        assert!(matches!(&world.report_free(99)[..], [Effect::Log(record)] if *record == in_use));
        assert!(world.report_free(98).is_empty(), "it is logged once");
        for line in ORDINARY.map(|line| line.replace("#a", "#a2")) {
            let (writes, reply) = world.send(2, &line);
            assert_eq!(writes, 0, "{line}");
            assert!(reply.contains(" DISK_FULL :"), "{line}: {reply}");
        }
        let (writes, reply) = world.send(2, "METADATA * SET url :x");
        assert!(writes == 0 && reply.contains("FAIL METADATA DISK_FULL "), "{reply}");
        // What stores nothing is not refused, nor are queries.
        for line in ["@+typing=active TAGMSG #lobby", "MODE #a2", "MODE #a2 +b", "TOPIC #a2"] {
            let (_, reply) = world.send(2, line);
            assert!(!reply.contains("DISK_FULL"), "{line}: {reply}");
        }
        let msgid = store::msgid("test", 1);
        for line in [format!("REDACT #b {msgid}"), "PART #b".into(), "KICK #a2 ann".into()] {
            let (writes, reply) = world.send(2, &line);
            assert!(writes > 0, "{line}: {reply}");
        }
        for line in ORDINARY {
            let (writes, reply) = world.send(1, line);
            assert!(writes > 0 && !reply.contains("DISK_FULL"), "{line}: {reply}");
        }
        // A little more than the reserve must be free before it counts as restored.
        assert!(world.report_free(111).is_empty());
        let restored = LogRecord::Reserve { in_use: false, free: 112 };
        assert!(
            matches!(&world.report_free(112)[..], [Effect::Log(record)] if *record == restored)
        );
        assert!(world.send(2, "PRIVMSG #lobby :again").0 > 0);
    }

    #[test]
    fn the_reserve_is_the_smaller_of_both_limits_and_each_can_be_disabled() {
        let mut world = World::new("limits.reserve_bytes = 100\nlimits.reserve_percent = 5");
        assert!(world.report_free(50).is_empty());
        assert_eq!(world.report_free(49).len(), 1);
        for none in ["limits.reserve_bytes = 0", "limits.reserve_percent = 0"] {
            assert!(World::new(none).report_free(0).is_empty());
        }
        assert_eq!(World::new("limits.reserve_percent = 100").report_free(999).len(), 1);
    }

    fn until_refused(world: &mut World, slot: u32, line: &str) -> (usize, String) {
        for stored in 0..1000 {
            let (writes, reply) = world.send(slot, line);
            if writes == 0 {
                return (stored, reply);
            }
        }
        panic!("it is never refused");
    }

    #[test]
    fn storage_per_hour_is_bounded_and_guests_share_their_addresss_quota() {
        let mut world = World::new("limits.stored_bytes_per_hour = 36000\nlimits.work_millis = 0");
        let (stored, reply) = until_refused(&mut world, 2, "PRIVMSG #lobby :hello");
        assert!((100..300).contains(&stored), "{stored}");
        let text = "You have reached your hourly storage quota; try again in ";
        assert!(reply.starts_with(&format!(":parlor 263 ann PRIVMSG :{text}")), "{reply}");
        let (_, reply) = world.send(2, "BM :hello");
        assert!(reply.starts_with(":parlor FAIL BM RATE_LIMITED "), "{reply}");
        // Queries are answered, and other users are not affected.
        assert!(world.send(2, "NAMES #lobby").1.contains(" 366 "));
        assert!(world.send(3, "PRIVMSG #lobby :hello").0 > 0);
        // A new guest at the same address shares what is left of the quota.
        world.connect(4, 2, "eve");
        assert_eq!(world.send(4, "PRIVMSG #lobby :hello").0, 0);
        world.steady += 60_000;
        assert!(
            world.send(4, "PRIVMSG #lobby :hello").0 > 0,
            "a minute later the quota allows some again"
        );
    }

    #[test]
    fn tags_and_pending_messages_count_as_stored() {
        let bytes = |tags: &str, pending_for| {
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
            stored_bytes(&Write::Event {
                event: event.into(),
                resend: None,
                pending_for,
                mentions: [].into(),
            })
        };
        assert_eq!(bytes("+draft/reply=x", None) - bytes("", None), "+draft/reply=x".len());
        assert!(bytes("", Some(2)) > bytes("", None));
    }
}
