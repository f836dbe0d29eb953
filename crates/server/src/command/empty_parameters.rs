//! Empty parameters for every verb of the table: none at all, empty ones, and lists of only commas.
//! A client that sends one still expects an answer.

use super::VERBS;
use crate::config::Config;
use crate::effects::{Effect, Effects};
use crate::hub::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::session_id::SessionId;
use store::{MemoryStore, Store};

const ANN: SessionId = SessionId { node: 0, shard: 0, slot: 0, generation: 1 };

/// What may follow a verb.
const TAILS: &[&str] = &[
    "",
    " :",
    " ,",
    " ,,,",
    " : :",
    " , :x",
    " :,",
    " * :",
    " + :",
    " + ,",
    " #room :",
    " #room ,",
    " #room , :x",
    " #room + :",
    " ann :",
    " ann ,",
    " nobody :",
    " ann #room :",
    " LATEST :",
    " LATEST #room :",
    " GET :",
    " * GET :",
    " ADD :",
    " DEL :",
    " *playback :",
    " ann 0 * :",
];

/// Never answered: `PONG` and `ERROR` are answers themselves, and `NOTICE` must not be.
const UNANSWERED: &[&str] = &["PONG", "ERROR", "NOTICE"];

/// Complete lines that change nothing and so are not answered: she is in the room and has that
/// nick, there is no mode to change, and no tag to relay.
const NOTHING_TO_TELL: &[&str] = &["JOIN #room ", "NICK ann ", "MODE #room + ", "TAGMSG "];

fn tell(hub: &mut Hub, text: &str, event: ClientEvent) -> Effects {
    let events = vec![SessionEvent { session: ANN, event }];
    let input = Input::Batch(Batch { shard: 0, text: text.into(), events });
    hub.apply(Stamped { now: 0, steady: 0, committed: 0, input })
}

fn say(hub: &mut Hub, line: &str) -> Effects {
    tell(hub, line, ClientEvent::Line(0..line.len() as u32))
}

/// A hub with ann, who has a room and all capabilities that enable verbs.
fn hub() -> Hub {
    let mut config = Config::default();
    config.server.guests = true;
    let loaded = MemoryStore::new("test").load().expect("it is in memory");
    let mut hub = Hub::new(config.into(), loaded, 0).0;
    let address = "127.0.0.1".parse().expect("an address");
    tell(&mut hub, "", ClientEvent::Opened { address, entropy: [0; 16] });
    for line in [
        "CAP REQ :message-tags batch draft/multiline draft/message-redaction znc.in/playback",
        "CAP END",
        "NICK ann",
        "USER ann 0 * :Ann",
        "JOIN #room",
    ] {
        assert!(!say(&mut hub, line).is_empty() || line == "NICK ann", "{line}");
    }
    hub
}

/// Whether the requester is answered, now or after a read, a derivation or a write.
fn is_answered(effects: &Effects) -> bool {
    let later = |what: &Effect| {
        matches!(what, Effect::Read { .. } | Effect::Derive { .. } | Effect::Reload { .. })
    };
    !effects.text.is_empty()
        || !effects.writes.is_empty()
        || effects.list.iter().any(|effect| later(&effect.effect))
}

#[test]
fn every_verb_answers_empty_parameters() {
    let mut silent = Vec::new();
    for verb in VERBS.iter().filter(|verb| !UNANSWERED.contains(&verb.name)) {
        for tail in TAILS {
            let line = format!("{}{tail}", verb.name);
            if !is_answered(&say(&mut hub(), &line)) {
                silent.push(line);
            }
        }
    }
    let nobody = ["TAGMSG", "TAGMSG :", "TAGMSG ,", "TAGMSG ,,,", "TAGMSG , :x", "TAGMSG :,"];
    let told = nobody.iter().filter(|line| is_answered(&say(&mut hub(), line)));
    assert_eq!(told.count(), nobody.len(), "nobody to tell it to");
    silent.retain(|line| !NOTHING_TO_TELL.iter().any(|complete| line.starts_with(complete)));
    assert!(silent.is_empty(), "without an answer: {silent:#?}");
}
