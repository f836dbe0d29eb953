//! Logging in: by `LOGIN`, by `PASS` with `NICK`, or by SASL. One flow for all; only the words
//! differ.

use super::context::Context;
use super::effects::{Derive, Fact, Task, What, When};
use super::looks::is_reserved;
use super::session::Waiting;
use super::undo::Undo;
use super::{membership, ownership, welcome};
use crate::command::refusal::{NOT_ENCRYPTED, Refusal, refuse};
use crate::limits::{NEW_PASSWORD_BYTES, PASSWORD_BYTES};
use crate::metrics::{Count, Login, LoginBy, Refused};
use crate::render::Author;
use crate::session::SessionId;
use proto::name::{NameError, check_name, same};
use proto::numeric as n;
use proto::saslprep::prepare;
use proto::scram::Keys;
use std::sync::Arc;
use store::{Account, Write};
use subtle::ConstantTimeEq;

/// The name for which a wrong server password, or a certificate of nobody, counts as failed; no user
/// can have it.
pub const NOBODYS_NAME: &str = "*";

/// By which way somebody logs in; it decides the words of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The verb `LOGIN`.
    Verb,
    /// `PASS`, `NICK` and `USER`.
    Pass,
    /// `AUTHENTICATE` with a password, or a proof of one.
    Sasl,
    /// `AUTHENTICATE` with a certificate.
    External,
    /// `REGISTER`, which makes a new account and nothing else.
    Register,
}

impl How {
    /// How metrics have it.
    fn counted(self) -> LoginBy {
        match self {
            How::Verb => LoginBy::Verb,
            How::Pass => LoginBy::Pass,
            How::Sasl => LoginBy::Sasl,
            How::External => LoginBy::External,
            How::Register => LoginBy::Register,
        }
    }
}

/// A password's key was derived.
#[derive(Clone, Debug)]
pub struct Derived {
    /// For whom.
    pub session: SessionId,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a derivation.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Compared with an account's keys: whether it was the password.
    Compared(bool),
    /// It was the password, by keys of the form in which it was typed: these are made as keys are now.
    Renewed(Keys),
    /// Keys for a new account.
    Made(Keys),
    /// Too many wait already.
    Busy,
}

/// Whether the session may try to log in as `name` at all.
pub fn may_try(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    // A guest may register the name that it has, or become who has an account.
    let user = context.known().user.map(|user| &context.state.users[&user]);
    let guest = user.filter(|user| user.guest);
    let own = guest.is_some_and(|guest| same(&guest.nick, name));
    if let Some(user) = user
        && (!user.guest || !own && context.state.account(name).is_none())
    {
        return Err(Refusal::AlreadyLoggedIn(user.nick.clone()));
    }
    let admitted_before = guest.is_some();
    if let Some(account) = context.entering().and_then(|entering| entering.account.clone()) {
        return Err(Refusal::AlreadyLoggedIn(account.name.clone()));
    }
    let address = context.known().address;
    let (now, limits) = (context.state.steady, &context.state.config.limits);
    if let Some(seconds) = context.state.doors.closed_for(address, now, limits) {
        context.out.push(What::Count(Count::Refused(Refused::FailedLogins)));
        return Err(Refusal::TooManyAttempts(name.to_owned(), seconds));
    }
    if !admitted_before {
        must_be_admitted(context)?;
    }
    if context.state.account(name).is_none() {
        may_be_named(context, name)?;
        if context.state.online(name).is_some() && !own {
            return Err(Refusal::NameTaken(name.to_owned()));
        }
    }
    Ok(())
}

/// Refuses who has not given the server's own password, if it has one.
pub fn must_be_admitted(context: &mut Context<'_>) -> Result<(), Refusal> {
    let needed = context.state.config.server.password.is_some();
    match context.entering() {
        Some(entering) if !needed || entering.admitted => Ok(()),
        Some(entering) if entering.misled => Err(Refusal::WrongServerPassword),
        None if !needed => Ok(()),
        _ => Err(Refusal::ServerPasswordRequired),
    }
}

