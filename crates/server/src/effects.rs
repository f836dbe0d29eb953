//! What the hub's handlers ask for: facts to store, and what may leave the process once they are
//! stored.

mod follow_up;
mod lines;
mod paused;
mod read;
pub mod released;
mod turn;
mod what;

pub use follow_up::{Ending, FollowUp};
pub use lines::{Lines, OneLine};
pub use paused::{Cursor, OpenLabel};
pub use read::{Read, ReadKind, Silence, UnreadForm};
pub use turn::Turn;
pub use what::{
    Condition, ConditionalEffect, Confirmation, Derive, Effect, LogRecord, News, Rooms, Task,
};

use crate::config::History;
use crate::limits::{ADDRESS_TURN_WORK, BYTES_PER_WORK, EFFECTS_BYTES, LINE_WORK};
use crate::session_id::SessionId;
use crate::work::Work;
use proto::Line;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use store::Write;

/// All that one batch of commands led to, in order. The journal stores `writes` and then releases
/// `list`.
#[derive(Debug, Default)]
pub struct Effects {
    /// The batch's number, rising from 1.
    pub batch: u64,
    /// Rises whenever the hub has taken back what could not be stored; see [`crate::state::undo`].
    pub epoch: u32,
    /// The shard whose batch this answers: it may send its next one.
    pub answers: Option<u8>,
    /// Nothing comes after this: the server stops.
    pub last: bool,
    /// Whose turn it is that these come of; over when they are carried out and dropped.
    pub turn: Option<Turn>,
    /// What is kept from here on: the config was read again.
    pub history: Option<History>,
    /// Facts to store, in order.
    pub writes: Vec<Write>,
    /// What is told to rooms and sessions, referred to by index.
    pub news: Vec<News>,
    /// What is to happen, in order.
    pub list: Vec<ConditionalEffect>,
    /// The lines that replies and news refer to.
    pub text: Vec<u8>,
    /// Work that the command at hand took, beside what is counted by its effects.
    work: u64,
    /// How many effects of the command at hand are counted as work, and how much that is.
    pub counted: (usize, Work),
    /// Work that all commands so far took of the hub.
    pub work_done: u64,
    /// Where the command at hand goes on, and the bytes that its earlier turns answered.
    resumed: (Cursor, usize),
    /// Where the next part of the command at hand goes on.
    next: Option<Cursor>,
    /// The commands that write something, by number, in order.
    writers: Vec<u32>,
    /// What the command at hand has left to the node of its session, each with its place in `list`.
    follow_ups: VecDeque<(usize, Condition, FollowUp)>,
    endings: Vec<Ending>,
    command: Command,
    label: Option<Label>,
}

/// What comes after something that is followed up.
#[derive(Debug)]
pub struct Rest {
    effects: Vec<ConditionalEffect>,
    at: usize,
    condition: Condition,
    follow_ups: VecDeque<(usize, Condition, FollowUp)>,
}

/// Where the command at hand began, and what its further effects depend on.
#[derive(Debug, Default)]
struct Command {
    number: u32,
    condition: Condition,
    list: usize,
    writes: usize,
    text: usize,
}

#[derive(Debug)]
struct Label {
    session: SessionId,
    value: Arc<str>,
    first: usize,
    batches: bool,
    /// The batch that an earlier turn has opened.
    reference: Option<Box<str>>,
}

impl Effects {
    /// An empty list for batch number `batch`.
    pub fn new(batch: u64, epoch: u32) -> Effects {
        Effects { batch, epoch, ..Effects::default() }
    }

    /// Whether nothing at all is asked for.
    pub fn is_empty(&self) -> bool {
        let nothing = self.list.is_empty() && self.writes.is_empty() && self.history.is_none();
        nothing && self.answers.is_none() && !self.last
    }

    /// Whether this is as much as should be released at once.
    pub fn is_large(&self) -> bool {
        self.text.len() >= EFFECTS_BYTES || self.work_done >= ADDRESS_TURN_WORK
    }

    /// The number of the command at hand within the batch.
    pub fn command(&self) -> u32 {
        self.command.number
    }

    /// Whether a command of this batch writes something. Only then can it fail, and be undone.
    pub fn has_written(&self, command: u32) -> bool {
        self.writers.binary_search(&command).is_ok()
    }

    /// What follows in this command happens only if `write` is stored; returns its index.
    pub fn write(&mut self, write: Write) -> u32 {
        let index = index(self.writes.len());
        self.writes.push(write);
        if self.writers.last() != Some(&self.command.number) {
            self.writers.push(self.command.number);
        }
        self.command.condition = Condition::Stored(index);
        index
    }

