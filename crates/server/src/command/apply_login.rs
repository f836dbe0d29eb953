//! The shared part of a login: applied as an entry, after the session's node has verified the
//! credentials. See [`super::authentication`].

use crate::effects::{Condition, Effect, FollowUp};
use crate::metrics::{Count, Login};
use crate::render::Author;
use crate::session::login::LoginMethod;
use crate::state::account_settings::{self, InvitedBy};
use crate::state::apply_context::ApplyContext;
use crate::state::refusal::Refusal;
use crate::state::room::MaskSubject;
use crate::state::second_factor::UsedCode;
use crate::state::undo::Undo;
use crate::state::{State, second_factor};
use crate::state::{app_password, certificates, dormant, invitation, last_login, ownership};
use proto::Fingerprint;
use proto::scram::Keys;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Account, AccountId, Write};

/// A session has proved that it may log in to an account.
#[derive(Debug, Deserialize, Serialize)]
pub struct LogIn {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: Arc<str>,
    /// What the node knows about the session.
    pub from: Origin,
    /// The name of the app password, if one was used.
    pub app: Option<Box<str>>,
    /// The code of the second factor that came with the password.
    pub code: Option<UsedCode>,
}

/// A session registers an account.
#[derive(Debug, Deserialize, Serialize)]
pub struct Register {
    /// The name.
    pub name: Box<str>,
    /// The keys of its password.
    pub keys: Keys,
    /// The invitation used.
    pub invitation: Option<Box<str>>,
    /// What the node knows about the session.
    pub from: Origin,
}

/// What the node knows about a session that logs in.
#[derive(Debug, Deserialize, Serialize)]
pub struct Origin {
    /// How it logs in.
    pub method: LoginMethod,
    /// The cloaked address, as others see that of a guest.
    pub host: Box<str>,
    /// A person is at it, as far as it has said.
    pub attended: bool,
    /// The user name that it gave.
    pub username: Option<Box<str>>,
    /// The certificate it presented.
    pub certificate: Option<Fingerprint>,
}

/// Applies a login.
///
/// # Errors
/// If the account is gone or may not log in, or its code was used meanwhile.
pub fn log_in(context: &mut ApplyContext<'_>, login: &LogIn) -> Result<(), Refusal> {
    let found = context.state.account(&login.name).filter(|found| found.id == login.account);
    // Removed while the password was being checked.
    let gone = || Refusal::WrongPassword(login.name.to_string());
    let account = found.cloned().ok_or_else(gone)?;
    must_be_welcome(context.state, &account, &login.from)?;
    if let Some(code) = &login.code
        && !second_factor::consume(context.state, context.out, account.id, code)
    {
        return Err(super::authentication::wrong_code(&account.name));
    }
    if let Some(app) = &login.app {
        app_password::used(context.state, context.out, account.id, app);
    }
    enter(context, &account, &login.from);
    Ok(())
}

/// Registers an account and logs in to it.
///
/// # Errors
/// If the name was taken meanwhile, or may not be registered any more.
pub fn register(context: &mut ApplyContext<'_>, new: &Register) -> Result<(), Refusal> {
    let (state, name) = (&*context.state, &*new.name);
    match state.account(name) {
        Some(account) if new.from.method == LoginMethod::Register => {
            return Err(Refusal::AccountExists(account.name.clone()));
        }
        Some(_) => return Err(Refusal::WrongPassword(name.to_owned())),
        None => {}
    }
    // A guest took the name while the keys were derived.
    if state.online(name).map(|user| user.id) != context.requester.user {
        return Err(Refusal::NameTaken(name.to_owned()));
    }
    // A similar-looking name was registered while the keys were derived.
    if state.account_skeletons.find(name, None).is_some() {
        return Err(Refusal::LooksLikeAccount(name.to_owned()));
    }
    // Its invitation may have been used up.
    super::registration::may_register(state, name, new.invitation.as_deref())?;
    must_not_be_banned(state, name, None, &new.from)?;
    let account = make_account(context, new);
    if let Some(code) = &new.invitation {
        use_invitation(context, &account, code);
    }
    enter(context, &account, &new.from);
    if context.requester.user.is_some() {
        ownership::register_guest(context);
    }
    Ok(())
}

/// Replaces the keys of an account by new ones for the same password, unless it has a new password
/// by now. The login does not depend on this write: without it the old keys stay.
pub fn renew(context: &mut ApplyContext<'_>, before: &Account, keys: &Keys) {
    let found = context.state.account(&before.name);
    let Some(found) = found.filter(|found| found.keys == before.keys).cloned() else { return };
    let account = Account { keys: keys.clone(), ..Account::clone(&found) };
    let when = context.out.condition();
    context.note_undo(Undo::Account(found));
    context.out.write(Write::Account(account.clone()));
    context.out.resume(when);
    context.state.add_account(Arc::new(account));
}