/// Whether a name can be anybody's who has no account of this name: it is not kept back, and looks
/// like nobody's account.
pub fn may_be_named(context: &Context<'_>, name: &str) -> Result<(), Refusal> {
    let bad = |error| Refusal::BadName(name.to_owned(), error);
    check_name(name).map_err(bad)?;
    let state = &context.state;
    if state.account(name).is_some() {
        return Ok(());
    }
    if is_reserved(name, &state.renderer.server) {
        return Err(bad(NameError::Reserved));
    }
    match state.account_looks.find(name, None) {
        Some(_) => Err(Refusal::LooksLikeAccount(name.to_owned())),
        None => Ok(()),
    }
}

/// Starts a login with a password: an account's, or the first password of a free name.
pub fn begin(
    context: &mut Context<'_>,
    name: &str,
    password: &str,
    how: How,
) -> Result<(), Refusal> {
    context.must_be_private()?;
    may_try(context, name)?;
    if password.is_empty() || password.len() > PASSWORD_BYTES {
        return Err(Refusal::BadPassword(name.to_owned()));
    }
    if context.state.account(name).is_none() && password.len() < NEW_PASSWORD_BYTES {
        return Err(Refusal::WeakPassword(name.to_owned()));
    }
    let address = context.known().address;
    let state = &context.state;
    let hold_millis = state.doors.delay(address, state.steady, &state.config.limits);
    let iterations = state.config.server.password_iterations;
    let task = match state.account(name) {
        Some(account) => Task::Compare { keys: account.keys.clone(), iterations },
        None => Task::Make { iterations },
    };
    wait_for(context, name, how, Derive { password: password.into(), task, hold_millis });
    Ok(())
}

/// A proof or a certificate was wrong: says so as late as a wrong password would be told.
pub fn wrong_proof(context: &mut Context<'_>, name: &str, how: How) {
    let (address, state) = (context.known().address, &context.state);
    let hold_millis = state.doors.delay(address, state.steady, &state.config.limits);
    let job = Derive { password: "".into(), task: Task::Refuse, hold_millis };
    wait_for(context, name, how, job);
}

fn wait_for(context: &mut Context<'_>, name: &str, how: How, job: Derive) {
    let label = context.out.take_label();
    let session = context.session;
    context.known_mut().waiting = Some(Box::new(Waiting { name: name.to_owned(), how, label }));
    context.out.push(What::Derive { session, job: Arc::new(job) });
}

/// The password was checked, or a new account's keys were made: says so and goes on with the
/// registration.
pub fn finish(context: &mut Context<'_>, outcome: Outcome) {
    let Some(waiting) = context.known_mut().waiting.take() else { return };
    let Waiting { name, how, label } = *waiting;
    context.out.begin(context.session, label, context.has(proto::Capability::Batch));
    let address = context.known().address;
    let (now, limits) = (context.state.steady, &context.state.config.limits);
    if let Some(seconds) = context.state.doors.closed_for(address, now, limits) {
        // The door closed while this was on its way: many guesses at once are no more than many in
        // a row.
        let refusal = Refusal::TooManyAttempts(name.clone(), seconds);
        context.out.push(What::Count(Count::Refused(Refused::FailedLogins)));
        refused(context, &name, how, &refusal);
        let server = context.state.renderer.server.clone();
        return context.out.end(&server);
    }
    match (outcome, context.state.account(&name).cloned()) {
        (Outcome::Busy, _) => refused(context, &name, how, &Refusal::Busy(name.clone())),
        (Outcome::Compared(true), Some(account)) => logged_in(context, account, how, false),
        (Outcome::Renewed(keys), Some(account)) => {
            let account = renew(context, &account, keys);
            logged_in(context, account, how, false);
        }
        (Outcome::Made(_), None)
            if context.state.online(&name).map(|user| user.id) != context.known().user =>
        {
            // A guest took the name while the keys were made.
            refused(context, &name, how, &Refusal::NameTaken(name.clone()));
        }
        // Somebody else registered a name that looks like it while the keys were made.
        (Outcome::Made(_), None) if context.state.account_looks.find(&name, None).is_some() => {
            refused(context, &name, how, &Refusal::LooksLikeAccount(name.clone()));
        }
        // Somebody else registered the name while the keys were made.
        (Outcome::Made(_), Some(account)) if how == How::Register => {
            refused(context, &name, how, &Refusal::AccountExists(account.name.clone()));
        }
        (Outcome::Made(keys), None) => {
            let account = make_account(context, &name, keys, how);
            logged_in(context, account, how, true);
        }
        // A wrong password; or somebody else registered the name while the keys were made.
        _ => refused(context, &name, how, &Refusal::WrongPassword(name.clone())),
    }
    let server = context.state.renderer.server.clone();
    context.out.end(&server);
}

