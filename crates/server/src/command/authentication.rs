//! Logging in: by `LOGIN`, by `PASS` with `NICK`, or by SASL. One flow for all; only the words
//! differ.

mod codes;

pub use codes::{code_missing, take_code, wrong_code};

use crate::command::ending;
use crate::command::refusal::{NOT_ENCRYPTED, Refusal, refuse};
use crate::command::welcome;
use crate::command::{account, accounts, authenticate, oper, registering};
use crate::effects::{Condition, Derive, Effect, LogRecord, Task};
use crate::limits::{NEW_PASSWORD_BYTES, PASSWORD_BYTES};
use crate::metrics::{Count, Login, LoginBy, Refused};
use crate::render::Author;
use crate::secret::Secret;
use crate::session::context::Context;
use crate::session::login::{How, Outcome};
use crate::session::login_attempts::NOBODYS_NAME;
use crate::session::{Proof, Tried, Waiting};
use crate::state::applying::Applying;
use crate::state::certificates;
use crate::state::dormant;
use crate::state::lookalikes::is_reserved;
use crate::state::ownership;
use crate::state::room::MaskSubject;
use crate::state::undo::Undo;
use crate::state::{app_password, last_login, second_factor, standing};
use proto::name::{NameError, check_name, same};
use proto::numeric as n;
use proto::saslprep::{is_long_enough, prepare};
use proto::scram::Keys;
use std::sync::Arc;
use store::{Account, Write};
use subtle::ConstantTimeEq;

/// Whether the session may try a password for `name` now.
pub fn may_try(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    may_enter(context, name)?;
    ask(context, name).map(|_| ())
}

/// Milliseconds to hold the answer to a try back, if there may be one.
pub fn ask(context: &mut Context<'_>, name: &str) -> Result<u64, Refusal> {
    let (address, state) = (context.session().address, &context.state);
    let hold = context.node.logins.ask(address, name, state.steady, &state.config.limits);
    hold.map_err(|seconds| too_many(context, name, seconds))
}

/// Begins a try, which counts whatever comes of it: milliseconds to hold the answer back.
pub fn attempt(context: &mut Context<'_>, name: &str) -> Result<u64, Refusal> {
    let hold_millis = ask(context, name)?;
    let address = context.session().address;
    context.node.logins.attempted(address, name, context.state.steady);
    Ok(hold_millis)
}

fn too_many(context: &mut Context<'_>, name: &str, seconds: i64) -> Refusal {
    context.out.push(Effect::Count(Count::Refused(Refused::FailedLogins)));
    Refusal::TooManyAttempts(name.to_owned(), seconds)
}

