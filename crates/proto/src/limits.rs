//! The bounds of what stands on the wire. Bytes are bytes of UTF-8, not characters.

/// Most bytes of a line without its tags, CRLF included (Modern IRC, "Message Format").
pub const LINE_BYTES: usize = 512;

/// Bytes of a line that a client may send before it has logged in, line end included, tags excluded: a whole `LOGIN` with
/// the longest name and password fits.
pub const LOGIN_LINE_BYTES: usize = 700;
/// Most bytes of the tags a client may send, the `@` and the space after them included (IRCv3 message-tags:
/// 4094 bytes of data).
pub const TAGS_CLIENT_BYTES: usize = 4096;
/// Most bytes of the tags on a line a server sends, the `@` and the space after them included (IRCv3 message-tags).
pub const TAGS_BYTES: usize = 8191;
/// Most parameters of a message (RFC 2812, 2.3.1); what is more is part of the last.
pub const PARAMS: usize = 15;
/// Most bytes of a user's name (`NICKLEN`).
pub const NAME_BYTES: usize = 32;
/// Most bytes of a room's name, the `#` included (`CHANNELLEN`).
pub const ROOM_BYTES: usize = 64;
/// Most bytes of a password.
pub const PASSWORD_BYTES: usize = 600;
/// Fewest bytes of the first password of a name.
pub const NEW_PASSWORD_BYTES: usize = 4;
/// Most bytes of a topic (`TOPICLEN`).
pub const TOPIC_BYTES: usize = 300;
/// Most bytes of a room's key (`KEYLEN`).
pub const KEY_BYTES: usize = 32;
/// Most bytes of an away message (`AWAYLEN`).
pub const AWAY_BYTES: usize = 200;
/// Most bytes of the reason of a kick (`KICKLEN`).
pub const KICK_BYTES: usize = 250;
/// Most bytes of the id in the tag `+parlor/resend`.
pub const RESEND_ID_BYTES: usize = 64;
/// Bytes of a full `AUTHENTICATE` chunk; a shorter one is the last (IRCv3 SASL 3.1).
pub const SASL_CHUNK_BYTES: usize = 400;
/// Most bytes of base64 one SASL message may have, all its chunks together.
pub const SASL_BYTES: usize = 4096;
/// Iterations of PBKDF2-HMAC-SHA256 for newly stored passwords (OWASP Password Storage Cheat Sheet).
pub const OWASP_ITERATIONS: u32 = 600_000;
/// Fewest iterations a SCRAM-SHA-256 client accepts (RFC 7677, section 4): fewer would give the password away.
pub const SCRAM_ITERATIONS_MIN: u32 = 4096;
/// Most iterations a SCRAM client accepts: more would let a server keep it busy at will.
pub const SCRAM_ITERATIONS_MAX: u32 = 10_000_000;
