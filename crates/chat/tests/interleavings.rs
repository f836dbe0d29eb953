//! Whatever the order in which live lines, pages of history, breaks and resends come: in the end the timeline is the
//! server's history, and everything that was said is in it once. And no line, however strange, is a reason to panic.

use chat::intent::NewMessage;
use chat::timeline::{Row, Run};
use chat::{Chat, Intent};
use proptest::prelude::*;
use proto::Message;
use std::collections::{HashMap, VecDeque};

const ROOM: &str = "#lobby";

/// A server of one room, as far as one client can tell.
#[derive(Default)]
struct Server {
    history: Vec<(String, String)>,
    by_resend_id: HashMap<String, usize>,
    /// Lines on their way to the client.
    queue: VecDeque<String>,
    batches: usize,
}

impl Server {
    fn line(&self, at: usize, tags: &str) -> String {
        let (from, text) = &self.history[at];
        format!(
            "@msgid=m{at};time=1970-01-01T00:00:00.{:03}Z{tags} :{from}!{from}@parlor PRIVMSG {ROOM} :{text}",
            at % 1000
        )
    }

    fn say(&mut self, from: &str, text: &str) -> usize {
        self.history.push((from.to_owned(), text.to_owned()));
        self.history.len() - 1
    }

    fn welcome(&mut self) {
        for line in [
            ":parlor 001 ann :Welcome",
            ":parlor 005 ann CHANTYPES=# CHATHISTORY=5 PREFIX=(ov)@+ :are supported",
            ":ann!ann@parlor JOIN #lobby",
            ":parlor 353 ann = #lobby :ann bob",
            ":parlor 366 ann #lobby :End",
        ] {
            self.queue.push_back(line.to_owned());
        }
    }

    /// Handles what the client sent.
    fn receive(&mut self, sent: &[u8]) {
        for line in std::str::from_utf8(sent).expect("it sends UTF-8").lines() {
            let message = Message::parse(line).expect(line);
            let label = message.tags.get("label").map(|label| format!(";label={label}"));
            let label = label.unwrap_or_default();
            match message.verb {
                "PING" => self
                    .queue
                    .push_back(format!(":parlor PONG parlor {}", message.param(0).unwrap())),
                "PRIVMSG" => {
                    let id = message
                        .tags
                        .get("+parlor/resend")
                        .expect("it can be sent again")
                        .into_owned();
                    let known = self.by_resend_id.get(&id).copied();
                    let at = known.unwrap_or_else(|| self.say("ann", message.param(1).unwrap()));
                    self.by_resend_id.insert(id, at);
                    self.queue.push_back(self.line(at, &label));
                }
                "CHATHISTORY" => self.page(&message, &label),
                "JOIN" | "MARKREAD" => {}
                other => panic!("unexpected {other}"),
            }
        }
    }

    fn page(&mut self, message: &Message<'_>, label: &str) {
        let count: usize = message.param(4).or(message.param(3)).unwrap().parse().unwrap();
        let of = |selector: &str| {
            selector.strip_prefix("msgid=m").map(|at| at.parse::<usize>().unwrap())
        };
        let at = of(message.param(2).unwrap());
        let end = self.history.len();
        let range = match (message.param(0).unwrap(), at) {
            ("LATEST", _) => end.saturating_sub(count)..end,
            ("BEFORE", Some(at)) => at.saturating_sub(count)..at,
            ("AFTER", Some(at)) => at + 1..(at + 1 + count).min(end),
            ("AROUND", Some(at)) => at.saturating_sub(count / 2)..(at + count.div_ceil(2)).min(end),
            other => panic!("unexpected {other:?}"),
        };
        self.batches += 1;
        let reference = self.batches;
        let label = label.strip_prefix(';').map(|label| format!("@{label} ")).unwrap_or_default();
        self.queue.push_back(format!("{label}:parlor BATCH +{reference} chathistory {ROOM}"));
        for at in range {
            self.queue.push_back(self.line(at, &format!(";batch={reference}")));
        }
        self.queue.push_back(format!(":parlor BATCH -{reference}"));
    }
}

struct World {
    server: Server,
    chat: Chat,
    connected: bool,
    said: usize,
}

#[derive(Clone, Debug)]
enum Step {
    OthersSay,
    Say,
    Break,
    Return,
    /// So many lines arrive.
    Arrive(u8),
    Fill(u8),
    Jump(u8),
}

impl World {
    fn perform(&mut self, intent: Intent) {
        let mut out = Vec::new();
        // Without a connection some intents are not performed.
        let _ = self.chat.perform(intent, 1, &mut out);
        if self.connected {
            self.server.receive(&out);
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::OthersSay => {
                let at = self.server.history.len();
                self.server.say("bob", &format!("others {at}"));
                if self.connected {
                    let line = self.server.line(at, "");
                    self.server.queue.push_back(line);
                }
            }
            Step::Say => {
                let text = format!("mine {}", self.said);
                self.said += 1;
                self.perform(Intent::Say(NewMessage {
                    to: ROOM.to_owned(),
                    text,
                    ..NewMessage::default()
                }));
            }
            Step::Break if self.connected => {
                self.connected = false;
                self.server.queue.clear();
                self.chat.broken();
            }
            Step::Return if !self.connected => {
                self.connected = true;
                self.server.welcome();
                let capabilities = [
                    "message-tags",
                    "server-time",
                    "batch",
                    "echo-message",
                    "labeled-response",
                    "draft/chathistory",
                    "parlor/unread",
                ];
                let capabilities = capabilities.map(|name| (name.to_owned(), String::new()));
                let mut out = Vec::new();
                self.chat.logged_in("ann", capabilities, &mut out);
                self.server.receive(&out);
                self.perform(Intent::Open(ROOM.to_owned()));
            }
            Step::Break | Step::Return => {}
            Step::Arrive(count) => self.arrive(count.into()),
            Step::Fill(number) => {
                let Some(conversation) = self.chat.conversation(ROOM) else { return };
                let rows = conversation.timeline.rows().iter().enumerate();
                let gaps: Vec<_> =
                    rows.filter(|(_, row)| **row == Row::Gap).map(|(at, _)| at).collect();
                let gap = gaps.get(usize::from(number) % (gaps.len() + 1)).copied();
                let run = conversation.timeline.filler(gap);
                self.perform(Intent::Load { target: ROOM.to_owned(), run });
            }
            Step::Jump(number) => {
                if !self.server.history.is_empty() {
                    let at = usize::from(number) % self.server.history.len();
                    let run = Run::Around(format!("m{at}"));
                    self.perform(Intent::Load { target: ROOM.to_owned(), run });
                }
            }
        }
        self.chat.take_changes();
    }

