//! Tests of two nodes with one log: names and limits, operators, bans, resends, what people are told
//! about others elsewhere, and outages of the log.

mod in_flight;

use super::input::{Ordered, OrderedStep};
use super::test_shards::TestShards;
use super::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::config::Config;
use crate::effects::{Effect, SentEntry, Task};
use crate::limits::SESSION_IN_FLIGHT;
use crate::secret::Secret;
use crate::session::login::{Derived, Outcome};
use crate::session_id::SessionId;
use proto::scram::Keys;
use std::collections::VecDeque;
use std::sync::Arc;
use store::{Conversation, Event, Kinds, MemoryStore, Query, Scope, Select, Store};

const CONFIG: &str = "\
server.guests = true
server.plaintext_login = true
limits.work_millis = 0
limits.sessions_per_account = 2
operator = [{ name = \"boss\", password = \"up\" }]
";

const ELSEWHERE: &str = "198.51.100.7";

struct World {
    hubs: Vec<Hub>,
    shards: Vec<TestShards>,
    /// Entries that were sent and not delivered.
    log: VecDeque<SentEntry>,
    opened: Vec<u32>,
    sequence: u64,
}

impl World {
    fn new() -> World {
        let config: Arc<Config> = Arc::new(toml::from_str(CONFIG).expect("a config"));
        let (hubs, shards) = (Vec::new(), Vec::new());
        let (log, opened, sequence) = (VecDeque::new(), vec![0; 2], 0);
        let mut world = World { hubs, shards, log, opened, sequence };
        for node in 1..=2 {
            let mut store = MemoryStore::new("test");
            let (mut hub, writes) = Hub::new(config.clone(), store.load().unwrap(), 0);
            store.commit(&mut writes.iter()).unwrap();
            hub.node.entries_sent = Some(0);
            world.hubs.push(hub);
            world.shards.push(TestShards::new(Box::new(store)));
            let names = ["left", "right"].map(Box::from).into();
            let steps = vec![OrderedStep::Joined(node), OrderedStep::Names(names)];
            let joined = Ordered { sequence: 0, steps, roster: None };
            world.apply(usize::from(node) - 1, Input::Ordered(joined));
        }
        world
    }

    fn apply(&mut self, at: usize, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let (now, committed) = (1_000_000, u64::MAX);
            let mut effects = self.hubs[at].apply(Stamped { now, steady: now, committed, input });
            self.log.extend(effects.entries.drain(..));
            for effect in &effects.list {
                if let Effect::Derive { session, job } = &effect.effect {
                    let outcome = derived(&job.task);
                    inputs.push_back(Input::Derived(Derived { session: *session, outcome }));
                }
            }
            self.shards[at].carry_out(&self.hubs[at].state.renderer, effects);
            if inputs.is_empty() && (self.hubs[at].has_rest() || self.hubs[at].has_turns()) {
                inputs.push_back(Input::Continue);
            }
        }
    }

    /// The log delivers everything to both.
    fn deliver_all(&mut self) {
        while let Some(sent) = self.log.pop_front() {
            self.sequence += 1;
            for at in 0..2 {
                let entry = SentEntry::new(sent.bytes().into()).expect("just written");
                let steps = vec![OrderedStep::Entry(entry)];
                let ordered = Ordered { sequence: self.sequence, steps, roster: None };
                self.apply(at, Input::Ordered(ordered));
            }
        }
        let states: Vec<_> = self.hubs.iter_mut().map(|hub| hub.state.write()).collect();
        assert!(states[0] == states[1]);
    }

    fn client_event(&mut self, session: SessionId, text: &str, event: ClientEvent) {
        let events = vec![SessionEvent { session, event }];
        let batch = Batch { shard: 0, text: text.into(), events };
        self.apply(usize::from(session.node) - 1, Input::Batch(batch));
    }

    /// The session of this slot at a node opens. Both nodes number theirs alike.
    fn open(&mut self, node: u16, address: &str) -> SessionId {
        let at = usize::from(node) - 1;
        self.opened[at] += 1;
        let session = SessionId { node, shard: 0, slot: self.opened[at], generation: 1 };
        self.shards[at].open(session);
        let address = address.parse().expect("an address");
        self.client_event(session, "", ClientEvent::Opened { address, entropy: [0; 16] });
        session
    }

    /// Sends a line, which the log does not deliver yet.
    fn send(&mut self, session: SessionId, line: &str) {
        self.client_event(session, line, ClientEvent::Line(0..line.len() as u32));
    }

    /// Sends a line, and returns all output of this session until it has taken effect.
    fn exec(&mut self, session: SessionId, line: &str) -> String {
        self.take_output(session);
        self.send(session, line);
        self.deliver_all();
        self.take_output(session)
    }

    /// The output of a session since the last call.
    fn take_output(&mut self, session: SessionId) -> String {
        let shards = &mut self.shards[usize::from(session.node) - 1];
        let lines = shards.lines.get_mut(&session).expect("it was opened");
        std::mem::take(lines).join("\n")
    }

    fn guest(&mut self, node: u16, nick: &str) -> SessionId {
        let session = self.open(node, "192.0.2.7");
        self.send(session, &format!("NICK {nick}"));
        self.exec(session, "USER u 0 * :Somebody");
        session
    }

    fn account(&mut self, node: u16, name: &str, capabilities: &str) -> SessionId {
        let session = self.open(node, "192.0.2.7");
        self.send(session, &format!("CAP REQ :{capabilities}"));
        self.send(session, "CAP END");
        let output = self.exec(session, &format!("LOGIN {name} :secret"));
        assert!(output.contains(" LOGIN "), "{output}");
        session
    }

    fn is_gone(&self, session: SessionId) -> bool {
        self.shards[usize::from(session.node) - 1].is_gone(session)
    }

    fn lobby(&self, at: usize) -> Vec<Event> {
        let of = Scope::One(Conversation::room(self.hubs[at].state.lobby.expect("there is one")));
        let (select, limit, up_to, kinds) = (Select::Latest, 100, u64::MAX, Kinds::MESSAGES);
        let query = Query { of, select, limit, up_to, kinds };
        self.shards[at].store.reader().unwrap().page(&query).unwrap()
    }
}

fn derived(task: &Task) -> Outcome {
    let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
    match task {
        Task::Make { .. } => Outcome::Made(keys),
        Task::Compare { .. } => Outcome::Compared(true),
        Task::Draw { .. } => Outcome::Drawn(vec![Secret::new("drawn")], Some(keys)),
        _ => Outcome::Waited,
    }
}

#[test]
fn a_name_is_taken_once_in_the_whole_cluster() {
    let mut world = World::new();
    world.guest(1, "ann");
    let late = world.open(2, "192.0.2.7");
    assert!(world.exec(late, "NICK ann").contains(" 433 "));
    // At once, at both nodes.
    let both = [world.open(1, "192.0.2.7"), late];
    for session in both {
        world.send(session, "NICK bob");
        world.send(session, "USER u 0 * :Somebody");
    }
    world.deliver_all();
    let output = both.map(|session| world.take_output(session));
    assert!(output[0].contains(" 001 bob ") && !output[0].contains(" 433 "), "{}", output[0]);
    assert!(output[1].contains(" 433 ") && !output[1].contains(" 001 "), "{}", output[1]);
}

#[test]
fn an_account_registered_at_two_nodes_at_once_belongs_to_one_and_the_other_is_told() {
    let mut world = World::new();
    let both = [world.open(1, "192.0.2.7"), world.open(2, "192.0.2.7")];
    for session in both {
        world.send(session, "LOGIN ann :secret");
    }
    world.deliver_all();
    let output = both.map(|session| world.take_output(session));
    assert!(output[0].contains(" ACCOUNT_CREATED ann "), "{}", output[0]);
    // As on one node: the name has a password now, and this is not it.
    assert!(output[1].contains("FAIL LOGIN WRONG_PASSWORD ann "), "{}", output[1]);
}

#[test]
fn an_account_has_its_connections_at_all_nodes_together() {
    let mut world = World::new();
    let first = world.account(1, "ann", "");
    let second = world.account(2, "ann", "");
    let third = world.open(2, "192.0.2.7");
    let output = world.exec(third, "LOGIN ann :secret");
    assert!(output.contains("ERROR") && world.is_gone(third), "{output}");
    // Each is listed with its node, and ended by its own name, although both have the same numbers there.
    let output = world.exec(first, "ACCOUNT SESSIONS");
    assert!(output.contains(" SESSION 1.0.1.1 "), "{output}");
    assert!(
        output.contains(" SESSION 2.0.1.1 * ") && output.contains("the node right"),
        "{output}"
    );
    let output = world.exec(first, "WHOIS ann");
    assert!(output.contains(" 320 ann ann :has connections to the node right: 1"), "{output}");
    world.exec(first, "ACCOUNT END 2.0.1.1");
    assert!(world.is_gone(second) && !world.is_gone(first));
}

#[test]
fn operators_act_on_people_at_other_nodes() {
    let mut world = World::new();
    let boss = world.account(1, "eve", "");
    assert!(world.exec(boss, "OPER boss up").contains(" 381 "));
    let killed = world.guest(2, "bob");
    let output = world.exec(boss, "KILL bob :spam");
    assert!(output.contains("connections: 1"), "{output}");
    assert!(world.is_gone(killed) && world.take_output(killed).contains("Killed (eve (spam))"));
    assert!(world.hubs[1].node.sessions.get(&killed).is_none());
    let banned = world.open(2, ELSEWHERE);
    world.send(banned, "NICK cem");
    world.exec(banned, "USER u 0 * :Somebody");
    let output = world.exec(boss, "SERVERBAN ADD 198.51.100.0/24 :spam");
    assert!(output.contains(" ADDED "), "{output}");
    assert!(world.is_gone(banned));
    let again = world.open(2, ELSEWHERE);
    assert!(world.is_gone(again), "the ban holds at each node");
}

#[test]
fn people_are_told_who_is_online_elsewhere() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "");
    assert!(world.exec(ann, "MONITOR + bob").contains(" 731 ann "));
    let bob = world.account(2, "bob", "");
    let output = world.take_output(ann);
    assert!(output.contains(" 730 ") && output.contains(":bob!"), "{output}");
    assert!(world.exec(ann, "ISON bob").contains(":bob"));
    let output = world.exec(ann, "PM bob :hello");
    assert!(output.contains("NOTE PM SENT bob "), "{output}");
    assert!(world.take_output(bob).contains("hello"));
    world.exec(bob, "QUIT");
    let output = world.take_output(ann);
    assert!(output.contains(" 731 ") && output.contains(":bob"), "{output}");
    assert!(world.exec(ann, "PM bob :are you there?").contains("NOTE PM STORED bob "));
}