    /// The node of the asker has something to do with what is here in the list of effects.
    pub fn follow_up(&mut self, follow_up: FollowUp) {
        self.follow_ups.push_back((self.list.len(), self.command.condition, follow_up));
    }

    /// Sessions end when the command at hand is over.
    pub fn end_session(&mut self, ending: Ending) {
        self.endings.push(ending);
    }

    /// The sessions that end now.
    pub fn take_endings(&mut self) -> Vec<Ending> {
        std::mem::take(&mut self.endings)
    }

    /// The next thing that a command has left to the node of its session. What that asks for comes
    /// before the rest of the command's effects, which [`Effects::end_follow_up`] puts back.
    pub fn next_follow_up(&mut self) -> Option<(Rest, FollowUp)> {
        let (at, condition, follow_up) = self.follow_ups.pop_front()?;
        let before = std::mem::replace(&mut self.command.condition, condition);
        let effects = self.list.split_off(at);
        let follow_ups = std::mem::take(&mut self.follow_ups);
        Some((Rest { effects, at, condition: before, follow_ups }, follow_up))
    }

    /// Puts back what comes after what was followed up, and whatever that has left to the node in
    /// turn.
    pub fn end_follow_up(&mut self, rest: Rest) {
        debug_assert!(
            self.follow_ups.is_empty(),
            "what a follow-up leaves to the node comes first"
        );
        let more = self.list.len() - rest.at;
        self.follow_ups = rest.follow_ups;
        self.follow_ups.iter_mut().for_each(|(at, ..)| *at += more);
        self.list.extend(rest.effects);
        self.command.condition = rest.condition;
    }

    /// The command at hand takes work: rows looked at, characters compared.
    pub fn spend(&mut self, work: u64) {
        self.work += work;
    }

    /// Work that the hub has had with the command at hand so far.
    pub fn spent(&self) -> u64 {
        LINE_WORK + self.work + self.written() as u64 / BYTES_PER_WORK
    }

    /// What the command at hand asks of shards and readers.
    pub fn asked(&self) -> &[ConditionalEffect] {
        &self.list[self.command.list..]
    }

    /// What the command at hand wants stored.
    pub fn stores(&self) -> &[Write] {
        &self.writes[self.command.writes..]
    }

    /// Bytes of lines that the command at hand has led to.
    pub fn written(&self) -> usize {
        self.text.len() - self.command.text
    }

    /// On which outcome what follows in this command happens.
    pub fn condition(&self) -> Condition {
        self.command.condition
    }

    /// What follows in this command happens on `condition`, whatever was written since.
    pub fn resume(&mut self, condition: Condition) {
        self.command.condition = condition;
    }

    /// On which outcome the last word on the command's last write is due.
    pub fn settled(&self) -> Condition {
        match self.command.condition {
            Condition::Stored(write) => Condition::Settled(write),
            other => other,
        }
    }

    /// What follows in this command is said also if its message was stored before.
    pub fn settle(&mut self) {
        self.command.condition = self.settled();
    }

    /// Adds an effect that depends on the command's last write, if it had one.
    pub fn push(&mut self, effect: Effect) {
        self.list.push(ConditionalEffect { condition: self.command.condition, effect });
    }

    /// Adds an effect that happens on `condition`.
    pub fn push_when(&mut self, condition: Condition, effect: Effect) {
        self.list.push(ConditionalEffect { condition, effect });
    }

    /// Appends one line or more for `to`, written by `write`.
    pub fn reply(&mut self, to: SessionId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = index(self.text.len());
        write(&mut self.text);
        let end = index(self.text.len());
        if self.label.is_none()
            && let Some(ConditionalEffect { condition, effect: Effect::Reply { to: last, text } }) =
                self.list.last_mut()
            && *last == to
            && *condition == self.command.condition
            && text.end == start
        {
            text.end = end;
            return;
        }
        self.push(Effect::Reply { to, text: start..end });
    }

    /// Adds news whose line, without tags, is written by `body`; returns its index.
    pub fn news(&mut self, mut news: News, body: impl FnOnce(&mut Vec<u8>)) -> u32 {
        news.body = self.span(body);
        self.news.push(news);
        index(self.news.len() - 1)
    }

    /// Gives news another line for those with `extended-join`.
    pub fn extend(&mut self, news: u32, body: impl FnOnce(&mut Vec<u8>)) {
        self.news[news as usize].extended = Some(self.span(body));
    }

