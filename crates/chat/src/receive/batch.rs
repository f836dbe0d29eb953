//! Batches: pages of history, results of a search, messages of several lines, answers to a request.

use super::Received;
use crate::change::Change;
use crate::chat::{Chat, Request};
use crate::entry::{Delivery, Entry};
use crate::limits::{BATCH_LINES, BATCHES, RESULTS, TEXT_BYTES};
use proto::name::fold;

/// What is in a batch.
#[derive(Debug)]
enum Kind {
    /// A page of history of a conversation.
    History(String),
    /// Results of a search.
    Search,
    /// Names of conversations.
    Targets(Vec<String>),
    /// The lines of one message.
    Multiline(Box<Multiline>),
    /// Lines with the same meaning as outside of a batch.
    Other,
    /// Such lines, too: the metadata that a person has asked for.
    Metadata,
}

impl Kind {
    /// Whether its lines mean the same as outside of a batch, so that they need not wait for its end.
    fn is_open(&self) -> bool {
        matches!(self, Kind::Other | Kind::Metadata)
    }
}

/// The message that a batch of several lines makes up.
#[derive(Debug)]
struct Multiline {
    /// The conversation and the message so far; none before its first line.
    message: Option<(String, Entry)>,
    msgid: Option<String>,
    time_ms: i64,
    reply_to: Option<String>,
}

/// A reaction in a page of history, or one taken back.
#[derive(Debug)]
struct Reacted {
    msgid: String,
    text: String,
    by: String,
    undo: bool,
}

/// A batch that is open.
#[derive(Debug)]
pub struct Batch {
    kind: Kind,
    /// The batch that it is part of.
    parent: Option<String>,
    label: Option<u64>,
    lines: usize,
    entries: Vec<(String, Entry)>,
    /// Reactions and redactions in it, which may be to messages that came before it.
    reactions: Vec<Reacted>,
    redactions: Vec<(String, String)>,
}

impl Chat {
    /// The label of a batch, or of one that it is part of.
    pub(super) fn label_of_batch(&self, reference: Option<&str>) -> Option<u64> {
        let batch = self.batches.get(reference?)?;
        batch.label.or_else(|| {
            let parent = self.batches.get(batch.parent.as_deref()?)?;
            parent.label
        })
    }

    /// Whether a batch's lines wait for its end.
    pub(super) fn is_collected(&self, reference: &str) -> bool {
        self.batches.get(reference).is_some_and(|batch| !batch.kind.is_open())
    }

    /// A line of a batch whose lines do not wait for its end.
    pub(super) fn count_line(&mut self, reference: &str) {
        if let Some(batch) = self.batches.get_mut(reference) {
            batch.lines += 1;
        }
    }

    /// A batch begins or ends.
    pub(super) fn batch(&mut self, received: &Received<'_>) {
        let reference = received.param(0);
        if let Some(reference) = reference.strip_prefix('+') {
            self.begin_batch(reference, received);
        } else if let Some(reference) = reference.strip_prefix('-')
            && let Some(batch) = self.batches.remove(reference)
        {
            self.end_batch(batch, received);
        }
    }

    fn begin_batch(&mut self, reference: &str, received: &Received<'_>) {
        if self.batches.len() >= BATCHES {
            return;
        }
        let tag = |name: &str| received.message.tags.get(name).map(|value| value.into_owned());
        let kind = match received.param(1) {
            "chathistory" => Kind::History(received.param(2).to_owned()),
            "draft/chathistory-targets" => Kind::Targets(Vec::new()),
            "soju.im/search" | "search" | "draft/search" => Kind::Search,
            "draft/multiline" | "multiline" => Kind::Multiline(Box::new(Multiline {
                message: None,
                msgid: tag("msgid"),
                time_ms: received.time_ms(),
                reply_to: tag("+draft/reply").or_else(|| tag("+reply")),
            })),
            "metadata" if proto::name::same(received.param(2), &self.asked.metadata) => {
                self.asked.metadata.clear();
                Kind::Metadata
            }
            _ => Kind::Other,
        };
        let batch = Batch {
            kind,
            parent: tag("batch"),
            label: received.label,
            lines: 0,
            entries: Vec::new(),
            reactions: Vec::new(),
            redactions: Vec::new(),
        };
        self.batches.insert(reference.to_owned(), batch);
    }

    /// A line of a batch whose lines wait for its end.
    pub(super) fn collect(&mut self, reference: &str, received: &Received<'_>) {
        if received.message.verb.eq_ignore_ascii_case("BATCH") {
            self.batch(received);
            return;
        }
        if received.message.verb.eq_ignore_ascii_case("NOTE") {
            // A search's batch says how far back it went.
            self.standard(received);
            return;
        }
        let read = self.parse_entry(received);
        let concat = received.message.tags.get("draft/multiline-concat").is_some();
        let Some(batch) = self.batches.get_mut(reference) else { return };
        batch.lines += 1;
        if batch.lines > BATCH_LINES {
            return;
        }
        if let Kind::Targets(targets) = &mut batch.kind {
            targets.push(received.param(1).to_owned());
            return;
        }
        let Some((place, entry)) = read else {
            batch.record(received);
            return;
        };
        match &mut batch.kind {
            Kind::Multiline(multiline) => multiline.add(place, entry, concat),
            _ if place.is_empty() => {}
            _ => batch.entries.push((place, entry)),
        }
    }