/// Puts other keys of the same password in place of an account's. The login does not depend on their
/// being stored: without them the old ones stay.
fn renew(context: &mut Context<'_>, before: &Arc<Account>, keys: Keys) -> Arc<Account> {
    let account = Arc::new(Account { keys, ..Account::clone(before) });
    let when = context.out.when();
    context.out.note(Undo::Keys(before.clone()));
    context.out.write(Write::Account(Account::clone(&account)));
    context.out.resume(when);
    context.state.add_account(account.clone());
    account
}

fn make_account(context: &mut Context<'_>, name: &str, keys: Keys, how: How) -> Arc<Account> {
    // A guest keeps its id, and with it its conversations and rooms.
    let (id, undo) = match context.known().user {
        Some(guest) => (guest, Undo::Guest(guest, context.session)),
        None => {
            let id = context.state.next_id();
            (id, Undo::NoAccount(id))
        }
    };
    let account = Account { id, name: name.into(), keys, created: context.state.now };
    context.out.note(undo);
    let write = context.out.write(Write::Account(account.clone()));
    let verb = match how {
        How::Verb => "LOGIN",
        How::Pass => "PASS",
        How::Sasl | How::External => "AUTHENTICATE",
        How::Register => "REGISTER",
    };
    let failed = What::NotStored { to: context.session, verb, tag: None };
    context.out.push_when(When::Failed(write), failed);
    let failed = Count::Login(how.counted(), Login::NotStored);
    context.out.push_when(When::Failed(write), What::Count(failed));
    let account = Arc::new(account);
    context.state.add_account(account.clone());
    account
}

/// The session has proven who it is.
pub fn logged_in(context: &mut Context<'_>, account: Arc<Account>, how: How, new: bool) {
    let address = context.known().address;
    context.state.doors.succeeded(address, &account.name);
    let name = account.name.clone();
    let becomes = context.known().user.is_some_and(|user| user != account.id);
    if let Some(entering) = context.entering() {
        entering.account = Some(account.clone());
        entering.by_verb = how == How::Verb;
        entering.password = None;
    }
    match how {
        How::Verb if new => {
            let text = format!("Welcome, {name}: the name is yours now, by this password");
            context.note("LOGIN", "ACCOUNT_CREATED", &[&name], &text);
        }
        How::Verb => context.note("LOGIN", "LOGGED_IN", &[&name], &format!("Welcome back, {name}")),
        How::Sasl | How::External => {
            say_logged_in(context, &name);
            context.numeric(n::RPL_SASLSUCCESS, &[], "SASL authentication successful");
        }
        How::Register => {
            let text = "Your account is made; log in with its password from now on";
            context.from_server("REGISTER", &["SUCCESS", &name], text);
            say_logged_in(context, &name);
        }
        How::Pass => {}
    }
    context.out.push(What::Log(Fact::Came { user: name, address, new }));
    let outcome = if new { Login::Registered } else { Login::Done };
    context.out.push(What::Count(Count::Login(how.counted(), outcome)));
    if becomes {
        welcome::become_account(context, account);
    } else if context.known().user.is_some() {
        ownership::take(context);
    } else {
        welcome::register_if_complete(context);
    }
}

fn say_logged_in(context: &mut Context<'_>, name: &str) {
    let source = context.state.renderer.source(Author { nick: name, userhost: None, guest: false });
    let text = format!("You are now logged in as {name}");
    context.numeric(n::RPL_LOGGEDIN, &[&source, name], &text);
}

