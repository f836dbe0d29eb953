//! Answers to `SEARCH` and `FIND`.

use super::{Page, page_budget};
use crate::effects::Read;
use crate::limits::SEARCH_STEP_MILLIS;
use proto::time::write_date;
use proto::{Capability, Line};
use std::thread;
use std::time::{Duration, Instant};
use store::{Conversation, Event, Failure, Found, Reached, Reader, Scope, Search};

impl Page<'_> {
    /// What the requester may read of what they search for.
    fn search(&self, store: &mut dyn Reader, search: &Search) -> Result<Found, Failure> {
        let begun = Instant::now();
        let request = &self.job.request;
        let since = |room| request.since.iter().find(|(of, _)| *of == room);
        let rooms = request.rooms.iter().map(|(room, _)| *room);
        let rooms = rooms.map(|room| (room, since(room).map_or(0, |(_, since)| *since)));
        let search = Search { rooms: rooms.collect(), ..search.clone() };
        let may_read = |event: &Event| may_read(request, event) && !self.is_ignored(event);
        let found = store.search(&search, &may_read);
        // How long it takes depends on what others say where the requester may not read, too.
        wait_for_step(begun);
        let mut found = found?;
        let before = found.events.len();
        match search.oldest_first {
            true => page_budget::keep_oldest(&mut found.events, request.bytes),
            false => page_budget::keep_newest(&mut found.events, request.bytes),
        }
        if found.events.len() < before {
            let last = if search.oldest_first { found.events.last() } else { found.events.first() };
            let reached = |event: &Event| Reached { id: event.id, time: event.time, late: false };
            found.reached = last.map(reached);
        }
        Ok(found)
    }

    /// The answer to `SEARCH`: a batch. If the time was over before the end, its last line tells.
    pub(super) fn answer_search(
        &mut self,
        store: &mut dyn Reader,
        search: &Search,
    ) -> Result<(), Failure> {
        let found = self.search(store, search)?;
        self.batch(self.batch_type(), None, |page, tag| {
            page.events(&found.events, tag);
            if let Some(reached) = found.reached.filter(|reached| reached.late) {
                page.end_of_search("SEARCH", &found, Some(reached), tag, search.oldest_first);
            }
        });
        Ok(())
    }

    /// The answer to `FIND`: the messages, and how far the search went.
    pub(super) fn answer_find(
        &mut self,
        store: &mut dyn Reader,
        search: &Search,
    ) -> Result<(), Failure> {
        let found = self.search(store, search)?;
        self.batch(self.batch_type(), None, |page, tag| page.events(&found.events, tag));
        let tag = self.tag.clone();
        self.end_of_search("FIND", &found, found.reached, &tag, false);
        Ok(())
    }

    fn batch_type(&self) -> &'static str {
        let draft = self.capabilities().contains(Capability::SearchDraft)
            && !self.capabilities().contains(Capability::Search);
        if draft { "search" } else { "soju.im/search" }
    }

    fn end_of_search(
        &mut self,
        verb: &str,
        found: &Found,
        reached: Option<Reached>,
        tag: &str,
        forward: bool,
    ) {
        let (next, text) = match reached {
            None => ("*".to_owned(), "End of results".to_owned()),
            Some(Reached { id, time, late }) => {
                let msgid = self.renderer.msgid(id).to_string();
                let mut date = Vec::new();
                write_date(time, &mut date);
                let date = String::from_utf8_lossy(&date);
                let text = match (late, forward) {
                    (true, true) => format!("Searched up to {date} UTC"),
                    (true, false) => format!("Searched back to {date} UTC"),
                    (false, _) => format!("There may be more; to go on, add before:{msgid}"),
                };
                (msgid, text)
            }
        };
        let line = Line::to(&mut self.out).raw_tags(tag).source(&self.renderer.server);
        let line = line.verb("NOTE").param(verb).param("END");
        line.param(&found.events.len().to_string()).param(&next).text(&text).end();
    }
}

/// Whether a page of history would show it to the requester.
fn may_read(request: &Read, event: &Event) -> bool {
    let known = match event.conversation.as_room() {
        Some(room) => request.rooms.iter().any(|(of, _)| *of == room),
        None => event.conversation.other(request.me.0).is_some(),
    };
    let one = |of: Conversation| of == event.conversation;
    known
        && match request.readable(Scope::One(event.conversation)) {
            Scope::One(of) => one(of),
            Scope::Since { room, after } => one(Conversation::room(room)) && after < event.id,
            Scope::Everything { .. } => false,
        }
}

/// Answers leave at steps of time.
fn wait_for_step(begun: Instant) {
    let step = Duration::from_millis(SEARCH_STEP_MILLIS).as_micros();
    let over = begun.elapsed().as_micros() % step;
    let left = u64::try_from(step - over).unwrap_or(0);
    thread::sleep(Duration::from_micros(left));
}
