//! Resent messages, and messages that are pending.

use std::sync::Arc;

use crate::support::{commit, keep_for, lobby, message, on_both, page, pending, resend, say};
use parlor_store::{Conversation, Event, Outcome, RESEND_MS, Resend, Select::Latest, Write};

const NONE: [u64; 0] = [];

#[test]
fn a_resend_within_a_day_is_answered_with_the_first() {
    on_both(|store| {
        let at = |number, time| Event { time, ..message(number, lobby()) };
        let stored = commit(store, &[resend(at(1, 1000), "x"), resend(at(2, 1001), "x")]);
        let first = Outcome::Duplicate { id: 1, time: 1000 };
        assert_eq!(stored, [Outcome::Stored, first]);
        // Another author, another id: not the same message.
        let other = Event { account: 2, ..at(3, 1002) };
        let stored = commit(store, &[resend(other, "x"), resend(at(4, 1003), "y")]);
        assert_eq!(stored, [Outcome::Stored; 2]);
        // In the last millisecond it still counts; then the id is free, and means the new event.
        assert_eq!(commit(store, &[resend(at(5, 999 + RESEND_MS), "x")]), [first]);
        let later = 1000 + RESEND_MS;
        let stored = commit(store, &[resend(at(6, later), "x"), resend(at(7, later), "x")]);
        assert_eq!(stored, [Outcome::Stored, Outcome::Duplicate { id: 6, time: later }]);
        assert_eq!(page(store, lobby(), Latest, 9), [1, 3, 4, 6]);
    });
}

/// The clock shows a day more for a while; neither that nor its way back changes how long an id is
/// remembered.
#[test]
fn a_resend_is_known_whatever_the_wall_clock_shows() {
    on_both(|store| {
        let sent = |number, time, at| Write::Event {
            event: Arc::new(Event { time, ..message(number, lobby()) }),
            resend: Some(Resend { id: "x".into(), at }),
            pending_for: None,
            mentions: [].into(),
        };
        let day = RESEND_MS;
        commit(store, &[sent(1, 1000, 0)]);
        let first = [Outcome::Duplicate { id: 1, time: 1000 }];
        assert_eq!(commit(store, &[sent(2, 1001 + day, 1)]), first);
        assert_eq!(commit(store, &[sent(2, 1001 + 365 * day, 2)]), first);
        store.maintain(3).unwrap();
        assert_eq!(commit(store, &[sent(2, -day, day - 1)]), first);
        assert_eq!(commit(store, &[sent(2, 1002, day)]), [Outcome::Stored]);
        assert_eq!(store.load().unwrap().last_resend, day);
    });
}

#[test]
fn a_duplicate_leaves_nothing_pending() {
    on_both(|store| {
        let talk = Conversation::direct(1, 2);
        let write = |number| Write::Event {
            event: Arc::new(message(number, talk)),
            resend: Some(Resend { id: "x".into(), at: 0 }),
            pending_for: Some(2),
            mentions: [].into(),
        };
        commit(store, &[write(1)]);
        commit(store, &[write(2)]);
        assert_eq!(pending(store, 2, u64::MAX, 9), [1]);
        assert_eq!(page(store, talk, Latest, 9), [1]);
        assert_eq!(store.load().unwrap().last_event, 1);
    });
}

#[test]
fn maintenance_drops_only_day_old_resend_ids() {
    on_both(|store| {
        let at = |number, time| Event { time, ..message(number, lobby()) };
        commit(store, &[resend(at(1, 10), "old"), resend(at(2, 20), "young")]);
        store.maintain(10 + RESEND_MS).unwrap();
        let stored = commit(store, &[resend(at(3, 30), "old"), resend(at(4, 30), "young")]);
        assert_eq!(stored, [Outcome::Stored, Outcome::Duplicate { id: 2, time: 20 }]);
    });
}

#[test]
fn pending_events_wait_until_delivered() {
    on_both(|store| {
        let (ann, cem) = (Conversation::direct(1, 2), Conversation::direct(2, 3));
        commit(
            store,
            &[
                keep_for(message(1, ann), 2),
                keep_for(message(2, cem), 2),
                say(3, ann),
                keep_for(message(4, ann), 2),
                keep_for(message(5, cem), 3),
            ],
        );
        assert_eq!(pending(store, 2, u64::MAX, 9), [1, 2, 4]);
        assert_eq!(pending(store, 2, u64::MAX, 2), [1, 2]);
        assert_eq!(pending(store, 2, u64::MAX, 0), NONE);
        assert_eq!(pending(store, 2, 3, 9), [1, 2]);
        assert_eq!(pending(store, 1, u64::MAX, 9), NONE);
        commit(store, &[Write::PendingDelivered { account: 2, after: 0, up_to: 2 }]);
        assert_eq!(pending(store, 2, u64::MAX, 9), [4]);
        assert_eq!(pending(store, 3, u64::MAX, 9), [5]);
        assert_eq!(page(store, ann, Latest, 9), [1, 3, 4]);
    });
}
