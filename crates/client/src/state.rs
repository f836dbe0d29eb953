//! What the client knows, and what each line from the server means for it. Pure: no network, no clock.

mod people;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chat::outgoing::piece_bytes;
use proto::node::{Listing, Node};
use proto::{Line, Message, name, numeric};

use crate::entry::Entry;
use crate::limits::{
    BATCHES_MAX, HELD_MAX, ONLINE_MAX, PAGE_MAX, PINS_MAX, PUT_OFF_SECONDS_MOST, ROOMS_MAX,
};
use crate::outgoing::Outgoing;
use crate::recent::Recent;
use crate::seen::Seen;
use crate::welcome::Welcome;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is on the server's disk and on its way.
    Sent,
    /// It is on the server's disk; the receiver is offline and gets it at the next login.
    Stored,
    /// It was refused: the code and the sentence of docs/protocol.md.
    Refused {
        /// The stable word, such as `NO_SUCH_USER`.
        code: String,
        /// The server's sentence about it.
        sentence: String,
    },
}

/// The server's last word to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A message that was sent is confirmed or refused.
    Settled(Outgoing, Verdict),
    /// Sentences that name who is online.
    Online(Vec<String>),
    /// A page of history, oldest first, for `CH` or `CHATHISTORY`.
    Page {
        /// The messages, those that were seen before too.
        entries: Vec<Entry>,
        /// The oldest one's msgid, if the page was asked for with `CH` and is not empty.
        oldest: Option<String>,
        /// The msgid of the page's last line, which need not be a message.
        newest: Option<String>,
    },
    /// What a search has found, oldest first.
    Found {
        /// The messages.
        entries: Vec<Entry>,
        /// The msgid before which to go on; none: that was all.
        next: Option<String>,
        /// The server's sentence about how far it searched.
        sentence: String,
    },
    /// Conversations with their newest message's time, as the server wrote it.
    Targets(Vec<(String, String)>),
    /// The room was left.
    Parted,
    /// The room was joined.
    Joined,
    /// The rooms of the server: name, how many are there, what it is about.
    Rooms(Vec<[String; 3]>),
    /// The messages that are pinned in a room: msgid, and who has pinned it.
    Pins(Vec<(String, String)>),
    /// A part of what the server keeps of the account.
    Export {
        /// Lines of JSON.
        lines: Vec<String>,
        /// Where the next part begins; none: this was the last.
        next: Option<String>,
    },
    /// The server takes the request later.
    Later(Duration),
    /// The request was refused.
    Refused {
        /// The stable word, or the numeric.
        code: String,
        /// The server's sentence.
        sentence: String,
    },
    /// The server says goodbye.
    Bye,
}

/// What a line from the server means for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A message to show.
    Entry(Entry),
    /// Something that is not said by anybody: who came or left, what the room is about, the message of the day.
    Presence(String),
    /// A sentence for the person.
    Notice(String),
    /// The server closes the connection, and why.
    Closing(String),
    /// An operator of the server ends all of this person's connections.
    Killed {
        /// Who does it.
        by: String,
        /// Why.
        reason: String,
    },
    /// Bytes to send in answer.
    Send(Vec<u8>),
    /// The last word to a request.
    Answer(Answer),
}

/// What the open history request asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// `CH`, whose last word is `NOTE CH END`.
    Page { target: String },
    /// `CHATHISTORY AFTER` or `LATEST`, whose last word is the end of its batch.
    After { target: String },
    /// `FIND`, whose last word is `NOTE FIND END`.
    Found,
    /// `CHATHISTORY TARGETS`, likewise.
    Targets,
    /// `PART`, whose last word is one's own `PART`.
    Part { room: String },
    /// `JOIN`, whose last word is one's own `JOIN`.
    Join { room: String },
    /// `LIST`, whose last word is its end.
    Rooms(Vec<[String; 3]>),
    /// `PIN` of a room, whose last word is `NOTE PIN END`.
    Pins,
    /// `ACCOUNT EXPORT`, whose last word is `NOTE ACCOUNT EXPORT_NEXT` or `EXPORT_END`.
    Export,
}

