//! What the screen remembers of a conversation: scroll position, draft, unread line.

use crate::composer::Composer;
use chat::entry::Entry;
use chat::timeline::Run;

/// Identifies a row of a timeline, whatever is added before or after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowId {
    /// A message or event with this msgid.
    Msgid(String),
    /// A row without one: its time and author.
    Local(i64, String),
    /// An unsent message, by its number.
    Outgoing(u64),
    /// A gap.
    Gap,
}

impl RowId {
    /// The id of an entry.
    pub fn of(entry: &Entry) -> RowId {
        match (entry.outgoing, &entry.msgid) {
            (Some(number), _) => RowId::Outgoing(number),
            (None, Some(msgid)) => RowId::Msgid(msgid.clone()),
            (None, None) => RowId::Local(entry.time_ms, entry.from.clone()),
        }
    }
}

/// What is at the top of the timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scroll {
    /// The end is shown, and new messages scroll in.
    #[default]
    End,
    /// This row is at the top.
    At(Anchor),
    /// Once this message is loaded, it is shown in the middle and focused.
    Jump(String),
    /// Once the first unread message is loaded, the unread line is shown at the top.
    Unread(String),
}

/// A row, and how much of it has scrolled off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The entry.
    pub id: RowId,
    /// Its last known index in the list of rows, where the search for it begins.
    pub index: usize,
    /// How many of its screen rows are above the top.
    pub above: usize,
}

/// Where the new messages begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadLine {
    /// The first new message.
    pub msgid: String,
    /// How many there were.
    pub count: u64,
    /// There may be more.
    pub more: bool,
}

/// What the screen remembers of one conversation.
#[derive(Clone, Debug, Default)]
pub struct ConversationView {
    /// The scroll position.
    pub scroll: Scroll,
    /// The draft.
    pub composer: Composer,
    /// The msgid of the message that the draft replies to.
    pub reply_to: Option<String>,
    /// Where the new messages begin.
    pub unread_line: Option<UnreadLine>,
    /// The newest message on the screen when the conversation was last marked read.
    pub(crate) read: Option<String>,
    /// The pages of history already requested; none is requested twice.
    pub(crate) asked: Vec<Run>,
    /// How many were requested since the person did something.
    pub(crate) pages: usize,
    /// Its end was on the screen, with all messages up to it.
    pub(crate) followed: bool,
    /// The person jumped to the end, skipping what is above it.
    pub(crate) skipped: bool,
}