#[test]
fn a_message_sent_again_to_another_node_is_stored_once() {
    let mut world = World::new();
    let capabilities = "echo-message message-tags labeled-response draft/message-redaction";
    let [left, right] = [1, 2].map(|node| world.account(node, "ann", capabilities));
    let line = "@label=a;+parlor/resend=x PRIVMSG #lobby :once";
    let output = [left, right].map(|session| world.exec(session, line));
    assert!(output.iter().all(|output| output.contains("label=a")), "{output:?}");
    for at in 0..2 {
        assert_eq!(world.lobby(at).len(), 1);
    }
    // Taken back at the other node, it is gone at both.
    let event = &world.lobby(0)[0];
    let msgid = store::msgid("test", event.id);
    world.exec(right, &format!("REDACT #lobby {msgid}"));
    for at in 0..2 {
        assert_eq!(world.lobby(at), []);
    }
}

#[test]
fn what_was_read_at_one_node_is_read_at_all() {
    let mut world = World::new();
    let [left, right] = [1, 2].map(|node| world.account(node, "ann", "draft/read-marker"));
    world.exec(left, "MARKREAD #lobby timestamp=1970-01-01T00:00:05.000Z");
    let marker = "MARKREAD #lobby timestamp=1970-01-01T00:00:05.000Z";
    assert!(world.take_output(right).contains(marker));
    assert!(world.exec(right, "MARKREAD #lobby").contains(marker));
}