/// The client's knowledge, across reconnects.
#[derive(Debug)]
pub struct State {
    /// Where else the same server can be reached.
    pub nodes: Vec<Node>,
    listing: Listing,
    me: String,
    /// The person was told of the last login.
    told_last_login: bool,
    /// The person was told what is unread.
    told_unread: bool,
    /// The rooms this person is in, as far as they are asked for pinned messages.
    rooms: Vec<String>,
    /// Whoever is told of the rooms is told of their pinned messages.
    tells_pins: bool,
    pins: Vec<(String, String)>,
    export: Vec<String>,
    /// The last line of an export goes on in what comes.
    export_goes_on: bool,
    /// The first room this person was put into: the lobby, if the server has one.
    first_room: Option<String>,
    lobby: Option<String>,
    seen: Seen,
    /// The newest message that has a msgid, and how many of its lines came: of several, which a
    /// server sends as so many messages, only the first has it.
    lines: Option<(Entry, usize)>,
    /// Time of the newest message up to which nothing is missing.
    mark_ms: Option<i64>,
    unconfirmed: VecDeque<Outgoing>,
    /// Those that the server will take later, and how long to wait before they are sent again.
    put_off: VecDeque<Outgoing>,
    put_off_for: Duration,
    resend_prefix: String,
    resend_next: u64,
    asked: Option<Asked>,
    /// Open batches: whether they are what was asked for.
    batches: HashMap<String, bool>,
    page: Vec<Entry>,
    page_newest: Option<String>,
    targets: Vec<(String, String)>,
    online: Vec<String>,
    recent: Recent,
    welcome: Welcome,
    /// While missed messages are fetched: the live ones, to be shown with them.
    held: Option<Vec<Entry>>,
    /// There were more than could be held.
    held_too_few: bool,
}

impl State {
    /// `resend_prefix` makes this process's resend ids unlike all others of the account (A-Z a-z 0-9 - _ . :).
    pub fn new(resend_prefix: &str) -> State {
        State {
            nodes: Vec::new(),
            listing: Listing::default(),
            me: String::new(),
            first_room: None,
            lobby: None,
            seen: Seen::default(),
            lines: None,
            mark_ms: None,
            unconfirmed: VecDeque::new(),
            put_off: VecDeque::new(),
            put_off_for: Duration::ZERO,
            resend_prefix: resend_prefix.to_owned(),
            resend_next: 0,
            asked: None,
            batches: HashMap::new(),
            page: Vec::new(),
            page_newest: None,
            targets: Vec::new(),
            online: Vec::new(),
            recent: Recent::default(),
            welcome: Welcome::default(),
            held: None,
            held_too_few: false,
            told_last_login: false,
            told_unread: false,
            rooms: Vec::new(),
            tells_pins: false,
            pins: Vec::new(),
            export: Vec::new(),
            export_goes_on: false,
        }
    }

    /// Says who is logged in.
    pub fn set_me(&mut self, me: &str) {
        me.clone_into(&mut self.me);
    }

    /// The most bytes of text that one message to `user`, or to the lobby, can carry.
    pub fn piece_bytes(&self, user: Option<&str>) -> usize {
        // A lobby whose name is not known yet could have the longest that rooms may have.
        const ROOM_BYTES: [u8; proto::limits::ROOM_BYTES] = [b'#'; proto::limits::ROOM_BYTES];
        let longest = std::str::from_utf8(&ROOM_BYTES).unwrap_or("#");
        piece_bytes(&self.me, user.unwrap_or(self.lobby.as_deref().unwrap_or(longest)))
    }

