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
    /// The room is for those with an account.
    AccountsOnly(Arc<str>),
    /// A room has the name already: the old and the wanted name.
    RoomNameInUse(Arc<str>, String),
    /// A room cannot get another name: the old and the wanted name, and why.
    CannotRename(Arc<str>, String, String),
    /// The room has been renamed: the old and the new name.
    RoomRenamed(String, Arc<str>),
    /// The same, to a client that does not know of it: it is taken there.
    RoomMoved(String, Arc<str>),
    /// The lobby is not left.
    LobbyStays(Arc<str>),
    /// The requester is in too many rooms.
    TooManyRooms(String),
    /// The room is full.
    RoomFull(Arc<str>),
    /// The room is for the invited.
    InviteOnly(Arc<str>),
    /// The requester is banned from the room; until when and why.
    Banned(Arc<str>, String),
    /// Guests are not let into the room.
    NoGuests(String),
    /// The requester has spoken in a slow room just now; seconds to wait.
    TooSoon(Arc<str>, u64),
    /// What is the founder's stays with them.
    FounderStays(Arc<str>),
    /// The list of those whom the requester ignores is full; whom they wanted to add.
    SilencesFull(String),
    /// The room has a key, and this is not it.
    BadKey(Arc<str>),
    /// A room's list is full.
    ListFull(Arc<str>, char),
    /// There is no such mode.
    UnknownMode(char),
    /// A mode's parameter cannot be.
    BadModeParameter(Arc<str>, char, String, Cow<'static, str>),
    /// Only one's own modes can be seen and set.
    OtherUsersModes,
    /// There is nothing to send.
    NoText,
    /// There is nobody to send to.
    NoRecipient(&'static str),
    /// The text would not fit; the most bytes that would.
    TextTooLong(usize),
    /// Too many targets on one line; those that are left out.
    TooManyTargets(String),
    /// Only for operators of the server.
    NotOperator,
    /// Only for admins of the server, not for moderators.
    NotAdmin,
    /// Only for users, not for the admin socket.
    NeedsUser,
    /// The account is suspended or banned: the code, the name, and a sentence with reason and end.
    Barred(&'static str, String, String),
    /// The config names no operators.
    NoOperators,
    /// The config names only accounts as operators.
    OperatorsAreAccounts,
    /// Users can be killed, the server not.
    CannotKillServer,
    /// The config file is being read.
    RereadingAlready,
    /// The config does not say who runs the server.
    NoAdmin(Arc<str>),
    /// There is no help on that.
    NoHelp(String),
    /// There is no lobby.
    NoLobby,
    /// No name given.
    NoName,
    /// The name cannot be a user's.
    BadName(String, NameError),
    /// The name looks like that of somebody's account.
    LooksLikeAccount(String),
    /// A guest who is banned from a room, or to be quiet there, wants another nick: which, and the room.
    SilencedNick(String, Arc<str>),
    /// The name is somebody's.
    NameTaken(String),
    /// That cannot be a real name.
    BadRealname,
    /// The session has logged in by a one-time code, and there is no new password yet.
    NewPasswordRequired,
    /// A name with an account stays as it is.
    NameStays,
    /// The session is somebody already.
    AlreadyLoggedIn(Arc<str>),
    /// The session has an account already (`REGISTER`, `VERIFY`).
    AlreadyAuthenticated(Arc<str>),
    /// The account that was to be made is there.
    AccountExists(Arc<str>),
    /// An account has the name of its user, and this is another one.
    AccountIsNick(String),
    /// `NICK` must come first.
    NickFirst,
    /// No registration waits to be verified.
    NothingToVerify(String),
    /// Not the password of the account.
    WrongPassword(String),
    /// No password, or one too long.
    BadPassword(String),
    /// Too short for the first password of a name.
    WeakPassword(String),
    /// A command came where the first password of a name was asked for.
    CommandAsPassword(String),
    /// Too many failed logins from the address; seconds to wait.
    TooManyAttempts(String, i64),
    /// A password came, or would, on a connection that others can read.
    NotEncrypted,
    /// The server's own password must come first.
    ServerPasswordRequired,
    /// What came as the server's own password is another one.
    WrongServerPassword,
    /// Too many log in at once.
    Busy(String),
    /// The account or its address has had too much work done; seconds to wait.
    TooMuchWork(u64),
    /// The account, or the guests of the address, have had too much stored; seconds to wait.
    TooMuchStored(u64),
    /// The disk's reserve is touched.
    DiskFull,
    /// The log that orders what all nodes do does not answer.
    LogUnavailable,
    /// The tags that would be stored are too long.
    TagsTooLong,
    /// The requester, or others at the address, have filled their share of the receiver's outbox; seconds
    /// to wait.
    TooMuchForOne(u64),
    /// The requester has as many messages kept for this user as may be.
    TooMuchKept(Arc<str>),
    /// A guest or account cannot read that history.
    NoHistory(String),
    /// Not a count.
    BadCount(String, usize),
    /// Not a msgid.
    BadMsgid(String),
    /// A batch, or a line of one, is not as it must be; what is wrong.
    BadBatch(Cow<'static, str>),
    /// A parameter that makes no sense, with the code that says which.
    Invalid {
        /// The code of the standard reply.
        code: &'static str,
        /// Its context.
        context: Vec<String>,
        /// What is wrong.
        text: &'static str,
    },
    /// The same with a sentence of its own.
    Wrong {
        /// The code of the standard reply.
        code: &'static str,
        /// Its context.
        context: Vec<String>,
        /// What is wrong.
        text: String,
    },
}
