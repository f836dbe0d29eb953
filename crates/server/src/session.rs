//! What the hub knows about one connection.

pub mod admission;
pub mod budget;
pub mod delivery;
pub mod disk;
pub mod extras;
pub mod login;
pub mod login_attempts;
pub mod node;
pub mod lru_map;
pub mod sessions;
pub mod shares;
pub mod subscriptions;
pub mod watch;

pub use node::Node;

use crate::browser::Browser;
use crate::config::Config;
use crate::effects::{Cursor, OpenLabel};
use crate::limits::SESSION_IN_FLIGHT;
use crate::secret::Secret;
use crate::session::budget::Budget;
use crate::session::delivery::DeliveryProgress;
use crate::session::extras::Extras;
use crate::session::login::{Change, LoginMethod};
use crate::state::last_login::LastLogin;
use crate::state::second_factor::UsedCode;
use crate::state::user::{Presence, UserId};
use proto::Capabilities;
use proto::Fingerprint;
use proto::line::LineError;
use proto::sasl::Chunks;
use proto::scram::ScramServer;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, AccountId, EventId, EventKind};

/// One connection, as the hub sees it.
#[derive(Debug)]
pub struct Session {
    /// The client's address.
    pub address: IpAddr,
    /// It is encrypted: nobody on the network can read it.
    pub encrypted: bool,
    /// A reverse proxy has reported the client's address.
    pub forwarded: bool,
    /// The kind of client program.
    pub client: Client,
    /// It connected through the admin socket: it has an admin's rights and no user.
    pub console: bool,
    /// Random bytes for this session's nonces.
    pub entropy: [u8; 16],
    /// The capabilities it has negotiated.
    pub capabilities: Capabilities,
    /// Whether it speaks `CAP` version 302, and so is notified of changes.
    pub cap302: bool,
    /// It has received the IRC welcome, including 005, and is sent changes of that.
    pub welcomed: bool,
    /// Its user, once it has registered.
    pub user: Option<UserId>,
    /// What it has sent for its registration; gone once it has registered.
    pub registration: Option<Box<Registration>>,
    /// How much of its user's pending messages it has acknowledged.
    pub delivery: DeliveryProgress,
    /// It is in the queue of sessions waiting for a turn.
    pub queued: bool,
    /// Its shard has stopped reading from it, because lines of it are waiting here.
    pub held: bool,
    /// The budget of its address.
    pub address_budget: Budget,
    /// The budget of its user, once it has one.
    pub user_budget: Option<Budget>,
    /// The work done for it in its latest turn.
    pub turn: TurnWork,
    /// How it has proved its identity.
    pub credential: Credential,
    /// It logged in with a one-time code. Until it has set a new password it does not come online:
    /// it sees nobody, and nobody sees it.
    pub by_code: bool,
    /// When it proved its identity (milliseconds since the epoch).
    pub since: i64,
    /// When its last line came, in monotonic milliseconds.
    pub seen: i64,
    /// The newest event when its last line came.
    pub present_until: EventId,
    /// The newest event when its user was last present before this login; later ones are new to them.
    pub absent_since: EventId,
    /// The client sends nothing more; the session ends once its waiting lines are handled.
    pub ended: bool,
    /// What only few sessions have at any one time.
    extras: Option<Box<Extras>>,
}

/// The kind of client program, as far as a server can know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Client {
    /// Any program that sends lines.
    #[default]
    Lines,
    /// A program that is connected by WebSocket.
    WebSocket,
    /// A web page in this browser.
    Browser(Browser),
}

/// How a session has proved its identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// Not at all, or it is a guest.
    #[default]
    None,
    /// With the account's password, and the second factor if there is one.
    Password,
    /// With the app password of this name.
    AppPassword(Box<str>),
    /// With a certificate.
    Certificate,
}

/// Secrets shown to a session once their verifiers are stored. They never leave its node.
#[derive(Debug)]
pub enum NewSecrets {
    /// The app password of this name.
    AppPassword(Box<str>, Secret),
    /// The secret of a second factor.
    Factor(Secret),
    /// Recovery codes.
    RecoveryCodes(Vec<Secret>),
    /// The one-time code that is now the password of the account of this name.
    OneTimeCode(Box<str>, Secret),
}

/// A login that the session's node has verified and that is not applied yet: what the node needs
/// afterwards.
#[derive(Debug)]
pub struct VerifiedLogin {
    /// The account.
    pub name: Box<str>,
    /// How it logs in.
    pub method: LoginMethod,
    /// How it has proved its identity.
    pub credential: Credential,
    /// The account is new.
    pub new: bool,
    /// The previous login, if there was one and this one may replace it.
    pub last_login: Option<Box<LastLogin>>,
    /// The rooms of the invitation with which it registers.
    pub rooms: Vec<Box<str>>,
}