    /// Takes a message over until the server's last word about it; its line is appended to `out`.
    pub fn submit(&mut self, to: Option<&str>, text: &str, out: &mut Vec<u8>) {
        let message = Outgoing {
            to: to.map(str::to_owned),
            text: text.to_owned(),
            resend_id: format!("{}.{}", self.resend_prefix, self.resend_next),
        };
        self.resend_next += 1;
        message.write(out);
        self.unconfirmed.push_back(message);
    }

    /// Appends the lines of all that is not confirmed, in their order, what was put off among them.
    pub fn resubmit(&mut self, out: &mut Vec<u8>) {
        self.unconfirmed.append(&mut self.put_off);
        self.put_off_for = Duration::ZERO;
        self.unconfirmed.iter().for_each(|message| message.write(out));
    }

    /// How long to wait before what the server has put off is sent again.
    pub fn put_off_for(&self) -> Option<Duration> {
        (!self.put_off.is_empty()).then_some(self.put_off_for)
    }

    /// The messages that the server has put off: none of them is sent.
    pub fn put_off(&self) -> &VecDeque<Outgoing> {
        &self.put_off
    }

    /// The messages that the server has not confirmed, refused or put off.
    pub fn unconfirmed(&self) -> &VecDeque<Outgoing> {
        &self.unconfirmed
    }

    /// Asks who is online. The list is all that is wanted: the empty line cancels the server's prompt, and the message
    /// is sent on one line later, which a break in between cannot harm.
    pub fn ask_online(&mut self, out: &mut Vec<u8>) {
        self.online.clear();
        Line::to(out).verb("PM").end();
        out.extend_from_slice(b"\r\n");
    }

    /// Asks to be taken out of a room.
    pub fn ask_part(&mut self, room: &str, out: &mut Vec<u8>) {
        Line::to(out).verb("PART").param(room).end();
        self.asked = Some(Asked::Part { room: room.to_owned() });
    }

    /// Asks to be let into a room.
    pub fn ask_join(&mut self, room: &str, out: &mut Vec<u8>) {
        Line::to(out).verb("JOIN").param(room).end();
        self.asked = Some(Asked::Join { room: room.to_owned() });
    }

    /// Asks which rooms there are.
    pub fn ask_rooms(&mut self, out: &mut Vec<u8>) {
        Line::to(out).verb("LIST").end();
        self.asked = Some(Asked::Rooms(Vec::new()));
    }

    /// Asks which messages are pinned in a room.
    pub fn ask_pins(&mut self, room: &str, out: &mut Vec<u8>) {
        Line::to(out).verb("PIN").param(room).end();
        self.pins.clear();
        self.asked = Some(Asked::Pins);
    }

    /// Asks for the one message of `target` with this msgid.
    pub fn ask_one(&mut self, target: &str, msgid: &str, out: &mut Vec<u8>) {
        let line = Line::to(out).verb("CHATHISTORY").param("AROUND").param(target);
        line.param(&format!("msgid={msgid}")).param("1").end();
        self.page.clear();
        self.page_newest = None;
        self.asked = Some(Asked::After { target: target.to_owned() });
    }

    /// Asks for what the server keeps of the account, from where the part before ended.
    pub fn ask_export(&mut self, from: Option<&str>, out: &mut Vec<u8>) {
        let line = Line::to(out).verb("ACCOUNT").param("EXPORT");
        match from {
            Some(from) => line.param(from).end(),
            None => line.end(),
        }
        self.export.clear();
        self.export_goes_on = false;
        self.asked = Some(Asked::Export);
    }

    /// Asks for the message of the day and for what the lobby is about, if the server has not told: it does not tell who
    /// came in with a new name. And for pinned messages, in each room that this person is in or comes into.
    pub fn ask_welcome(&mut self, out: &mut Vec<u8>) {
        if !self.welcome.is_told() {
            Line::to(out).verb("MOTD").end();
            if let Some(lobby) = &self.lobby {
                Line::to(out).verb("TOPIC").param(lobby).end();
            }
        }
        self.tells_pins = true;
        for room in &self.rooms {
            Line::to(out).verb("PIN").param(room).end();
        }
    }

