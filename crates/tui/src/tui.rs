//! One person's screen: what is open, scroll positions, drafts.

use crate::action::Action;
use crate::composer::Composer;
use crate::conversation_view::{ConversationView, RowId, Scroll, UnreadLine};
use crate::draw::{Hit, HitMap};
use crate::input::Memory;
use crate::keymap::Keymap;
use crate::overlay::{Overlay, Question};
use crate::painter::Painter;
use crate::settings::Settings;
use crate::timeline;
use chat::conversation::{Conversation, With};
use chat::{Chat, Intent};
use proto::name::{fold, same};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Where keys go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// To the composer.
    #[default]
    Composer,
    /// To a message, which is highlighted.
    Message(RowId),
}

/// A sentence in the line above the composer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The sentence.
    pub text: String,
    /// It is about something that failed.
    pub failed: bool,
}

/// The connection, beyond what the core knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// It is being opened, for the first time or again.
    #[default]
    Connecting,
    /// It is open.
    Connected {
        /// It is encrypted.
        tls: bool,
    },
    /// It broke; when the next attempt is made, in milliseconds since 1970 UTC.
    Waiting(i64),
}

/// One person's screen.
#[derive(Debug)]
pub struct Tui {
    /// The person's settings.
    pub settings: Settings,
    /// The key bindings.
    pub keymap: Keymap,
    /// The name of the open conversation; empty for the server's.
    pub open: String,
    /// Where keys go, unless there is an overlay.
    pub focus: Focus,
    /// The overlay.
    pub overlay: Option<Overlay>,
    /// A sentence above the composer.
    pub status: Option<Status>,
    /// The connection.
    pub link: Link,
    /// The window has the focus, as far as the terminal reports.
    pub focused: bool,
    pub(crate) views: BTreeMap<String, ConversationView>,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    /// What is where on the screen, as last drawn.
    pub(crate) map: HitMap,
    /// The range of text being selected with the mouse.
    pub(crate) selection: Option<((u16, u16), (u16, u16))>,
    was_connected: bool,
    /// What is remembered between one key and the next.
    pub(crate) memory: Memory,
    painter: Painter,
}

impl Tui {
    /// A screen with nothing open. It has no size until [`Tui::resize`].
    pub fn new(settings: Settings) -> Tui {
        Tui {
            settings,
            keymap: Keymap::default(),
            open: String::new(),
            focus: Focus::Composer,
            overlay: None,
            status: None,
            link: Link::default(),
            focused: true,
            views: BTreeMap::new(),
            columns: 0,
            rows: 0,
            map: HitMap::default(),
            selection: None,
            was_connected: false,
            memory: Memory::default(),
            painter: Painter::default(),
        }
    }

