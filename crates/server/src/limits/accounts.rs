//! Accounts: logins, passwords, second factors, certificates, invitations.

/// Milliseconds for which a one-time code (`ACCOUNTS RESET`) is valid.
pub const RESET_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Certificates per account.
pub const CERTIFICATES: usize = 10;
/// Names whose failed logins are counted separately for an address; others are counted together.
pub const FAILED_NAMES: usize = 64;
/// Seconds to log in after having been told that an account is needed.
pub const ACCOUNT_SECONDS: u32 = 30;
/// Seconds to set a new password after a login with a one-time code: people have to find out how.
pub const NEW_PASSWORD_SECONDS: u32 = 600;
/// Lines of a session that may wait for a password check; with more it is closed.
pub const LINES_WAITING: usize = 64;
/// Seconds by which the first failed login above the limit is delayed; doubled each time up to
/// [`LOGIN_DELAY_MOST_SECONDS`].
pub const LOGIN_DELAY_SECONDS: u32 = 1;
/// The maximum delay of a failed login in seconds.
pub const LOGIN_DELAY_MOST_SECONDS: u32 = 16;
/// The maximum delay in seconds between two failures of one name from unknown networks.
pub const NAME_DELAY_MOST_SECONDS: u32 = 64;
/// Seconds for which an address is locked out; failures are forgotten after the same time.
pub const LOCKOUT_SECONDS: u32 = 600;
/// Login attempts, right or wrong, from one address at once, not counting known names; after that
/// one per [`LOGIN_MILLIS`].
pub const LOGINS_OF_ADDRESS: i64 = 200;
/// The same per name, from any address.
pub const LOGINS_OF_NAME: i64 = 20;
/// Milliseconds after which a login attempt no longer counts.
pub const LOGIN_MILLIS: i64 = 1000;
/// Networks remembered per name, of its latest logins.
pub const KNOWN_NETWORKS: usize = 8;
/// Addresses whose failures and connects are remembered; the least recently used are dropped.
pub const ADDRESSES_REMEMBERED: usize = 16_384;
/// Names whose failed logins are remembered.
pub const NAMES_REMEMBERED: usize = 16_384;
/// Passwords waiting for their key derivation; further logins are told to try again.
pub const PASSWORD_QUEUE: usize = 1024;
/// Those of one address; as many again for names known there.
pub const PASSWORDS_OF_ADDRESS: usize = 64;
/// Threads that derive keys from passwords.
pub const PASSWORD_THREADS: usize = 2;
/// Their niceness: messages come first, but with more than this a login takes seconds where messages
/// keep the only core busy.
pub const PASSWORD_NICE: i32 = 4;
/// Seconds between two rounds in which the hub looks for abandoned accounts.
pub const EXPIRY_SECONDS: i64 = 60 * 60;
/// Accounts examined in one step, which takes far less than a millisecond.
pub const EXPIRY_LOOKS: usize = 1000;
/// Accounts removed in one step: a few rows each, in one commit.
pub const EXPIRY_AT_ONCE: usize = 20;
/// Milliseconds between two steps of a round.
pub const EXPIRY_PAUSE_MILLIS: i64 = 1000;
/// Characters of an app password: 100 random bits.
pub const APP_PASSWORD_CHARS: usize = 20;
/// App passwords per account.
pub const APP_PASSWORDS: usize = 20;
/// Bytes of an app password's name.
pub const APP_PASSWORD_NAME_BYTES: usize = 32;
/// Characters of a second factor's secret: 160 bits, as long as the hash used with it.
pub const TOTP_SECRET_CHARS: usize = 32;
/// Digits of a second factor's code.
pub const TOTP_DIGITS: u32 = 6;
/// Seconds for which a code is shown.
pub const TOTP_SECONDS: i64 = 30;
/// By how many of these a device's clock may be off.
pub const TOTP_SKEW: i64 = 1;
/// Recovery codes per account.
pub const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code: 80 random bits.
pub const RECOVERY_CODE_CHARS: usize = 16;
/// Characters of an invitation's code: 60 random bits.
pub const INVITATION_CODE_CHARS: usize = 12;
/// Invitations in total.
pub const INVITATIONS: usize = 1000;
/// Invitations per member.
pub const INVITATIONS_OF_MEMBER: usize = 10;
/// Uses per invitation.
pub const INVITATION_USES: u32 = 1000;
/// Rooms per invitation.
pub const INVITATION_ROOMS: usize = 5;
/// Bytes of an invitation's note.
pub const INVITATION_NOTE_BYTES: usize = 100;
