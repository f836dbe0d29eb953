//! Refusals: mistakes that the requester can correct. Their texts are in [`crate::command`].

use proto::name::{NameError, RoomNameError};
use std::borrow::Cow;
use std::sync::Arc;

/// A negative reply that the requester can act on.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The command needs a login.
    NotLoggedIn,
    /// The command is only valid before the login.
    AlreadyRegistered,
    /// There is no such command.
    UnknownCommand(String),
    /// `PING` without a token.
    NoOrigin,
    /// The command has no such subcommand.
    UnknownSubcommand(String),
    /// A parameter is missing.
    NeedMoreParams,
    /// Nobody has that name.
    NoSuchUser(String),
    /// The command needs somebody who is online, and nobody of that name is.
    NotOnline(String),
    /// No server has that name.
    NoSuchServer(String),
    /// Nobody with that name has left recently.
    WasNobody(String),
    /// There is no such room.
    NoSuchRoom(String),
    /// No room can have that name: it is too long.
    RoomNameTooLong(String),
    /// An existing room has a similar-looking name; which, if the requester may know about it.
    LooksLikeRoom(String, Option<Arc<str>>),
    /// A room cannot have that name.
    BadRoomName(String, RoomNameError),
    /// The requester is not in the room.
    NotInRoom(Arc<str>),
    /// Somebody else is not in the room.
    UserNotInRoom(Arc<str>, Arc<str>),
    /// Somebody is in the room already.
    UserInRoom(Arc<str>, Arc<str>),
    /// The user is offline, and this is not kept for them.
    NotKept(Arc<str>),
    /// The requester may not speak in the room.
    CannotSend(Arc<str>, Cow<'static, str>),
    /// The requester is not an operator of the room.
    NotRoomOperator(Arc<str>),
    /// The requester is neither an operator of the room nor a half-operator.
    NotHalfOperator(Arc<str>),
    /// The requester is a half-operator, and the target's rank is not lower.
    NotBelow(Arc<str>),
    /// The room is for people with an account.
    AccountsOnly(Arc<str>),
    /// Another room has that name: the old and the wanted name.
    RoomNameInUse(Arc<str>, String),
    /// A room cannot be renamed: the old and the wanted name, and why.
    CannotRename(Arc<str>, String, String),
    /// The room has been renamed: the old and the new name.
    RoomRenamed(String, Arc<str>),
    /// The same, for a client without renames, which is moved to the room.
    RoomMoved(String, Arc<str>),
    /// Nobody can leave the lobby.
    LobbyStays(Arc<str>),
    /// The requester is in too many rooms.
    TooManyRooms(String),
    /// The room is full.
    RoomFull(Arc<str>),
    /// The room is invite-only.
    InviteOnly(Arc<str>),
    /// The requester is banned from the room; until when, and why.
    Banned(Arc<str>, String),
    /// Guests may not enter the room.
    NoGuests(String),
    /// The requester has just sent a message to a room in slow mode; seconds to wait.
    TooSoon(Arc<str>, u64),
    /// The founder cannot be removed or lose the rank.
    FounderStays(Arc<str>),
    /// The requester's ignore list is full; what they wanted to add.
    SilencesFull(String),
    /// Wrong key for the room.
    BadKey(Arc<str>),
    /// A room's list is full.
    ListFull(Arc<str>, char),
    /// There is no such mode.
    UnknownMode(char),
    /// An invalid parameter for a mode.
    BadModeParameter(Arc<str>, char, String, Cow<'static, str>),
    /// Users can see and change only their own modes.
    OtherUsersModes,
    /// There is nothing to send.
    NoText,
    /// There is nobody to send to.
    NoRecipient(&'static str),
    /// The text is too long; the number of bytes that would fit.
    TextTooLong(usize),
    /// Too many targets on one line; those that were left out.
    TooManyTargets(String),
    /// Operators of the server only.
    NotOperator,
    /// Admins of the server only, not moderators.
    NotAdmin,
    /// For users only, not for the admin socket.
    NeedsUser,
    /// The account is suspended or banned: code, name, and a sentence with the reason and the end.
    Barred(&'static str, String, String),
    /// The config defines no operators.
    NoOperators,
    /// The config defines operators only by account.
    OperatorsAreAccounts,
    /// Only users can be killed, not the server.
    CannotKillServer,
    /// The config file is already being reloaded.
    RereadingAlready,
    /// The config has no contact details.
    NoAdmin(Arc<str>),
    /// There is no help on that subject.
    NoHelp(String),
    /// There is no lobby.
    NoLobby,
    /// No name given.
    NoName,
    /// The name is not valid for a user.
    BadName(String, NameError),
    /// The name looks like an existing account's.
    LooksLikeAccount(String),
    /// A guest who is banned or quieted in a room wants to change nick: to which, and the room.
    SilencedNick(String, Arc<str>),
    /// The name is in use.
    NameTaken(String),
    /// The real name is not valid.
    BadRealname,
    /// The session logged in with a one-time code and must set a new password first.
    NewPasswordRequired,
    /// The nick of an account cannot be changed.
    NameStays,
    /// The session is already logged in.
    AlreadyLoggedIn(Arc<str>),
    /// The session already has an account (`REGISTER`, `VERIFY`).
    AlreadyAuthenticated(Arc<str>),
    /// The account already exists.
    AccountExists(Arc<str>),
    /// An account has its user's name, and this is another one.
    AccountIsNick(String),
    /// `NICK` must come first.
    NickFirst,
    /// No registration needs to be verified.
    NothingToVerify(String),
    /// Wrong password for the account.
    WrongPassword(String),
    /// No password, or one that is too long.
    BadPassword(String),
    /// Too short for the first password of a name.
    WeakPassword(String),
    /// A command was sent where the first password of a name was asked for.
    CommandAsPassword(String),
    /// Too many failed logins; seconds to wait.
    TooManyAttempts(String, i64),
    /// Passwords are refused on a connection that others can read.
    NotEncrypted,
    /// The server password must come first.
    ServerPasswordRequired,
    /// Wrong server password.
    WrongServerPassword,
    /// Too many logins at once.
    Busy(String),
    /// The account or its address has had too much work done; seconds to wait.
    TooMuchWork(u64),
    /// The account, or the guests of the address, have stored too much; seconds to wait.
    TooMuchStored(u64),
    /// The disk's reserve is in use.
    DiskFull,
    /// The log does not answer.
    LogUnavailable,
    /// The tags to be stored are too long.
    TagsTooLong,
    /// The requester, or others at the address, have used up their share of the receiver's outbox;
    /// seconds to wait.
    TooMuchForOne(u64),
    /// The requester has too many messages pending for this user.
    TooMuchKept(Arc<str>),
    /// A guest or account without access to that history.
    NoHistory(String),
    /// Not a valid count.
    BadCount(String, usize),
    /// Not a valid msgid.
    BadMsgid(String),
    /// A batch, or a line of one, is invalid; why.
    BadBatch(Cow<'static, str>),
    /// A parameter is invalid; the code says which.
    Invalid {
        /// The code of the standard reply.
        code: &'static str,
        /// Its context.
        context: Vec<String>,
        /// What is wrong.
        text: &'static str,
    },
    /// The same with a sentence made for the occasion.
    Wrong {
        /// The code of the standard reply.
        code: &'static str,
        /// Its context.
        context: Vec<String>,
        /// What is wrong.
        text: String,
    },
}
