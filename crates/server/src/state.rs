//! The shared state: users, rooms, members, accounts, markers, metadata.

pub mod account_name;
pub mod app_password;
pub mod apply_context;
pub mod suspension;
pub mod certificates;
pub mod dormant;
pub mod former_names;
pub mod founder;
pub mod history;
pub mod invitation;
pub mod last_login;
pub mod lookalikes;
pub mod markers;
pub mod membership;
pub mod metadata;
pub mod news;
pub mod notify;
pub mod ownership;
pub mod pins;
pub mod records;
pub mod refusal;
pub mod renames;
pub mod reports;
pub mod requester;
pub mod retention;
pub mod room;
pub mod room_rules;
pub mod second_factor;
pub mod server_bans;
pub mod settings;
pub mod silence;
pub mod recent_messages;
pub mod account_settings;
pub mod ban_terms;
pub mod undo;
pub mod user;
pub mod snapshot;
pub mod pending;
pub mod permission;

use crate::cloak::Cloak;
use crate::clock;
use crate::config::Role;
use crate::effects::Effects;
use crate::render::Renderer;
use ban_terms::BanExpiries;
use certificates::Certificates;
use dormant::Dormant;
use founder::Founders;
use lookalikes::Skeletons;
use markers::Markers;
use metadata::Metadata;
use pending::PendingMessages;
use proto::name::fold;
use recent_messages::RecentMessages;
use records::Records;
use renames::Renames;
use retention::Retention;
use room::{MaskSubject, Room};
use serde::{Deserialize, Serialize};
use server_bans::ServerBans;
use settings::Settings;
use silence::Silences;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use store::{Account, Conversation, EventId, Loaded, RecordOwner, RoomId};
use undo::UndoLog;
use user::{FormerUser, User, UserId};

/// The shared state: the same on every node that has applied the same entries. It can be written
/// and read back (see [`snapshot`]), except for the indexes, which are rebuilt.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct State {
    /// The settings that rules depend on; changed by entries.
    pub settings: Settings,
    /// What is the same in all lines.
    pub renderer: Renderer,
    /// Hides the addresses of guests.
    pub cloak: Cloak,
    /// The wall-clock time of the current input (milliseconds since the epoch); it can jump both
    /// ways. See [`clock::follow`].
    pub now: i64,
    /// The monotonic time of the current input, in milliseconds: all durations are measured by it.
    pub steady: i64,
    /// The same two times of the latest entry from the log: see [`clock::of_entry`].
    pub ordered: (i64, i64),
    /// The users online.
    pub users: BTreeMap<UserId, Box<User>>,
    /// Their ids by folded nick.
    #[serde(skip)]
    pub nicks: BTreeMap<Arc<str>, UserId>,
    /// All accounts by folded name.
    pub accounts: BTreeMap<String, Arc<Account>>,
    /// The skeletons of their names.
    #[serde(skip)]
    pub account_skeletons: Skeletons,
    /// The skeletons of names that nobody can register any more.
    #[serde(skip)]
    pub former_skeletons: former_names::FormerSkeletons,
    /// The certificates that log in to accounts.
    pub certificates: Certificates,
    /// The rooms.
    pub rooms: BTreeMap<RoomId, Room>,
    /// Their ids by folded name.
    #[serde(skip)]
    pub room_names: BTreeMap<String, RoomId>,
    /// The skeletons of their names.
    #[serde(skip)]
    pub room_skeletons: Skeletons,
    /// Former names of rooms.
    pub renames: Renames,
    /// The rooms that offline accounts will be back in when they log in.
    pub remembered: BTreeMap<UserId, Vec<RoomId>>,
    /// How far users have read conversations.
    pub read_markers: Markers,
    /// The metadata of users; that of rooms is in [`Room`].
    pub metadata: Metadata,
    /// Small persistent records of accounts, rooms and the server.
    pub records: Records,
    /// Bans from the server.
    #[serde(skip)]
    pub server_bans: ServerBans,
    /// The rooms of each founder.
    #[serde(skip)]
    pub founders: Founders,
    /// When bans and quiets end.
    #[serde(skip)]
    pub ban_expiries: BanExpiries,
    /// The ignore lists.
    #[serde(skip)]
    pub silences: Silences,
    /// The newest messages in rooms, with their authors.
    pub recent_messages: RecentMessages,
    /// The lobby, if there is one.
    pub lobby: Option<RoomId>,
    /// Users who left recently, oldest first; at most [`WHOWAS_KEPT`](crate::limits::WHOWAS_KEPT).
    pub left: VecDeque<FormerUser>,
    /// Private messages not yet acknowledged by their receivers.
    pub pending: PendingMessages,
    /// Accounts that have never sent anything.
    pub dormant: Dormant,
    /// When expired history was last removed.
    pub retention: Retention,
    /// The largest number of users online at once since the start.
    pub users_most: usize,
    /// How to roll back what is not committed yet.
    #[serde(skip)]
    pub undo: UndoLog,
    last_event: EventId,
    last_id: UserId,
    last_room: RoomId,
}

