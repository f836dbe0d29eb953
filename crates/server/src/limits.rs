//! Every bound of the server: what one line, list, queue or wait may be at most.
//!
//! The bounds of the wire itself (a line, a name, a password) are `proto::limits`, because the
//! client keeps them too; they are re-exported here, so that the code names all limits alike.
//! [`Limits`] are those that the config file may change.

mod cluster;
mod memory;

pub use cluster::*;
pub use proto::limits::*;

use serde::Deserialize;

/// `[limits]` of the config file. 0 means no limit, except where noted.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once, in all.
    pub connections: usize,
    /// Connections at once from one address (IPv6: one /64).
    pub connections_per_address: usize,
    /// New connections a minute from one address (IPv6: one /64).
    pub connects_per_minute: u32,
    /// Seconds in which a connection must have logged in.
    pub login_seconds: u32,
    /// Lines a second that one connection may send on average; more wait their turn in the socket.
    pub commands_per_second: u32,
    /// Lines that one connection may send at once before the average counts.
    pub command_burst: u32,
    /// Bytes that may wait for one slow reader before it is disconnected.
    pub outbox_bytes: usize,
    /// Bytes that may wait for all readers together; none: a part of the machine's memory
    /// ([`MACHINE_PART`]), and [`MEMORY_MOST`] at most.
    pub memory: Option<usize>,
    /// Connections at once of one account.
    pub sessions_per_account: usize,
    /// Milliseconds of the server's work a second that one account may take in the long run; all
    /// people of one address may take [`WORK_ADDRESS_SHARE`] times as much.
    pub work_millis: u32,
    /// Bytes that one account may have stored in an hour; guests of one address together as many.
    pub stored_bytes_per_hour: u64,
    /// Free bytes that the disk keeps for operators and for taking messages back, as far as
    /// [`reserve_percent`](Self::reserve_percent) does not make it less; 0: none.
    pub reserve_bytes: u64,
    /// The same in hundredths of the disk; 0: none.
    pub reserve_percent: u8,
    /// Rooms that one user may be in, the lobby not counted.
    pub rooms_per_user: usize,
    /// Members online from which on a room does not tell everybody of those who come, but of each
    /// with their first word.
    pub large_room: usize,
    /// Messages in one page of history; at most [`HISTORY_PAGE_MOST`], also where 0.
    pub history_page: usize,
    /// Messages of a room shown after its `JOIN` to a client that cannot ask for its history; 0:
    /// none.
    pub replay: usize,
    /// Seconds of silence after which a connection is asked for a sign of life; as many again and
    /// it is closed.
    pub ping_seconds: u32,
    /// Failed logins from one address, or to one name, before each further one waits; three times as
    /// many close the door to the address's strangers for [`LOCKOUT_SECONDS`].
    pub failed_logins: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 16_000,
            connections_per_address: 200,
            connects_per_minute: 300,
            login_seconds: 120,
            commands_per_second: 10,
            command_burst: 60,
            outbox_bytes: 4 * 1024 * 1024,
            memory: None,
            sessions_per_account: 20,
            work_millis: 50,
            stored_bytes_per_hour: 20_000_000,
            reserve_bytes: 256 * 1024 * 1024,
            reserve_percent: 5,
            rooms_per_user: 100,
            large_room: 200,
            history_page: 100,
            replay: 20,
            ping_seconds: 90,
            failed_logins: 5,
        }
    }
}

impl Limits {
    /// Messages in one page of history, 1 to [`HISTORY_PAGE_MOST`].
    pub fn page(&self) -> usize {
        if self.history_page == 0 {
            HISTORY_PAGE_MOST
        } else {
            self.history_page.min(HISTORY_PAGE_MOST)
        }
    }

    /// Bytes of one answer of `LIST` or `WHO`: it fits the outbox whatever its size, so nobody is
    /// disconnected for asking.
    pub fn answer(&self) -> usize {
        match self.outbox_bytes {
            0 => ANSWER_BYTES,
            bytes => ANSWER_BYTES.min(bytes / 2),
        }
    }

