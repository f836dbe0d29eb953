//! Readers: threads that read history and render it, with the same renderer as live delivery.

pub mod export;
pub mod fair_queue;
pub mod page_budget;
mod search;
mod unread;

use crate::damage::Watch;
use crate::effects::{Read, ReadKind, Silence, UnreadForm};
use crate::inbox::{Inbox, Item};
use crate::limits::{
    HISTORY_PAGE_MOST, PAGE_READERS, PENDING_SHOWN, PLAYBACK_BYTES, READ_QUEUE, READ_QUEUE_OF_ONE,
    READ_TURN_MILLIS, READER_NICE, SEARCH_QUEUE_OF_ONE, SEARCH_READERS,
};
use crate::priority::{self, Foreground};
use crate::render::{Author, PLAYBACK, Renderer, Tagging};
use crate::session_id::SessionId;
use prometheus_client::metrics::gauge::Gauge;
use proto::time::write_server_time;
use proto::{Capabilities, Capability, Line};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{
    AccountId, Conversation, Event, EventId, EventKind, Failure, Kinds, Point, Query, Reader,
    Scope, Select,
};

/// A typical line's overhead in bytes, besides its text and the client's tags.
const USUAL_FRAME_BYTES: usize = 128;

/// Above the id of any event.
const ANY_EVENT: EventId = EventId::MAX >> 1;

/// A read of history for one session.
#[derive(Debug)]
pub struct ReadJob {
    /// The requester.
    pub session: SessionId,
    /// The answer's placeholder in the session's outbox.
    pub placeholder: u64,
    /// What to read and how to show it.
    pub request: Arc<Read>,
    /// A raw tag for the answer.
    pub tag: Option<Box<str>>,
    /// What earlier turns have read.
    pub partial: Option<PartialAnswer>,
}

/// The part of an answer that earlier turns have read.
#[derive(Debug)]
pub struct PartialAnswer {
    out: Vec<u8>,
    batches: usize,
    /// The conversations still to be played back.
    rest: Conversations,
}

/// Conversations with their names as the requester knows them.
type Conversations = Vec<(Conversation, Arc<str>)>;

/// The queues to the readers. They serve accounts in turn, and pages do not wait behind overviews
/// of all conversations.
#[derive(Clone, Debug)]
pub struct Readers {
    pages: fair_queue::Sender<AccountId, ReadJob>,
    overviews: fair_queue::Sender<AccountId, ReadJob>,
    searches: fair_queue::Sender<AccountId, ReadJob>,
}

/// A reader's end of a queue.
pub struct Queue {
    jobs: fair_queue::Receiver<AccountId, ReadJob>,
    /// Whether its reader pauses for messages. Searches do not: their time is limited.
    pauses: bool,
}

/// The queues, and their receiving ends, one per thread. `waiting` is the gauge of queued reads.
pub fn queues(waiting: &Gauge) -> (Readers, Vec<Queue>) {
    let queue = |most, most_each| fair_queue::bounded(most, most_each, waiting.clone());
    let (pages, page_reader) = queue(READ_QUEUE / 2, READ_QUEUE_OF_ONE);
    let (overviews, overview_reader) = queue(READ_QUEUE / 4, READ_QUEUE_OF_ONE);
    let (searches, search_reader) = queue(READ_QUEUE / 4, SEARCH_QUEUE_OF_ONE);
    let mut readers = vec![page_reader; PAGE_READERS];
    readers.push(overview_reader);
    let pausing = readers.into_iter().map(|jobs| Queue { jobs, pauses: true });
    let searching = vec![search_reader; SEARCH_READERS].into_iter();
    let readers = pausing.chain(searching.map(|jobs| Queue { jobs, pauses: false })).collect();
    (Readers { pages, overviews, searches }, readers)
}

