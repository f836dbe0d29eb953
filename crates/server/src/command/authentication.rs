//! Logging in: by `LOGIN`, by `PASS` with `NICK`, or by SASL. One flow for all; only the texts
//! differ.

mod codes;

pub use codes::{check_code, code_missing, wrong_code};

use crate::command::apply_login::{LogIn, Origin, Register};
use crate::command::coming_online::BANNED;
use crate::command::context::Context;
use crate::command::entry::Request;
use crate::command::refusal::{LOG_UNAVAILABLE, NOT_ENCRYPTED, Refusal, fail, refuse};
use crate::command::session_end;
use crate::command::welcome;
use crate::command::{account, accounts, authenticate, oper};
use crate::effects::{Derive, Effect, LogRecord, SessionEnd, Task};
use crate::limits::{NEW_PASSWORD_BYTES, PASSWORD_BYTES};
use crate::metrics::{Count, Login, LoginBy, Refused};
use crate::render::Author;
use crate::secret::Secret;
use crate::session::login::{LoginMethod, Outcome};
use crate::session::login_attempts::NO_NAME;
use crate::session::{Attempt, Credential, PendingAttempt, VerifiedLogin};
use crate::state::apply_context::{Reads, Responder};
use crate::state::lookalikes::is_reserved;
use crate::state::second_factor::UsedCode;
use crate::state::suspension::stamp;
use crate::state::user::Presence;
use crate::state::{app_password, former_names, invitation, last_login, second_factor};
use proto::name::{NameError, check_name, same};
use proto::saslprep::{is_long_enough, prepare};
use proto::scram::Keys;
use proto::{Capability, numeric as n};
use std::sync::Arc;
use store::Account;
use subtle::ConstantTimeEq;

/// Whether the session may try a password for `name` now.
pub fn may_try(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    may_enter(context, name)?;
    ask(context, name).map(|_| ())
}

/// Milliseconds by which to delay the answer to an attempt, if one is allowed.
pub fn ask(context: &mut Context<'_>, name: &str) -> Result<u64, Refusal> {
    let (address, state) = (context.session().address, &context.state);
    let hold = context.node.logins.check(address, name, state.steady, &context.node.config.limits);
    hold.map_err(|seconds| too_many(context, name, seconds))
}

/// Begins an attempt, which counts whatever its result: milliseconds by which to delay the answer.
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