    /// Asks whether there is a lobby. Everybody is put into it at login before any other room, but a server
    /// without one may put people back into a room they were in. Nothing else that it says tells these two apart
    /// than its answer to `BM` alone; the empty line cancels the prompt, or means nothing.
    pub fn ask_lobby(&mut self, out: &mut Vec<u8>) {
        Line::to(out).verb("BM").end();
        out.extend_from_slice(b"\r\n");
    }

    /// Asks for the goodbye.
    pub fn ask_goodbye(&mut self, out: &mut Vec<u8>) {
        Line::to(out).verb("EX").end();
    }

    /// Asks for the newest `count` messages of `target` that are older than the msgid `before`.
    pub fn ask_page(&mut self, target: &str, count: u32, before: Option<&str>, out: &mut Vec<u8>) {
        let line = Line::to(out).verb("CH").param(target).param(&count.to_string());
        match before {
            Some(msgid) => line.param(msgid).end(),
            None => line.end(),
        }
        self.page.clear();
        self.page_newest = None;
        self.asked = Some(Asked::Page { target: target.to_owned() });
    }

    /// Asks for messages with some words; see `FIND` of the server.
    pub fn ask_find(&mut self, words: &str, out: &mut Vec<u8>) {
        Line::to(out).verb("FIND").text(words).end();
        self.page.clear();
        self.page_newest = None;
        self.asked = Some(Asked::Found);
    }

    /// Asks for up to `count` messages of `target` after `selector` (`msgid=…` or `timestamp=…`).
    pub fn ask_after(&mut self, target: &str, selector: &str, count: u32, out: &mut Vec<u8>) {
        let count = count.to_string();
        let line = Line::to(out).verb("CHATHISTORY").param("AFTER").param(target);
        line.param(selector).param(&count).end();
        self.page.clear();
        self.page_newest = None;
        self.asked = Some(Asked::After { target: target.to_owned() });
    }

    /// Asks for the newest message of `target`.
    pub fn ask_newest(&mut self, target: &str, out: &mut Vec<u8>) {
        Line::to(out).verb("CHATHISTORY").param("LATEST").param(target).param("*").param("1").end();
        self.page.clear();
        self.page_newest = None;
        self.asked = Some(Asked::After { target: target.to_owned() });
    }

    /// Asks which conversations have messages between two times (`timestamp=…`).
    pub fn ask_targets(&mut self, from: &str, to: &str, count: u32, out: &mut Vec<u8>) {
        let count = count.to_string();
        let line = Line::to(out).verb("CHATHISTORY").param("TARGETS").param(from);
        line.param(to).param(&count).end();
        self.targets.clear();
        self.asked = Some(Asked::Targets);
    }

    /// The time, in milliseconds since 1970 UTC, up to which nothing is missing; none before the first message or baseline.
    pub fn mark_ms(&self) -> Option<i64> {
        self.mark_ms
    }

    /// Says that everything up to `time_ms` is known, and these messages too; what is newer is missed after a break.
    pub fn set_baseline(&mut self, time_ms: i64, known: &[Entry]) {
        self.mark_ms = self.mark_ms.max(Some(time_ms));
        for entry in known {
            self.note_seen(entry);
        }
    }

    /// The connection broke: forgets what it had half done, and holds live messages back until
    /// [`State::end_catch_up`], so that the missed ones are shown before them.
    pub fn begin_catch_up(&mut self) {
        self.asked = None;
        self.batches.clear();
        self.hold();
    }

    /// Holds live messages back from now on. What was held before is newer than the mark, so it is fetched.
    fn hold(&mut self) {
        self.held = Some(Vec::new());
        self.held_too_few = false;
    }

    /// The time of the first live message that is held back.
    pub fn first_held_ms(&self) -> Option<i64> {
        self.held.iter().flatten().find_map(|entry| entry.time_ms)
    }