/// Whether the session may be `name`, if it proves to be.
pub fn may_enter(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    // A guest may register the name that it has, or become who has an account.
    let user = context.session().user.map(|user| &context.state.users[&user]);
    let guest = user.filter(|user| user.guest);
    let own = guest.is_some_and(|guest| same(&guest.nick, name));
    if let Some(user) = user
        && (!user.guest || !own && context.state.account(name).is_none())
    {
        return Err(Refusal::AlreadyLoggedIn(user.nick.clone()));
    }
    let admitted_before = guest.is_some();
    if let Some(account) =
        context.registration().and_then(|registration| registration.account.clone())
    {
        return Err(Refusal::AlreadyLoggedIn(account.name.clone()));
    }
    if !admitted_before {
        must_be_admitted(context, name)?;
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
pub fn must_be_admitted(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let needed = context.state.config.server.password.is_some();
    match context.registration() {
        Some(registration) if !needed || registration.admitted => Ok(()),
        Some(registration) if registration.misled => {
            // What came after too many wrong ones was not looked at.
            ask(context, NOBODYS_NAME).map_err(|refusal| match refusal {
                Refusal::TooManyAttempts(_, wait) => {
                    Refusal::TooManyAttempts(name.to_owned(), wait)
                }
                other => other,
            })?;
            Err(Refusal::WrongServerPassword)
        }
        None if !needed => Ok(()),
        _ => Err(Refusal::ServerPasswordRequired),
    }
}

/// Whether a name can be anybody's who has no account of this name: it is not kept back, and looks
/// like nobody's account.
pub fn may_be_named(context: &Applying<'_>, name: &str) -> Result<(), Refusal> {
    let bad = |error| Refusal::BadName(name.to_owned(), error);
    check_name(name).map_err(bad)?;
    let state = &context.state;
    if state.account(name).is_some() {
        return Ok(());
    }
    // Whoever registered it would be an operator at once; only people on this machine may.
    let remote = !context.asker.local;
    if is_reserved(name, &state.renderer.server)
        || standing::is_given_up(state, name)
        || remote && state.config.role_of(name).is_some()
    {
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
    if context.state.account(name).is_none() && !is_long_enough(password) {
        return Err(Refusal::WeakPassword(name.to_owned()));
    }
    if context.state.account(name).is_none() {
        registering::may_register(context, name)?;
        context.must_have_space()?;
    }
    let hold_millis = attempt(context, name)?;
    let state = &context.state;
    let iterations = state.config.server.password_iterations;
    let (mut password, mut code) = (password, None);
    let task = match state.account(name) {
        Some(account) => {
            if second_factor::is_on(state, account.id) {
                (password, code) = second_factor::split(password);
            }
            let others = app_password::keys_of(state, account.id);
            Task::Compare { keys: account.keys.clone(), iterations, others }
        }
        None => Task::Make { iterations },
    };
    wait(context, name, Tried::Password(how, code.map(Secret::new)), password, task, hold_millis);
    Ok(())
}

/// What was tried needs no key to be derived; it is looked at when its answer may be told.
pub fn answer_after(context: &mut Context<'_>, name: &str, of: Tried, hold_millis: u64) {
    match hold_millis {
        0 => answer(context, name, of, Outcome::Waited),
        _ => wait(context, name, of, "", Task::Wait, hold_millis),
    }
}

/// Waits for what the threads that derive keys are to do.
pub fn wait(
    context: &mut Context<'_>,
    name: &str,
    of: Tried,
    password: &str,
    task: Task,
    hold_millis: u64,
) {
    let (session, address) = (context.asker.session, context.session().address);
    let known = context.node.logins.is_known(address, name);
    let (password, address) = (password.into(), crate::networks::address_key(address));
    let label = context.out.take_label();
    context.session_mut().waiting = Some(Box::new(Waiting { name: name.to_owned(), of, label }));
    let job = Arc::new(Derive { password, task, hold_millis, address, known });
    context.out.push(Effect::Derive { session, job });
}

/// The password was checked, or a new account's keys were made, or the time to answer has come: says
/// so and goes on with the registration.
pub fn finish(context: &mut Context<'_>, outcome: Outcome) {
    let Some(waiting) = context.session_mut().waiting.take() else { return };
    let Waiting { name, of, label } = *waiting;
    context.begin(label);
    answer(context, &name, of, outcome);
    crate::command::follow_up::carry_out(context);
    let server = context.state.renderer.server.clone();
    context.out.end(&server);
}

fn answer(context: &mut Context<'_>, name: &str, of: Tried, outcome: Outcome) {
    match of {
        Tried::Password(how, code) => match may_tell(context, name) {
            Ok(()) => password_checked(context, name, how, code.as_ref(), outcome),
            Err(refusal) => refused(context, name, how, &refusal),
        },
        Tried::Code(account, code) => match may_tell(context, name) {
            Ok(()) => codes::code_given(context, account, How::Verb, &code),
            Err(refusal) => refused(context, name, How::Verb, &refusal),
        },
        Tried::Account(change) => account::finish(context, name, *change, outcome),
        Tried::Proof(server, message, account) => match may_tell(context, name) {
            Ok(()) => authenticate::prove(context, *server, &message, account),
            Err(refusal) => refused(context, name, How::Sasl, &refusal),
        },
        Tried::WrongCertificate => {
            let refusal = Refusal::WrongPassword(name.to_owned());
            refused(context, name, How::External, &refusal);
        }
        Tried::Oper(granted) => oper::answer(context, name, granted),
        Tried::Reset(account, code) => accounts::reset_done(context, name, account, &code, outcome),
    }
}

/// Whether an outcome may be told, right or wrong: others may have failed since this was tried, and
/// many guesses at once are no more than many in a row.
pub fn may_tell(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let (address, state) = (context.session().address, &context.state);
    let may = context.node.logins.may_tell(address, name, state.steady, &state.config.limits);
    may.map_err(|seconds| too_many(context, name, seconds))
}

fn password_checked(
    context: &mut Context<'_>,
    name: &str,
    how: How,
    code: Option<&Secret>,
    outcome: Outcome,
) {
    match (outcome, context.state.account(name).cloned()) {
        (Outcome::Busy, _) => refused(context, name, how, &Refusal::Busy(name.to_owned())),
        (Outcome::Compared(true), Some(account)) => {
            codes::password_right(context, account, how, code);
        }
        (Outcome::App(app), Some(account)) => {
            codes::app_password_right(context, account, how, &app);
        }
        (Outcome::Renewed(keys), Some(account)) => {
            let account = renew(context, &account, keys);
            codes::password_right(context, account, how, code);
        }
        (Outcome::Made(_), None)
            if context.state.online(name).map(|user| user.id) != context.session().user =>
        {
            // A guest took the name while the keys were made.
            refused(context, name, how, &Refusal::NameTaken(name.to_owned()));
        }
        // Somebody else registered a name that looks like it while the keys were made.
        (Outcome::Made(_), None) if context.state.account_looks.find(name, None).is_some() => {
            refused(context, name, how, &Refusal::LooksLikeAccount(name.to_owned()));
        }
        // Somebody else registered the name while the keys were made.
        (Outcome::Made(_), Some(account)) if how == How::Register => {
            refused(context, name, how, &Refusal::AccountExists(account.name.clone()));
        }
        (Outcome::Made(keys), None) => match registering::may_register(context, name) {
            Ok(()) => {
                let account = make_account(context, name, keys, how);
                registering::registered(context, &account);
                logged_in(context, account, how, Proof::Password, true);
            }
            // Its invitation was used up while the keys were made.
            Err(refusal) => refused(context, name, how, &refusal),
        },
        // A wrong password; or somebody else registered the name while the keys were made.
        _ => refused(context, name, how, &Refusal::WrongPassword(name.to_owned())),
    }
}

/// Puts other keys of the same password in place of an account's. The login does not depend on their
/// being stored: without them the old ones stay.
fn renew(context: &mut Context<'_>, before: &Arc<Account>, keys: Keys) -> Arc<Account> {
    let account = Arc::new(Account { keys, ..Account::clone(before) });
    let when = context.out.condition();
    context.out.note(Undo::Account(before.clone()));
    context.out.write(Write::Account(Account::clone(&account)));
    context.out.resume(when);
    context.state.add_account(account.clone());
    account
}

fn make_account(context: &mut Context<'_>, name: &str, keys: Keys, how: How) -> Arc<Account> {
    // A guest keeps its id, and with it its conversations and rooms.
    let (id, undo) = match context.session().user {
        Some(guest) => (guest, Undo::Guest(guest, context.asker.session)),
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
    let failed = Effect::NotStored { to: context.asker.session, verb, tag: None };
    context.out.push_when(Condition::Failed(write), failed);
    let failed = Count::Login(how.counted(), Login::NotStored);
    context.out.push_when(Condition::Failed(write), Effect::Count(failed));
    let account = Arc::new(account);
    context.state.add_account(account.clone());
    let was_guest = context.session().user.is_some();
    dormant::account_made(context, id, was_guest);
    account
}

/// Refuses whose account is suspended or banned from the server, or whose one-time code has expired.
fn must_be_welcome(context: &Context<'_>, account: &Account, how: How) -> Result<(), Refusal> {
    let (state, name) = (&context.state, &account.name);
    let reset = state.reset(account).filter(|_| how != How::External);
    if reset.is_some_and(|reset| reset.until <= state.now) {
        let text = "This one-time code has expired; ask an admin of the server for another one";
        return Err(Refusal::Barred("CODE_EXPIRED", name.to_string(), text.to_owned()));
    }
    if let Some(suspension) = state.suspension(account.id) {
        return Err(Refusal::Barred("SUSPENDED", name.to_string(), suspension.sentence()));
    }
    let known = context.session().registration.as_deref();
    let username = known.and_then(|registration| registration.username.as_deref());
    let userhost = username.filter(|username| username != &&**name);
    let source = state.renderer.source(Author { nick: name, userhost, guest: false });
    let who = MaskSubject { account: Some(account.name.clone()), ..MaskSubject::guest(source) };
    match state.server_bans.of_user(Some(account.id), &who) {
        Some(ban) => Err(Refusal::Barred("BANNED", name.to_string(), ban.sentence())),
        None => Ok(()),
    }
}

/// The session has proven who it is.
pub fn logged_in(
    context: &mut Context<'_>,
    account: Arc<Account>,
    how: How,
    proof: Proof,
    new: bool,
) {
    if let Err(refusal) = must_be_welcome(context, &account, how) {
        return refused(context, &account.name, how, &refusal);
    }
    let address = context.session().address;
    let now = context.state.now;
    let known = context.session_mut();
    (known.proof, known.since) = (proof, now);
    if context.must_have_space().is_ok() {
        let from = context.state.cloak.host(address);
        let Applying { state, out, .. } = &mut context.applying;
        let before = last_login::came(state, out, account.id, &from);
        context.session_mut().last_login = before.map(Box::new);
    }
    context.node.logins.succeeded(address, &account.name);
    prove_certificate(context, &account);
    dormant::seen(context.applying.state, context.applying.out, account.id);
    let name = account.name.clone();
    let becomes = context.session().user.is_some_and(|user| user != account.id);
    if let Some(registration) = context.registration() {
        registration.account = Some(account.clone());
        registration.by_verb = how == How::Verb;
        registration.password = None;
    }
    match how {
        How::Verb if new => {
            let text = format!("Welcome, {name}: your account has been created");
            context.note("LOGIN", "ACCOUNT_CREATED", &[&name], &text);
        }
        How::Verb => context.note("LOGIN", "LOGGED_IN", &[&name], &format!("Welcome back, {name}")),
        How::Sasl | How::External => {
            say_logged_in(context, &name);
            context.numeric(n::RPL_SASLSUCCESS, &[], "SASL authentication successful");
        }
        How::Register => {
            let text = "Your account has been created; log in with its password from now on";
            context.from_server("REGISTER", &["SUCCESS", &name], text);
            say_logged_in(context, &name);
        }
        How::Pass => {}
    }
    context.out.push(Effect::Log(LogRecord::Came { user: name, address, new }));
    let outcome = if new { Login::Registered } else { Login::Done };
    context.out.push(Effect::Count(Count::Login(how.counted(), outcome)));
    if becomes {
        welcome::become_account(context, account);
    } else if context.session().user.is_some() {
        ownership::take(context);
    } else {
        welcome::register_if_complete(context);
    }
}

/// The session has logged in to an account: a certificate of that account which it has shown is
/// proved from here on. The login does not depend on that being stored.
fn prove_certificate(context: &mut Context<'_>, account: &Arc<Account>) {
    let Some(certificate) = context.session().certificate() else { return };
    let owner = context.state.certificates.owner(certificate);
    if owner.is_some_and(|owner| owner.account == account.id && !owner.proved) {
        let when = context.out.condition();
        let owner =
            certificates::Owner { account: account.id, name: account.name.clone(), proved: true };
        certificates::write(context, certificate, Some(owner));
        context.out.resume(when);
    }
}

fn say_logged_in(context: &mut Context<'_>, name: &str) {
    let source = context.state.renderer.source(Author { nick: name, userhost: None, guest: false });
    let text = format!("You are now logged in as {name}");
    context.numeric(n::RPL_LOGGEDIN, &[&source, name], &text);
}

/// Login failed: says so, and slows the next one down.
pub fn refused(context: &mut Context<'_>, name: &str, how: How, refusal: &Refusal) {
    let outcome = match refusal {
        Refusal::WrongPassword(_) => Login::Wrong,
        Refusal::Busy(_) => Login::Busy,
        _ => Login::Refused,
    };
    context.out.push(Effect::Count(Count::Login(how.counted(), outcome)));
    if matches!(refusal, Refusal::WrongPassword(_)) {
        let reason = if how == How::External { "wrong certificate" } else { "wrong password" };
        failed(context, name, reason);
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
                Refusal::Barred(_, _, why) => why,
                _ => "Login failed",
            };
            let Context { applying, node } = context;
            let (state, out, session) =
                (&mut *applying.state, &mut *applying.out, &applying.asker.session);
            ending::end_session(state, node, out, *session, why);
        }
    }
}

/// Somebody who claimed to be `name` is not: that slows the next one down, and the name's owner will
/// be told.
pub fn failed(context: &mut Context<'_>, name: &str, reason: &'static str) {
    let (address, now) = (context.session().address, context.state.steady);
    context.node.logins.failed(address, name, now);
    let account = context.state.account(name).map(|account| account.id);
    if let Some(account) = account
        && context.must_have_space().is_ok()
    {
        let Applying { state, out, .. } = &mut context.applying;
        last_login::failed(state, out, account);
    }
    let user = name.to_owned();
    context.out.push(Effect::Log(LogRecord::LoginFailed { user, address, reason }));
}

/// Ends an `AUTHENTICATE` exchange without success; the person may try again.
fn sasl_failed(context: &mut Context<'_>, how: How, refusal: &Refusal) {
    context.session_mut().sasl = None;
    let text = match refusal {
        Refusal::WrongPassword(_) if how == How::External => {
            "SASL authentication failed: this certificate belongs to no account, or to a different one; CERT ADD adds it to yours".to_owned()
        }
        Refusal::WrongPassword(_) => "SASL authentication failed: wrong password".to_owned(),
        Refusal::TooManyAttempts(_, seconds) => {
            format!("SASL authentication failed: too many failed logins; wait {seconds} seconds")
        }
        Refusal::NotEncrypted => format!("SASL authentication failed: {NOT_ENCRYPTED}"),
        Refusal::ServerPasswordRequired | Refusal::WrongServerPassword => {
            "SASL authentication failed: send the server password with PASS first".to_owned()
        }
        Refusal::BadName(_, error) => format!("SASL authentication failed: {error}"),
        Refusal::AlreadyLoggedIn(nick) => format!(
            "SASL authentication failed: there is no such account; as a guest you can register your own name, {nick}"
        ),
        Refusal::WeakPassword(_) => format!(
            "SASL authentication failed: a new password needs at least {NEW_PASSWORD_BYTES} bytes"
        ),
        Refusal::LooksLikeAccount(_) => {
            "SASL authentication failed: the name looks like another account's".to_owned()
        }
        Refusal::NameTaken(_) => "SASL authentication failed: a guest is using this name".to_owned(),
        Refusal::Busy(_) => {
            "SASL authentication failed: too many concurrent logins; try again".to_owned()
        }
        Refusal::Barred(_, _, why) => format!("SASL authentication failed: {why}"),
        Refusal::Invalid { text, .. } => format!("SASL authentication failed: {text}"),
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
    let closed = config.server.password.is_some() && ask(context, NOBODYS_NAME).is_err();
    let Some(registration) = context.registration() else { return };
    let account = match &config.server.password {
        None => Some(given),
        Some(_) if closed => {
            registration.misled = true;
            return;
        }
        Some(server) if is_password(server, given) => {
            registration.admitted = true;
            None
        }
        Some(server) => {
            let colons = server.matches(':').count();
            let both = given.match_indices(':').nth(colons).map(|(at, _)| given.split_at(at));
            match both.filter(|(first, _)| is_password(server, first)) {
                Some((_, rest)) => {
                    registration.admitted = true;
                    Some(&rest[1..])
                }
                None => Some(given),
            }
        }
    };
    let wrong = config.server.password.is_some() && !registration.admitted;
    registration.misled = wrong;
    registration.password = account.map(Box::from);
    if wrong {
        let (address, now) = (context.session().address, context.state.steady);
        context.node.logins.failed(address, NOBODYS_NAME, now);
        context.out.push(Effect::Count(Count::Login(LoginBy::Pass, Login::Wrong)));
    }
}
