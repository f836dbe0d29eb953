//! Rooms and users: lists, modes, metadata, names, moderation.

/// Entries of all lists of a room together: bans, exceptions, invite exceptions, quiets.
pub const LIST_ENTRIES: usize = 100;
/// Changes with a parameter per `MODE`.
pub const MODES_PER_LINE: usize = 3;
/// Bytes of a mask: a `MODE` with as many as possible fits on a line.
pub const MASK_BYTES: usize = 90;
/// Changes per `MODE`, with and without a parameter.
pub const MODE_STEPS: usize = 12;
/// Metadata keys per user or room.
pub const METADATA_KEYS: usize = 20;
/// Metadata keys that a session may set or remove before it has registered.
pub const METADATA_KEYS_BEFORE: usize = 2 * METADATA_KEYS;
/// Bytes of a metadata key.
pub const METADATA_KEY_BYTES: usize = 32;
/// Bytes of a metadata value: it fits on a line with the longest names and key.
pub const METADATA_VALUE_BYTES: usize = 300;
/// Metadata subscriptions per session.
pub const METADATA_SUBS: usize = 50;
/// Keys per line in answers about subscriptions: they fit, however long they are.
pub const METADATA_KEYS_A_LINE: usize = 10;
/// Metadata changes per user within [`METADATA_CHANGES_SECONDS`].
pub const METADATA_CHANGES: u32 = 30;
/// Seconds in which metadata changes are counted.
pub const METADATA_CHANGES_SECONDS: i64 = 10;
/// Seconds after joining a large room before its members' metadata may be requested.
pub const METADATA_SYNC_SECONDS: u32 = 5;
/// Conditions in one parameter of `LIST`, masks included; others are ignored.
pub const LIST_CONDITIONS: usize = 8;
/// Rooms per founder: they do not end when they are empty.
pub const ROOMS_FOUNDED: usize = 50;
/// Roles kept per room for accounts that are not in it.
pub const ROLES: usize = 200;
/// The maximum of slow mode in seconds: six hours.
pub const SLOW_SECONDS_MOST: u32 = 6 * 60 * 60;
/// Senders remembered per room in slow mode.
pub const SLOW_SPEAKERS: usize = 4096;
/// Pinned messages per room.
pub const PINS: usize = 50;
/// Bytes of the reason of a ban, quiet or report, and of the note that closes a report.
pub const REASON_BYTES: usize = 200;
/// Members removed by one `BAN`; others stay, but may not speak or rejoin.
pub const BAN_KICKS: usize = 50;
/// Messages redacted by one `BAN`, newest first.
pub const TAKE_BACK_MOST: usize = 200;
/// Messages in rooms, server-wide, whose authors are remembered so that they can be redacted.
pub const RECENT_MESSAGES: usize = store::RECENT_MESSAGES;
/// The minimum number of milliseconds until the next check for expired bans and quiets.
pub const ENDS_LEAST_MILLIS: u64 = 20;
/// The maximum, so that a clock that was set is noticed.
pub const ENDS_MOST_MILLIS: u64 = 60_000;
/// Bans and quiets that expire in one input; others follow in the next.
pub const EXPIRED_AT_ONCE: usize = 100;
/// Reports kept, including closed ones.
pub const REPORTS_KEPT: usize = 1000;
/// Open reports per user.
pub const REPORTS_OPEN: usize = 20;
/// Outstanding invitations per room; beyond that one is dropped.
pub const INVITES: usize = 100;
/// Bytes of the reason of a `RENAME`: it fits on a line with two room names.
pub const RENAME_BYTES: usize = 200;
/// Seconds between two renames of a room.
pub const RENAME_SECONDS: i64 = 30;
/// Devices in a room up to which it can be renamed: each may have to be sent all names.
pub const RENAME_DEVICES: usize = 200;
/// Milliseconds for which a room's former name leads to the new one.
pub const RENAMED_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Former names of rooms remembered.
pub const RENAMES_REMEMBERED: usize = 1000;
/// Devices of a user whose addresses and certificates `WHOIS` shows to the user and to operators.
pub const WHOIS_ADDRESSES: usize = 8;
/// Names watched per session (`MONITOR`).
pub const MONITOR_NAMES: usize = 100;
/// Former users remembered for `WHOWAS`.
pub const WHOWAS_KEPT: usize = 1000;
/// The maximum of days or messages in a room's retention settings.
pub const KEEP_MOST: u32 = 1_000_000_000;