    /// Whether more came live than could be held, so that it has to be fetched; then holding begins anew.
    pub fn must_fetch_more(&mut self) -> bool {
        let more = self.held_too_few;
        if more {
            self.hold();
        }
        more
    }

    /// Whether a missed message is new to the person; it counts as seen from now on.
    pub fn take_missed(&mut self, entry: &Entry) -> bool {
        if let Some(msgid) = &entry.msgid {
            self.lines = Some((entry.clone(), 1));
            return self.seen.insert(msgid);
        }
        let Some((first, count)) = &mut self.lines else { return true };
        let (Some(msgid), true) = (&first.msgid, first.is_followed_by(entry)) else { return true };
        *count += 1;
        // A line of its own in what is remembered: the connection may have broken between them.
        self.seen.insert(&format!("{msgid} {count}"))
    }

    /// All that was missed is fetched, up to `newest_ms`: gives the live messages that came meanwhile and are new.
    pub fn end_catch_up(&mut self, newest_ms: Option<i64>) -> Vec<Entry> {
        let held = self.held.take().unwrap_or_default();
        self.mark_ms = self.mark_ms.max(newest_ms);
        held.into_iter().filter(|entry| self.note_seen(entry)).collect()
    }

    /// Takes in one line from the server.
    pub fn receive(&mut self, message: &Message<'_>) -> Vec<Happening> {
        if self.is_in_page(message)
            && let Some(msgid) = message.tags.get("msgid")
        {
            self.page_newest = Some(msgid.into_owned());
        }
        if message.verb == numeric::RPL_ENDOFMOTD || message.verb == numeric::ERR_NOMOTD {
            let lines = self.welcome.end_of_motd();
            return lines.into_iter().map(Happening::Presence).collect();
        }
        let happening = match message.verb.to_ascii_uppercase().as_str() {
            "PRIVMSG" | "NOTICE" => self.said(message),
            "NOTE" => self.note(message),
            "FAIL" => self.fail(message),
            "WARN" => Some(Happening::Notice(last(message).to_owned())),
            "BATCH" => self.batch(message),
            "CHATHISTORY" => self.target(message),
            "NODES" => {
                if let Some(nodes) = self.listing.take(message.params()) {
                    self.nodes = nodes;
                }
                None
            }
            "PING" => {
                let mut pong = Vec::new();
                Line::to(&mut pong).verb("PONG").text(message.param(0).unwrap_or("")).end();
                Some(Happening::Send(pong))
            }
            "ERROR" => Some(Happening::Closing(last(message).to_owned())),
            "KILL" => self.killed(message),
            "JOIN" => self.join(message),
            "INVITE" => self.invite(message),
            "PART" => self.part(message),
            "REDACT" => self.redact(message),
            "TAGMSG" => self.reaction(message),
            numeric::RPL_LIST => {
                if let Some(Asked::Rooms(rooms)) = &mut self.asked
                    && rooms.len() < ROOMS_MAX
                {
                    let param = |index| message.param(index).unwrap_or("").to_owned();
                    rooms.push([param(1), param(2), param(3)]);
                }
                None
            }
            numeric::RPL_LISTEND => match self.asked.take() {
                Some(Asked::Rooms(rooms)) => Some(Happening::Answer(Answer::Rooms(rooms))),
                asked => {
                    self.asked = asked;
                    None
                }
            },
            verb @ ("QUIT" | "KICK" | "NICK" | "TOPIC") => self.presence(verb, message),
            numeric::RPL_MOTD => {
                self.welcome.line_of_motd(last(message));
                None
            }
            numeric::RPL_TRYAGAIN => self.try_again(message),
            numeric::RPL_TOPIC => self.topic(message),
            numeric if is_refusal(numeric) => self.refused(numeric, message),
            _ => None,
        };
        happening.into_iter().collect()
    }