/// An invitation that a session has presented.
#[derive(Clone, Debug, Default)]
pub struct Invited {
    /// The code of the invitation.
    pub code: Box<str>,
    /// The rooms it admits to, once it has been used.
    pub rooms: Vec<Box<str>>,
}

/// Work done for a session in one turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct TurnWork {
    /// The number of the turn.
    pub number: u64,
    /// Units of work.
    pub work: u64,
}

/// A line that has arrived and is not handled yet.
#[derive(Debug)]
pub struct WaitingLine {
    /// The line, or the beginning of an invalid one.
    pub text: Box<str>,
    /// Why it is invalid.
    pub error: Option<LineError>,
}

/// A command that takes more than one turn.
#[derive(Debug)]
pub struct PausedCommand {
    /// The line that it came in.
    pub line: Box<str>,
    /// Where it continues.
    pub cursor: Cursor,
    /// Bytes answered so far.
    pub written: usize,
    /// Its label, if it has one.
    pub label: Option<OpenLabel>,
}

/// A command that has become an entry and is not applied yet, because the log has to order it
/// first.
#[derive(Debug)]
pub struct InFlight {
    /// The number of the entry.
    pub number: u64,
    /// The bytes of the entry.
    pub bytes: usize,
    /// It has no influence on the session's next messages, which may be sent while it is in flight.
    pub pipelinable: bool,
    /// Roughly how many deliveries it leads to.
    pub deliveries: usize,
    /// For the answer: the command's label, if any, and the bytes answered so far. None while the
    /// command is being sent.
    pub answer: Option<(Option<OpenLabel>, usize)>,
    /// The log is unavailable, and may have it or not: meanwhile the session continues with what needs
    /// no log.
    pub uncertain: bool,
}

/// A registration in progress.
#[derive(Debug, Default)]
pub struct Registration {
    /// `NICK`
    pub nick: Option<String>,
    /// The last parameter of `USER`.
    pub realname: Option<String>,
    /// The user name from `USER`, as far as it is allowed.
    pub username: Option<Box<str>>,
    /// The account's password from `PASS`.
    pub password: Option<Box<str>>,
    /// It has sent the right server password.
    pub server_password_ok: bool,
    /// It has sent a wrong server password.
    pub server_password_wrong: bool,
    /// Between `CAP LS` and `CAP END`.
    pub negotiating: bool,
    /// The account it has logged in to.
    pub account: Option<Arc<Account>>,
    /// It logged in with `LOGIN`, so it need not send `NICK` and `USER`.
    pub by_verb: bool,
    /// It has been told how to log in.
    pub told_how: bool,
    /// All that is missing is a new password to replace a one-time code.
    pub needs_password: bool,
    /// What it has set with `AWAY`.
    pub presence: Option<Presence>,
    /// What it has set with `METADATA * SET`: values, or none to remove the key.
    pub metadata: BTreeMap<Box<str>, Option<Box<str>>>,
}

/// The state of an `AUTHENTICATE` exchange.
#[derive(Debug)]
pub enum Sasl {
    /// EXTERNAL: collecting the only message.
    External(Chunks),
    /// PLAIN: collecting the only message.
    Plain(Chunks),
    /// SCRAM-SHA-256: collecting the client's first message.
    ScramFirst(Chunks),
    /// SCRAM-SHA-256: collecting the client's proof.
    ScramFinal(Chunks, Box<ScramServer>, Arc<Account>),
    /// SCRAM-SHA-256: proved, with this credential and code; the client's final empty message is
    /// awaited.
    ScramDone(Arc<Account>, Credential, Option<UsedCode>),
}

/// A question that a verb has asked a session.
#[derive(Debug)]
pub enum Prompt {
    /// `LOGIN`: the name.
    LoginUser,
    /// `LOGIN`: the password for this name.
    LoginPassword(String),
    /// `LOGIN`: the invitation, before the password for this new name.
    LoginInvitation(String),
    /// `LOGIN`: the code of the second factor; the password was right.
    LoginCode(Arc<Account>),
    /// `ACCOUNT PASSWORD`: the old password.
    AccountOld,
    /// `ACCOUNT PASSWORD`: the new one; holds the old one, if that was asked for.
    AccountNew(Option<Secret>),
    /// `BM`: the message.
    BmText,
    /// `PM`: the receiver.
    PmUser,
    /// `PM`: the message to this user.
    PmText(String),
    /// `FIND`: the words to search for.
    FindWords,
}