impl Readers {
    /// Queues a read.
    ///
    /// # Errors
    /// The lines to answer instead, when too many reads are waiting.
    pub fn submit(&self, job: ReadJob, renderer: &Renderer) -> Result<(), Vec<u8>> {
        let request = &job.request;
        let queue = match (request.is_search(), request.is_overview()) {
            (true, _) => &self.searches,
            (_, true) => &self.overviews,
            _ => &self.pages,
        };
        queue.try_send(request.me.0, job).map_err(|job| {
            let text = "Too many concurrent history reads; try again in a moment";
            failure(renderer, &job, ReadFailure::Busy, text)
        })
    }
}

/// The answer to a labeled command that has no other.
fn acknowledge(renderer: &Renderer, out: &mut Vec<u8>, tag: &str) {
    Line::to(out).raw_tags(tag).source(&renderer.server).verb("ACK").end();
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq)]
enum ReadFailure {
    /// Too many reads are waiting.
    Busy,
    /// The store cannot be read.
    Store,
}

fn failure(renderer: &Renderer, job: &ReadJob, cause: ReadFailure, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let tag = job.tag.as_deref().unwrap_or_default();
    let verb = match job.request.what {
        ReadKind::Ch { .. } => "CH",
        // Not requested, or by a client that would not understand a failure; they are shown next time.
        ReadKind::Pending { .. }
        | ReadKind::Playback { .. }
        | ReadKind::Buffers
        | ReadKind::Unread { form: UnreadForm::Greeting { .. }, .. } => {
            if tag.starts_with("label=") {
                acknowledge(renderer, &mut out, tag);
            }
            return out;
        }
        ReadKind::Export { .. } => "ACCOUNT",
        ReadKind::Page { .. } | ReadKind::Targets { .. } => "CHATHISTORY",
        ReadKind::Audit { .. } => "AUDIT",
        ReadKind::Unread { .. } => "UNREAD",
        ReadKind::Search { .. } => "SEARCH",
        ReadKind::Find { .. } => "FIND",
    };
    // The specification of `SEARCH` has other names for them.
    let code = match (&job.request.what, cause) {
        (ReadKind::Search { .. }, ReadFailure::Busy) => "TOO_BUSY",
        (ReadKind::Search { .. }, ReadFailure::Store) => "INTERNAL_ERROR",
        (_, ReadFailure::Busy) => "BUSY",
        (_, ReadFailure::Store) => "MESSAGE_ERROR",
    };
    let line = Line::to(&mut out).raw_tags(tag).source(&renderer.server).verb("FAIL");
    line.param(verb).param(code).text(text).end();
    out
}

/// Reads and renders until the server stops.
pub fn run(
    queue: &Queue,
    mut store: Box<dyn Reader>,
    renderer: &Renderer,
    shards: &[Inbox],
    damage: &Watch,
    foreground: &Arc<Foreground>,
) {
    priority::stand_back(READER_NICE, "History is read");
    if queue.pauses {
        let foreground = foreground.clone();
        store.set_progress_handler(Box::new(move || foreground.pause()));
    }
    while let Some(mut turn) = queue.jobs.recv() {
        let Some(mut job) = turn.item.take() else { continue };
        let mut page = Page::new(renderer, &mut job);
        match page.write_tagged(&mut *store) {
            Ok(None) => {}
            Ok(Some(rest)) => {
                let partial = PartialAnswer { out: page.out, batches: page.batches, rest };
                turn.put_back(ReadJob { partial: Some(partial), ..job });
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "Cannot read history");
                let text = "The server could not read its history; try again later";
                (page.out, page.pending) =
                    (failure(renderer, page.job, ReadFailure::Store, text), None);
            }
        }
        let (lines, pending) = (page.out, page.pending);
        damage.look();
        let item =
            Item::Page { session: job.session, placeholder: job.placeholder, lines, pending };
        if !shards[usize::from(job.session.shard)].send(item) {
            return;
        }
    }
}