    /// The terminal now has this size; everything is redrawn.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) =
            (columns.min(crate::limits::COLUMNS), rows.min(crate::limits::ROWS));
        self.selection = None;
        self.painter.forget();
    }

    /// Takes over the terminal. [`Tui::leave`] restores it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn enter(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.painter.forget();
        out.write_all(crate::terminal::enter(self.settings.mouse).as_bytes())
    }

    /// Restores the terminal.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn leave(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.painter.forget();
        out.write_all(crate::terminal::leave(self.settings.mouse).as_bytes())
    }

    /// Asks a question; the answer is an [`Action::Answer`].
    pub fn ask(&mut self, question: Question) {
        self.memory.asking = Default::default();
        self.overlay = Some(Overlay::Question(question));
    }

    /// Shows a sentence above the composer, until the next key.
    pub fn show_status(&mut self, text: &str, failed: bool) {
        self.status = Some(Status { text: text.to_owned(), failed });
    }

    /// The open conversation, if it still exists.
    pub fn conversation<'a>(&self, chat: &'a Chat) -> Option<&'a Conversation> {
        chat.conversation(&self.open)
    }

    /// The view of the open conversation, created if it is missing.
    pub fn conversation_view(&mut self) -> &mut ConversationView {
        self.views.entry(fold(&self.open)).or_default()
    }

    /// The view of the open conversation, if there is one.
    pub(crate) fn known_view(&self) -> Option<&ConversationView> {
        self.views.get(&fold(&self.open))
    }

    /// The composer of the open conversation.
    pub fn composer(&mut self) -> &mut Composer {
        &mut self.conversation_view().composer
    }

    /// The conversations in list order: rooms, people, the server.
    pub fn listed<'a>(&self, chat: &'a Chat) -> Vec<&'a Conversation> {
        let mut listed: Vec<&Conversation> = chat.conversations.values().collect();
        listed.sort_by_key(|conversation| match conversation.with {
            With::Room => 0,
            With::Person => 1,
            With::Server => 2,
        });
        listed
    }

    /// Opens a conversation, at its unread line if it has one. If it is already open, the scroll
    /// position is kept.
    pub fn open(&mut self, name: &str, chat: &Chat) -> Vec<Action> {
        let stays = same(name, &self.open);
        if !stays {
            let place = self.conversation_view();
            place.unread_line = None;
            place.asked.clear();
            if matches!(place.scroll, Scroll::Jump(_) | Scroll::Unread(_)) {
                place.scroll = Scroll::End;
            }
            self.focus = Focus::Composer;
            self.selection = None;
        }
        name.clone_into(&mut self.open);
        let mut actions = Vec::new();
        if !name.is_empty() {
            actions.push(Action::Do(Intent::Open(name.to_owned())));
        }
        let Some(conversation) = chat.conversation(name) else { return actions };
        let first = conversation.first_unread.clone().filter(|_| conversation.unread > 0);
        let Some(msgid) = first else { return actions };
        let (count, more) = (conversation.unread, conversation.unread_more);
        let place = self.conversation_view();
        place.unread_line = Some(UnreadLine { msgid: msgid.clone(), count, more });
        if stays && matches!(place.scroll, Scroll::At(_) | Scroll::Jump(_)) {
            return actions;
        }
        place.scroll = Scroll::Unread(msgid.clone());
        if !conversation.timeline.has(&msgid) {
            let run = chat::timeline::Run::Around(msgid);
            actions.push(Action::Do(Intent::Load { target: name.to_owned(), run }));
        }
        actions
    }

    /// Shows and focuses a message once it is loaded.
    pub fn jump(&mut self, name: &str, msgid: &str, chat: &Chat) -> Vec<Action> {
        let mut actions = if same(name, &self.open) { Vec::new() } else { self.open(name, chat) };
        let is_here = chat.find_message(name, msgid).is_some();
        if !is_here {
            let run = chat::timeline::Run::Around(msgid.to_owned());
            actions.push(Action::Do(Intent::Load { target: name.to_owned(), run }));
        }
        self.conversation_view().scroll = Scroll::Jump(msgid.to_owned());
        self.focus = Focus::Message(RowId::Msgid(msgid.to_owned()));
        actions
    }

    /// Scrolls the timeline by this many rows; negative ones go up, to older messages.
    pub fn scroll(&mut self, rows: isize, chat: &Chat) {
        timeline::scroll(self, rows, chat);
    }

    /// Scrolls by pages.
    pub fn scroll_pages(&mut self, pages: isize, chat: &Chat) {
        let page = isize::try_from(self.map.timeline.height.saturating_sub(2).max(1)).unwrap_or(1);
        self.scroll(pages.saturating_mul(page), chat);
    }

    /// Scrolls to the oldest loaded rows.
    pub fn scroll_to_start(&mut self, chat: &Chat) {
        timeline::scroll_to_start(self, chat);
    }

    /// Scrolls to the newest rows, and follows new ones.
    pub fn scroll_to_end(&mut self) {
        let place = self.conversation_view();
        place.scroll = Scroll::End;
        place.skipped = true;
    }

    /// Moves the focus from the composer, or from a message, to the message above.
    pub fn focus_above(&mut self, chat: &Chat) {
        timeline::focus(self, true, chat);
    }

    /// Moves the focus to the message below, and from the last one to the composer.
    pub fn focus_below(&mut self, chat: &Chat) {
        timeline::focus(self, false, chat);
    }

    /// Draws what has changed since the last frame. Returns what follows from it having been seen:
    /// a room is read, history is needed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn draw(
        &mut self,
        chat: &Chat,
        now_ms: i64,
        out: &mut impl Write,
    ) -> io::Result<Vec<Action>> {
        if chat.connected != self.was_connected {
            self.was_connected = chat.connected;
            for place in self.views.values_mut() {
                place.asked.clear();
                place.pages = 0;
            }
        }
        let (canvas, actions) = crate::draw::draw(self, chat, now_ms);
        self.painter.paint(canvas, &self.settings, out)?;
        Ok(actions)
    }

    /// What is in a cell of the screen, as last drawn.
    pub fn hit(&self, x: u16, y: u16) -> Option<Hit> {
        let shown = self.painter.shown()?;
        if !shown.area().contains((x, y).into()) {
            return None;
        }
        if let Some(link) = shown.link(x, y) {
            return Some(Hit::Link(link.to_string()));
        }
        let mut hits = self.map.hits.iter().rev();
        hits.find(|(area, _)| area.contains((x, y).into())).map(|(_, hit)| hit.clone())
    }

    /// Sets the range of timeline text being selected; none ends the selection.
    pub fn select(&mut self, cells: Option<((u16, u16), (u16, u16))>) {
        self.selection = cells;
    }

    /// The selected cells in reading order.
    pub(crate) fn selected_range(&self) -> Option<((u16, u16), (u16, u16))> {
        let (from, to) = self.selection?;
        let before = (from.1, from.0) <= (to.1, to.0);
        Some(if before { (from, to) } else { (to, from) })
    }

    /// The selected text.
    pub fn selected_text(&self) -> Option<String> {
        let (from, to) = self.selected_range()?;
        Some(self.painter.shown()?.text(self.map.timeline, from, to))
    }
}