fn make_account(context: &mut ApplyContext<'_>, new: &Register) -> Arc<Account> {
    let (requester, method) = (context.requester.session, new.from.method);
    // A guest keeps its id, and so its conversations and rooms.
    let (id, undo) = match context.requester.user {
        Some(guest) => (guest, Undo::Guest(guest, requester)),
        None => {
            let id = context.state.next_id();
            (id, Undo::NoAccount(id))
        }
    };
    let created = context.state.now;
    let account = Account { id, name: (&*new.name).into(), keys: new.keys.clone(), created };
    context.note_undo(undo);
    let write = context.out.write(Write::Account(account.clone()));
    let verb = match method {
        LoginMethod::Verb => "LOGIN",
        LoginMethod::Pass => "PASS",
        LoginMethod::Sasl | LoginMethod::External => "AUTHENTICATE",
        LoginMethod::Register => "REGISTER",
    };
    let failed = Effect::NotStored { to: requester, verb, tag: None };
    context.out.push_when(Condition::Failed(write), failed);
    let failed = Count::Login(method.counted(), Login::NotStored);
    context.out.push_when(Condition::Failed(write), Effect::Count(failed));
    let account = Arc::new(account);
    context.state.add_account(account.clone());
    dormant::account_made(context, id, context.requester.user.is_some());
    account
}

/// An account was registered: uses up one use of its invitation, and stores who invited it.
fn use_invitation(context: &mut ApplyContext<'_>, account: &Account, code: &str) {
    let Some(one) = invitation::find(context.state, code) else { return };
    let by = InvitedBy { by: one.by, account: one.account, time: context.state.now };
    account_settings::set_invited_by(context.state, context.out, account.id, &by);
    invitation::used(context.state, context.out, code);
}

/// Refuses accounts that are suspended or banned, or whose one-time code has expired.
fn must_be_welcome(state: &State, account: &Account, from: &Origin) -> Result<(), Refusal> {
    let name = &account.name;
    let reset = state.reset(account);
    if reset.is_some_and(|reset| reset.until <= state.now) {
        let text = "This one-time code has expired; ask an admin of the server for another one";
        return Err(Refusal::Barred("CODE_EXPIRED", name.to_string(), text.to_owned()));
    }
    if let Some(suspension) = state.suspension(account.id) {
        return Err(Refusal::Barred("SUSPENDED", name.to_string(), suspension.sentence()));
    }
    must_not_be_banned(state, name, Some(account.id), from)
}

fn must_not_be_banned(
    state: &State,
    name: &str,
    account: Option<AccountId>,
    from: &Origin,
) -> Result<(), Refusal> {
    if state.settings.role_of(name).is_some() {
        return Ok(());
    }
    let userhost = from.username.as_deref().filter(|username| *username != name);
    let source = state.renderer.source(Author { nick: name, userhost, guest: false });
    let who = MaskSubject { account: Some(name.into()), ..MaskSubject::guest(source) };
    match state.server_bans.of_user(account, &who) {
        Some(ban) => Err(Refusal::Barred("BANNED", name.to_owned(), ban.sentence())),
        None => Ok(()),
    }
}

/// The session has logged in: stores what is kept about that, and its node goes on.
fn enter(context: &mut ApplyContext<'_>, account: &Arc<Account>, from: &Origin) {
    if context.must_be_storable().is_ok() {
        let Origin { host, attended, .. } = from;
        last_login::logged_in(context.state, context.out, account.id, host, *attended);
    }
    if let Some(certificate) = from.certificate {
        prove_certificate(context, account, certificate);
    }
    dormant::seen(context.state, context.out, account.id);
    context.out.follow_up(FollowUp::LoggedIn);
}

/// Marks a certificate of the account that the session has presented as proved. The login does not
/// depend on this write.
fn prove_certificate(
    context: &mut ApplyContext<'_>,
    account: &Arc<Account>,
    certificate: Fingerprint,
) {
    let owner = context.state.certificates.owner(certificate);
    if owner.is_some_and(|owner| owner.account == account.id && !owner.proved) {
        let when = context.out.condition();
        let (id, name) = (account.id, account.name.clone());
        let owner = certificates::Owner { account: id, name, proved: true };
        certificates::write(context, certificate, Some(owner));
        context.out.resume(when);
    }
}
