//! An entry: a shared command on its way to the state, with everything that it takes to apply it on
//! any node. Passwords and other secrets are never in it.

use super::Handler;
use super::account::AccountChange;
use super::accounts::OneTimeCode;
use super::apply_login::{self, LogIn, Register};
use super::batch::Multiline;
use super::coming_online::{self, ComeOnline};
use super::cow_box::CowBox;
use super::refusal::Refusal;
use super::{Verb, account, accounts, batch, bm, cert, find_verb, session_end};
use super::{invitation, oper, ordered, pm, rehash};
use crate::effects::{Cursor, Effects};
use crate::session::Node;
use crate::state::State;
use crate::state::apply_context::{ApplyContext, Requester};
use crate::state::invitation::Invitation;
use crate::state::settings::Settings;
use crate::state::{ban_terms, dormant, last_login, pending, server_bans};
use proto::Fingerprint;
use proto::Message;
use proto::scram::Keys;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeSet;
use store::{Account, AccountId, EventId};

/// A shared command.
#[derive(Deserialize, Serialize)]
pub struct Entry<'a> {
    /// When, in milliseconds since the epoch.
    pub now: i64,
    /// When, in milliseconds by the steady clock.
    pub steady: i64,
    /// Who asks, and what their node lets them do.
    pub requester: Requester,
    /// What is asked for.
    #[serde(borrow)]
    pub request: Request<'a>,
}