impl State {
    /// The state from the store, with nobody online; and the effects that the caller must store
    /// first, because the config asks for them.
    pub fn new(settings: Settings, loaded: Loaded, now: i64) -> (State, Effects) {
        let renderer = Renderer {
            server: (&*settings.name).into(),
            instance: loaded.instance.as_str().into(),
        };
        let mut state = State {
            settings,
            renderer,
            cloak: Cloak::new(loaded.cloak_key.unwrap_or_default()),
            now: clock::follow(loaded.last_time, now),
            steady: loaded.last_resend,
            ordered: (loaded.last_time, loaded.last_resend),
            users: BTreeMap::new(),
            nicks: BTreeMap::new(),
            accounts: BTreeMap::new(),
            account_skeletons: Skeletons::default(),
            former_skeletons: former_names::FormerSkeletons::default(),
            certificates: Certificates::default(),
            rooms: BTreeMap::new(),
            room_names: BTreeMap::new(),
            room_skeletons: Skeletons::default(),
            renames: Renames::default(),
            remembered: BTreeMap::new(),
            read_markers: loaded.read_markers.into_iter().collect(),
            metadata: Metadata::default(),
            records: Records::default(),
            server_bans: ServerBans::default(),
            founders: Founders::new(),
            ban_expiries: BanExpiries::new(),
            silences: Silences::new(),
            recent_messages: RecentMessages::new(&loaded.recent_messages),
            lobby: None,
            left: VecDeque::new(),
            pending: PendingMessages::new(loaded.pending),
            dormant: Dormant::new(loaded.unheard),
            retention: Retention::default(),
            users_most: 0,
            undo: UndoLog::default(),
            last_event: loaded.last_event,
            last_id: loaded.last_account,
            last_room: loaded.last_room,
        };
        for account in loaded.accounts {
            state.add_account(Arc::new(account));
        }
        let mut effects = Effects::new(1, 0);
        state.restore_rooms(loaded.rooms, &loaded.members, &loaded.reads_from);
        metadata::restore(&mut state, loaded.metadata);
        certificates::restore(&mut state, &loaded.certificates);
        records::restore(&mut state, loaded.records);
        state.open_lobby(&mut effects);
        state.end_empty_rooms(&mut effects);
        (state, effects)
    }

    /// The next event's id.
    pub fn next_event(&mut self) -> EventId {
        self.last_event += 1;
        self.last_event
    }

    /// The newest event's id.
    pub fn last_event(&self) -> EventId {
        self.last_event
    }

    /// An unused id for an account or guest.
    pub fn next_id(&mut self) -> UserId {
        self.last_id += 1;
        self.last_id
    }

    /// An unused id for a room.
    pub fn next_room(&mut self) -> RoomId {
        self.last_room += 1;
        self.last_room
    }

    /// The user online under a name, or whose account had that name before.
    pub fn online(&self, name: &str) -> Option<&User> {
        if let Some(id) = self.nicks.get(&*fold(name)) {
            return Some(&self.users[id]);
        }
        let renamed = self.renamed(name)?;
        self.users.get(&renamed.id).map(|user| &**user)
    }

    /// The account of a name, which may be a former one.
    pub fn account(&self, name: &str) -> Option<&Arc<Account>> {
        self.accounts.get(&fold(name)).or_else(|| self.renamed(name))
    }

