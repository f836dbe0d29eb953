//! The limits of the protocol. Bytes are those of UTF-8.

/// The maximum length of a line without tags, in bytes, including CRLF (Modern IRC, "Message
/// Format").
pub const LINE_BYTES: usize = 512;

/// The maximum length of a line from a client that has not logged in, in bytes, including the line
/// end but not the tags: enough for a `LOGIN` with the longest name and password.
pub const LOGIN_LINE_BYTES: usize = 700;
/// The maximum length of a client's tags in bytes, including the `@` and the space after them
/// (IRCv3 message-tags: 4094 bytes of data).
pub const TAGS_CLIENT_BYTES: usize = 4096;
/// The maximum length of the tags on a server's line in bytes, including the `@` and the space
/// after them (IRCv3 message-tags).
pub const TAGS_BYTES: usize = 8191;
/// The maximum number of parameters (RFC 2812, 2.3.1); the last one includes the rest.
pub const PARAMS: usize = 15;
/// The maximum length of a user's name in bytes (`NICKLEN`).
pub const NAME_BYTES: usize = 32;
/// The maximum length of a room's name in bytes, including the `#` (`CHANNELLEN`).
pub const ROOM_BYTES: usize = 64;
/// The maximum length of a password in bytes.
pub const PASSWORD_BYTES: usize = 600;
/// The minimum length of a new password in bytes.
pub const NEW_PASSWORD_BYTES: usize = 4;
/// The maximum length of a topic in bytes (`TOPICLEN`).
pub const TOPIC_BYTES: usize = 300;
/// The maximum length of a room's key in bytes (`KEYLEN`).
pub const KEY_BYTES: usize = 32;
/// The maximum length of an away message in bytes (`AWAYLEN`).
pub const AWAY_BYTES: usize = 200;
/// The maximum length of a kick reason in bytes (`KICKLEN`).
pub const KICK_BYTES: usize = 250;
/// The maximum length of the id in the tag `+parlor/resend`, in bytes.
pub const RESEND_ID_BYTES: usize = 64;
/// The length of a full `AUTHENTICATE` chunk in bytes; a shorter one is the last (IRCv3 SASL 3.1).
pub const SASL_CHUNK_BYTES: usize = 400;
/// The maximum length of a SASL message in bytes of base64, all chunks together.
pub const SASL_BYTES: usize = 4096;
/// Iterations of PBKDF2-HMAC-SHA256 for new passwords (OWASP Password Storage Cheat Sheet).
pub const OWASP_ITERATIONS: u32 = 600_000;
/// The minimum number of iterations that a SCRAM-SHA-256 client accepts (RFC 7677, section 4):
/// fewer would expose the password.
pub const SCRAM_ITERATIONS_MIN: u32 = 4096;
/// The maximum number of iterations that a SCRAM client accepts: more would let a server keep it
/// busy.
pub const SCRAM_ITERATIONS_MAX: u32 = 10_000_000;
/// The maximum number of nodes of a cluster, in its whole life.
pub const NODES: usize = 64;
/// The maximum length of a node's address for clients, `HOST:PORT`, in bytes.
pub const NODE_ADDRESS_BYTES: usize = 128;