#[test]
fn a_room_renamed_at_one_node_has_its_name_at_all() {
    let mut world = World::new();
    let [ann, bob] = [world.account(1, "ann", ""), world.account(2, "bob", "")];
    for session in [ann, bob] {
        world.exec(session, "JOIN #a");
    }
    world.exec(ann, "RENAME #a #b");
    assert!(world.take_output(bob).contains("JOIN #b"));
    world.exec(bob, "PRIVMSG #b :hello");
    assert!(world.take_output(ann).contains("PRIVMSG #b :hello"));
}

/// Messages need not wait for messages; everything else waits for all before it.
#[test]
fn only_messages_are_pipelined() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "labeled-response echo-message");
    let bob = world.account(2, "bob", "");
    world.take_output(ann);
    for number in 1..=3 {
        world.send(ann, &format!("@label={number} PRIVMSG #lobby :{number}"));
    }
    assert_eq!(world.log.len(), 3, "none waits");
    world.send(ann, "@label=ping PING 4");
    world.send(ann, "@label=5 PRIVMSG #lobby :5");
    world.send(ann, "@label=join JOIN #a");
    world.send(ann, "@label=6 PRIVMSG #a :6");
    assert_eq!(
        (world.log.len(), world.take_output(ann).as_str()),
        (3, ""),
        "they wait for the PING"
    );
    world.deliver_all();
    let output = world.take_output(ann);
    let at = |label| output.find(&format!("label={label} ")).expect("it is answered");
    let order = ["1", "2", "3", "ping", "5", "join", "6"].map(at);
    assert!(order.is_sorted(), "{output}");
    world.take_output(bob);
    // At most so many; the rest follows as they are delivered.
    let all = SESSION_IN_FLIGHT + 10;
    for number in 0..all {
        world.send(ann, &format!("PRIVMSG #lobby :{number}."));
    }
    assert_eq!(world.log.len(), SESSION_IN_FLIGHT);
    world.deliver_all();
    let output = world.take_output(bob);
    let texts = output.lines().filter_map(|line| line.split_once(" PRIVMSG #lobby :"));
    let texts: Vec<_> = texts.map(|(_, text)| text.to_owned()).collect();
    assert_eq!(texts, (0..all).map(|number| format!("{number}.")).collect::<Vec<_>>());
    assert_eq!(world.hubs[0].node.in_flight_bytes, 0);
    world.send(ann, "PRIVMSG #lobby :last");
    world.send(ann, "PRIVMSG #lobby :very last");
    assert!(world.hubs[0].node.in_flight_bytes > 0);
    world.client_event(ann, "", ClientEvent::Closed { reason: "gone".into() });
    world.deliver_all();
    assert!(world.take_output(bob).contains(" :very last"));
    assert_eq!(world.hubs[0].node.in_flight_bytes, 0);
}

