//! What the hub knows of a connection.

pub mod admission;
pub mod budget;
pub mod delivery;
pub mod disk;
pub mod login;
pub mod login_attempts;
pub mod node;
pub mod recent;
pub mod sessions;
pub mod shares;
pub mod subscriptions;
pub mod watch;

pub use node::Node;

use crate::browser::Browser;
use crate::config::Config;
use crate::effects::{Cursor, OpenLabel};
use crate::secret::Secret;
use crate::session::budget::Budget;
use crate::session::delivery::DeliveryProgress;
use crate::session::login::{Change, LoginMethod};
use crate::state::last_login::LastLogin;
use crate::state::second_factor::UsedCode;
use crate::state::user::{Presence, UserId};
use proto::Capabilities;
use proto::Fingerprint;
use proto::sasl::Chunks;
use proto::scram::ScramServer;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, AccountId, EventId, EventKind};

/// One connection, as the hub sees it.
#[derive(Debug)]
pub struct Session {
    /// From where.
    pub address: IpAddr,
    /// Nobody between it and the server reads along.
    pub encrypted: bool,
    /// A reverse proxy has said for whom it is.
    pub forwarded: bool,
    /// What is at its other end.
    pub client: Client,
    /// It came by the admin socket: it is an admin, and no user.
    pub console: bool,
    /// The certificate that it has shown with TLS; boxed, because hardly any has.
    pub certificate: Option<Box<Fingerprint>>,
    /// Random bytes of this session alone, for nonces.
    pub entropy: [u8; 16],
    /// What it negotiated.
    pub capabilities: Capabilities,
    /// Whether it speaks `CAP` version 302 and so is told of changes.
    pub cap302: bool,
    /// It got the welcome of IRC clients, 005 among it, and is told when that changes.
    pub welcomed: bool,
    /// Who it is, once it has registered.
    pub user: Option<UserId>,
    /// What it has said of itself so far; gone once it has registered.
    pub registration: Option<Box<Registration>>,
    /// How far it has come in taking what is kept for its user.
    pub delivery: DeliveryProgress,
    /// The names it watches (`MONITOR`), as it wrote them, by folded name; at most
    /// [`MONITOR_NAMES`](crate::limits::MONITOR_NAMES).
    pub watched: BTreeMap<Box<str>, Box<str>>,
    /// Its network is banned, and this is what it is told: only an operator of the server may log in.
    pub banned: Option<Box<str>>,
    /// The question that its next line answers.
    pub prompt: Option<Box<Prompt>>,
    /// The batch that it has opened.
    pub batch: Option<Box<OpenBatch>>,
    /// An `AUTHENTICATE` exchange under way.
    pub sasl: Option<Box<Sasl>>,
    /// A password being checked, or an answer being held back.
    pub pending_attempt: Option<Box<PendingAttempt>>,
    /// A command of which only a part is done.
    pub paused: Option<Box<PausedCommand>>,
    /// A command that others must order first.
    pub in_flight: Option<Box<InFlight>>,
    /// It is among those that wait for their turn.
    pub queued: bool,
    /// Its shard does not read it, because lines of it wait.
    pub held: bool,
    /// Lines that came while it waited for one of these; dealt with afterwards.
    pub lines: VecDeque<Box<str>>,
    /// The budget of its address.
    pub address_budget: Budget,
    /// The budget of its user, once it is somebody.
    pub user_budget: Option<Budget>,
    /// Work that the hub had with it in a turn, and in which.
    pub turn: TurnWork,
    /// By what it has proven who it is.
    pub credential: Credential,
    /// It has logged in by a one-time code. Until it has set a new password it does not come online:
    /// it sees nothing, and nobody sees it.
    pub by_code: bool,
    /// When it had proven that (milliseconds since the epoch).
    pub since: i64,
    /// When its last line came, by the steady clock.
    pub seen: i64,
    /// The newest event at that time.
    pub here: EventId,
    /// Up to which event its person had been here when it logged in.
    pub was_here: EventId,
    /// The invitation that it has named, until it has registered.
    pub invitation: Option<Box<Invited>>,
    /// The login before this one, until it was told of.
    pub last_login: Option<Box<LastLogin>>,
    /// A login that was found to be right, until it is applied.
    pub verified_login: Option<Box<VerifiedLogin>>,
    /// Secrets that were drawn for it, until they are stored and it is shown them.
    pub new_secrets: Option<Box<NewSecrets>>,
    /// Nothing more comes; the session ends when these are dealt with.
    pub ended: bool,
    /// It has closed, and why; it ends when the command under way has been applied.
    pub closed: Option<Box<str>>,
}

/// What is at the other end of a session, as far as a server can know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Client {
    /// Any program that sends lines.
    #[default]
    Lines,
    /// A program that uses a WebSocket.
    WebSocket,
    /// A web page in this browser.
    Browser(Browser),
}

