//! Rooms and users: lists, modes, metadata, names, moderation.

/// Entries of all lists of a room together: bans, exceptions, invitations for good, quiets.
pub const LIST_ENTRIES: usize = 100;
/// Changes with a parameter in one `MODE`.
pub const MODES_PER_LINE: usize = 3;
/// Bytes of a mask in a list: so many that a `MODE` with the most of them fits a line.
pub const MASK_BYTES: usize = 90;
/// Changes in one `MODE`, with and without a parameter.
pub const MODE_STEPS: usize = 12;
/// Keys of metadata that one user or one room may have.
pub const METADATA_KEYS: usize = 20;
/// Keys that a session may set or remove before it is somebody.
pub const METADATA_KEYS_BEFORE: usize = 2 * METADATA_KEYS;
/// Bytes of a key of metadata.
pub const METADATA_KEY_BYTES: usize = 32;
/// Bytes of a value of metadata: so many that it fits a line with the longest names and key.
pub const METADATA_VALUE_BYTES: usize = 300;
/// Keys of metadata to which one session may be subscribed.
pub const METADATA_SUBS: usize = 50;
/// Keys in one line of an answer about subscriptions: so many that it fits, however long they are.
pub const METADATA_KEYS_A_LINE: usize = 10;
/// Changes of metadata that one user may make in [`METADATA_CHANGES_SECONDS`].
pub const METADATA_CHANGES: u32 = 30;
/// Seconds in which changes of metadata are counted.
pub const METADATA_CHANGES_SECONDS: i64 = 10;
/// Seconds after which one who came into a large room may ask for its members' metadata.
pub const METADATA_SYNC_SECONDS: u32 = 5;
/// Names, masks and other conditions in one parameter of `LIST`; further ones are not looked at.
pub const LIST_CONDITIONS: usize = 8;
/// Rooms of which one account can be the founder: they do not end when nobody is in them.
pub const ROOMS_FOUNDED: usize = 50;
/// Accounts whose standing in a room is kept while they are not in it.
pub const ROLES: usize = 200;
/// Seconds of a room's slow mode at most: six hours.
pub const SLOW_SECONDS_MOST: u32 = 6 * 60 * 60;
/// People whose last words a slow room remembers.
pub const SLOW_SPEAKERS: usize = 4096;
/// Messages that can be pinned in one room.
pub const PINS: usize = 50;
/// Bytes of the reason of a ban, a quiet or a report, and of the note with which it is closed.
pub const REASON_BYTES: usize = 200;
/// Members whom one `BAN` puts out of a room; of more, the rest may not speak and not come back.
pub const BAN_KICKS: usize = 50;
/// Messages that one `BAN` takes back, the newest ones.
pub const TAKE_BACK_MOST: usize = 200;
/// Messages in rooms, of the whole server, whose authors are remembered to be able to take them back.
pub const RECENT_MESSAGES: usize = store::SAID;
/// Milliseconds to the next look at the ends of bans and quiets, at least.
pub const ENDS_LEAST_MILLIS: u64 = 20;
/// The same at most, so that a clock that is set is noticed.
pub const ENDS_MOST_MILLIS: u64 = 60_000;
/// Bans and quiets whose end is noticed at once; more are at the next input.
pub const EXPIRED_AT_ONCE: usize = 100;
/// Reports that are kept, those included that were dealt with.
pub const REPORTS_KEPT: usize = 1000;
/// Reports of one user that may wait to be dealt with.
pub const REPORTS_OPEN: usize = 20;
/// Users invited to a room who have not come yet; of more, one is forgotten.
pub const INVITES: usize = 100;
/// Bytes of the reason of a `RENAME`: so many that it fits a line with two names of rooms.
pub const RENAME_BYTES: usize = 200;
/// Seconds for which a room keeps a new name at least.
pub const RENAME_SECONDS: i64 = 30;
/// Devices in a room with which it can still be renamed: each may have to be shown all names.
pub const RENAME_DEVICES: usize = 200;
/// Milliseconds for which those who come by a room's old name are told the new one.
pub const RENAMED_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Old names of rooms that are remembered.
pub const RENAMES_REMEMBERED: usize = 1000;
/// Devices of a user whose addresses and certificates one `WHOIS` shows, to the user and to
/// operators.
pub const WHOIS_ADDRESSES: usize = 8;
/// Names that one session may watch (`MONITOR`).
pub const MONITOR_NAMES: usize = 100;
/// Users who left that `WHOWAS` remembers.
pub const WHOWAS_KEPT: usize = 1000;
/// Days, or messages, that a room can ask to be kept at most.
pub const KEEP_MOST: u32 = 1_000_000_000;
