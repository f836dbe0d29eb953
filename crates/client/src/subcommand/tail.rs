//! `chatclient tail`: the newest messages, and with `--follow` new ones: each once, in the server's order, across
//! breaks.

use std::collections::{BTreeMap, btree_map};
use std::time::{Duration, Instant};

use chat::conversation::With;
use chat::entry::{Entry, Kind};
use chat::timeline::{Row, Run};
use chat::{Change, Intent, SendError};
use proto::name::fold;

use super::print::Printer;
use super::{Caller, report};
use crate::Outcome;
use crate::failure::Failure;
use crate::limits::{HISTORY_PAUSE_MAX, HISTORY_TRIES};
use crate::pages::{ENDLESS, Pages};
use crate::system::now_ms;

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// At a time, in milliseconds since 1970 UTC.
    Time(i64),
    /// After a message.
    Message(String),
}

impl Since {
    /// `2h` is a time, anything else a msgid.
    pub(super) fn parse(text: &str) -> Since {
        match proto::duration::parse_duration(text) {
            Some(ms) => Since::Time(now_ms() - ms),
            None => Since::Message(text.to_owned()),
        }
    }
}

/// How far a conversation has been printed.
enum Printed {
    /// Up to this message.
    Upto(String),
    /// Nothing, and there was nothing before.
    Nothing,
    /// Nothing, until the page is here of what was said since that time.
    Awaited(i64),
}

struct Tail<'a> {
    caller: &'a mut Caller,
    printer: Printer,
    /// By folded name.
    printed: BTreeMap<String, Printed>,
    /// The pages of each conversation that were asked for since the last login, or since the server put one off.
    pages: BTreeMap<String, Pages>,
    /// Only these, if any are named.
    only: Vec<String>,
    /// The rooms to be in.
    rooms: Vec<String>,
    /// The newest server time when the connection broke, until the conversations with messages since then are
    /// known: a new conversation is printed from that time on.
    broke_ms: Option<i64>,
    was_connected: bool,
    /// When to repeat a request that the server has deferred. Until then nothing after it is printed.
    again: Option<Instant>,
    /// Consecutive deferrals.
    deferrals: u32,
}

pub(super) fn run(
    caller: &mut Caller,
    targets: &[String],
    follow: bool,
    since: Option<&Since>,
    lines: usize,
    json: bool,
) -> Result<Outcome, Failure> {
    let chat = caller.chat();
    let rooms = chat.conversations.values().filter(|c| c.with == With::Room && c.joined);
    let all: Vec<String> = rooms.map(|room| room.name.clone()).collect();
    let begin = if targets.is_empty() { all } else { targets.to_vec() };
    let rooms = begin.iter().filter(|target| chat.server.is_room(target)).cloned().collect();
    let mut tail = Tail {
        caller,
        printer: Printer::new(json),
        printed: BTreeMap::new(),
        pages: BTreeMap::new(),
        only: targets.iter().map(|target| fold(target)).collect(),
        rooms,
        broke_ms: None,
        was_connected: true,
        again: None,
        deferrals: 0,
    };
    if follow {
        tail.join_all()?;
    }
    if tail.has_history() || since.is_some() || !follow {
        for target in &begin {
            tail.begin(target, since, lines)?;
        }
    } else {
        report("this server keeps no history: only what comes from now on is printed");
    }
    if !follow {
        return Ok(Outcome::Done);
    }
    // Private messages may have come with the login.
    tail.print_known()?;
    loop {
        for change in tail.next()? {
            tail.handle(&change)?;
        }
    }
}