/// A command that may be in the log is answered once that is known. Nothing else waits for it.
#[test]
fn during_an_outage_sessions_continue_without_the_log() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "echo-message labeled-response");
    world.take_output(ann);
    world.send(ann, "@label=first PRIVMSG #lobby :first");
    world.send(ann, "PING waits");
    assert_eq!(world.take_output(ann), "", "it waits for its answer");
    world.apply(0, Input::LogUnavailable(Vec::new()));
    let output = world.take_output(ann);
    assert!(output.contains(" PONG ") && output.contains("waits"), "{output}");
    world.send(ann, "@label=ping PING there");
    let output = world.take_output(ann);
    assert!(output.contains("label=ping") && output.contains("PONG"), "{output}");
    world.send(ann, "@label=second PRIVMSG #lobby :second");
    let output = world.take_output(ann);
    assert_eq!(output.lines().count(), 1, "{output}");
    assert!(
        output.starts_with("@label=second ") && output.contains("FAIL PRIVMSG LOG_UNAVAILABLE")
    );
    world.send(ann, "CHATHISTORY LATEST #lobby * 5");
    let output = world.take_output(ann);
    assert!(output.contains("Latest") && !output.contains("FAIL"), "{output}");
    world.send(ann, "LIST");
    assert!(world.take_output(ann).contains(" 323 "));
    // It was in the log.
    world.deliver_all();
    world.apply(0, Input::LogAvailable);
    let output = world.take_output(ann);
    assert_eq!(output.lines().count(), 1, "{output}");
    assert!(output.contains("label=first") && output.contains("PRIVMSG #lobby :first"), "{output}");
    let output = world.exec(ann, "@label=third PRIVMSG #lobby :third");
    assert!(output.contains("label=third") && output.contains("PRIVMSG #lobby :third"), "{output}");
    let texts: Vec<_> = world.lobby(1).iter().map(|event| event.text.to_string()).collect();
    assert_eq!(texts, ["first", "third"]);
}

