//! Requests for history: pages, searches, conversations with new messages.

use crate::change::Change;
use crate::chat::{Chat, Request};
use crate::conversation::With;
use crate::limits::{RESULTS, TARGETS};
use crate::send::{SendError, timestamp};
use crate::timeline::Run;
use proto::Line;
use proto::name::same;

/// The end of the year 9999, later than any message, in milliseconds since 1970 UTC.
const NEVER_MS: i64 = 253_402_300_799_999;

impl Chat {
    /// Requests the newest page of a conversation, unless it is known to be complete.
    pub(crate) fn refresh(&mut self, name: &str, out: &mut Vec<u8>) {
        let Some(conversation) = self.conversation(name) else { return };
        if conversation.with == With::Server {
            return;
        }
        let timeline = &conversation.timeline;
        let complete = timeline.is_from_start() || timeline.entries().next().is_some();
        let broken = timeline.rows().back() == Some(&crate::timeline::Row::Gap);
        if conversation.loading == 0 && (!complete || broken || !self.ready) {
            // On a server without history nothing is requested, and that is not an error.
            let _ = self.load(name, Run::Latest, out);
        }
    }

    pub(crate) fn load(
        &mut self,
        target: &str,
        run: Run,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.must_have("draft/chathistory", "history")?;
        let is_open = |request: &Request| match request {
            Request::Page { target: of, run: open } => same(of, target) && *open == run,
            _ => false,
        };
        if self.requests.values().any(is_open) {
            return Ok(());
        }
        let (verb, selector) = match &run {
            Run::Latest => ("LATEST", "*".to_owned()),
            Run::Before(msgid) => ("BEFORE", format!("msgid={msgid}")),
            Run::After(msgid) => ("AFTER", format!("msgid={msgid}")),
            // "After" leaves the time itself out.
            Run::Since(ms) => ("AFTER", timestamp(ms - 1)),
            Run::Around(msgid) => ("AROUND", format!("msgid={msgid}")),
        };
        let count = self.server.page().to_string();
        let request = Request::Page { target: target.to_owned(), run };
        let line = match self.label(request) {
            Some(label) => Line::to(out).tag("label", &label),
            None => return Err(SendError::Unsupported("so many requests at once")),
        };
        line.verb("CHATHISTORY").param(verb).param(target).param(&selector).param(&count).end();
        self.conversation_mut(target).loading += 1;
        self.changes.push(Change::Timeline(target.to_owned()));
        Ok(())
    }

    /// Asks for the newest messages of the lobby and all private conversations.
    pub(crate) fn load_everything(
        &mut self,
        count: usize,
        before: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.must_have("parlor/unread", "history of all conversations together")?;
        let Some(label) = self.label(Request::Everything) else {
            return Err(SendError::Unsupported("so many requests at once"));
        };
        let line = Line::to(out).tag("label", &label).verb("CH").param("*");
        let line = line.param(&count.to_string());
        match before {
            Some(msgid) => line.param(msgid).end(),
            None => line.end(),
        }
        Ok(())
    }

    /// Asks which conversations have messages since a time.
    pub(crate) fn request_targets(
        &mut self,
        since_ms: i64,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.must_have("draft/chathistory", "history")?;
        let Some(label) = self.label(Request::Targets) else {
            return Err(SendError::Unsupported("so many requests at once"));
        };
        let line = Line::to(out).tag("label", &label).verb("CHATHISTORY").param("TARGETS");
        // The newest come first; "between" leaves the times themselves out.
        let line = line.param(&timestamp(NEVER_MS)).param(&timestamp(since_ms - 1));
        line.param(&TARGETS.to_string()).end();
        Ok(())
    }

    pub(crate) fn find(
        &mut self,
        words: String,
        before_ms: Option<i64>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.must_be_connected()?;
        if !self.server.has("soju.im/search") && !self.server.has("draft/search") {
            return Err(SendError::Unsupported("search"));
        }
        let more = before_ms.is_some();
        let Some(label) = self.label(Request::Search { more }) else {
            return Err(SendError::Unsupported("so many requests at once"));
        };
        let attributes = crate::query::attributes(&words, before_ms, RESULTS);
        let line = Line::to(out).tag("label", &label).verb("SEARCH");
        line.text(&attributes).end();
        if !more {
            self.search.found.clear();
        }
        self.search.words = words;
        self.search.loading = true;
        self.search.note.clear();
        self.changes.push(Change::Found);
        Ok(())
    }
}