    fn said(&mut self, message: &Message<'_>) -> Option<Happening> {
        let Some(entry) = Entry::read(message, &self.me, self.lobby.as_deref()) else {
            return Some(Happening::Notice(last(message).to_owned()));
        };
        self.recent.remember(&entry);
        if self.is_in_page(message) {
            if self.page.len() < PAGE_MAX {
                self.page.push(entry);
            }
            return None;
        }
        match &mut self.held {
            Some(held) if held.len() < HELD_MAX => {
                held.push(entry);
                None
            }
            Some(_) => {
                self.held_too_few = true;
                None
            }
            None => self.note_seen(&entry).then_some(Happening::Entry(entry)),
        }
    }

    /// Remembers a message; false if it was known.
    fn note_seen(&mut self, entry: &Entry) -> bool {
        let new = self.take_missed(entry);
        if self.held.is_none() {
            self.mark_ms = self.mark_ms.max(entry.time_ms);
        }
        new
    }

    fn note(&mut self, message: &Message<'_>) -> Option<Happening> {
        let (verb, code) = (message.param(0)?, message.param(1)?);
        match (verb, code) {
            ("BM", "TEXT_REQUIRED") => {
                self.lobby.clone_from(&self.first_room);
                None
            }
            ("BM", "CANCELLED") => None,
            ("BM", "SENT") => self.settle("BM", Verdict::Sent, message.param(2)),
            ("PM", "SENT") => self.settle("PM", Verdict::Sent, message.param(3)),
            ("PM", "STORED") => self.settle("PM", Verdict::Stored, message.param(3)),
            ("PM", "ONLINE") => {
                if self.online.len() < ONLINE_MAX {
                    self.online.push(last(message).to_owned());
                }
                None
            }
            ("PM", "USER_REQUIRED") => None,
            ("PM", "CANCELLED") => {
                Some(Happening::Answer(Answer::Online(std::mem::take(&mut self.online))))
            }
            ("CH", "END") => {
                self.asked = None;
                let oldest = message.param(4).filter(|msgid| *msgid != "*").map(str::to_owned);
                Some(Happening::Answer(self.take_page(oldest)))
            }
            ("FIND", "END") => {
                self.asked = None;
                let next = message.param(3).filter(|msgid| *msgid != "*").map(str::to_owned);
                let entries = std::mem::take(&mut self.page);
                let sentence = last(message).to_owned();
                Some(Happening::Answer(Answer::Found { entries, next, sentence }))
            }
            ("EX", "BYE") => Some(Happening::Answer(Answer::Bye)),
            ("LOGIN", "LAST_LOGIN") => self.last_login(message),
            ("LOGIN", "UNREAD") => {
                let first = !std::mem::replace(&mut self.told_unread, true);
                first.then(|| Happening::Notice(last(message).to_owned()))
            }
            ("PIN", "ENTRY") => {
                if self.pins.len() < PINS_MAX {
                    self.pins.push((message.param(3)?.to_owned(), message.param(4)?.to_owned()));
                }
                None
            }
            ("PIN", "END") => self.end_of_pins(message),
            ("ACCOUNT", "EXPORT") => {
                self.piece_of_export(message);
                None
            }
            ("ACCOUNT", "EXPORT_NEXT" | "EXPORT_END") => {
                self.asked = None;
                let lines = std::mem::take(&mut self.export);
                let next = message.param(2).filter(|_| code == "EXPORT_NEXT").map(str::to_owned);
                Some(Happening::Answer(Answer::Export { lines, next }))
            }
            ("LOGIN", _) => None,
            _ => Some(Happening::Notice(last(message).to_owned())),
        }
    }

    /// The list of pinned messages is whole. Who has not asked for it is told that there are some.
    fn end_of_pins(&mut self, message: &Message<'_>) -> Option<Happening> {
        let pins = std::mem::take(&mut self.pins);
        if self.asked == Some(Asked::Pins) {
            self.asked = None;
            return Some(Happening::Answer(Answer::Pins(pins)));
        }
        let room = message.param(2)?;
        let sentence = match pins.len() {
            0 => return None,
            1 => format!("1 message is pinned in {room}; PINS {room} shows it"),
            number => format!("{number} messages are pinned in {room}; PINS {room} shows them"),
        };
        Some(Happening::Presence(sentence))
    }

