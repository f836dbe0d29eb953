//! An entry: a shared command on its way to the state, with everything needed to apply it on any
//! node. It never contains passwords or other secrets.

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
use crate::state::apply_context::ApplyContext;
use crate::state::invitation::Invitation;
use crate::state::requester::Requester;
use crate::state::settings::Settings;
use crate::state::{ban_terms, dormant, last_login, pending, retention, server_bans};
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
    /// When, in monotonic milliseconds.
    pub steady: i64,
    /// Who sent it, and what their node allows.
    pub requester: Requester,
    /// The request.
    #[serde(borrow)]
    pub request: Request<'a>,
}

/// A request. It borrows the line from its batch, or from the bytes that a log delivered.
#[derive(Deserialize, Serialize)]
pub enum Request<'a> {
    /// A command, as it was sent.
    Command {
        /// The command.
        #[serde(borrow)]
        command: Command<'a>,
        /// Where it continues, if it is applied in parts.
        from: Cursor,
    },
    /// A message to everyone online.
    Broadcast {
        /// The text.
        text: &'a str,
    },
    /// A message to a user or a room.
    PrivateMessage {
        /// The target.
        #[serde(borrow)]
        to: Cow<'a, str>,
        /// The text.
        text: &'a str,
    },
    /// A complete multi-line message.
    Multiline(Multiline),
    /// The requester has acknowledged pending private messages.
    Taken {
        /// Which ones: after one event, up to another.
        ranges: [(EventId, EventId); 2],
    },
    /// Server bans that are due end.
    EndServerBans,
    /// Bans and quiets in rooms that are due end.
    EndRoomBans,
    /// Accounts that have never sent anything and have not been online for too long are removed.
    ExpireAccounts {
        /// The ones that stay, because sessions are logging in to them.
        entering: BTreeSet<AccountId>,
    },
    /// Some of the expired history is removed.
    Forget,
    /// The clock was set: no account and no history expires for an hour.
    ClockSet,
    /// The config file was reloaded: these are the settings that rules depend on.
    Settings(CowBox<'a, Settings>),
    /// The session has ended.
    SessionEnded {
        /// Why.
        reason: &'a str,
        /// The newest event when its last line came, if it was attended.
        here: Option<EventId>,
    },
    /// The requester's session was attended up to this event.
    WasHere(EventId),
    /// The session has proved that it may log in to an account.
    LogIn(CowBox<'a, LogIn>),
    /// The session registers a free name, and logs in.
    Register(CowBox<'a, Register>),
    /// An account's keys are replaced by new ones for the same password.
    RenewKeys {
        /// The account as it was when the password was compared.
        account: CowBox<'a, Account>,
        /// The keys.
        keys: CowBox<'a, Keys>,
    },
    /// A login to this account has failed.
    LoginFailed(AccountId),
    /// The session has completed its registration.
    ComeOnline(CowBox<'a, ComeOnline>),
    /// A change to the requester's account.
    Account(CowBox<'a, AccountChange>),
    /// The requester has given the right password for `OPER`.
    Granted {
        /// The operator's name in the config.
        name: &'a str,
    },
    /// A certificate is added to the requester's account.
    AddCertificate {
        /// The certificate.
        certificate: Fingerprint,
        /// The requester's client has presented it.
        proved: bool,
    },
    /// The password of an account is replaced by a one-time code.
    Reset(CowBox<'a, OneTimeCode>),
    /// A new invitation with this code.
    Invite {
        /// The code, in clear: its owner may look at it again.
        code: &'a str,
        /// The invitation.
        invitation: CowBox<'a, Invitation>,
    },
}

/// A command as it was sent. Serialized as its line.
pub struct Command<'a> {
    /// Its verb, one that can become an entry.
    pub verb: &'a Verb,
    /// The whole message.
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

/// What is left of a command after its session's own part.
pub enum SharedPart<'a> {
    /// Nothing: the session has its answer.
    None,
    /// The command becomes an entry, as it was sent.
    AsSent,
    /// This becomes an entry.
    Request(Request<'a>),
}

/// Applies an entry: the same state and entry give the same effects.
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
            last_login::attended_until(applying.state, applying.out, account, here);
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
            // Another node may have asked for the same.
            if dormant::is_due(applying.state) {
                dormant::look(applying.state, applying.out, &entering);
            }
            Ok(())
        }
        Request::Forget => {
            retention::step(applying.state, applying.out);
            Ok(())
        }
        Request::ClockSet => {
            applying.state.dormant.wait(entry.steady);
            applying.state.retention.wait(entry.steady);
            Ok(())
        }
        Request::Settings(settings) => {
            rehash::change(applying, &settings);
            Ok(())
        }
    }
}

/// Applies a request that no session has sent.
pub fn apply_for_nobody(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    request: Request<'_>,
) {
    let waits = node.entries_sent.is_some() && ordered::is_housekeeping(&request);
    if waits && std::mem::replace(&mut node.housekeeping, true) {
        return; // It is in flight already.
    }
    let (now, steady) = (state.now, state.steady);
    let entry = Entry { now, steady, requester: Requester::of(None), request };
    ordered::submit(state, node, out, entry).expect("what nobody has asked for is not refused");
}

#[cfg(test)]
thread_local! {
    /// All entries, for a test to examine.
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