    fn arrive(&mut self, count: usize) {
        for _ in 0..count {
            let Some(line) = self.server.queue.pop_front() else { return };
            let mut out = Vec::new();
            self.chat.receive(&line, 1, &mut out);
            self.server.receive(&out);
        }
    }

    /// Everything arrives, and all gaps are filled.
    fn finish(&mut self) {
        self.step(&Step::Return);
        self.arrive(usize::MAX);
        for _ in 0..2000 {
            let conversation = self.chat.conversation(ROOM).expect("it is open");
            let gap = conversation.timeline.rows().iter().rposition(|row| *row == Row::Gap);
            if gap.is_none() && conversation.timeline.is_from_start() {
                return;
            }
            let run = conversation.timeline.filler(gap);
            self.perform(Intent::Load { target: ROOM.to_owned(), run });
            self.arrive(usize::MAX);
        }
        panic!("it is never complete");
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::OthersSay),
        3 => Just(Step::Say),
        1 => Just(Step::Break),
        2 => Just(Step::Return),
        5 => (1u8..12).prop_map(Step::Arrive),
        2 => any::<u8>().prop_map(Step::Fill),
        1 => any::<u8>().prop_map(Step::Jump),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn the_timeline_converges_to_the_history_without_duplicates(steps in steps()) {
        let server = Server::default();
        let mut world = World { server, chat: Chat::new("r"), connected: false, said: 0 };
        for step in &steps {
            world.step(step);
        }
        world.finish();
        prop_assert!(world.chat.outgoing.is_empty(), "all is confirmed");
        let conversation = world.chat.conversation(ROOM).expect("it is open");
        let said = conversation.timeline.entries().filter(|entry| entry.kind.is_said());
        let timeline: Vec<_> = said.map(|entry| (entry.from.clone(), entry.text.clone())).collect();
        prop_assert_eq!(&timeline, &world.server.history);
        let mine: Vec<_> = timeline.iter().filter(|(from, _)| from == "ann").map(|(_, text)| text.clone()).collect();
        let expected: Vec<_> = (0..world.said).map(|number| format!("mine {number}")).collect();
        prop_assert_eq!(mine, expected, "each once, in the order in which they were said");
    }

    #[test]
    fn no_line_causes_a_panic(lines in prop::collection::vec(strange_line(), 0..60)) {
        let mut chat = Chat::new("r");
        let mut out = Vec::new();
        chat.logged_in("ann", [("labeled-response".to_owned(), String::new())], &mut out);
        for line in &lines {
            chat.receive(line, 1, &mut out);
        }
        chat.tick(2, &mut out);
        chat.broken();
    }
}

#[test]
fn multiline_messages_are_bounded_whatever_the_server_allows() {
    let mut chat = Chat::new("r");
    let mut out = Vec::new();
    let value = format!("max-bytes=1000,max-lines={}", usize::MAX);
    let capabilities = [("batch", ""), ("draft/multiline", &*value)];
    let capabilities = capabilities.map(|(name, value)| (name.to_owned(), value.to_owned()));
    chat.logged_in("ann", capabilities, &mut out);
    let text = "word ".repeat(100_000);
    let saying = NewMessage { to: ROOM.to_owned(), text, ..NewMessage::default() };
    assert!(chat.perform(Intent::Say(saying), 1, &mut out).is_ok());
}

/// Lines that are nearly right: words of the protocol in any order.
fn strange_line() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "@batch=x",
        "@label=1",
        "@msgid=m;time=z",
        "@+draft/reply=m;+draft/react=",
        ":ann!a@b",
        ":bob!b@c",
        ":parlor",
        "PRIVMSG",
        "NOTICE",
        "TAGMSG",
        "BATCH",
        "+x",
        "-x",
        "chathistory",
        "draft/multiline",
        "JOIN",
        "PART",
        "KICK",
        "NICK",
        "MODE",
        "+ov-o",
        "TOPIC",
        "RENAME",
        "REDACT",
        "353",
        "366",
        "005",
        "PREFIX=(",
        "PREFIX=(o)@",
        "CHATHISTORY=0",
        "FAIL",
        "NOTE",
        "401",
        "263",
        "MARKREAD",
        "UNREAD",
        "NOTIFY",
        "PIN",
        "CAP",
        "NEW",
        "ACK",
        "#lobby",
        "ann",
        "bob",
        "*",
        ":",
        ":text",
        "",
        "timestamp=x",
        "1000+",
        "\u{1}ACTION",
        "\u{1}",
    ]);
    prop_oneof![
        3 => prop::collection::vec(words, 0..8).prop_map(|words| words.join(" ")),
        1 => any::<String>(),
    ]
}