    /// A piece of a line of JSON, which goes on in the next if it is marked so.
    fn piece_of_export(&mut self, message: &Message<'_>) {
        let piece = last(message);
        match self.export.last_mut().filter(|_| self.export_goes_on) {
            Some(line) => line.push_str(piece),
            None => self.export.push(piece.to_owned()),
        }
        self.export_goes_on = message.param(2) == Some("+");
    }

    /// When and from where the person logged in last: told once, not after each break.
    fn last_login(&mut self, message: &Message<'_>) -> Option<Happening> {
        let first = !std::mem::replace(&mut self.told_last_login, true);
        first.then(|| Happening::Notice(last(message).to_owned()))
    }

    fn fail(&mut self, message: &Message<'_>) -> Option<Happening> {
        let verb = message.param(0)?;
        let (code, sentence) = (message.param(1)?.to_owned(), last(message).to_owned());
        let refused = Answer::Refused { code: code.clone(), sentence: sentence.clone() };
        if code == "RATE_LIMITED"
            && let Some(seconds) = message.param(2).and_then(|seconds| seconds.parse().ok())
            && self.put_off_oldest(verb, seconds)
        {
            return Some(Happening::Notice(sentence));
        }
        match verb {
            "BM" | "PM" if self.unconfirmed.iter().any(|message| message.verb() == verb) => {
                self.settle(verb, Verdict::Refused { code, sentence }, None)
            }
            "BM" if code == "NO_LOBBY" => {
                self.lobby = None;
                None
            }
            "ACCOUNT" if self.asked == Some(Asked::Export) => {
                let wait = message.param(2).filter(|_| code == "RATE_LIMITED");
                let wait = wait.and_then(|seconds| seconds.parse().ok());
                self.asked = None;
                Some(Happening::Answer(match wait {
                    Some(seconds) => Answer::Later(Duration::from_secs(seconds)),
                    None => refused,
                }))
            }
            "PIN" if self.asked != Some(Asked::Pins) => None,
            "CH" | "CHATHISTORY" | "PART" | "PIN" | "FIND" => {
                self.asked = None;
                Some(Happening::Answer(refused))
            }
            "PM" | "EX" => Some(Happening::Answer(refused)),
            _ => Some(Happening::Notice(sentence)),
        }
    }

    /// The numeric for what is to be tried again; how long to wait is in its sentence at most.
    fn try_again(&mut self, message: &Message<'_>) -> Option<Happening> {
        let (verb, sentence) = (message.param(1)?, last(message));
        let before = sentence.rsplit_once(" second").map(|(before, _)| before);
        let seconds = before.and_then(|before| before.rsplit(' ').next()?.parse().ok());
        self.put_off_oldest(verb, seconds.unwrap_or(1));
        Some(Happening::Notice(sentence.to_owned()))
    }

    /// Keeps the oldest message sent with `verb` until the server will take it; whether there is one,
    /// and that is soon.
    fn put_off_oldest(&mut self, verb: &str, seconds: u64) -> bool {
        let oldest = self.unconfirmed.iter().position(|message| message.verb() == verb);
        let oldest = oldest.filter(|_| seconds <= PUT_OFF_SECONDS_MOST);
        let Some(message) = oldest.and_then(|oldest| self.unconfirmed.remove(oldest)) else {
            return false;
        };
        self.put_off.push_back(message);
        self.put_off_for = self.put_off_for.max(Duration::from_secs(seconds.max(1)));
        true
    }