/// What is asked for. It borrows the line from the batch in which it came, or from the bytes in
/// which it came from a log.
#[derive(Deserialize, Serialize)]
pub enum Request<'a> {
    /// A command, as it was sent.
    Command {
        /// The command.
        #[serde(borrow)]
        command: Command<'a>,
        /// Where it goes on, if it is applied in parts.
        from: Cursor,
    },
    /// A message to everyone online.
    Broadcast {
        /// What it says.
        text: &'a str,
    },
    /// A message to a user or a room.
    PrivateMessage {
        /// To whom.
        #[serde(borrow)]
        to: Cow<'a, str>,
        /// What it says.
        text: &'a str,
    },
    /// A message of several lines, which is whole.
    Multiline(Multiline),
    /// Private messages that were kept for the requester have been taken.
    Taken {
        /// Which ones: after one event, up to another.
        ranges: [(EventId, EventId); 2],
    },
    /// Bans from the server end whose time has come.
    EndServerBans,
    /// Bans and quiets in rooms end whose time has come.
    EndRoomBans,
    /// Accounts go that have never said anything and were not here for too long.
    ExpireAccounts {
        /// Those that stay, because sessions are about to be theirs.
        entering: BTreeSet<AccountId>,
    },
    /// Somebody has set the clock: nobody's account goes for an hour.
    ClockSet,
    /// The config file was read again: these are the settings on which the state depends.
    Settings(CowBox<'a, Settings>),
    /// The session has ended.
    SessionEnded {
        /// Why.
        reason: &'a str,
        /// The newest event when its last line came, if somebody was at it.
        here: Option<EventId>,
    },
    /// Somebody was at the session of the requester's up to this event.
    WasHere(EventId),
    /// The session has proven that it may log in to an account.
    LogIn(CowBox<'a, LogIn>),
    /// The session makes an account of a free name, and logs in to it.
    Register(CowBox<'a, Register>),
    /// An account's own keys are replaced by others of the same password.
    RenewKeys {
        /// The account, as it was when the password was compared.
        account: CowBox<'a, Account>,
        /// The keys.
        keys: CowBox<'a, Keys>,
    },
    /// Somebody has tried in vain to log in to an account.
    LoginFailed(AccountId),
    /// The session is somebody from here on.
    ComeOnline(CowBox<'a, ComeOnline>),
    /// Something of the requester's account changes.
    Account(CowBox<'a, AccountChange>),
    /// The requester has proven to be an operator by this name.
    Granted {
        /// The name in the config.
        name: &'a str,
    },
    /// The requester's account is logged in to by a certificate, too.
    AddCertificate {
        /// The certificate.
        certificate: Fingerprint,
        /// The requester's client has presented it.
        proved: bool,
    },
    /// The password of an account becomes a one-time code.
    Reset(CowBox<'a, OneTimeCode>),
    /// A new invitation, of this code.
    Invite {
        /// The code: it is kept as it is, because its owner may look at it again.
        code: &'a str,
        /// The invitation.
        invitation: CowBox<'a, Invitation>,
    },
}

/// A command, as it was sent. As bytes it is its line.
pub struct Command<'a> {
    /// Its verb, of which an entry can be made.
    pub verb: &'a Verb,
    /// All of it.
    pub message: CowBox<'a, Message<'a>>,
}

impl Serialize for Command<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.message.line())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Command<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Command<'a>, D::Error> {
        let line = <&'de str>::deserialize(deserializer)?;
        let message = Message::parse(line).map_err(D::Error::custom)?;
        let verb = find_verb(message.verb).filter(|verb| verb.run.is_shared());
        let verb = verb.ok_or_else(|| D::Error::custom("no entry can be made of this command"))?;
        Ok(Command { verb, message: CowBox::Owned(Box::new(message)) })
    }
}

/// What follows a session's own part of a command.
pub enum SharedPart<'a> {
    /// Nothing: the session has its answer.
    None,
    /// The command becomes an entry, as it was sent.
    AsSent,
    /// This becomes an entry.
    Request(Request<'a>),
}

/// Applies an entry: the same state and the same entry give the same effects.
pub fn apply(state: &mut State, out: &mut Effects, entry: Entry<'_>) -> Result<(), Refusal> {
    #[cfg(test)]
    record(&entry);
    (state.now, state.steady) = (entry.now, entry.steady);
    let applying = &mut ApplyContext { state, out, requester: entry.requester };
    match entry.request {
        Request::Command { command: Command { verb, message }, from } => {
            applying.out.go_on_from(from);
            match verb.run {
                Handler::Shared(run) | Handler::Split(_, run) => run(applying, &message)?,
                Handler::Local(_) | Handler::MakesRequest(_) => {
                    unreachable!("none of them becomes an entry")
                }
            }
            applying.tell_if_not_stored(verb.name);
            Ok(())
        }
        Request::Broadcast { text } => bm::send(applying, text, None),
        Request::PrivateMessage { to, text } => pm::send(applying, &to, text, None),
        Request::Multiline(message) => batch::send(applying, message),
        Request::Taken { ranges } => {
            pending::taken(applying, ranges);
            Ok(())
        }
        Request::SessionEnded { reason, here } => {
            session_end::leave(applying, reason, here);
            Ok(())
        }
        Request::WasHere(here) => {
            let account = applying.me();
            last_login::left(applying.state, applying.out, account, here);
            Ok(())
        }
        Request::LogIn(login) => apply_login::log_in(applying, &login),
        Request::Register(new) => apply_login::register(applying, &new),
        Request::RenewKeys { account, keys } => {
            apply_login::renew(applying, &account, &keys);
            Ok(())
        }
        Request::LoginFailed(account) => {
            last_login::failed(applying.state, applying.out, account);
            Ok(())
        }
        Request::ComeOnline(coming) => coming_online::come_online(applying, &coming),
        Request::Account(change) => account::change(applying, &change),
        Request::Granted { name } => {
            oper::grant(applying, name);
            Ok(())
        }
        Request::AddCertificate { certificate, proved } => cert::add(applying, certificate, proved),
        Request::Reset(code) => accounts::put_code(applying, &code),
        Request::Invite { code, invitation } => {
            invitation::added(applying, code, &invitation);
            Ok(())
        }
        Request::EndServerBans => {
            server_bans::expire(applying.state, applying.out);
            Ok(())
        }
        Request::EndRoomBans => {
            ban_terms::expire(applying.state, applying.out);
            Ok(())
        }
        Request::ExpireAccounts { entering } => {
            dormant::look(applying.state, applying.out, &entering);
            Ok(())
        }
        Request::ClockSet => {
            applying.state.dormant.wait(entry.steady);
            Ok(())
        }
        Request::Settings(settings) => {
            rehash::change(applying, &settings);
            Ok(())
        }
    }
}

/// Applies what no session has asked for.
pub fn apply_for_nobody(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    request: Request<'_>,
) {
    let waits = node.sent.is_some() && ordered::is_housekeeping(&request);
    if waits && std::mem::replace(&mut node.housekeeping, true) {
        return; // It is under way.
    }
    let (now, steady) = (state.now, state.steady);
    let entry = Entry { now, steady, requester: Requester::of(None), request };
    ordered::submit(state, node, out, entry).expect("what nobody has asked for is not refused");
}

#[cfg(test)]
thread_local! {
    /// What a test wants to see of all entries.
    pub static RECORDED: std::cell::RefCell<Option<Vec<String>>> = const { std::cell::RefCell::new(None) };
}

#[cfg(test)]
fn record(entry: &Entry<'_>) {
    RECORDED.with_borrow_mut(|recorded| {
        if let Some(recorded) = recorded {
            recorded.push(serde_json::to_string(entry).expect("it can be written"));
        }
    });
}
