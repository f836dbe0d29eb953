//! All that a client knows of one login, across broken connections.

use crate::change::Change;
use crate::conversation::{Conversation, Joining, Member, With};
use crate::entry::{Entry, Kind};
use crate::limits::{CONVERSATIONS, ENTRIES, REQUESTS};
use crate::outgoing::{Abilities, Outgoing};
use crate::people::{People, Whois};
use crate::receive::batch::Batch;
use crate::server::Server;
use crate::timeline::Run;
use proto::name::{fold, same};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// A request whose answer is outstanding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A page of history.
    Page { target: String, run: Run },
    /// A search; whether it goes on with an earlier one.
    Search { more: bool },
    /// A page of the lobby and all private conversations.
    Everything,
    /// Which conversations have something new.
    Targets,
    /// A command whose answers are shown in the conversation where it was typed.
    Command { target: String },
    /// Joining a room, where the answers are shown.
    Join { target: String },
}

/// What was last asked for by lines typed by hand, where the answer does not say enough.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The name that `WHOIS` was about.
    pub(crate) whois: String,
    /// Whose metadata `METADATA` was to list.
    pub(crate) metadata: String,
}

/// A room in the answer to `LIST`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// How many are there.
    pub members: u64,
    /// What it is about.
    pub topic: String,
}

/// The results of the newest search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What was looked for.
    pub words: String,
    /// The answer is outstanding.
    pub loading: bool,
    /// What was found, newest first: the conversation and the message.
    pub found: Vec<(String, Entry)>,
    /// How far back the server looked, or why it did not, in its words.
    pub note: String,
}

/// All that a client knows.
#[derive(Debug, Default)]
pub struct Chat {
    /// This person's name.
    pub me: String,
    /// What the server has announced about itself.
    pub server: Server,
    /// The connection is logged in.
    pub connected: bool,
    /// This person's conversations by folded name; the server's has the empty name.
    pub conversations: BTreeMap<String, Conversation>,
    /// Messages on their way, and those that were refused, oldest first.
    pub outgoing: VecDeque<Outgoing>,
    /// The newest search.
    pub search: Search,
    /// The newest list of rooms.
    pub listed: Vec<Listed>,
    pub(crate) unfinished_list: Vec<Listed>,
    /// The conversation that shows answers which name no other: the one opened last.
    pub(crate) current: String,
    pub(crate) requests: BTreeMap<u64, Request>,
    pub(crate) batches: HashMap<String, Batch>,
    /// The whole welcome has arrived: from now on live lines follow each other without a gap.
    pub(crate) ready: bool,
    pub(crate) changes: Vec<Change>,
    pub(crate) resend_prefix: String,
    pub(crate) next: u64,
    added: u64,
    /// Pages to request because they show the place of a message in the timeline.
    pub(crate) wanted: Vec<(String, Run)>,
    pub(crate) typing_sent: HashMap<String, i64>,
    /// The current line is part of a labeled batch.
    pub(crate) within_answer: bool,
    /// Deliveries confirmed in such a batch: reported at its end, after the rest of it.
    pub(crate) unfinished: Vec<Change>,
    /// The number and receiver of the message last confirmed in such a batch.
    pub(crate) confirmed: Option<(u64, String)>,
    /// People's metadata.
    pub people: People,
    /// An answer to `WHOIS` that is not complete.
    pub(crate) whois: Whois,
    /// What was last asked for by hand.
    pub(crate) asked: Asked,
    /// An answer to `WHO` that is not complete has named somebody.
    pub(crate) who_found: bool,
    /// The room in sight, if its `JOIN` was refused during the welcome: the client opens a room at the end of that, and
    /// should not be refused a second time.
    pub(crate) refused_join: String,
    /// An unfinished answer to `NAMES` of a room that this person is not in.
    pub(crate) names_elsewhere: Vec<Member>,
    /// The newest server time of any line, in milliseconds since 1970 UTC.
    pub server_time_ms: Option<i64>,
}