impl Tail<'_> {
    fn has_history(&self) -> bool {
        self.caller.chat().server.has("draft/chathistory")
    }

    /// The next changes; notices when the connection breaks or returns.
    fn next(&mut self) -> Result<Vec<Change>, Failure> {
        let changes = self.caller.next(self.again)?;
        let chat = self.caller.chat();
        if self.was_connected && !chat.connected {
            self.again = None;
            self.broke_ms = self.broke_ms.or(chat.server_time_ms);
            if let Some(broke_ms) = self.broke_ms.filter(|_| self.has_history()) {
                // Live messages wait for those that were missed.
                let nothing = self.printed.values_mut().filter(|it| matches!(it, Printed::Nothing));
                nothing.for_each(|printed| *printed = Printed::Awaited(broke_ms));
            }
        }
        self.was_connected = self.caller.chat().connected;
        if self.again.is_some_and(|again| again <= Instant::now()) {
            self.reconnected()?;
        }
        Ok(changes)
    }

    fn handle(&mut self, change: &Change) -> Result<(), Failure> {
        match change {
            // On a server without ids it is only known of a message that comes live that it is new.
            Change::Said { target, entry } if entry.msgid.is_none() => {
                if self.is_wanted(target) {
                    self.printer.message(target, entry)?;
                }
                Ok(())
            }
            Change::Said { target, .. } => self.print(target),
            Change::Answered { verb, code, params, .. }
                if verb == "CHATHISTORY" && code == "RATE_LIMITED" =>
            {
                let seconds = params.first().and_then(|seconds| seconds.parse().ok());
                self.defer(Duration::from_secs(seconds.unwrap_or(1)));
                Ok(())
            }
            Change::Page { target, refused: None, .. } => {
                self.deferrals = 0;
                self.page_arrived(target);
                self.print(target)
            }
            Change::Page { target, refused: Some(reason), .. } if self.caller.chat().connected => {
                self.not_loaded(target, reason)
            }
            Change::Targets(Ok(names)) => {
                if names.len() >= self.caller.chat().server.page() {
                    report("more may have been missed in other conversations");
                }
                self.fetch_missed(names)
            }
            // It is asked for again.
            Change::Targets(Err(_)) if self.again.is_some() => Ok(()),
            Change::Targets(Err(reason)) if self.caller.chat().connected => {
                report(&format!(
                    "what was missed in other conversations cannot be printed: {reason}"
                ));
                self.fetch_missed(&[])
            }
            Change::Happened { target, entry } if entry.kind == Kind::Error => {
                let at = if target.is_empty() { String::new() } else { format!("{target}: ") };
                report(&format!("{at}{}", entry.text));
                Ok(())
            }
            Change::Ready => {
                // It is connected again: only failures in succession end it.
                self.caller.wire.begin();
                self.reconnected()
            }
            _ => Ok(()),
        }
    }

    /// Logged in again, or after a deferral: requests what was missed.
    fn reconnected(&mut self) -> Result<(), Failure> {
        self.again = None;
        for room in self.rooms.clone() {
            if !self.is_in(&room) {
                self.request(Intent::Join(room));
            }
        }
        self.pages.clear();
        let known = self.printed.keys().filter_map(|key| self.caller.chat().conversation(key));
        for target in known.map(|known| known.name.clone()).collect::<Vec<_>>() {
            if let Some(Printed::Awaited(since_ms)) = self.printed.get(&fold(&target)) {
                let run = Run::Since(*since_ms);
                self.load(&target, run)?;
            } else {
                self.print(&target)?;
            }
        }
        if !self.has_history() {
            report("what was said meanwhile is not known: this server keeps no history");
            return self.fetch_missed(&[]);
        }
        let Some(broke_ms) = self.broke_ms else { return Ok(()) };
        if self.only.is_empty() && self.request(Intent::Changed(broke_ms)) {
            return Ok(());
        }
        self.fetch_missed(&[])
    }

    /// Fetches new messages of these conversations, if nothing of them has been printed yet.
    fn fetch_missed(&mut self, names: &[String]) -> Result<(), Failure> {
        let Some(broke_ms) = self.broke_ms.take() else { return Ok(()) };
        for name in names {
            if let btree_map::Entry::Vacant(new) = self.printed.entry(fold(name)) {
                new.insert(Printed::Awaited(broke_ms));
                self.load(name, Run::Since(broke_ms))?;
            }
        }
        // What has come meanwhile in others.
        self.print_known()
    }

    fn print_known(&mut self) -> Result<(), Failure> {
        let known = self.caller.chat().conversations.values().filter(|c| c.with != With::Server);
        for name in known.map(|known| known.name.clone()).collect::<Vec<_>>() {
            self.print(&name)?;
        }
        Ok(())
    }

    /// Joins the rooms to follow: only members receive their messages.
    fn join_all(&mut self) -> Result<(), Failure> {
        for room in self.rooms.clone() {
            if !self.is_in(&room) {
                if self.has_history() {
                    // This must not create a room.
                    self.caller.load(&room, Run::Latest)?;
                }
                super::send::join(self.caller, &room)?;
            }
        }
        Ok(())
    }

    fn is_in(&self, room: &str) -> bool {
        self.caller.chat().conversation(room).is_some_and(|room| room.joined)
    }

    /// Whether a request could be sent. Without a connection it is repeated after the next login.
    fn request(&mut self, intent: Intent) -> bool {
        self.caller.wire.perform(intent).is_ok()
    }

    /// Requests a page. Without a connection the request is repeated after the next login.
    fn load(&mut self, target: &str, run: Run) -> Result<(), Failure> {
        let load = Intent::Load { target: target.to_owned(), run };
        match self.caller.wire.perform(load) {
            Ok(_) | Err(SendError::NotConnected) => Ok(()),
            Err(impossible) => {
                // Too much is being waited for, unless the server has no history any more.
                if self.has_history() {
                    self.defer(Duration::from_secs(1));
                }
                self.not_loaded(target, &impossible.to_string())
            }
        }
    }

    /// Defers the request, a limited number of times.
    fn defer(&mut self, pause: Duration) {
        let may_wait = self.caller.chat().connected && self.deferrals < HISTORY_TRIES;
        if self.again.is_none() && may_wait {
            self.deferrals += 1;
            self.again = Some(Instant::now() + pause.min(HISTORY_PAUSE_MAX));
        }
    }

    /// A page was not loaded: requests it again, or prints what follows without it.
    fn not_loaded(&mut self, target: &str, reason: &str) -> Result<(), Failure> {
        if self.again.is_some() {
            return Ok(());
        }
        report(&format!("of {target} not all can be printed: {reason}"));
        self.page_arrived(target);
        self.print_all(target)
    }

    fn is_wanted(&self, target: &str) -> bool {
        self.only.is_empty() || self.only.contains(&fold(target))
    }

    /// A page has arrived, or was refused.
    fn page_arrived(&mut self, target: &str) {
        if let Some(printed @ Printed::Awaited(_)) = self.printed.get_mut(&fold(target)) {
            *printed = Printed::Nothing;
        }
    }

    /// Prints what there is of a conversation to begin with.
    fn begin(&mut self, target: &str, since: Option<&Since>, lines: usize) -> Result<(), Failure> {
        let first = match since {
            None => {
                self.caller.load(target, Run::Latest)?;
                let entries = self.entries(target);
                let said: Vec<&Entry> =
                    entries.iter().filter(|entry| entry.kind.is_said()).collect();
                for entry in &said[said.len().saturating_sub(lines)..] {
                    self.printer.message(target, entry)?;
                }
                entries.iter().rev().find_map(|entry| entry.msgid.clone())
            }
            Some(Since::Time(ms)) => {
                self.caller.load(target, Run::Since(*ms))?;
                let entries = self.entries(target);
                let first =
                    entries.iter().find(|entry| entry.time_ms >= *ms && entry.msgid.is_some());
                if let Some(first) = first {
                    self.printer.message(target, first)?;
                }
                first.and_then(|entry| entry.msgid.clone())
            }
            Some(Since::Message(msgid)) => {
                let loaded = self.caller.load(target, Run::Around(msgid.clone()));
                loaded.map_err(|failure| match failure {
                    Failure::Refused(reason) => {
                        Failure::Refused(format!("--since {msgid} is no time such as 2h: {reason}"))
                    }
                    other => other,
                })?;
                if self.caller.chat().find_message(target, msgid).is_none() {
                    let reason = format!("there is no message {msgid} in {target}");
                    return Err(Failure::Refused(reason));
                }
                Some(msgid.clone())
            }
        };
        let printed = first.map_or(Printed::Nothing, Printed::Upto);
        self.printed.insert(fold(target), printed);
        self.print(target)?;
        if since.is_some() {
            // Whatever is missing in between comes before the end.
            while self.is_missing(target) {
                for change in self.next()? {
                    self.handle(&change)?;
                }
            }
        }
        Ok(())
    }

    fn entries(&self, target: &str) -> Vec<Entry> {
        let conversation = self.caller.chat().conversation(target);
        conversation.map(|found| found.timeline.entries().cloned().collect()).unwrap_or_default()
    }

    /// The rows after what has been printed.
    fn rest(&self, target: &str) -> Vec<Row> {
        let Some(conversation) = self.caller.chat().conversation(target) else { return Vec::new() };
        let rows = conversation.timeline.rows();
        let from = match self.printed.get(&fold(target)) {
            Some(Printed::Upto(msgid)) => {
                let is_it = |row: &Row| match row {
                    Row::Entry(entry) => entry.msgid.as_deref() == Some(msgid),
                    Row::Gap => false,
                };
                rows.iter().rposition(is_it).map_or(rows.len(), |at| at + 1)
            }
            Some(Printed::Awaited(_)) => rows.len(),
            Some(Printed::Nothing) | None => 0,
        };
        rows.iter().skip(from).cloned().collect()
    }

    fn is_missing(&self, target: &str) -> bool {
        self.rest(target).contains(&Row::Gap)
    }

    /// Prints what follows what was printed; what is missing in between is asked for first.
    fn print(&mut self, target: &str) -> Result<(), Failure> {
        let Some(run) = self.print_upto_gap(target)? else { return Ok(()) };
        let chat = self.caller.chat();
        let is_loading = chat.conversation(target).is_some_and(|known| known.loading > 0);
        if !chat.connected || is_loading || self.again.is_some() {
            return Ok(());
        }
        if !self.has_history() {
            return self.print_all(target);
        }
        if !self.pages.entry(fold(target)).or_default().allow(&run) {
            report(&format!("of {target} not all can be printed: {ENDLESS}"));
            return self.print_all(target);
        }
        self.load(target, run)
    }

    /// Prints what is here, whatever is missing in between.
    fn print_all(&mut self, target: &str) -> Result<(), Failure> {
        while self.print_upto_gap(target)?.is_some() {
            let rest = self.rest(target);
            let next = rest.iter().find_map(|row| match row {
                Row::Entry(entry) => entry.msgid.clone().map(|msgid| (msgid, entry)),
                Row::Gap => None,
            });
            let Some((msgid, entry)) = next else { break };
            self.printer.message(target, entry)?;
            self.printed.insert(fold(target), Printed::Upto(msgid));
        }
        Ok(())
    }

    /// Prints what follows what was printed: what to ask for then, if something is missing.
    fn print_upto_gap(&mut self, target: &str) -> Result<Option<Run>, Failure> {
        let key = fold(target);
        let is_new = !self.printed.contains_key(&key);
        if !self.is_wanted(target) || (is_new && self.broke_ms.is_some() && self.has_history()) {
            return Ok(None);
        }
        for row in self.rest(target) {
            let Row::Entry(entry) = row else {
                return Ok(Some(match self.printed.get(&key) {
                    Some(Printed::Upto(msgid)) => Run::After(msgid.clone()),
                    _ => Run::Since(0),
                }));
            };
            // One without a msgid was printed when it came.
            if let Some(msgid) = entry.msgid.clone() {
                self.printer.message(target, &entry)?;
                self.printed.insert(key.clone(), Printed::Upto(msgid));
            }
        }
        Ok(None)
    }
}