/// A secret is shown only once it is stored. A refused one does not replace it.
#[test]
fn a_secret_in_flight_is_shown_although_another_was_refused() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "");
    world.take_output(ann);
    world.send(ann, "ACCOUNT TOKEN ADD first");
    world.apply(0, Input::LogUnavailable(Vec::new()));
    world.send(ann, "ACCOUNT TOKEN ADD second");
    let output = world.take_output(ann);
    assert!(output.contains("FAIL ACCOUNT LOG_UNAVAILABLE"), "{output}");
    world.deliver_all();
    world.apply(0, Input::LogAvailable);
    let output = world.take_output(ann);
    assert!(output.contains("NOTE ACCOUNT TOKEN_ADDED first drawn "), "{output}");
}

/// Every verb that can change something, in the form that only queries.
#[test]
fn queries_are_answered_during_an_outage() {
    let mut world = World::new();
    let [ann, bob] = ["ann", "bob"].map(|name| world.account(1, name, ""));
    world.exec(ann, "JOIN #a");
    world.exec(ann, "TOPIC #a :weather");
    world.take_output(ann);
    // Bob waits for an answer, Ann does not.
    world.send(bob, "PRIVMSG #lobby :first");
    world.apply(0, Input::LogUnavailable(Vec::new()));
    let under_way = world.log.len();
    world.take_output(bob);
    for (line, answer) in [
        ("TOPIC #a", " 332 "),
        ("MODE #a", " 324 "),
        ("MODE #a +b", " 368 "),
        ("MODE #a bq", " 729 "),
        ("MODE ann", " 221 "),
        ("MARKREAD #lobby", " MARKREAD #lobby *"),
        ("BAN #a", "NOTE BAN END #a 0 "),
        ("QUIET #a", "NOTE QUIET END #a 0 "),
        ("NOTIFY", "NOTE NOTIFY END 0 "),
        ("NOTIFY #lobby", "NOTE NOTIFY ENTRY #lobby default "),
        ("PIN #a", "NOTE PIN END #a 0 "),
        ("ROOM #a", "NOTE ROOM END #a "),
        ("ROOM #a slow", "NOTE ROOM SETTING #a slow "),
        ("SILENCE", " 272 "),
        ("INVITE", " 337 "),
        ("ACCOUNT", "NOTE ACCOUNT "),
        ("ACCOUNT SESSIONS", "NOTE ACCOUNT SESSION "),
        ("ACCOUNT PMS", "NOTE ACCOUNT "),
        ("ACCOUNT TOKEN LIST", "NOTE ACCOUNT "),
        ("CERT LIST", "NOTE CERT "),
        ("INVITATION LIST", "NOTE INVITATION "),
    ] {
        for (session, name) in [(ann, "ann"), (bob, "bob")] {
            world.send(session, &line.replace("ann", name));
            let output = world.take_output(session);
            assert!(
                output.contains(answer) && !output.contains("FAIL"),
                "{name}, {line}: {output}"
            );
        }
    }
    for line in ["TOPIC #a :rain", "MODE #a +m", "MODE ann +i", "SILENCE bob", "NOTIFY #a mute"] {
        for (session, name) in [(ann, "ann"), (bob, "bob")] {
            world.send(session, &line.replace("ann", name));
            let output = world.take_output(session);
            assert!(output.contains("LOG_UNAVAILABLE"), "{name}, {line}: {output}");
        }
    }
    assert_eq!(world.log.len(), under_way);
}