    /// The account that formerly had this name.
    pub fn renamed(&self, name: &str) -> Option<&Arc<Account>> {
        self.accounts.get(&former_names::current(self, name)?)
    }

    /// The server role that a config gives a user: none without a second factor, if the config
    /// requires one.
    pub fn role_by(&self, settings: &Settings, user: &User) -> Option<Role> {
        let role = settings.role_of(user.account()?)?;
        self.has_factor_for(settings, user.id).then_some(role)
    }

    /// Whether an account has the second factor that the settings require of operators.
    pub fn has_factor_for(&self, settings: &Settings, account: UserId) -> bool {
        !settings.operators_need_2fa || second_factor::is_on(self, account)
    }

    /// An account is new or has changed.
    pub fn add_account(&mut self, account: Arc<Account>) {
        self.account_skeletons.add(&account.name, account.id);
        self.accounts.insert(fold(&account.name), account);
    }

    /// An account could not be stored.
    pub fn remove_account(&mut self, id: UserId) {
        for (_, account) in self.accounts.extract_if(.., |_, account| account.id == id) {
            self.account_skeletons.remove(&account.name, id);
        }
    }

    /// A room takes this name.
    pub fn add_room_name(&mut self, name: &str, id: RoomId) {
        self.room_skeletons.add(name, id);
        self.room_names.insert(fold(name), id);
    }

    /// A room gives this name up.
    pub fn remove_room_name(&mut self, name: &str, id: RoomId) {
        self.room_skeletons.remove(name, id);
        self.room_names.remove(&fold(name));
    }

    /// The room of a name.
    pub fn room(&self, name: &str) -> Option<&Room> {
        self.room_names.get(&fold(name)).map(|id| &self.rooms[id])
    }

    /// The source of a user who is online.
    pub fn source(&self, user: UserId) -> String {
        let user = &self.users[&user];
        self.renderer.source(user.author())
    }

    /// A user online, as masks see them.
    pub fn who(&self, user: UserId) -> MaskSubject {
        let account = self.users[&user].account().cloned();
        MaskSubject { source: self.source(user), account, steps: Cell::new(0) }
    }

    fn restore_rooms(
        &mut self,
        rooms: Vec<store::Room>,
        members: &[store::Member],
        reads_from: &[(RoomId, UserId, EventId)],
    ) {
        for record in rooms {
            let room = Room::from_record(record);
            self.add_room_name(&room.name, room.id);
            self.rooms.insert(room.id, room);
        }
        if self.settings.remember_rooms {
            for member in members {
                let Some(room) = self.rooms.get_mut(&member.room) else { continue };
                let (op, halfop, voice) = (member.op, member.halfop, member.voice);
                let joined = member.joined;
                let restored = room::Member { op, halfop, voice, joined, ..Default::default() };
                room.members.insert(member.account, restored);
                self.remembered.entry(member.account).or_default().push(member.room);
            }
        }
        for (room, user, since) in reads_from {
            let Some(room) = self.rooms.get_mut(room) else { continue };
            if *user == history::ANYBODY {
                room.settings.closed_until = *since;
            } else if let Some(member) = room.members.get_mut(user) {
                member.since = *since;
            }
        }
    }

    /// The lobby is the room with the name in the config.
    fn open_lobby(&mut self, out: &mut Effects) {
        let lobby = self.settings.lobby.clone();
        if !lobby.is_empty() {
            let id = match self.room(&lobby) {
                Some(room) => room.id,
                None => membership::make_room(self, out, &lobby),
            };
            self.lobby = Some(id);
        }
    }

    /// Ends the rooms in which nobody will be again.
    fn end_empty_rooms(&mut self, out: &mut Effects) {
        let nobodys: Vec<RoomId> = self
            .rooms
            .values()
            .filter(|room| room.is_abandoned() && Some(room.id) != self.lobby)
            .map(|room| room.id)
            .collect();
        for id in nobodys {
            records::discard(self, RecordOwner::Room, id);
            let room = self.rooms.remove(&id).expect("just listed");
            self.remove_room_name(&room.name, id);
            self.read_markers.end(Conversation::room(id));
            out.write(store::Write::RoomEnded(id));
        }
    }
}