impl Chat {
    /// Nothing is known yet. `resend_prefix` makes this process's resend ids unlike all others of the account
    /// (`A-Z a-z 0-9 - _ . :`).
    pub fn new(resend_prefix: &str) -> Chat {
        let server = Conversation::new("", With::Server);
        Chat {
            resend_prefix: resend_prefix.to_owned(),
            conversations: [(String::new(), server)].into(),
            ..Chat::default()
        }
    }

    /// A new connection has logged in as `me`, with these capabilities and their values. Joins the rooms that were
    /// opened before it and are not joined yet, sends unconfirmed messages again, and a `PING` whose answer ends the welcome.
    pub fn logged_in(
        &mut self,
        me: &str,
        capabilities: impl IntoIterator<Item = (String, String)>,
        out: &mut Vec<u8>,
    ) {
        me.clone_into(&mut self.me);
        self.server.capabilities = capabilities.into_iter().collect();
        if !self.server.has("parlor/nodes") {
            self.server.nodes.clear();
        }
        self.connected = true;
        self.ready = false;
        self.join_wanted(out);
        proto::Line::to(out).verb("PING").param(crate::receive::WELCOMED).end();
        self.send_waiting(out);
    }

    /// The connection broke. What was not confirmed is sent again at the next login.
    pub fn broken(&mut self) {
        self.connected = false;
        self.ready = false;
        self.batches.clear();
        self.changes.append(&mut self.unfinished);
        self.unfinished_list.clear();
        self.whois = Whois::default();
        self.asked = Asked::default();
        self.who_found = false;
        self.refused_join.clear();
        self.names_elsewhere.clear();
        self.server.listing = Default::default();
        for request in std::mem::take(&mut self.requests).into_values() {
            self.fail_request(&request, "the connection broke");
        }
        for outgoing in &mut self.outgoing {
            outgoing.resent |= std::mem::take(&mut outgoing.sent);
        }
        for conversation in self.conversations.values_mut() {
            conversation.joining = match conversation.joining {
                // The server may not have received it.
                Joining::Sent | Joining::Wanted => Joining::Wanted,
                Joining::Idle => Joining::Idle,
            };
            conversation.joined = false;
            conversation.members.clear();
            conversation.names = None;
            conversation.typing.clear();
            conversation.timeline.break_off();
        }
        self.typing_sent.clear();
        self.changes.push(Change::Conversation(String::new()));
    }

    /// A request will not be answered.
    pub(crate) fn fail_request(&mut self, request: &Request, reason: &str) {
        match request {
            Request::Page { target, .. } => {
                if let Some(conversation) = self.conversations.get_mut(&fold(target)) {
                    conversation.loading = conversation.loading.saturating_sub(1);
                }
                self.changes.push(Change::Page {
                    target: target.clone(),
                    count: 0,
                    refused: Some(reason.to_owned()),
                });
            }
            Request::Search { .. } => {
                self.search.loading = false;
                reason.clone_into(&mut self.search.note);
                self.changes.push(Change::Found);
            }
            Request::Everything => self.changes.push(Change::Everything(Err(reason.to_owned()))),
            Request::Targets => self.changes.push(Change::Targets(Err(reason.to_owned()))),
            Request::Command { .. } | Request::Join { .. } => {}
        }
    }

    /// Takes what has changed since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Whether the connection is logged in and the whole welcome has arrived.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// A conversation by name.
    pub fn conversation(&self, name: &str) -> Option<&Conversation> {
        self.conversations.get(&fold(name))
    }

    /// The room that everybody is in, if the server has one, or else the room that people call so.
    pub fn lobby(&self) -> Option<&str> {
        if let Some(lobby) = self.server.tokens.get("parlor/LOBBY") {
            return Some(lobby);
        }
        let named = self.conversation("#lobby").filter(|lobby| lobby.joined);
        named.map(|lobby| &*lobby.name)
    }

    /// Where a person begins: the lobby, or else the first room that they are in.
    pub fn home(&self) -> Option<&str> {
        let lobby = self.lobby().and_then(|lobby| self.conversation(lobby));
        let lobby = lobby.filter(|lobby| lobby.joined);
        let first = || self.conversations.values().find(|room| room.joined);
        lobby.or_else(first).map(|room| &*room.name)
    }