/// Whether the session may log in as `name`, given the right password.
pub fn may_enter(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    // A guest may register its own name, or log in to an existing account.
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
    must_not_be_banned(context, name)?;
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

/// Refuses everybody except operators of the server if the network is banned. For others nothing is
/// derived or counted.
pub fn must_not_be_banned(context: &Context<'_>, name: &str) -> Result<(), Refusal> {
    let Some(told) = context.session().extras().banned.as_deref() else { return Ok(()) };
    let account = context.state.account(name);
    match account.and_then(|account| context.state.settings.role_of(&account.name)) {
        Some(_) => Ok(()),
        None => Err(Refusal::Barred(BANNED, name.to_owned(), told.to_owned())),
    }
}

/// Refuses sessions that have not given the server password, if there is one.
pub fn must_be_admitted(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let needed = context.node.config.server.password.is_some();
    match context.registration() {
        Some(registration) if !needed || registration.server_password_ok => Ok(()),
        Some(registration) if registration.server_password_wrong => {
            // After too many failures the password was not even checked.
            ask(context, NO_NAME).map_err(|refusal| match refusal {
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

/// Whether a name without an account is free: not reserved, and not similar to an account's.
pub fn may_be_named(context: &Responder<'_, impl Reads>, name: &str) -> Result<(), Refusal> {
    let bad = |error| Refusal::BadName(name.to_owned(), error);
    check_name(name).map_err(bad)?;
    let state = &context.state;
    if state.account(name).is_some() {
        return Ok(());
    }
    // Whoever registered it would become an operator at once; only people on this machine may.
    let remote = !context.requester.local;
    if is_reserved(name, &state.renderer.server)
        || former_names::is_reserved(state, name)
        || remote && state.settings.role_of(name).is_some()
    {
        return Err(bad(NameError::Reserved));
    }
    match state.account_skeletons.find(name, None) {
        None if !former_names::has_lookalike(state, name, None) => Ok(()),
        _ => Err(Refusal::LooksLikeAccount(name.to_owned())),
    }
}

/// Starts a login with a password: an account's, or the first one of a free name.
pub fn begin(
    context: &mut Context<'_>,
    name: &str,
    password: &str,
    method: LoginMethod,
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
        context.may_register(name)?;
        context.must_have_space()?;
    }
    let hold_millis = attempt(context, name)?;
    let state = &context.state;
    let iterations = context.node.config.server.password_iterations;
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
    wait(
        context,
        name,
        Attempt::Password(method, code.map(Secret::new)),
        password,
        task,
        hold_millis,
    );
    Ok(())
}

/// Answers an attempt without a derivation, after a delay.
pub fn answer_after(context: &mut Context<'_>, name: &str, attempt: Attempt, hold_millis: u64) {
    match hold_millis {
        0 => answer(context, name, attempt, Outcome::Waited),
        _ => wait(context, name, attempt, "", Task::Wait, hold_millis),
    }
}

/// Waits for the derivation threads.
pub fn wait(
    context: &mut Context<'_>,
    name: &str,
    attempt: Attempt,
    password: &str,
    task: Task,
    hold_millis: u64,
) {
    let (session, address) = (context.requester.session, context.session().address);
    let known = context.node.logins.is_known(address, name);
    let (password, address) = (password.into(), crate::networks::address_key(address));
    let label = context.out.take_label();
    context.session_mut().extras_mut().pending_attempt =
        Some(Box::new(PendingAttempt { name: name.to_owned(), attempt, label }));
    let job = Arc::new(Derive { password, task, hold_millis, address, known });
    context.out.push(Effect::Derive { session, job });
}

/// A password was checked, or keys were derived, or the delay is over: answers, and goes on with
/// the registration.
pub fn finish(context: &mut Context<'_>, outcome: Outcome) {
    let extras = context.session_mut().extras_if_any();
    let pending_attempt = extras.and_then(|extras| extras.pending_attempt.take());
    let Some(pending_attempt) = pending_attempt else { return };
    let PendingAttempt { name, attempt, label } = *pending_attempt;
    context.begin(label);
    answer(context, &name, attempt, outcome);
    crate::command::follow_up::carry_out(context);
    let server = context.state.renderer.server.clone();
    context.out.end(&server);
    session_end::carry_out(context);
}

fn answer(context: &mut Context<'_>, name: &str, attempt: Attempt, outcome: Outcome) {
    match attempt {
        Attempt::Password(method, code) => match may_answer(context, name) {
            Ok(()) => password_checked(context, name, method, code.as_ref(), outcome),
            Err(refusal) => refused(context, name, method, &refusal),
        },
        Attempt::Code(account, code) => match may_answer(context, name) {
            Ok(()) => codes::code_given(context, &account, LoginMethod::Verb, &code),
            Err(refusal) => refused(context, name, LoginMethod::Verb, &refusal),
        },
        Attempt::Account(change) => account::finish(context, name, *change, outcome),
        Attempt::ScramProof(server, message, account) => match may_answer(context, name) {
            Ok(()) => authenticate::prove(context, *server, &message, account),
            Err(refusal) => refused(context, name, LoginMethod::Sasl, &refusal),
        },
        Attempt::WrongCertificate => {
            let refusal = Refusal::WrongPassword(name.to_owned());
            refused(context, name, LoginMethod::External, &refusal);
        }
        Attempt::Oper(granted) => oper::answer(context, name, granted),
        Attempt::Reset { account, code, factor } => {
            accounts::reset_done(context, (name, account), code, factor, outcome);
        }
    }
}

/// Whether a result may be told, right or wrong: others may have failed meanwhile, and many guesses
/// in parallel must gain nothing over guesses in a row.
pub fn may_answer(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let (address, state) = (context.session().address, &context.state);
    let may =
        context.node.logins.may_answer(address, name, state.steady, &context.node.config.limits);
    may.map_err(|seconds| too_many(context, name, seconds))
}

fn password_checked(
    context: &mut Context<'_>,
    name: &str,
    method: LoginMethod,
    code: Option<&Secret>,
    outcome: Outcome,
) {
    match (outcome, context.state.account(name).cloned()) {
        (Outcome::Busy, _) => refused(context, name, method, &Refusal::Busy(name.to_owned())),
        (Outcome::Compared(true), Some(account)) => {
            codes::password_right(context, account, method, code);
        }
        (Outcome::App(app), Some(account)) => {
            log_in(context, &account, method, Credential::AppPassword(app), None);
        }
        (Outcome::Renewed(keys), Some(account)) => {
            let renew = Request::RenewKeys { account: (&*account).into(), keys: (&keys).into() };
            context.apply_aside(renew);
            codes::password_right(context, account, method, code);
        }
        (Outcome::Made(keys), _) => register(context, name, method, keys),
        // A wrong password, or the account is gone.
        _ => refused(context, name, method, &Refusal::WrongPassword(name.to_owned())),
    }
}

/// Whether the session has declared itself unattended.
fn is_unattended(context: &Context<'_>) -> bool {
    let registration = context.session().registration.as_deref();
    let said = registration.and_then(|known| known.presence.as_ref());
    let user = context.requester.user.map(|user| &context.state.users[&user]);
    said == Some(&Presence::Unattended)
        || user.is_some_and(|user| user.is_unattended(context.requester.session))
}

/// What this node knows about the session that logs in.
fn origin(context: &Context<'_>, method: LoginMethod) -> Origin {
    let known = context.session();
    let registration = known.registration.as_deref();
    Origin {
        method,
        host: context.state.cloak.host(known.address).into(),
        attended: !is_unattended(context),
        username: registration.and_then(|registration| registration.username.clone()),
        certificate: known.certificate(),
    }
}

/// Registers a name with the keys of its first password, and logs in.
fn register(context: &mut Context<'_>, name: &str, method: LoginMethod, keys: Keys) {
    let invitation =
        context.session().extras().invitation.as_deref().map(|invited| invited.code.clone());
    let found = invitation.as_deref().and_then(|code| invitation::find(&context.state, code));
    let login = VerifiedLogin {
        name: name.into(),
        method,
        credential: Credential::Password,
        new: true,
        last_login: None,
        rooms: found.map(|one| one.rooms).unwrap_or_default(),
    };
    let new = Register { name: name.into(), keys, invitation, from: origin(context, method) };
    apply_login(context, login, Request::Register((&new).into()));
}

/// The session has proved its identity.
pub fn log_in(
    context: &mut Context<'_>,
    account: &Account,
    method: LoginMethod,
    credential: Credential,
    code: Option<UsedCode>,
) {
    if context.session().user.is_some() && context.state.reset(account).is_some() {
        // A guest would go on seeing what guests see.
        let text = "This password is a one-time code; log in with it on a new connection";
        let (code, about) = ("NEW_CONNECTION_REQUIRED", vec![account.name.to_string()]);
        let refusal = Refusal::Invalid { code, context: about, text };
        return refused(context, &account.name, method, &refusal);
    }
    let app = match &credential {
        Credential::AppPassword(name) => Some(name.clone()),
        _ => None,
    };
    context.look_at_space();
    let kept = context.requester.allowance.not_stored.is_none();
    let before = last_login::of(&context.state, account.id).filter(|login| kept && login.time > 0);
    let verified = VerifiedLogin {
        name: (&*account.name).into(),
        method,
        credential,
        new: false,
        last_login: before.map(Box::new),
        rooms: Vec::new(),
    };
    let (account, name, from) = (account.id, account.name.clone(), origin(context, method));
    let login = LogIn { account, name, from, app, code };
    apply_login(context, verified, Request::LogIn((&login).into()));
}

fn apply_login(context: &mut Context<'_>, login: VerifiedLogin, request: Request<'_>) {
    context.session_mut().extras_mut().verified_login = Some(Box::new(login));
    context.look_at_space();
    if let Err(refusal) = context.apply(request) {
        login_refused(context, &refusal);
    }
}

fn take_verified_login(context: &mut Context<'_>) -> Option<Box<VerifiedLogin>> {
    context.session_mut().extras_if_any()?.verified_login.take()
}

/// The login in progress is refused.
pub fn login_refused(context: &mut Context<'_>, refusal: &Refusal) {
    if let Some(login) = take_verified_login(context) {
        refused(context, &login.name, login.method, refusal);
    }
}

/// The session has logged in, and goes on with its registration.
pub fn logged_in(context: &mut Context<'_>) {
    let Some(login) = take_verified_login(context) else { return };
    let VerifiedLogin { name, method, credential, new, last_login, rooms } = *login;
    let Some(account) = context.state.account(&name).cloned() else { return };
    let (address, now) = (context.session().address, context.state.now);
    let known = context.session_mut();
    (known.credential, known.since) = (credential, now);
    let extras = known.extras_mut();
    extras.last_login = last_login;
    if let Some(invited) = extras.invitation.as_deref_mut().filter(|_| new) {
        invited.rooms = rooms;
    }
    context.node.logins.succeeded(address, &account.name);
    let name = account.name.clone();
    let becomes = context.session().user.is_some_and(|user| user != account.id);
    if let Some(registration) = context.registration() {
        registration.account = Some(account.clone());
        registration.by_verb = method == LoginMethod::Verb;
        registration.password = None;
    }
    say_welcome(context, &name, method, new);
    if let Some(reset) = context.state.reset(&account) {
        context.session_mut().by_code = true;
        // Clients must know before the welcome that nothing else will be done for them.
        if context.has(Capability::StandardReplies) {
            let params = [&*name, &*stamp(reset.until)];
            let text = reset.sentence();
            context.standard("WARN", "ACCOUNT", "NEW_PASSWORD_REQUIRED", &params, &text);
        }
    }
    context.out.push(Effect::Log(LogRecord::LoggedIn { user: name, address, new }));
    let outcome = if new { Login::Registered } else { Login::Done };
    context.out.push(Effect::Count(Count::Login(method.counted(), outcome)));
    if becomes {
        welcome::become_account(context, account);
    } else if context.session().user.is_none() {
        welcome::register_if_complete(context);
    }
}

/// Answers a login.
fn say_welcome(context: &mut Context<'_>, name: &str, method: LoginMethod, new: bool) {
    match method {
        LoginMethod::Verb if new => {
            let text = format!("Welcome, {name}: your account has been created");
            context.note("LOGIN", "ACCOUNT_CREATED", &[name], &text);
        }
        LoginMethod::Verb => {
            context.note("LOGIN", "LOGGED_IN", &[name], &format!("Welcome back, {name}"));
        }
        LoginMethod::Sasl | LoginMethod::External => {
            say_logged_in(context, name);
            context.numeric(n::RPL_SASLSUCCESS, &[], "SASL authentication successful");
        }
        LoginMethod::Register => {
            let text = "Your account has been created; log in with its password from now on";
            context.from_server("REGISTER", &["SUCCESS", name], text);
            say_logged_in(context, name);
        }
        LoginMethod::Pass => {}
    }
}

fn say_logged_in(context: &mut Context<'_>, name: &str) {
    let source = context.state.renderer.source(Author { nick: name, userhost: None, guest: false });
    let text = format!("You are now logged in as {name}");
    context.numeric(n::RPL_LOGGEDIN, &[&source, name], &text);
}

/// Answers a failed login.
pub fn refused(context: &mut Context<'_>, name: &str, method: LoginMethod, refusal: &Refusal) {
    let outcome = match refusal {
        Refusal::WrongPassword(_) => Login::Wrong,
        Refusal::Busy(_) => Login::Busy,
        _ => Login::Refused,
    };
    context.out.push(Effect::Count(Count::Login(method.counted(), outcome)));
    if matches!(refusal, Refusal::WrongPassword(_)) {
        let reason =
            if method == LoginMethod::External { "wrong certificate" } else { "wrong password" };
        failed(context, name, reason);
    }
    match method {
        LoginMethod::Verb => refuse(context, "LOGIN", refusal),
        LoginMethod::Register => refuse(context, "REGISTER", refusal),
        LoginMethod::Sasl | LoginMethod::External => sasl_failed(context, method, refusal),
        LoginMethod::Pass => {
            refuse(context, "PASS", refusal);
            // Sessions without standard replies, too, can read why they were disconnected.
            let why = match refusal {
                Refusal::NotEncrypted => NOT_ENCRYPTED,
                Refusal::ServerPasswordRequired => "No server password",
                Refusal::WrongServerPassword => "Wrong server password",
                Refusal::Barred(_, _, why) => why,
                Refusal::Invalid { text, .. } => text,
                _ => "Login failed",
            };
            let session = context.requester.session;
            context.out.end_session(SessionEnd {
                session,
                told: Some(why.into()),
                reason: why.into(),
            });
        }
    }
}

/// Somebody failed to log in as `name`: counts it, and tells the name's owner later.
pub fn failed(context: &mut Context<'_>, name: &str, reason: &'static str) {
    let (address, now) = (context.session().address, context.state.steady);
    context.node.logins.failed(address, name, now);
    let account = context.state.account(name).map(|account| account.id);
    if let Some(account) = account
        && context.must_have_space().is_ok()
    {
        context.apply_aside(Request::LoginFailed(account));
    }
    let user = name.to_owned();
    context.out.push(Effect::Log(LogRecord::LoginFailed { user, address, reason }));
}

/// Ends an `AUTHENTICATE` exchange without success; the client may try again.
fn sasl_failed(context: &mut Context<'_>, method: LoginMethod, refusal: &Refusal) {
    context.session_mut().extras_mut().sasl = None;
    // A program that remembers its password must not take this for a wrong one.
    let not_tried = matches!(refusal, Refusal::Busy(_) | Refusal::LogUnavailable);
    if not_tried && context.has(Capability::StandardReplies) {
        fail(context, "AUTHENTICATE", refusal);
    }
    let text = match refusal {
        Refusal::WrongPassword(_) if method == LoginMethod::External => {
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
        Refusal::LogUnavailable => format!("SASL authentication failed: {LOG_UNAVAILABLE}"),
        Refusal::Barred(_, _, why) => format!("SASL authentication failed: {why}"),
        Refusal::Invalid { text, .. } => format!("SASL authentication failed: {text}"),
        _ => "SASL authentication failed".to_owned(),
    };
    context.numeric(n::ERR_SASLFAIL, &[], &text);
}

/// Whether what was typed is a password of the config file, in any Unicode composition.
pub fn is_password(configured: &str, typed: &str) -> bool {
    prepare(configured).as_bytes().ct_eq(prepare(typed).as_bytes()).into()
}

/// Handles the parameter of `PASS`: the server password, the account's, or both as
/// `server:account`.
pub fn pass(context: &mut Context<'_>, given: &str) {
    let config = context.node.config.clone();
    let closed = config.server.password.is_some() && ask(context, NO_NAME).is_err();
    let Some(registration) = context.registration() else { return };
    let account = match &config.server.password {
        None => Some(given),
        Some(_) if closed => {
            registration.server_password_wrong = true;
            return;
        }
        Some(server) if is_password(server, given) => {
            registration.server_password_ok = true;
            None
        }
        Some(server) => {
            let colons = server.matches(':').count();
            let both = given.match_indices(':').nth(colons).map(|(at, _)| given.split_at(at));
            match both.filter(|(first, _)| is_password(server, first)) {
                Some((_, rest)) => {
                    registration.server_password_ok = true;
                    Some(&rest[1..])
                }
                None => Some(given),
            }
        }
    };
    let wrong = config.server.password.is_some() && !registration.server_password_ok;
    registration.server_password_wrong = wrong;
    registration.password = account.map(Box::from);
    if wrong {
        let (address, now) = (context.session().address, context.state.steady);
        context.node.logins.failed(address, NO_NAME, now);
        context.out.push(Effect::Count(Count::Login(LoginBy::Pass, Login::Wrong)));
    }
}
