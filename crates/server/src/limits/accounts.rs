//! Accounts: logins, passwords, second factors, certificates, invitations.

/// Milliseconds for which a one-time code (`ACCOUNTS RESET`) logs in.
pub const RESET_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Certificates that one account may have.
pub const CERTIFICATES: usize = 10;
/// Names whose failed logins are counted one by one for an address; further ones together.
pub const FAILED_NAMES: usize = 64;
/// Seconds to log in, at most, for who cannot come in without an account and was told so.
pub const ACCOUNT_SECONDS: u32 = 30;
/// Seconds to set a new password, for who has logged in by a one-time code: a person has to find out how.
pub const NEW_PASSWORD_SECONDS: u32 = 600;
/// Lines of a session that may wait for its password to be checked; with more it is ended.
pub const LINES_WAITING: usize = 64;
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
/// Passwords that wait for their key to be derived; further logins are told to try again.
pub const PASSWORD_QUEUE: usize = 1024;
/// Those of one address; as many again of people who are known there.
pub const PASSWORDS_OF_ADDRESS: usize = 64;
/// Threads that derive keys from passwords.
pub const PASSWORD_THREADS: usize = 2;
/// The niceness of these threads: messages come first, but on a machine that others keep busy each
/// still gets a tenth of a core. At 19, logins starved beside two busy processes.
pub const PASSWORD_NICE: i32 = 10;
/// Seconds between two rounds in which the hub looks for accounts that do not come back.
pub const EXPIRY_SECONDS: i64 = 60 * 60;
/// Accounts that it looks at in one go, which takes far less than a millisecond.
pub const EXPIRY_LOOKS: usize = 1000;
/// Accounts that it removes in one go: some rows of each, in one commit.
pub const EXPIRY_AT_ONCE: usize = 20;
/// Milliseconds before the next go of a round.
pub const EXPIRY_PAUSE_MILLIS: i64 = 1000;
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
