//! What the screen remembers of one conversation: how far it is scrolled, the draft, where the unread line is.

use crate::composer::Composer;
use chat::entry::Entry;
use chat::timeline::Run;

/// Which row of a timeline is meant, whatever is added before or after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// A message or event with this msgid.
    Msgid(String),
    /// A row without one: its time and author.
    Local(i64, String),
    /// A message on its way, by its number.
    Outgoing(u64),
    /// No entry: the place of some that are missing.
    Gap,
}

impl Id {
    /// The id of an entry.
    pub fn of(entry: &Entry) -> Id {
        match (entry.outgoing, &entry.msgid) {
            (Some(number), _) => Id::Outgoing(number),
            (None, Some(msgid)) => Id::Msgid(msgid.clone()),
            (None, None) => Id::Local(entry.time_ms, entry.from.clone()),
        }
    }
}

/// What stands at the top of the timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scroll {
    /// The end is shown, and follows what is new.
    #[default]
    End,
    /// This row is at the top.
    At(Anchor),
    /// As soon as this message is here, it is shown in the middle and focused.
    Jump(String),
    /// As soon as the first unread message is here, the unread line is shown at the top.
    Unread(String),
}

/// A row, and how much of it is scrolled away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The entry.
    pub id: Id,
    /// Where it was last in the list of rows: it is looked for from there.
    pub index: usize,
    /// How many of its screen rows are above the top.
    pub above: usize,
}

/// Where the new messages begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadLine {
    /// The first of them.
    pub msgid: String,
    /// How many they were.
    pub count: u64,
    /// There may be more.
    pub more: bool,
}

/// What the screen remembers of one conversation.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// How far it is scrolled.
    pub scroll: Scroll,
    /// What is being written.
    pub composer: Composer,
    /// The msgid of the message that the draft answers.
    pub reply_to: Option<String>,
    /// Where the new messages begin.
    pub unread_line: Option<UnreadLine>,
    /// The newest message that was on the screen when it was said to be read.
    pub(crate) read: Option<String>,
    /// The pages of history that were asked for; none is asked for twice.
    pub(crate) asked: Vec<Run>,
}