    /// A command begins; with a label, its replies will be marked as `labeled-response` has it.
    pub fn begin(&mut self, session: SessionId, label: Option<Arc<str>>, batches: bool) {
        debug_assert!(self.follow_ups.is_empty(), "each command is followed up before its end");
        self.command = self.next_command();
        self.counted = Default::default();
        let first = self.list.len();
        self.label = label.map(|value| Label { session, value, first, batches, reference: None });
    }

    /// A command goes on that was [paused](Self::pause).
    pub fn begin_again(&mut self, session: SessionId, label: Option<OpenLabel>, batches: bool) {
        let (value, reference) = match label {
            Some(OpenLabel { value, reference }) => (Some(value), reference),
            None => (None, None),
        };
        self.begin(session, value, batches);
        if let Some(label) = &mut self.label {
            label.reference = reference;
        }
    }

    /// Where the command that goes on does so, and how many bytes its earlier turns answered.
    pub fn resume_at(&mut self, cursor: Cursor, answered: usize) {
        self.resumed = (cursor, answered);
    }

    /// The command at hand has done a part: the next one begins here.
    pub fn go_on_at(&mut self, cursor: Cursor) {
        self.next = Some(cursor);
    }

    /// Where the next part of the command at hand begins, if there is one.
    pub fn take_next(&mut self) -> Option<Cursor> {
        self.next.take()
    }

    /// Where the part of the command at hand begins that is applied now.
    pub fn go_on_from(&mut self, cursor: Cursor) {
        self.resumed.0 = cursor;
    }

    /// Where the command at hand goes on: at its start, if it has not been paused.
    pub fn take_cursor(&mut self) -> Cursor {
        std::mem::take(&mut self.resumed.0)
    }

    /// Bytes of lines that the command at hand has led to in all its turns.
    pub fn answered(&self) -> usize {
        self.resumed.1 + self.written()
    }

    /// The command goes on in another turn, when others have had theirs. Its label waits for that.
    pub fn pause(&mut self, server: &str) -> Option<OpenLabel> {
        let label = self.label.take().map(|label| {
            let reference = self.mark_part(&label, server, true);
            OpenLabel { value: label.value, reference }
        });
        self.end(server);
        label
    }

    /// The label of the command at hand, if it has one.
    pub fn label(&self) -> Option<&Arc<str>> {
        self.label.as_ref().map(|label| &label.value)
    }

    /// The label, for a command that is answered later.
    pub fn take_label(&mut self) -> Option<Arc<str>> {
        self.label.take().map(|label| label.value)
    }

    /// The command ends: marks what answers it with its label.
    ///
    /// <https://ircv3.net/specs/extensions/labeled-response>: no answer is an `ACK`, one line bears the label itself, more
    /// are wrapped in a batch that does.
    pub fn end(&mut self, server: &str) {
        if let Some(label) = self.label.take() {
            self.settle();
            match label.reference {
                Some(_) => _ = self.mark_part(&label, server, false),
                None => self.mark_answers(&label, server),
            }
        }
        self.work_done += self.spent();
        self.command = self.next_command();
        self.counted = Default::default();
        self.work = 0;
        (self.resumed, self.next) = ((Cursor::Start, 0), None);
    }

    fn next_command(&self) -> Command {
        Command {
            number: self.command.number + 1,
            condition: Condition::Always,
            list: self.list.len(),
            writes: self.writes.len(),
            text: self.text.len(),
        }
    }

    /// Marks what one turn of a command has answered: all turns' answers are in one batch, which
    /// the first one opens and the last one closes. Returns the batch's reference; none if the
    /// session knows no batches, and each line bears the label.
    fn mark_part(&mut self, label: &Label, server: &str, more: bool) -> Option<Box<str>> {
        let tag = raw_tag("label", &label.value);
        let answers = self.find_answers(label, &tag);
        if !label.batches {
            answers.iter().for_each(|at| self.mark(*at, &tag));
            return None;
        }
        let new = || format!("P{}-{}", self.batch, self.text.len()).into();
        let reference: Box<str> = label.reference.clone().unwrap_or_else(new);
        for at in answers {
            if !self.is_in_batch(at) {
                self.mark(at, &raw_tag("batch", &reference));
            }
        }
        let to = label.session;
        if label.reference.is_none() {
            let text = self.span(|out| {
                let line = Line::to(out).raw_tags(&tag).source(server).verb("BATCH");
                line.param(&format!("+{reference}")).param("labeled-response").end();
            });
            let start = ConditionalEffect {
                condition: Condition::Always,
                effect: Effect::Reply { to, text },
            };
            self.list.insert(label.first, start);
        }
        if !more {
            let text = self.span(|out| {
                let line = Line::to(out).source(server).verb("BATCH");
                line.param(&format!("-{reference}")).end();
            });
            self.push_when(Condition::Always, Effect::Reply { to, text });
        }
        Some(reference)
    }