    /// The rows of a conversation that are on their way, or were refused.
    pub fn waiting<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Outgoing> {
        self.outgoing.iter().filter(move |outgoing| same(&outgoing.to, name))
    }

    /// Unread messages, and mentions among them, in all conversations but this one.
    pub fn unread_elsewhere(&self, name: &str) -> (u64, u64) {
        let counts =
            self.conversations.values().filter(|conversation| !same(&conversation.name, name));
        counts.fold((0, 0), |(unread, mentions), conversation| {
            (unread + conversation.unread, mentions + conversation.mentions)
        })
    }

    /// The conversation of a name, made if there is none; the server's if there are too many.
    pub(crate) fn conversation_mut(&mut self, name: &str) -> &mut Conversation {
        let mut key = fold(name);
        if !self.conversations.contains_key(&key) {
            if self.conversations.len() < CONVERSATIONS {
                let with = if self.server.is_room(name) { With::Room } else { With::Person };
                self.conversations.insert(key.clone(), Conversation::new(name, with));
                self.changes.push(Change::Conversation(name.to_owned()));
            } else {
                key.clear();
            }
        }
        self.conversations.entry(key).or_insert_with(|| Conversation::new("", With::Server))
    }

    /// Adds a sentence to a conversation, and reports it as [`Change::Happened`].
    pub(crate) fn show_sentence(&mut self, target: &str, kind: Kind, now_ms: i64, text: &str) {
        let (target, entry) = self.add_sentence(target, kind, now_ms, text);
        self.changes.push(Change::Happened { target, entry: Box::new(entry) });
    }

    /// Adds a sentence to a conversation, without reporting it.
    pub(crate) fn add_sentence(
        &mut self,
        target: &str,
        kind: Kind,
        now_ms: i64,
        text: &str,
    ) -> (String, Entry) {
        let from = self.server.name.clone();
        let target = if self.conversations.contains_key(&fold(target)) { target } else { "" };
        let entry = Entry::new(kind, &from, now_ms, text);
        self.add(target, entry.clone());
        (target.to_owned(), entry)
    }

    /// Adds a live row; false if it was known.
    pub(crate) fn add(&mut self, target: &str, entry: Entry) -> bool {
        let follows = self.ready || entry.msgid.is_none();
        let conversation = self.conversation_mut(target);
        let name = conversation.name.clone();
        if !conversation.timeline.push(entry, follows) {
            return false;
        }
        self.changes.push(Change::Timeline(name));
        self.enforce_entry_limit();
        true
    }

    /// Keeps the number of entries within its bound.
    fn enforce_entry_limit(&mut self) {
        // Looking at every conversation takes a while; the bound may be overstepped a little.
        self.added += 1;
        if !self.added.is_multiple_of(256) {
            return;
        }
        let total: usize = self.conversations.values().map(|c| c.timeline.rows().len()).sum();
        if total <= ENTRIES {
            return;
        }
        let idle = self.conversations.values_mut().filter(|conversation| conversation.loading == 0);
        if let Some(longest) = idle.max_by_key(|conversation| conversation.timeline.rows().len()) {
            let count = (total - ENTRIES + 512).min(longest.timeline.rows().len() / 2);
            longest.timeline.forget_oldest(count);
            let name = longest.name.clone();
            self.changes.push(Change::Timeline(name));
        }
    }

    /// The next label for a request, if the server knows labels and not too many are outstanding.
    pub(crate) fn label(&mut self, request: Request) -> Option<String> {
        if !self.server.has("labeled-response") || self.requests.len() >= REQUESTS {
            return None;
        }
        self.next += 1;
        self.requests.insert(self.next, request);
        Some(self.next.to_string())
    }

    /// What the server supports.
    pub(crate) fn abilities(&self) -> Abilities {
        Abilities {
            tags: self.server.has("message-tags"),
            labels: self.server.has("labeled-response") && self.server.has("echo-message"),
            multiline: self.server.multiline(),
        }
    }
}