/// The login failed: says so, and slows the next one down.
pub fn refused(context: &mut Context<'_>, name: &str, how: How, refusal: &Refusal) {
    let address = context.known().address;
    let outcome = match refusal {
        Refusal::WrongPassword(_) => Login::Wrong,
        Refusal::Busy(_) => Login::Busy,
        _ => Login::Refused,
    };
    context.out.push(What::Count(Count::Login(how.counted(), outcome)));
    if matches!(refusal, Refusal::WrongPassword(_)) {
        let now = context.state.steady;
        context.state.doors.failed(address, name, now);
        let user = name.to_owned();
        let reason = if how == How::External { "wrong certificate" } else { "wrong password" };
        context.out.push(What::Log(Fact::LoginFailed { user, address, reason }));
    }
    match how {
        How::Verb => refuse(context, "LOGIN", refusal),
        How::Register => refuse(context, "REGISTER", refusal),
        How::Sasl | How::External => sasl_failed(context, how, refusal),
        How::Pass => {
            refuse(context, "PASS", refusal);
            // Also who knows no standard replies reads why the connection was closed.
            let why = match refusal {
                Refusal::NotEncrypted => NOT_ENCRYPTED,
                Refusal::ServerPasswordRequired => "No server password",
                Refusal::WrongServerPassword => "Wrong server password",
                _ => "The login failed",
            };
            let (state, out, session) = (&mut *context.state, &mut *context.out, context.session);
            membership::end_session(state, out, session, why);
        }
    }
}

/// Ends an `AUTHENTICATE` exchange without success; the person may try again.
fn sasl_failed(context: &mut Context<'_>, how: How, refusal: &Refusal) {
    context.known_mut().sasl = None;
    let text = match refusal {
        Refusal::WrongPassword(_) if how == How::External => {
            "SASL authentication failed: this certificate logs in to no account, or to another one; CERT ADD makes it yours".to_owned()
        }
        Refusal::WrongPassword(_) => "SASL authentication failed: wrong password".to_owned(),
        Refusal::TooManyAttempts(_, seconds) => {
            format!("SASL authentication failed: too many failed logins; wait {seconds} seconds")
        }
        Refusal::NotEncrypted => format!("SASL authentication failed: {NOT_ENCRYPTED}"),
        Refusal::ServerPasswordRequired | Refusal::WrongServerPassword => {
            "SASL authentication failed: send the server's own password with PASS first".to_owned()
        }
        Refusal::BadName(_, error) => format!("SASL authentication failed: {error}"),
        Refusal::AlreadyLoggedIn(nick) => format!(
            "SASL authentication failed: nobody has this account; as a guest you can register your own name, {nick}"
        ),
        Refusal::WeakPassword(_) => format!(
            "SASL authentication failed: a new password has at least {NEW_PASSWORD_BYTES} bytes"
        ),
        Refusal::LooksLikeAccount(_) => {
            "SASL authentication failed: the name looks like another account's".to_owned()
        }
        Refusal::NameTaken(_) => "SASL authentication failed: a guest has this name now".to_owned(),
        Refusal::Busy(_) => {
            "SASL authentication failed: too many logins at once; try again".to_owned()
        }
        _ => "SASL authentication failed".to_owned(),
    };
    context.numeric(n::ERR_SASLFAIL, &[], &text);
}

/// Whether what was typed is a password of the config file, however it was composed.
pub fn is_password(configured: &str, typed: &str) -> bool {
    prepare(configured).as_bytes().ct_eq(prepare(typed).as_bytes()).into()
}

/// Takes the parameter of `PASS`: the server's own password, the account's, or both as
/// `server:account`.
pub fn pass(context: &mut Context<'_>, given: &str) {
    let config = context.state.config.clone();
    let Some(entering) = context.entering() else { return };
    let account = match &config.server.password {
        None => Some(given),
        Some(server) if is_password(server, given) => {
            entering.admitted = true;
            None
        }
        Some(server) => {
            let colons = server.matches(':').count();
            let both = given.match_indices(':').nth(colons).map(|(at, _)| given.split_at(at));
            match both.filter(|(first, _)| is_password(server, first)) {
                Some((_, rest)) => {
                    entering.admitted = true;
                    Some(&rest[1..])
                }
                None => Some(given),
            }
        }
    };
    let wrong = config.server.password.is_some() && !entering.admitted;
    entering.misled = wrong;
    entering.password = account.map(Box::from);
    if wrong {
        let (address, now) = (context.known().address, context.state.steady);
        context.state.doors.failed(address, NOBODYS_NAME, now);
        context.out.push(What::Count(Count::Login(LoginBy::Pass, Login::Wrong)));
    }
}