/// A command that was never sent to the log is refused, with its label, and lines behind it continue.
#[test]
fn unsent_entries_are_refused_when_an_outage_begins() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "echo-message labeled-response");
    let guest = world.open(1, "192.0.2.7");
    world.take_output(ann);
    world.send(ann, "@label=first PRIVMSG #lobby :first");
    world.send(ann, "@label=then PING then");
    world.send(guest, "LOGIN bob :secret");
    let phone = world.open(1, "192.0.2.7");
    world.send(phone, "CAP REQ :sasl standard-replies");
    world.send(phone, "AUTHENTICATE PLAIN");
    world.send(phone, "AUTHENTICATE AGFubgBzZWNyZXQ=");
    let unsent: Vec<_> = world.log.drain(..).collect();
    assert!(unsent.len() == 3 && unsent.iter().all(SentEntry::is_awaited));
    world.apply(0, Input::LogUnavailable(unsent));
    let output = world.take_output(ann);
    let lines: Vec<_> = output.lines().collect();
    assert!(
        lines[0].starts_with("@label=first ") && lines[0].contains("LOG_UNAVAILABLE"),
        "{output}"
    );
    assert!(lines[1].contains("label=then") && lines[1].contains("PONG"), "{output}");
    let output = world.take_output(guest);
    assert!(output.contains("FAIL LOGIN LOG_UNAVAILABLE"), "{output}");
    // Not only by 904, which a client takes for a wrong password.
    let output = world.take_output(phone);
    let fail = output.find("FAIL AUTHENTICATE LOG_UNAVAILABLE").expect("it says why");
    assert!(fail < output.find(" 904 ").expect("the exchange is over"), "{output}");
    // A session that quits meanwhile has ended once the log is available.
    world.send(ann, "QUIT");
    assert!(world.is_gone(ann));
    world.apply(0, Input::LogAvailable);
    world.deliver_all();
    assert!(world.hubs.iter().all(|hub| hub.state.users.is_empty()));
    assert_eq!(world.lobby(0), []);
}

/// The slot of a closed connection is used again while its last command is in flight.
#[test]
fn a_connection_that_closes_before_its_answer_gives_its_slot_to_the_next() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "");
    world.send(ann, "PRIVMSG #lobby :last");
    world.client_event(ann, "", ClientEvent::Closed { reason: "gone".into() });
    let next = SessionId { generation: 2, ..ann };
    world.shards[0].open(next);
    let address = "192.0.2.8".parse().expect("an address");
    world.client_event(next, "", ClientEvent::Opened { address, entropy: [0; 16] });
    world.send(next, "NICK bob");
    world.exec(next, "USER u 0 * :Somebody");
    assert_eq!(world.lobby(1).len(), 1);
    let online: Vec<_> = world.hubs[1].state.users.values().map(|user| &*user.nick).collect();
    assert_eq!(online, ["bob"]);
    assert_eq!(world.hubs[0].node.sessions.len(), 1);
}