/// By what a session has proven who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// It has not, or is a guest.
    #[default]
    None,
    /// By the account's password, with the second factor if there is one.
    Password,
    /// By the app password of this name.
    AppPassword(Box<str>),
    /// By a certificate.
    Certificate,
}

/// Secrets that a session is shown when what they are checked with is stored. They leave its node for
/// nowhere else.
#[derive(Debug)]
pub enum NewSecrets {
    /// The app password of this name.
    AppPassword(Box<str>, Secret),
    /// The secret of a second factor.
    Factor(Secret),
    /// Recovery codes.
    RecoveryCodes(Vec<Secret>),
    /// The one-time code that is the password of the account of this name.
    OneTimeCode(Box<str>, Secret),
}

/// A login that the session's node has found to be right, and that is not applied yet: what the node
/// goes on with then.
#[derive(Debug)]
pub struct VerifiedLogin {
    /// The account.
    pub name: Box<str>,
    /// By what means it logs in.
    pub method: LoginMethod,
    /// By what it has proven who it is.
    pub credential: Credential,
    /// The account is new.
    pub new: bool,
    /// The login before this one, if there was one and this one may be kept in its place.
    pub last_login: Option<Box<LastLogin>>,
    /// The rooms of the invitation by which it registers.
    pub rooms: Vec<Box<str>>,
}

/// What somebody who was invited has said.
#[derive(Clone, Debug, Default)]
pub struct Invited {
    /// The code of the invitation.
    pub code: Box<str>,
    /// The rooms to which it leads, once it has been used.
    pub rooms: Vec<Box<str>>,
}

/// Work that the hub had with a session in one turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct TurnWork {
    /// Which turn.
    pub number: u64,
    /// How much work.
    pub work: u64,
}

/// A command that takes more than one turn.
#[derive(Debug)]
pub struct PausedCommand {
    /// The line that it came in.
    pub line: Box<str>,
    /// Where it goes on.
    pub cursor: Cursor,
    /// Bytes answered so far.
    pub written: usize,
    /// Its label, if it has one.
    pub label: Option<OpenLabel>,
}

/// A command that has become an entry and is not applied yet, because a log orders it first.
#[derive(Debug)]
pub struct InFlight {
    /// The number of the entry.
    pub number: u64,
    /// For the answer: the command's label, if it has one, and the bytes answered so far. None while the
    /// command is being sent.
    pub answer: Option<(Option<OpenLabel>, usize)>,
    /// The log does not answer, and may have it or not: meanwhile the session goes on with what it can
    /// do without the log.
    pub uncertain: bool,
}

/// A registration under way.
#[derive(Debug, Default)]
pub struct Registration {
    /// `NICK`
    pub nick: Option<String>,
    /// `USER` was given; its last parameter.
    pub realname: Option<String>,
    /// The user name that `USER` gave, as far as one can have it.
    pub username: Option<Box<str>>,
    /// `PASS`, as far as it is an account's password.
    pub password: Option<Box<str>>,
    /// The server's own password was given.
    pub admitted: bool,
    /// What was given as the server's own password is another one.
    pub misled: bool,
    /// Between `CAP LS` and `CAP END`.
    pub negotiating: bool,
    /// The account it has logged in to.
    pub account: Option<Arc<Account>>,
    /// It logged in with the verb `LOGIN`: it need not say `NICK` and `USER`.
    pub by_verb: bool,
    /// It was told once how to log in.
    pub told: bool,
    /// All that is missing is a new password in place of a one-time code.
    pub needs_password: bool,
    /// What it has said with `AWAY`.
    pub presence: Option<Presence>,
    /// What it has said with `METADATA * SET`: values, or none to remove the key.
    pub metadata: BTreeMap<Box<str>, Option<Box<str>>>,
}

/// Where an `AUTHENTICATE` exchange stands.
#[derive(Debug)]
pub enum Sasl {
    /// EXTERNAL: collecting the one message.
    External(Chunks),
    /// PLAIN: collecting the one message.
    Plain(Chunks),
    /// SCRAM-SHA-256: collecting the client's first message.
    ScramFirst(Chunks),
    /// SCRAM-SHA-256: collecting the client's proof.
    ScramFinal(Chunks, Box<ScramServer>, Arc<Account>),
    /// SCRAM-SHA-256: proven, by what and with which code; the client's empty last word is awaited.
    ScramDone(Arc<Account>, Credential, Option<UsedCode>),
}