/// A page being written.
struct Page<'a> {
    renderer: &'a Renderer,
    job: &'a ReadJob,
    /// The raw tag of all lines outside the answer's own batches (`label=…` or `batch=…`).
    tag: Box<str>,
    out: Vec<u8>,
    pending: Option<EventId>,
    /// The number of batches that a playback has begun.
    batches: usize,
    /// What a playback leaves for another turn.
    rest: Option<Conversations>,
    /// When the turn began.
    since: Instant,
}

impl<'a> Page<'a> {
    /// A page, or the rest of one.
    fn new(renderer: &'a Renderer, job: &'a mut ReadJob) -> Page<'a> {
        let (out, batches, rest) = match job.partial.take() {
            None => (Vec::new(), 0, None),
            Some(PartialAnswer { out, batches, rest }) => (out, batches, Some(rest)),
        };
        let tag = job.tag.as_deref().unwrap_or_default().into();
        Page { renderer, job, tag, out, pending: None, batches, rest, since: Instant::now() }
    }
}

impl Page<'_> {
    /// Writes the answer to a command, labeled if it has a label: a single line or batch carries
    /// the label itself; if there may be more, they are wrapped in a batch that carries it; and if
    /// there are none, an `ACK` does. Returns what is left for another turn.
    ///
    /// <https://ircv3.net/specs/extensions/labeled-response>
    fn write_tagged(&mut self, store: &mut dyn Reader) -> Result<Option<Conversations>, Failure> {
        if !self.tag.starts_with("label=") {
            return self.write(store);
        }
        let one = match self.job.request.what {
            ReadKind::Page { .. } | ReadKind::Targets { .. } | ReadKind::Search { .. } => true,
            ReadKind::Unread { form, .. } => form == UnreadForm::Batch,
            _ => false,
        };
        if one || !self.capabilities().contains(Capability::Batch) {
            let rest = self.write(store)?;
            if rest.is_some() {
                return Ok(rest);
            }
        } else {
            let reference = format!("L{}", self.job.placeholder);
            let label = std::mem::replace(&mut self.tag, format!("batch={reference}").into());
            let rest = self.write(store)?;
            if rest.is_some() {
                return Ok(rest);
            }
            self.tag = label;
            if !self.out.is_empty() {
                let inner = std::mem::take(&mut self.out);
                let line =
                    Line::to(&mut self.out).raw_tags(&self.tag).source(&self.renderer.server);
                let line = line.verb("BATCH").param(&format!("+{reference}"));
                line.param("labeled-response").end();
                self.out.extend_from_slice(&inner);
                let line = Line::to(&mut self.out).source(&self.renderer.server).verb("BATCH");
                line.param(&format!("-{reference}")).end();
            }
        }
        if self.out.is_empty() {
            acknowledge(self.renderer, &mut self.out, &self.tag);
        }
        Ok(None)
    }

    fn write(&mut self, store: &mut dyn Reader) -> Result<Option<Conversations>, Failure> {
        match &self.job.request.what {
            ReadKind::Ch { query, target } => {
                let events = self.page(store, query)?;
                self.batch("chathistory", Some(target), |page, tag| page.events(&events, tag));
                self.end_of_ch(&events, target);
            }
            ReadKind::Page { query, target } => {
                let events = self.page(store, query)?;
                self.batch("chathistory", Some(target), |page, tag| page.events(&events, tag));
            }
            ReadKind::Search { search } => self.answer_search(store, search)?,
            ReadKind::Find { search } => self.answer_find(store, search)?,
            ReadKind::Targets { first, second, limit } => {
                self.targets(store, *first, *second, *limit)?;
            }
            ReadKind::Playback { of, after, before, limit, up_to, batch } => {
                let conversations = match (self.rest.take(), of) {
                    (Some(rest), _) => rest,
                    (None, Some(of)) => of.clone(),
                    (None, None) => self.conversations(store, *after)?,
                };
                let select = Select::Between(Point::Time(*before), Point::Time(*after));
                let mut rest = conversations.into_iter();
                while let Some((conversation, name)) = rest.next() {
                    // The answer is long enough; clients ask again for the rest.
                    if self.out.len() > PLAYBACK_BYTES.min(self.job.request.bytes) {
                        break;
                    }
                    let (of, limit, up_to) = (Scope::One(conversation), *limit, *up_to);
                    let query = Query { of, select, limit, up_to, kinds: Kinds::MESSAGES };
                    let events = self.page(store, &query)?;
                    if !events.is_empty() {
                        self.batches += 1;
                        self.batch(batch, Some(&name), |page, tag| page.events(&events, tag));
                    }
                    let over = self.since.elapsed() > Duration::from_millis(READ_TURN_MILLIS);
                    if over && rest.len() > 0 {
                        return Ok(Some(rest.collect()));
                    }
                }
            }
            ReadKind::Audit { before, limit } => self.audit(store, *before, *limit)?,
            ReadKind::Buffers => self.buffers(store)?,
            ReadKind::Unread { of, form, unmarked, muted, now } => {
                let unread = self.unread(store, of.as_ref(), *unmarked)?;
                match form {
                    UnreadForm::Batch => self.unread_batch(store, of.as_ref(), unread)?,
                    UnreadForm::Sentences => {
                        self.unread_sentences(store, of.as_ref(), unread, muted, *now)?;
                    }
                    UnreadForm::Greeting { notice } => {
                        self.greeting(store, unread, muted, *now, *notice)?;
                    }
                }
            }
            ReadKind::Export { after } => {
                let how = (self.renderer, &*self.job.request, &*self.tag);
                export::write_page(&mut self.out, how, store, *after)?;
            }
            ReadKind::Pending { up_to, read } => {
                let mut events = store.pending(self.job.request.me.0, *up_to, PENDING_SHOWN)?;
                let newest = events.last().map(|event| event.id);
                let all = events.len() < PENDING_SHOWN;
                let is_read = |event: &Event| {
                    read.iter().any(|(of, time)| *of == event.conversation && event.time <= *time)
                };
                events.retain(|event| !is_read(event) && !self.is_ignored(event));
                let found = events.len();
                page_budget::keep_oldest(&mut events, self.job.request.bytes);
                self.events(&events, "");
                // Up to what was shown: if there are more, the next login shows them.
                self.pending = match newest {
                    Some(_) if events.len() < found => events.last().map(|event| event.id),
                    Some(_) if all => Some(*up_to),
                    newest => newest,
                };
            }
        }
        Ok(None)
    }

    fn page(&self, store: &mut dyn Reader, query: &Query) -> Result<Vec<Event>, Failure> {
        let of = self.job.request.readable(query.of);
        let mut events = store.page(&Query { of, ..query.clone() })?;
        events.retain(|event| !self.is_ignored(event));
        page_budget::fit(&mut events, query.select, self.job.request.bytes);
        Ok(events)
    }

    /// Whether an event is a private message from somebody the requester ignores.
    fn is_ignored(&self, event: &Event) -> bool {
        let request = &self.job.request;
        if request.ignored.is_empty()
            || event.account == request.me.0
            || event.conversation.as_room().is_some()
            || event.kind == EventKind::Damaged
        {
            return false;
        }
        let author = Author::of(event);
        let source = self.renderer.source(author);
        request.ignored.iter().any(|entry| entry.matches(event.account, &source, &mut 0))
    }

    /// Whether a conversation is with an account the requester ignores.
    fn is_with_ignored(&self, conversation: Conversation) -> bool {
        let other = conversation.other(self.job.request.me.0);
        other.is_some_and(|other| self.job.request.ignored.contains(&Silence::Account(other)))
    }

    fn capabilities(&self) -> Capabilities {
        self.job.request.capabilities
    }

    /// Wraps lines in a batch, for clients that support them. The inner tag is then `batch=…`, else
    /// the answer's own.
    fn batch(&mut self, kind: &str, target: Option<&str>, write: impl FnOnce(&mut Self, &str)) {
        let outer = self.tag.clone();
        if !self.capabilities().contains(Capability::Batch) {
            return write(self, &outer);
        }
        // Unique among the answers that a session is waiting for.
        let reference = match self.batches {
            0 => format!("H{}", self.job.placeholder),
            number => format!("H{}-{number}", self.job.placeholder),
        };
        let line = Line::to(&mut self.out).raw_tags(&outer).source(&self.renderer.server);
        let line = line.verb("BATCH").param(&format!("+{reference}")).param(kind);
        match target {
            Some(target) => line.param(target).end(),
            None => line.end(),
        }
        write(self, &format!("batch={reference}"));
        let inner = outer.strip_prefix("batch=").map_or("", |_| &*outer);
        let line = Line::to(&mut self.out).raw_tags(inner).source(&self.renderer.server);
        line.verb("BATCH").param(&format!("-{reference}")).end();
    }

    fn events(&mut self, events: &[Event], tag: &str) {
        let tagging = Tagging { capabilities: self.capabilities(), tag };
        // Reserved at once: growing step by step would copy it each time.
        let bytes = |event: &Event| USUAL_FRAME_BYTES + event.text.len() + event.tags.len();
        self.out.reserve(events.iter().map(bytes).sum());
        for event in events {
            let target = self.target(event);
            self.renderer.event(&mut self.out, event, &target, tagging);
        }
    }

    /// The target of an event: a room's name, or the receiver.
    fn target(&self, event: &Event) -> Arc<str> {
        match event.conversation.as_room() {
            None if event.kind == EventKind::Damaged => self.job.request.me.1.clone(),
            None => event.target.clone(),
            Some(room) => {
                let known = self.job.request.rooms.iter().find(|(id, _)| *id == room);
                known.map_or_else(|| "*".into(), |(_, name)| name.clone())
            }
        }
    }

    /// All conversations of the requester with events after a time, and their names.
    fn conversations(
        &self,
        store: &mut dyn Reader,
        after: i64,
    ) -> Result<Vec<(Conversation, Arc<str>)>, Failure> {
        let request = &self.job.request;
        let rooms: Vec<_> = request.rooms.iter().map(|(id, _)| *id).collect();
        let mut all = Vec::new();
        for (conversation, _) in
            store.targets(request.me.0, &rooms, after, i64::MAX, HISTORY_PAGE_MOST)?
        {
            if !self.is_with_ignored(conversation) && self.is_readable(store, conversation)? {
                all.extend(self.name(store, conversation)?.map(|name| (conversation, name)));
            }
        }
        Ok(all)
    }

    /// Whether a conversation has any message that the requester may read.
    fn is_readable(
        &self,
        store: &mut dyn Reader,
        conversation: Conversation,
    ) -> Result<bool, Failure> {
        let of = self.job.request.readable(Scope::One(conversation));
        if !matches!(of, Scope::Since { .. }) {
            return Ok(true);
        }
        let (select, kinds) = (Select::Latest, Kinds::MESSAGES);
        let query = Query { of, select, limit: 1, up_to: ANY_EVENT, kinds };
        Ok(!store.page(&query)?.is_empty())
    }

    /// The answer to `LIST`, in ZNC's format: each name, with the times of its first and last
    /// message.
    fn buffers(&mut self, store: &mut dyn Reader) -> Result<(), Failure> {
        let source = format!("{PLAYBACK}!{PLAYBACK}@{}", self.renderer.server);
        let request = self.job.request.clone();
        let me = request.me.1.clone();
        for (conversation, name) in self.conversations(store, i64::MIN)? {
            let mut end = |select| {
                let of = request.readable(Scope::One(conversation));
                let query =
                    Query { of, select, limit: 1, up_to: ANY_EVENT, kinds: Kinds::MESSAGES };
                let page = store.page(&query)?;
                Ok::<_, Failure>(page.first().map_or(0.0, |event| event.time as f64 / 1000.0))
            };
            let (first, last) = (end(Select::After(Point::Id(0)))?, end(Select::Latest)?);
            let line = Line::to(&mut self.out).raw_tags(&self.tag).source(&source).verb("PRIVMSG");
            line.param(&me).text(&format!("{name} {first:.3} {last:.3}")).end();
        }
        Ok(())
    }

    fn audit(&mut self, store: &mut dyn Reader, before: u64, limit: usize) -> Result<(), Failure> {
        let entries = store.audit(before, limit)?;
        let oldest = entries.first().map_or(0, |(id, _)| *id).to_string();
        let count = entries.len().to_string();
        for (id, entry) in entries {
            let mut time = Vec::new();
            write_server_time(entry.time, &mut time);
            let line = Line::to(&mut self.out).raw_tags(&self.tag).source(&self.renderer.server);
            let line = line.verb("NOTE").param("AUDIT").param("ENTRY").param(&id.to_string());
            let line = line.param(&String::from_utf8_lossy(&time)).param(&entry.by);
            // Verb and subcommand count as one word here, and there is always a target.
            let line = line.param(&entry.verb.replace(' ', "-"));
            let target = Some(&*entry.target).filter(|target| !target.is_empty());
            line.param(target.unwrap_or("*")).text(&entry.reason).end();
        }
        let line = Line::to(&mut self.out).raw_tags(&self.tag).source(&self.renderer.server);
        let line = line.verb("NOTE").param("AUDIT").param("END").param(&count).param(&oldest);
        line.text("End of the audit log").end();
        Ok(())
    }

    fn end_of_ch(&mut self, events: &[Event], target: &str) {
        let oldest = events.first().map(|event| self.renderer.msgid(event.id));
        let line = Line::to(&mut self.out).raw_tags(&self.tag).source(&self.renderer.server);
        line.verb("NOTE")
            .param("CH")
            .param("END")
            .param(target)
            .param(&events.len().to_string())
            .param(oldest.as_deref().unwrap_or("*"))
            .text("End of history")
            .end();
    }

    fn targets(
        &mut self,
        store: &mut dyn Reader,
        first: i64,
        second: i64,
        limit: usize,
    ) -> Result<(), Failure> {
        let request = self.job.request.clone();
        let rooms: Vec<_> = request.rooms.iter().map(|(id, _)| *id).collect();
        let mut found = Vec::new();
        for (conversation, time) in store.targets(request.me.0, &rooms, first, second, limit)? {
            if !self.is_with_ignored(conversation) && self.is_readable(store, conversation)? {
                found.extend(self.name(store, conversation)?.map(|name| (name, time)));
            }
        }
        self.batch("draft/chathistory-targets", None, |page, tag| {
            for (name, time) in found {
                let mut stamp = Vec::new();
                write_server_time(time, &mut stamp);
                let line = Line::to(&mut page.out).raw_tags(tag).source(&page.renderer.server);
                let line = line.verb("CHATHISTORY").param("TARGETS").param(&name);
                line.param(&String::from_utf8_lossy(&stamp)).end();
            }
        });
        Ok(())
    }

    /// The name of a conversation as the requester knows it: the room's, or that of the other user in
    /// its newest message.
    fn name(
        &self,
        store: &mut dyn Reader,
        conversation: Conversation,
    ) -> Result<Option<Arc<str>>, Failure> {
        if let Some(room) = conversation.as_room() {
            let known = self.job.request.rooms.iter().find(|(id, _)| *id == room);
            return Ok(known.map(|(_, name)| name.clone()));
        }
        let me = self.job.request.me.0;
        let latest = |limit| {
            let (of, select) = (Scope::One(conversation), Select::Latest);
            Query { of, select, limit, up_to: ANY_EVENT, kinds: Kinds::MESSAGES }
        };
        let mut page = store.page(&latest(1))?;
        // A damaged message names nobody.
        if page.iter().any(|event| event.kind == EventKind::Damaged) {
            page = store.page(&latest(HISTORY_PAGE_MOST))?;
            page.retain(|event| event.kind != EventKind::Damaged);
        }
        Ok(page.pop().map(|event| match event.account == me {
            true => event.target,
            false => event.nick,
        }))
    }
}