    /// Free bytes that are kept back on a disk of `total` bytes.
    pub fn reserve(&self, total: u64) -> u64 {
        let part = u128::from(total) * u128::from(self.reserve_percent) / 100;
        self.reserve_bytes.min(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// Bytes that may wait for all readers together.
    pub fn memory(&self) -> usize {
        match self.memory {
            None => memory::default_bytes(),
            Some(0) => usize::MAX,
            Some(bytes) => bytes,
        }
    }

    /// Bytes of one page of history.
    pub fn page_bytes(&self) -> usize {
        match self.outbox_bytes / HISTORY_PAGE_PART {
            0 => HISTORY_PAGE_BYTES,
            part => part.min(HISTORY_PAGE_BYTES),
        }
    }
}

/// Messages in one page of history, whatever the config says.
pub const HISTORY_PAGE_MOST: usize = 1000;
/// Bytes of one playback of several conversations, after which no further one is begun.
pub const PLAYBACK_BYTES: usize = 1024 * 1024;
/// Bytes that `outbox_bytes` must be at least: the longest message of several lines is to fit.
pub const OUTBOX_BYTES_LEAST: usize = 64 * 1024;
/// Bytes that `memory` must be at least.
pub const MEMORY_LEAST: usize = 1024 * 1024;
/// Bytes that may wait for all readers together where the config does not say it, at most.
pub const MEMORY_MOST: usize = 1024 * 1024 * 1024;
/// The part of the machine's memory that may wait for readers where the config does not say it.
pub const MACHINE_PART: usize = 4;
/// Seconds after which an outbox of which nothing was taken is among the first to go when all are
/// too much.
pub const OUTBOX_STANDS_SECONDS: u64 = 10;
/// Seconds after which a connection that has read nothing of what waits for it is ended, whatever it
/// sends.
pub const NOT_READING_SECONDS: u64 = 60;
/// Bytes that the system is asked to hold for a connection beside its outbox; Linux counts its own
/// bookkeeping and takes it twice. Left to itself it lets some megabytes wait there, unseen.
pub const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Bytes of one page of history, as far as the outbox does not make it less; what is beyond is
/// left out, and asked for as the next page. One message is shown whatever its size.
pub const HISTORY_PAGE_BYTES: usize = 1024 * 1024;
/// The part of an outbox that one page of history may take.
pub const HISTORY_PAGE_PART: usize = 4;
/// Bytes that a line takes beside its text and its client's tags: what source, target and the
/// server's tags are together at most.
pub const LINE_FRAME_BYTES: usize = 400;
/// Bytes of a client's tags that are told with each line of a message of several lines to those who
/// do not know such messages; more are told with the first alone. They fit into [`LINE_FRAME_BYTES`].
pub const CLIENT_TAGS_EACH_LINE_BYTES: usize = 40;
/// Messages kept for a user who is offline that are shown at one login; the next login shows the
/// next ones.
pub const PENDING_SHOWN: usize = 1000;
/// Messages of one sender that are kept for one user who is offline; further ones are refused. All
/// guests count as one.
pub const KEPT_EACH: usize = 300;
/// The same for one who is online, and will have taken them with the next sign of life.
pub const KEPT_EACH_ONLINE: usize = 3000;
/// Messages kept for a user from which on each sender may have only [`KEPT_IN_CROWD`]: so many that
/// one login shows what others have sent, too.
pub const KEPT_UNCROWDED: usize = 900;
/// See [`KEPT_UNCROWDED`].
pub const KEPT_IN_CROWD: usize = 20;
/// Messages kept for a user at most, by all senders.
pub const KEPT_MOST: usize = 10_000;
/// The part of a receiver's outbox (`outbox_bytes`) that one account may fill with private messages
/// and invitations at once: 256 KiB of 4 MiB.
pub const SHARE_BURST_PART: u64 = 16;
/// The part of it that one account may fill each second in the long run.
pub const SHARE_SECOND_PART: u64 = 512;
/// How many times as much as one account all people of one address may fill.
pub const SHARE_ADDRESS: u64 = 4;
/// The part that all together may fill before each has a smaller share.
pub const SHARE_CROWD_PART: u64 = 2;
/// The part that each account may fill then.
pub const SHARE_CROWD_BURST_PART: u64 = 256;
/// Pairs of sender and receiver beyond which those that have drained are forgotten.
pub const SHARES_REMEMBERED: usize = 4096;

/// Bytes of the server's name.
pub const SERVER_NAME_BYTES: usize = 63;
/// Bytes of a guest's user name: so many that with its `~` it is no longer than a name.
pub const GUEST_USERNAME_BYTES: usize = NAME_BYTES - 1;
/// Bytes of the hash that stands for an address, and of the one for its network, in a guest's host.
pub const CLOAK_PART_BYTES: usize = 6;
/// Bytes of a real name (the last parameter of `USER`).
pub const REALNAME_BYTES: usize = 150;
/// Bans of the whole server.
pub const SERVER_BANS: usize = 1000;
/// Bytes of whom such a ban is of.
pub const SERVER_BAN_BYTES: usize = 200;
/// Milliseconds for which a one-time code (`ACCOUNTS RESET`) logs in.
pub const RESET_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Connections to the admin socket at once.
pub const ADMIN_CONNECTIONS: usize = 16;
/// Seconds for which `chatserver admin` waits for the next line of an answer.
pub const ADMIN_SECONDS: u64 = 30;
/// Entries of the audit log in one answer, if nobody says how many.
pub const AUDIT_PAGE: usize = 50;
/// Entries of the audit log in one answer.
pub const AUDIT_PAGE_MOST: usize = 500;
/// Bytes of the path of a Unix socket that every system takes.
pub const SOCKET_PATH_BYTES: usize = 100;
/// Entries of all lists of a room together: bans, exceptions, invitations for good, quiets.
pub const LIST_ENTRIES: usize = 100;
/// Changes with a parameter in one `MODE`.
pub const MODES_PER_LINE: usize = 3;
/// Bytes of a mask in a list: so many that a `MODE` with the most of them fits a line.
pub const MASK_BYTES: usize = 90;
/// Changes in one `MODE`, with and without a parameter.
pub const MODE_STEPS: usize = 12;
/// Bytes of one parameter of a reply, all but its text; longer ones are cut. The most names of one
/// `WHOIS` fit.
pub const PARAMETER_BYTES: usize = 140;
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
/// Bytes of the label of a command; longer ones are ignored, as the specification has it.
pub const LABEL_BYTES: usize = 64;
/// Days before the end of the server's certificate from which on the operator is warned.
pub const CERTIFICATE_WARNING_DAYS: i64 = 14;
/// Seconds between two looks at when the server's certificate expires.
pub const CERTIFICATE_LOOK_SECONDS: u64 = 24 * 60 * 60;
/// Certificates that one account may have.
pub const CERTIFICATES: usize = 10;
/// Seconds for which clients connect in no other way than encrypted, from each connection on (`sts`):
/// 30 days.
pub const STS_SECONDS: u32 = 30 * 24 * 60 * 60;
/// Names whose failed logins are counted one by one for an address; further ones together.
pub const FAILED_NAMES: usize = 64;
/// Targets of one command, where it takes several.
pub const TARGETS: usize = 4;
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
/// People and masks whom one user can ignore.
pub const SILENCES: usize = 50;
/// Reports that are kept, those included that were dealt with.
pub const REPORTS_KEPT: usize = 1000;
/// Reports of one user that may wait to be dealt with.
pub const REPORTS_OPEN: usize = 20;
/// Users invited to a room who have not come yet; of more, one is forgotten.
pub const INVITES: usize = 100;
/// Conversations of one account of which the server keeps up to where they are read.
pub const READ_MARKERS: usize = 1000;
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
/// Bytes of one line of what the config says about who runs the server.
pub const ADMIN_BYTES: usize = 200;
/// Lines of a message of the day.
pub const MOTD_LINES: usize = 200;
/// Bytes of one `WHO`, `NAMES` or `LIST` answer line's payload.
pub const NAMES_LINE_BYTES: usize = 400;

/// Bytes of a message of several lines, line feeds between them included (`max-bytes`).
pub const MULTILINE_BYTES: usize = 16 * 1024;
/// Lines of such a message (`max-lines`).
pub const MULTILINE_LINES: usize = 100;
/// Bytes of the reference of a batch that a client opens; each session may have one open.
pub const BATCH_REFERENCE_BYTES: usize = 64;
/// Seconds for which a client may leave a batch open.
pub const BATCH_SECONDS: u32 = 120;
/// What a line of a batch takes of the lines that a client may send: nobody is told of it but
/// within a message of at most [`MULTILINE_BYTES`], so it weighs no more than so many plain lines.
pub const BATCH_LINE_COST: f32 = 0.25;

/// Seconds to log in, at most, for who cannot come in without an account and was told so.
pub const ACCOUNT_SECONDS: u32 = 30;
/// Connections from networks that are banned, all together: they are for operators of the server who log
/// in from there.
pub const BANNED_CONNECTIONS: usize = 64;
/// Seconds to set a new password, for who has logged in by a one-time code: a person has to find out how.
pub const NEW_PASSWORD_SECONDS: u32 = 600;
/// Lines of a session that may wait for its password to be checked; with more it is ended.
pub const LINES_WAITING: usize = 64;

/// Units of work in a millisecond: one is about ten nanoseconds of one core.
pub const WORK_PER_MILLI: u64 = 100_000;
/// Work of any line.
pub const LINE_WORK: u64 = 100;
/// Work of a room, user or entry of a list that is looked at.
pub const ROW_WORK: u64 = 10;
/// Bytes answered that are one unit of work.
pub const BYTES_PER_WORK: u64 = 2;
/// Conversations of which one answer to `UNREAD` tells what is unread.
pub const UNREAD_CONVERSATIONS: usize = 1000;
/// Conversations that somebody who logs in is told of in one sentence.
pub const GREETING_CONVERSATIONS: usize = 5;
/// Bytes of that sentence, so that it fits into a line.
pub const GREETING_BYTES: usize = 300;
/// As how many events counting what is unread in one conversation is charged.
pub const UNREAD_EVENTS: usize = 100;
/// Conversations that one account can mute or follow.
pub const NOTIFY_ENTRIES: usize = 1000;

/// Work of telling one session something; done by the shards.
pub const TELL_WORK: u64 = 40;
/// Work of looking up one word of a message among the names; done by the hub.
pub const LOOK_UP_WORK: u64 = 1;
/// Work of reading one event of history; done by the readers.
pub const READ_WORK: u64 = 500;
/// About how many events a search is charged as: five milliseconds of work.
pub const SEARCH_EVENTS: usize = 1000;
/// Private conversations that somebody is taken to have where the hub does not know.
pub const UNKNOWN_CONVERSATIONS: usize = 20;
/// Work of the hub for one session after which others have their turn: a millisecond. For all
/// sessions of a payer that owes much ([`MUCH_OWED_PART`]), work of hub and shards.
pub const TURN_WORK: u64 = WORK_PER_MILLI;
/// Work of the hub for all sessions of one address after which others have their turn.
pub const ADDRESS_TURN_WORK: u64 = 10 * TURN_WORK;
/// The part of a second's work of a payer beyond which it owes much: then it has smaller turns, in
/// which the work of the shards counts, too.
pub const MUCH_OWED_PART: u64 = 5;
/// Seconds of the work that a payer may take in the long run that it may take at once.
pub const WORK_BURST_SECONDS: u64 = 10;
/// How many times the work of one account all people of one address may take.
pub const WORK_ADDRESS_SHARE: u64 = 4;
/// Bytes that something stored takes beside its texts: its row, and its places in indexes.
pub const ROW_BYTES: usize = 100;
/// Bytes of the tags of a client that are stored with a message, beside those that clients need.
pub const TAGS_STORED_BYTES: usize = 512;
/// Payers beyond which those who owe nothing are forgotten.
pub const BUDGETS_REMEMBERED: usize = 4096;
/// Seconds that one failed login too many is made to wait, doubled each time up to
/// [`LOGIN_DELAY_MOST_SECONDS`].
pub const LOGIN_DELAY_SECONDS: u32 = 1;
/// Seconds that a failed login waits at most.
pub const LOGIN_DELAY_MOST_SECONDS: u32 = 16;
/// Seconds that strangers must wait at most between two wrong passwords of one name, from wherever.
pub const NAME_DELAY_MOST_SECONDS: u32 = 64;
/// Seconds for which an address that failed far too often is refused; failures are forgotten after
/// as long.
pub const LOCKOUT_SECONDS: u32 = 600;
/// Logins, right or not, that strangers at one address may try at once; then one each
/// [`LOGIN_MILLIS`].
pub const LOGINS_OF_ADDRESS: i64 = 200;
/// The same of one name, from wherever.
pub const LOGINS_OF_NAME: i64 = 20;
/// Milliseconds after which an attempt to log in is forgotten.
pub const LOGIN_MILLIS: i64 = 1000;
/// Networks of one name's last good logins that are known.
pub const KNOWN_NETWORKS: usize = 8;
/// Addresses whose failures and connects are remembered; of more, those used longest ago are
/// forgotten.
pub const ADDRESSES_REMEMBERED: usize = 16_384;
/// Names whose failed logins are remembered.
pub const NAMES_REMEMBERED: usize = 16_384;
/// Connections refused in [`REFUSALS_LOGGED_MILLIS`] of which each has its line in the log; further
/// ones are counted.
pub const REFUSALS_LOGGED: u32 = 10;
/// Milliseconds in which they are counted.
pub const REFUSALS_LOGGED_MILLIS: i64 = 10_000;

/// Connections that wait in the kernel for `accept`.
pub const ACCEPT_BACKLOG: i32 = 4096;
/// Bytes read from a socket at once; each shard owns one such buffer.
pub const READ_BYTES: usize = 64 * 1024;
/// Bytes that came of a connection and are not whole yet: one record of TLS at most.
pub const UNREAD_BYTES: usize = 18 * 1024;
/// Seconds from its beginning in which a handshake, or what else tells the way of a connection, must
/// be done.
pub const HANDSHAKE_SECONDS: u64 = 10;
/// Microseconds for which a shard accepts connections before it looks after those that it has.
pub const ACCEPT_MICROS_PER_ROUND: u64 = 500;
/// Microseconds in all after which those who have not logged in wait until the shard has looked after
/// those who have; they wait as long again if that was not enough for all. To read what they send
/// includes TLS handshakes, of which ten with a key on a curve take a millisecond, and one with a long
/// RSA key as much.
pub const NEWCOMER_MICROS: u64 = 1000;
/// Things in one batch that connections did which have not logged in: the hub deals with them in about
/// a millisecond. Further ones wait for the next batch.
pub const NEWCOMER_EVENTS: usize = 64;
/// Bytes of lines that are wrapped for a socket at once.
pub const WRAP_BYTES: usize = 64 * 1024;
/// Bytes of the longest message over WebSocket: the longest line with its tags. A longer one closes
/// the connection (1009) before its payload is read.
pub const WEBSOCKET_MESSAGE_BYTES: usize = TAGS_CLIENT_BYTES + LOGIN_LINE_BYTES;
/// Bytes of the payload of a control frame (RFC 6455, 5.5).
pub const WEBSOCKET_CONTROL_BYTES: usize = 125;
/// Bytes of a request's head over HTTP, the empty line after it included; a longer one is answered
/// 431.
pub const HTTP_HEAD_BYTES: usize = 8 * 1024;
/// Header lines of a request; more are answered 431.
pub const HTTP_HEADERS: usize = 64;
/// Bytes of a request's body, which is read and thrown away; a longer one is answered 413.
pub const HTTP_BODY_BYTES: usize = 64 * 1024;
/// Bytes that may come after a request that has no response yet; if there are more, the connection
/// is closed after the response.
pub const HTTP_PIPELINE_BYTES: usize = 16 * 1024;
/// Requests on one connection, which is closed after the last one.
pub const HTTP_REQUESTS: u32 = 100;
/// Seconds after which a connection without a new request is closed.
pub const HTTP_IDLE_SECONDS: u64 = 10;
/// Bytes of the web client as it is sent, compressed, all files together.
pub const WEB_CLIENT_BYTES: usize = 80 * 1024;
/// Bytes of a host's name in a request, as DNS has it; a longer one is not shown.
pub const HOST_BYTES: usize = 253;
/// Bytes of a PROXY protocol header of version 1, its line end included.
pub const PROXY_V1_BYTES: usize = 107;
/// Bytes of a PROXY protocol header of version 2 with all its fields; a longer one is refused
/// before it is read.
pub const PROXY_V2_BYTES: usize = 1024;
/// Bytes of one batch from a shard to the hub; sockets wait while it is full.
pub const BATCH_BYTES: usize = 512 * 1024;
/// Pieces of one outbox that are written to its socket at once.
pub const WRITE_PIECES: usize = 16;
/// Events that a shard takes from the system at once.
pub const EVENTS: usize = 1024;
/// Items that wait for a shard (released batches, history pages, new connections).
pub const SHARD_QUEUE: usize = 1024;
/// Items that wait for the hub: more than all its senders can have in flight together.
pub const HUB_QUEUE: usize = 4096;
/// Outputs that wait for the journal.
pub const JOURNAL_QUEUE: usize = 256;
/// Writes of one output that the hub commits by itself while the journal's thread rests.
pub const WRITES_AT_ONCE: usize = 16;
/// Outputs in one transaction of the journal.
pub const JOURNAL_GROUP: usize = 64;
/// Bytes of lines after which no further output joins a transaction.
pub const JOURNAL_GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of lines after which the hub passes its effects on before it goes on with a batch.
pub const EFFECTS_BYTES: usize = 1024 * 1024;
/// Bytes of one answer of `LIST`, `WHO` or `METADATA SYNC`; what is beyond is left out, and the requester told so.
pub const ANSWER_BYTES: usize = 256 * 1024;
/// Passwords that wait for their key to be derived; further logins are told to try again.
pub const PASSWORD_QUEUE: usize = 1024;
/// Those of one address; as many again of people who are known there.
pub const PASSWORDS_OF_ADDRESS: usize = 64;
/// History reads that wait for a reader; further ones are told to try again.
pub const READ_QUEUE: usize = 4096;
/// History reads of one account that wait for a reader; more than all its sessions may have open.
pub const READ_QUEUE_OF_ONE: usize = 128;
/// Milliseconds of one playback after which other accounts have their turn.
pub const READ_TURN_MILLIS: u64 = 5;
/// History reads that one session may have open; the session's input waits while there are more.
pub const READS_PER_SESSION: usize = 4;
/// Threads that read pages of history; one more reads overviews of many conversations.
pub const PAGE_READERS: usize = 2;
/// The niceness of the thread that writes the index of words: searches find what is not in it yet.
pub const INDEX_NICE: i32 = 15;
/// Milliseconds for which that thread gathers what is committed, before it adds it.
pub const INDEX_GATHER_MILLIS: u64 = 250;
/// Seconds between two times that it moves words that were taken back out of its log.
pub const INDEX_MAINTAIN_SECONDS: u64 = 20;
/// Threads that search.
pub const SEARCH_READERS: usize = 2;
/// Searches of one account that wait for a reader.
pub const SEARCH_QUEUE_OF_ONE: usize = 16;
/// Milliseconds of one search, after which its answer is what was found until then.
pub const SEARCH_MILLIS: u64 = 25;
/// Milliseconds between the times at which answers to a search leave, so that they do not tell how
/// long it took.
pub const SEARCH_STEP_MILLIS: u64 = 5;
/// Messages in one answer to a search; not more than in a page of history.
pub const SEARCH_PAGE: usize = 50;
/// Words in one search.
pub const SEARCH_WORDS: usize = 32;
/// Threads that derive keys from passwords.
pub const PASSWORD_THREADS: usize = 2;
/// The niceness of these threads: messages come first, but on a machine that others keep busy each
/// still gets a tenth of a core. At 19, logins starved beside two busy processes.
pub const PASSWORD_NICE: i32 = 10;
/// Wishes that wait for the thread that deals with signals; who has another waits with it.
pub const WAKE_QUEUE: usize = 16;
/// Log lines that wait for the terminal; further ones are dropped and counted.
pub const LOG_QUEUE: usize = 8192;

/// Milliseconds that a connection may take to accept its last lines when it is closed.
pub const LINGER_MILLIS: u64 = 1000;
/// Milliseconds between two looks at all connections of a shard (login deadline, pings, lingering).
pub const SWEEP_MILLIS: u64 = 500;
/// Milliseconds to wait before accepting again when the process has no file descriptor left.
pub const ACCEPT_PAUSE_MILLIS: u64 = 100;
/// Bytes of a file that the operator names.
pub const NAMED_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Seconds between two rounds of the journal's housekeeping in the store: so few that what was taken
/// back is out of the write-ahead log within a minute, though somebody reads at the first try.
pub const MAINTAIN_SECONDS: u64 = 20;
/// Seconds between two rounds in which the journal removes what is not kept any longer.
pub const FORGET_SECONDS: i64 = 60 * 60;
/// Seconds between two rounds in which the hub looks for accounts that do not come back.
pub const EXPIRY_SECONDS: i64 = 60 * 60;
/// Accounts that it looks at in one go, which takes far less than a millisecond.
pub const EXPIRY_LOOKS: usize = 1000;
/// Accounts that it removes in one go: some rows of each, in one commit.
pub const EXPIRY_AT_ONCE: usize = 20;
/// Milliseconds before the next go of a round.
pub const EXPIRY_PAUSE_MILLIS: i64 = 1000;
/// Milliseconds without a commit after which the journal takes a step of such a round.
pub const FORGET_PAUSE_MILLIS: u64 = 5;
/// Milliseconds after which it takes a step although commits come one after the other.
pub const FORGET_LATE_MILLIS: i64 = 1000;
/// Days, or messages, that a room can ask to be kept at most.
pub const KEEP_MOST: u32 = 1_000_000_000;
/// Milliseconds that everybody has for their last lines when the server stops. With what comes before and
/// after it, it is at most 1.2 seconds.
pub const STOP_MILLIS: u64 = 1000;
/// Reads by which a connection that is closed at the stop throws away what its peer has still sent.
pub const DISCARDS: usize = 16;

/// Milliseconds by which the wall clock may be behind the time of what happened last and is waited for;
/// further back it is followed.
pub const CLOCK_STANDS_MILLIS: i64 = 1000;
/// Milliseconds by which the wall clock must be set, ahead or back, for the operator to be warned.
pub const CLOCK_JUMP_MILLIS: i64 = 60_000;

/// Milliseconds for which an answer about the server's health is given again without a look.
pub const HEALTH_MILLIS: u64 = 1000;
/// Milliseconds in which the store must have taken something small, or the server is not well.
pub const HEALTH_PATIENCE_MILLIS: u64 = 5000;
/// Bytes of the write-ahead log above which the server is not quite well: 4 MiB are usual.
pub const LOG_BYTES_MOST: u64 = 256 * 1024 * 1024;
/// Seconds for which something may wait to be moved from the log into the database: one minute is
/// usual.
pub const LOG_WAITS_SECONDS: u64 = 600;
/// How often a terminal is told how far a long task is.
pub const PROGRESS_MILLIS: u64 = 200;
/// Seconds from a backup that the server could not make to the next attempt.
pub const BACKUP_RETRY_SECONDS: u64 = 600;
/// How often a log is told how far a long task is.
pub const PROGRESS_LOG_SECONDS: u64 = 10;
/// Milliseconds after which the journal looks at the free space again, while it has something to do
/// or the reserve is touched.
pub const DISK_LOOK_MILLIS: u64 = 1000;
/// The part of the reserve that must be free beside it for a reserve that was touched to count as
/// whole again.
pub const RESERVE_HEALED_PART: u64 = 8;
/// Bytes that must be free on the disk of the data folder, or the server is not well.
pub const DISK_FREE_LEAST: u64 = 64 * 1024 * 1024;

/// Characters of an app password: 100 random bits.
pub const APP_PASSWORD_CHARS: usize = 20;
/// App passwords that one account may have.
pub const APP_PASSWORDS: usize = 20;
/// Bytes of what an app password is called.
pub const APP_PASSWORD_NAME_BYTES: usize = 32;
/// Characters of the secret of a second factor: 160 bits, as long as the hash that it is used with.
pub const TOTP_SECRET_CHARS: usize = 32;
/// Digits of a code of a second factor.
pub const TOTP_DIGITS: u32 = 6;
/// Seconds for which a device shows such a code.
pub const TOTP_SECONDS: i64 = 30;
/// By how many of these a device's clock may be wrong.
pub const TOTP_SKEW: i64 = 1;
/// Recovery codes of a second factor.
pub const RECOVERY_CODES: usize = 10;
/// Characters of one: 80 random bits.
pub const RECOVERY_CODE_CHARS: usize = 16;
/// Characters of the code of an invitation: 60 random bits.
pub const INVITATION_CODE_CHARS: usize = 12;
/// Invitations at once, in all.
pub const INVITATIONS: usize = 1000;
/// Invitations at once of one member.
pub const INVITATIONS_OF_MEMBER: usize = 10;
/// People whom one invitation lets in.
pub const INVITATION_USES: u32 = 1000;
/// Rooms that an invitation leads to.
pub const INVITATION_ROOMS: usize = 5;
/// Bytes of the note of an invitation.
pub const INVITATION_NOTE_BYTES: usize = 100;
/// Bytes of JSON in one line of an export.
pub const EXPORT_PIECE_BYTES: usize = 350;
/// Bytes of JSON of one page of an export, after which it has to be asked for the next one.
pub const EXPORT_PAGE_BYTES: usize = 64 * 1024;
/// Milliseconds for which a reader looks for what belongs in one page of an export.
pub const EXPORT_PAGE_MILLIS: u64 = 50;
/// About how many events are read for one page of an export, for what it is charged as.
pub const EXPORT_EVENTS: usize = 100;
