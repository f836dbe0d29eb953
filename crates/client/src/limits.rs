//! Every bound of the client that the protocol does not give ([`proto::limits`]).

use std::time::Duration;

/// Msgids remembered. After a break a message can only come again if it is younger than the last one
/// before the break, or was being fetched when it broke again.
pub const SEEN_MAX: usize = 20_000;
/// Rooms whose pinned messages are asked for by the client itself.
pub const PINS_ASKED_MAX: usize = 10;
/// Sentences about the connection that are remembered, so that each is reported once.
pub const REPORTED_ONCE_MAX: usize = 100;
/// Pages of history fetched from the server for one request, or to catch up after a break. Beyond it the
/// person is informed that there may be more.
pub const PAGES_MAX: usize = 1_000;
/// Messages on a page of history, so that it fits a screen.
pub const HISTORY_PAGE: usize = 20;

/// Events that may wait for the main thread; beyond it the server has to wait.
pub const EVENTS_WAITING: usize = 256;
/// Lines that may wait to be shown while one is being typed; more than events, so that the main thread can
/// always get to the event that ends the typing.
pub const LINES_WAITING: usize = 4096;
/// The longest line that can be typed or pasted at a terminal, in bytes.
pub const TYPED_BYTES: usize = 64 * 1024;
/// Keys kept that are typed before they are asked for.
pub const KEYS_AHEAD_MAX: usize = 64 * 1024;
/// Lines of a text that are sent without asking whether so many are meant.
pub const LINES_UNASKED: usize = 5;
/// Lines kept of what was typed before, in this session and those before it.
pub const INPUT_HISTORY_LINES: usize = 1000;
/// The largest file of them, in bytes.
pub const INPUT_HISTORY_BYTES: u64 = 1024 * 1024;
/// Bytes read from the connection at once.
pub const READ_BYTES: usize = 16 * 1024;
/// The longest line of a script, in bytes with its end; longer texts are for files.
pub const SCRIPT_LINE_BYTES: usize = 64 * 1024;
/// The largest file of a saved login, in bytes.
pub const SAVED_LOGIN_BYTES: u64 = 64 * 1024;
/// The longest text that one call of `send` takes from standard input, in bytes.
pub const SENT_BYTES: u64 = 1024 * 1024;
/// The fewest SCRAM iterations with which a password is proved to a server: with fewer, an
/// eavesdropper could guess it easily.
pub const ITERATIONS_MIN: u32 = 100_000;
/// The longest list of capabilities that a server may offer, in bytes, all its lines together.
pub const OFFER_BYTES: usize = 16 * 1024;
/// The longest password file.
pub const PASSWORD_FILE_BYTES: u64 = 64 * 1024;

/// The largest file of known servers, in bytes: about ten thousand of them.
pub const KNOWN_HOSTS_BYTES: usize = 1024 * 1024;
/// Symbolic links from the file's name to the file.
pub const SYMLINKS_MAX: usize = 8;
/// Invalid lines of that file that are reported by number; of more there is only the count.
pub const DAMAGED_LINES_NAMED: usize = 9;

/// Characters that are shown of what a server says instead of TLS.
pub const ANSWER_SHOWN: usize = 100;

/// How long the terminal may take to say where its cursor is.
pub const POSITION_TIMEOUT: Duration = Duration::from_millis(300);
/// How long one address may take to answer the first packet.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one address, and the handshake there, may take at first where there are other nodes to go to. Doubled
/// with each round in which none of them led to a login, up to [`CONNECT_TIMEOUT`].
pub const NODE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the TLS handshake may take in all.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sending TLS's close_notify may block; the connection is closed anyway.
pub const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);
/// How long a write may block before the connection counts as broken.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing may arrive on an idle connection before the client sends a ping. Servers ping
/// idle clients about every minute or two.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How long nothing at all may arrive while the client waits for an answer.
pub const ANSWER_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// The same during the login, after the first word: servers answer later after failed logins, by up to 16 seconds.
pub const LOGIN_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one answer may take in all, however slowly it comes.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// How long a login may take in all, without the time in which the person is asked.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);
/// After how long it is reported that the client waits for the server.
pub const WAITING_REPORTED_AFTER: Duration = Duration::from_secs(1);
/// How soon a shown private message is acknowledged; those that come until then are acknowledged with it.
pub const ACKNOWLEDGE_AFTER: Duration = Duration::from_secs(1);
/// Lines that a person may type ahead while the server is waited for.
pub const AHEAD_MAX: usize = 64;
/// How long to wait for the server to close the connection after `QUIT`.
pub const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same after Ctrl-C or SIGTERM.
pub const INTERRUPTED_GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection must last before the reconnect pauses start over.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);
/// The longest first pause where there are other nodes to go to.
pub const NODE_PAUSE_MAX: Duration = Duration::from_millis(500);
/// The longest pause before an attempt to connect.
pub const PAUSE_MAX_SECONDS: u32 = 30;

/// How much time is between two frames of the full screen.
pub const FRAME: Duration = Duration::from_millis(16);
/// How often the time until the next attempt to connect is shown anew.
pub const COUNTDOWN: Duration = Duration::from_secs(1);
/// How long an external editor may take to end when the client does.
pub const EDITOR_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest configuration, in bytes.
pub const CONFIG_BYTES: u64 = 256 * 1024;
/// The largest file of what the full screen keeps for the next time, in bytes.
pub const KEPT_BYTES: u64 = 4 * 1024 * 1024;
/// Texts kept that were written and not sent, of one server.
pub const DRAFTS_MAX: usize = 30;

/// The exit code if the server has not confirmed every message.
pub const UNCONFIRMED: u8 = 3;
/// The exit code if there is no connection to the server.
pub const NOT_CONNECTED: u8 = 4;
/// The exit code if the login failed.
pub const NOT_LOGGED_IN: u8 = 5;
/// The exit code when the time is over, as `timeout` of GNU has it.
pub const TIMED_OUT: u8 = 124;
/// The exit code after Ctrl-C, as shells have it for a program that it ended.
pub const INTERRUPTED: u8 = 130;

/// How often in succession `tail` asks again for history that the server has put off.
pub const HISTORY_TRIES: u32 = 10;
/// The longest pause before it does.
pub const HISTORY_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How often a wrong password may be typed at a terminal.
pub const PASSWORD_TRIES: u32 = 3;
/// How often the first login is retried when the connection breaks during it or the server is busy.
pub const LOGIN_TRIES: u32 = 5;
/// How often a script tries to restore the connection for one operation, about four minutes in all. A person
/// decides when to give up.
pub const SCRIPT_TRIES: u32 = 10;