    fn end_batch(&mut self, batch: Batch, received: &Received<'_>) {
        match batch.kind {
            Kind::History(ref target) => self.end_page(target, &batch),
            Kind::Search => self.end_search(&batch),
            Kind::Targets(targets) => {
                if let Some(label) = batch.label
                    && self.requests.get(&label) == Some(&Request::Targets)
                {
                    self.requests.remove(&label);
                    self.changes.push(Change::Targets(Ok(targets)));
                }
            }
            Kind::Multiline(multiline) => {
                let Some((place, entry)) = multiline.finish() else { return };
                match batch.parent.and_then(|parent| self.batches.get_mut(&parent)) {
                    Some(parent) if !parent.kind.is_open() => {
                        parent.entries.push((place, entry));
                    }
                    _ => self.arrived(&place, entry, batch.label),
                }
            }
            Kind::Metadata if batch.lines == 0 => {
                self.show_reply(received, crate::entry::Kind::Info, "Nothing to show");
            }
            Kind::Metadata => {}
            Kind::Other => {
                self.changes.append(&mut self.unfinished);
                if let Some(label) = batch.label
                    && batch.parent.is_none()
                {
                    self.finish_request(label, "");
                }
            }
        }
    }

    /// A page of history is complete.
    fn end_page(&mut self, target: &str, batch: &Batch) {
        let Some(label) = batch.label else { return };
        let run = match self.requests.remove(&label) {
            Some(Request::Page { run, .. }) => run,
            Some(Request::Everything) => {
                self.changes.push(Change::Everything(Ok(batch.entries.clone())));
                return;
            }
            _ => return,
        };
        let page: Vec<Entry> = batch.entries.iter().map(|(_, entry)| entry.clone()).collect();
        let count = page.len();
        let counted = self.server.has("parlor/unread");
        let conversation = self.conversation_mut(target);
        conversation.loading = conversation.loading.saturating_sub(1);
        conversation.timeline.add_page(&run, page);
        for reacted in &batch.reactions {
            if let Some(entry) = conversation.timeline.find_mut(&reacted.msgid) {
                reacted.apply(entry);
            }
        }
        for (msgid, by) in &batch.redactions {
            if let Some(entry) = conversation.timeline.find_mut(msgid) {
                entry.redact(by);
            }
        }
        if !counted {
            conversation.count_unread();
        }
        let target = conversation.name.clone();
        self.changes.push(Change::Timeline(target.clone()));
        self.changes.push(Change::Page { target, count, refused: None });
    }

    fn end_search(&mut self, batch: &Batch) {
        let Some(label) = batch.label else { return };
        let Some(Request::Search { more }) = self.requests.remove(&label) else { return };
        if !more {
            self.search.found.clear();
        }
        self.search.found.extend(batch.entries.iter().rev().take(RESULTS).cloned());
        self.search.loading = false;
        self.changes.push(Change::Found);
    }

    /// A message by msgid, wherever it is.
    pub fn find_message(&self, place: &str, msgid: &str) -> Option<&Entry> {
        self.conversations.get(&fold(place))?.timeline.find(msgid)
    }
}

impl Batch {
    /// Records a reaction or redaction in history.
    fn record(&mut self, received: &Received<'_>) {
        let tags = &received.message.tags;
        let from = received.from().to_owned();
        if received.message.verb.eq_ignore_ascii_case("REDACT") {
            self.redactions.push((received.param(1).to_owned(), from));
            return;
        }
        let Some(msgid) = tags.get("+draft/reply").or_else(|| tags.get("+reply")) else { return };
        for (tag, undo) in [("+draft/react", false), ("+draft/unreact", true)] {
            if let Some(text) = tags.get(tag) {
                let (msgid, text, by) =
                    (msgid.clone().into_owned(), text.into_owned(), from.clone());
                self.reactions.push(Reacted { msgid, text, by, undo });
            }
        }
    }
}

impl Reacted {
    fn apply(&self, entry: &mut Entry) {
        if self.undo {
            entry.unreact(&self.text, &self.by);
        } else {
            entry.react(&self.text, &self.by);
        }
    }
}

impl Multiline {
    /// Adds a line; one with `concat` goes on with the line before it.
    fn add(&mut self, place: String, entry: Entry, concat: bool) {
        let Some((_, so_far)) = &mut self.message else {
            self.message = Some((place, entry));
            return;
        };
        if so_far.text.len() + entry.text.len() >= TEXT_BYTES {
            return;
        }
        if !concat {
            so_far.text.push('\n');
        }
        so_far.text.push_str(&entry.text);
        so_far.mentions_me |= entry.mentions_me;
    }

    /// The whole message and its conversation, if it has a line.
    fn finish(self) -> Option<(String, Entry)> {
        let Multiline { message, msgid, time_ms, reply_to } = self;
        let (place, entry) = message?;
        let delivery = (entry.mine && msgid.is_some()).then_some(Delivery::Stored);
        Some((place, Entry { msgid, time_ms, reply_to, delivery, ..entry }))
    }
}