    /// Where the answers to a command are. What may yet answer it in their place gets the tag.
    fn find_answers(&mut self, label: &Label, tag: &str) -> Vec<usize> {
        for effect in &mut self.list[label.first..] {
            if let Effect::NotStored { tag: slot, .. } | Effect::Refused { tag: slot, .. } =
                &mut effect.effect
            {
                *slot = Some(tag.into());
            }
        }
        let all = label.first..self.list.len();
        all.filter(|at| self.list[*at].effect.answers(label.session)).collect()
    }

    fn mark_answers(&mut self, label: &Label, server: &str) {
        let tag = raw_tag("label", &label.value);
        let answers = self.find_answers(label, &tag);
        match answers[..] {
            [] => self.reply(label.session, |out| {
                Line::to(out).raw_tags(&tag).source(server).verb("ACK").end();
            }),
            [only] => self.mark(only, &tag),
            [first, ..] if label.batches => {
                let reference = format!("L{}", self.text.len());
                for at in &answers {
                    // What is in an inner batch is in this one by it.
                    if !self.is_in_batch(*at) {
                        self.mark(*at, &raw_tag("batch", &reference));
                    }
                }
                // Answers that wait for different things are in it, whichever of them come.
                let condition = self.list[first].condition;
                let same = answers.iter().all(|at| self.list[*at].condition == condition);
                let condition = if same { condition } else { Condition::Always };
                let start = self.span(|out| {
                    let line = Line::to(out).raw_tags(&tag).source(server).verb("BATCH");
                    line.param(&format!("+{reference}")).param("labeled-response").end();
                });
                let effect = Effect::Reply { to: label.session, text: start };
                self.list.insert(first, ConditionalEffect { condition, effect });
                let end = self.span(|out| {
                    Line::to(out)
                        .source(server)
                        .verb("BATCH")
                        .param(&format!("-{reference}"))
                        .end();
                });
                let effect = Effect::Reply { to: label.session, text: end };
                self.list.push(ConditionalEffect { condition, effect });
            }
            [..] => answers.iter().for_each(|at| self.mark(*at, &tag)),
        }
    }

    /// Writes a line, to be referred to by an effect.
    pub fn span(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<u32> {
        let start = index(self.text.len());
        write(&mut self.text);
        start..index(self.text.len())
    }

    /// Where the next line will begin.
    pub fn end_of_text(&self) -> u32 {
        index(self.text.len())
    }

    /// Whether the effect at `at` is a line of a batch already.
    fn is_in_batch(&self, at: usize) -> bool {
        match &self.list[at].effect {
            Effect::Reply { text, .. } => self.text[text.start as usize..].starts_with(b"@batch="),
            _ => false,
        }
    }

    /// Puts `tag` on the line that the effect at `at` sends.
    fn mark(&mut self, at: usize, tag: &str) {
        match &mut self.list[at].effect {
            Effect::Reply { text, .. } => {
                let line = self.text[text.start as usize..text.end as usize].to_vec();
                if tag.starts_with("batch=") && line.starts_with(b"@batch=") {
                    return; // It is in a batch of its own, which is in this one.
                }
                let start = index(self.text.len());
                self.text.extend_from_slice(b"@");
                self.text.extend_from_slice(tag.as_bytes());
                match line.strip_prefix(b"@") {
                    Some(tagged) => {
                        self.text.push(b';');
                        self.text.extend_from_slice(tagged);
                    }
                    None => {
                        self.text.push(b' ');
                        self.text.extend_from_slice(&line);
                    }
                }
                *text = start..index(self.text.len());
            }
            Effect::Confirm { tag: slot, .. } | Effect::Read { tag: slot, .. } => {
                *slot = Some(tag.into());
            }
            _ => {}
        }
    }
}

fn raw_tag(key: &str, value: &str) -> Box<str> {
    let mut tag = format!("{key}=").into_bytes();
    proto::tags::escape_value(value, &mut tag);
    String::from_utf8(tag).expect("escaping keeps UTF-8").into()
}

/// An index or offset within one batch; its text is bounded far below 4 GiB.
fn index(at: usize) -> u32 {
    u32::try_from(at).expect("a batch stays far below 4 GiB")
}

/// Writes `ERROR :reason`.
pub fn write_error(out: &mut Vec<u8>, reason: &str) {
    Line::to(out).verb("ERROR").text(reason).end();
}