/// A batch that a client has opened.
#[derive(Debug)]
pub struct OpenBatch {
    /// The client's reference for it.
    pub reference: Box<str>,
    /// What has arrived of it; none if it was refused, and its further lines are ignored.
    pub message: Option<PartialMessage>,
}

/// A multi-line message, as far as it has arrived.
#[derive(Debug)]
pub struct PartialMessage {
    /// The target as the client wrote it.
    pub target: Box<str>,
    /// The kind of its lines, once the first has arrived.
    pub kind: Option<EventKind>,
    /// The lines, joined as [`store::Event::text`] has them.
    pub text: String,
    /// The number of lines.
    pub lines: usize,
    /// Their bytes, line feeds between them included.
    pub bytes: usize,
    /// Client-only tags to relay, raw.
    pub tags: String,
    /// The client's resend id.
    pub resend: Option<Box<str>>,
    /// The label of the command that opened the batch.
    pub label: Option<Arc<str>>,
    /// When it times out (milliseconds since the epoch).
    pub due: i64,
}

/// A password being checked, or an answer being delayed.
#[derive(Debug)]
pub struct PendingAttempt {
    /// The name that was tried.
    pub name: String,
    /// What was attempted.
    pub attempt: Attempt,
    /// The label of the command, if it had one.
    pub label: Option<Arc<str>>,
}

/// What was attempted with a credential.
#[derive(Debug)]
pub enum Attempt {
    /// A login with a password, whose key is being derived, and the code that came with it.
    Password(LoginMethod, Option<Secret>),
    /// The code of a second factor, after the right password.
    Code(Arc<Account>, Secret),
    /// A change to the session's own account.
    Account(Box<Change>),
    /// The last message of a SCRAM-SHA-256 exchange.
    ScramProof(Box<ScramServer>, Box<[u8]>, Arc<Account>),
    /// A certificate that does not belong to the account.
    WrongCertificate,
    /// `OPER`: whether the password is right.
    Oper(bool),
    /// An operator gives this account a one-time code, whose key is being derived.
    Reset {
        /// Which account.
        account: AccountId,
        /// The code.
        code: Secret,
        /// Whether its second factor is removed as well.
        factor: bool,
    },
}

impl Session {
    /// Whether its next line has to wait: for a password, or for a command in flight.
    pub fn waits(&self) -> bool {
        let extras = self.extras();
        extras.pending_attempt.is_some() || extras.in_flight.iter().any(|it| !it.uncertain)
    }

    /// Whether the log is unavailable and may have a command of it or not.
    pub fn is_uncertain(&self) -> bool {
        self.extras().in_flight.iter().any(|it| it.uncertain)
    }

    /// Whether its next line, if it is a message, may be sent to the log while others are in flight.
    pub fn may_pipeline(&self) -> bool {
        let Extras { pending_attempt, prompt, paused, in_flight, .. } = self.extras();
        let asks = pending_attempt.is_some() || prompt.is_some() || paused.is_some();
        let pipelinable = |it: &InFlight| it.pipelinable && !it.uncertain;
        self.user.is_some()
            && !asks
            && in_flight.len() < SESSION_IN_FLIGHT
            && in_flight.iter().all(pipelinable)
    }

    /// Whether nobody can eavesdrop: it is encrypted, or does not leave this machine. A proxy does not
    /// make its clients local.
    pub fn is_private(&self) -> bool {
        self.encrypted || self.is_local()
    }

    /// Whether it comes from this machine.
    pub fn is_local(&self) -> bool {
        !self.forwarded && self.address.to_canonical().is_loopback()
    }

    /// The certificate presented in the TLS handshake.
    pub fn certificate(&self) -> Option<Fingerprint> {
        self.extras().certificate
    }

    /// Whether passwords may be sent over it. Everything that takes one asks this.
    pub fn may_send_passwords(&self, config: &Config) -> bool {
        self.is_private() || config.server.plaintext_login
    }

    /// The session of a connection that has just opened.
    pub fn new(address: IpAddr, address_budget: Budget, entropy: [u8; 16]) -> Session {
        Session {
            address,
            address_budget,
            user_budget: None,
            turn: TurnWork::default(),
            queued: false,
            held: false,
            encrypted: false,
            forwarded: false,
            client: Client::Lines,
            console: false,
            entropy,
            capabilities: Capabilities::default(),
            cap302: false,
            welcomed: false,
            user: None,
            registration: Some(Box::default()),
            delivery: DeliveryProgress::default(),
            credential: Credential::None,
            by_code: false,
            since: 0,
            seen: 0,
            present_until: 0,
            absent_since: 0,
            ended: false,
            extras: None,
        }
    }
}