/// A question put to a session by one of the six verbs.
#[derive(Debug)]
pub enum Prompt {
    /// `LOGIN`: for the name.
    LoginUser,
    /// `LOGIN`: for the password of this name.
    LoginPassword(String),
    /// `LOGIN`: for the invitation, before the password of this new name.
    LoginInvitation(String),
    /// `LOGIN`: for the code of the second factor; the password was right.
    LoginCode(Arc<Account>),
    /// `ACCOUNT PASSWORD`: for the old password.
    AccountOld,
    /// `ACCOUNT PASSWORD`: for the new one; the old one, if it was asked for.
    AccountNew(Option<Secret>),
    /// `BM`: for the message.
    BmText,
    /// `PM`: for the receiver.
    PmUser,
    /// `PM`: for the message to this user.
    PmText(String),
    /// `FIND`: for the words.
    FindWords,
}

/// A batch that a client has opened.
#[derive(Debug)]
pub struct OpenBatch {
    /// What the client calls it.
    pub reference: Box<str>,
    /// What came of it so far; none if it was refused: all that still comes of it is ignored.
    pub message: Option<PartialMessage>,
}

/// A message of several lines, as far as they came.
#[derive(Debug)]
pub struct PartialMessage {
    /// To whom, as the client wrote it.
    pub target: Box<str>,
    /// What its lines are, once the first has come.
    pub kind: Option<EventKind>,
    /// The lines, joined as [`store::Event::text`] has them.
    pub text: String,
    /// How many there are.
    pub lines: usize,
    /// Bytes of them and of the line feeds between them.
    pub bytes: usize,
    /// Client-only tags to relay, raw.
    pub tags: String,
    /// The client's own id for the message.
    pub resend: Option<Box<str>>,
    /// The label of the command that opened the batch.
    pub label: Option<Arc<str>>,
    /// When it is refused if it is still open (milliseconds since the epoch).
    pub due: i64,
}

/// A password being checked, or an answer being held back.
#[derive(Debug)]
pub struct PendingAttempt {
    /// The name that was tried.
    pub name: String,
    /// What the answer is about.
    pub attempt: Attempt,
    /// The label of the command, if it had one.
    pub label: Option<Arc<str>>,
}

/// What somebody has tried.
#[derive(Debug)]
pub enum Attempt {
    /// A password, whose key is derived meanwhile, and a code that came with it.
    Password(LoginMethod, Option<Secret>),
    /// The code of a second factor; the password was right.
    Code(Arc<Account>, Secret),
    /// To change something of one's own account.
    Account(Box<Change>),
    /// To prove by SCRAM-SHA-256 that it knows the password: its last message.
    ScramProof(Box<ScramServer>, Box<[u8]>, Arc<Account>),
    /// A certificate that does not log in as that.
    WrongCertificate,
    /// To become an operator: whether the password is right.
    Oper(bool),
    /// An operator gives this account a one-time code, whose key is made meanwhile.
    Reset {
        /// Which account.
        account: AccountId,
        /// The code.
        code: Secret,
        /// Its second factor goes, too.
        factor: bool,
    },
}

impl Session {
    /// Whether its next line waits: for a password, or for a command that is not applied yet.
    pub fn waits(&self) -> bool {
        let in_flight = self.in_flight.as_ref();
        self.pending_attempt.is_some() || in_flight.is_some_and(|it| !it.uncertain)
    }

    /// Whether a command of it may be in the log or not, which does not answer.
    pub fn is_uncertain(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|it| it.uncertain)
    }

    /// Whether nobody can read along: it is encrypted, or does not leave this machine. What a proxy
    /// says of where its clients are, such as nothing, does not make them local.
    pub fn is_private(&self) -> bool {
        self.encrypted || self.is_local()
    }

    /// Whether it comes from this machine.
    pub fn is_local(&self) -> bool {
        !self.forwarded && self.address.to_canonical().is_loopback()
    }

    /// The certificate that it has shown with TLS.
    pub fn certificate(&self) -> Option<Fingerprint> {
        self.certificate.as_deref().copied()
    }

    /// Whether a password may come this way. All that takes one asks this.
    pub fn may_send_passwords(&self, config: &Config) -> bool {
        self.is_private() || config.server.plaintext_login
    }

    /// A connection just opened.
    pub fn new(address: IpAddr, address_budget: Budget, entropy: [u8; 16]) -> Session {
        Session {
            address,
            address_budget,
            user_budget: None,
            turn: TurnWork::default(),
            paused: None,
            in_flight: None,
            queued: false,
            held: false,
            encrypted: false,
            forwarded: false,
            client: Client::Lines,
            console: false,
            certificate: None,
            entropy,
            capabilities: Capabilities::default(),
            cap302: false,
            welcomed: false,
            user: None,
            registration: Some(Box::default()),
            delivery: DeliveryProgress::default(),
            watched: BTreeMap::new(),
            banned: None,
            prompt: None,
            batch: None,
            sasl: None,
            pending_attempt: None,
            credential: Credential::None,
            by_code: false,
            since: 0,
            seen: 0,
            here: 0,
            was_here: 0,
            invitation: None,
            last_login: None,
            verified_login: None,
            new_secrets: None,
            lines: VecDeque::new(),
            ended: false,
            closed: None,
        }
    }
}