    /// The server answers a session's commands in their order, so the oldest message sent with `verb` is meant.
    fn settle(&mut self, verb: &str, verdict: Verdict, msgid: Option<&str>) -> Option<Happening> {
        let oldest = self.unconfirmed.iter().position(|message| message.verb() == verb)?;
        let message = self.unconfirmed.remove(oldest)?;
        if let Some(msgid) = msgid {
            // It may come again with the missed messages; the person who wrote it has seen it.
            self.seen.insert(msgid);
        }
        Some(Happening::Answer(Answer::Settled(message, verdict)))
    }

    fn batch(&mut self, message: &Message<'_>) -> Option<Happening> {
        let reference = message.param(0)?;
        if let Some(opened) = reference.strip_prefix('+') {
            let wanted = self.is_wanted(message.param(1)?, message.param(2));
            if self.batches.len() < BATCHES_MAX {
                self.batches.insert(opened.to_owned(), wanted);
            }
            return None;
        }
        let wanted = self.batches.remove(reference.strip_prefix('-')?)?;
        let answer = match self.asked {
            Some(Asked::After { .. }) if wanted => self.take_page(None),
            Some(Asked::Targets) if wanted => Answer::Targets(std::mem::take(&mut self.targets)),
            _ => return None,
        };
        self.asked = None;
        Some(Happening::Answer(answer))
    }

    fn take_page(&mut self, oldest: Option<String>) -> Answer {
        let entries = std::mem::take(&mut self.page);
        Answer::Page { entries, oldest, newest: self.page_newest.take() }
    }

    /// Whether a line belongs to the answer to what was asked.
    fn is_in_page(&self, message: &Message<'_>) -> bool {
        let batch = message.tags.get("batch");
        batch.is_some_and(|batch| self.batches.get(&*batch) == Some(&true))
    }

    /// Whether a batch of this kind is the answer to what was asked.
    fn is_wanted(&self, kind: &str, target: Option<&str>) -> bool {
        match &self.asked {
            Some(Asked::Page { target: asked } | Asked::After { target: asked }) => {
                kind == "chathistory" && target.is_some_and(|target| name::same(target, asked))
            }
            Some(Asked::Targets) => kind == "draft/chathistory-targets",
            Some(Asked::Found) => kind == "soju.im/search",
            Some(
                Asked::Part { .. }
                | Asked::Join { .. }
                | Asked::Rooms(_)
                | Asked::Pins
                | Asked::Export,
            )
            | None => false,
        }
    }

    fn target(&mut self, message: &Message<'_>) -> Option<Happening> {
        if message.param(0) == Some("TARGETS") && self.targets.len() < PAGE_MAX {
            self.targets.push((message.param(1)?.to_owned(), message.param(2)?.to_owned()));
        }
        None
    }

    /// A numeric that says no: to what was asked, or to nobody knows what.
    fn refused(&mut self, code: &str, message: &Message<'_>) -> Option<Happening> {
        let sentence = last(message).to_owned();
        let unknown = code == numeric::ERR_UNKNOWNCOMMAND && self.asked == Some(Asked::Found);
        let is_about = |param: &&str| {
            self.is_asked_about(param) || unknown && param.eq_ignore_ascii_case("FIND")
        };
        if message.params().iter().skip(1).any(is_about) {
            self.asked = None;
            let code = code.to_owned();
            return Some(Happening::Answer(Answer::Refused { code, sentence }));
        }
        Some(Happening::Notice(sentence))
    }
}

/// A numeric that says no (400 to 599), but not 422: a server without a message of the day is no news.
fn is_refusal(verb: &str) -> bool {
    verb.len() == 3
        && verb.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(verb.as_bytes()[0], b'4' | b'5')
        && verb != proto::numeric::ERR_NOMOTD
}

/// The sentence that standard replies, numerics and notices end with.
fn last<'a>(message: &Message<'a>) -> &'a str {
    message.params().last().copied().unwrap_or("")
}

fn nick<'a>(message: &Message<'a>) -> Option<&'a str> {
    Some(proto::mask::Source::parse(message.source?).nick)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
