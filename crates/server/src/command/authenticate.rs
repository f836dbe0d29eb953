//! `AUTHENTICATE`: SASL with EXTERNAL, SCRAM-SHA-256 or PLAIN.
//!
//! <https://ircv3.net/specs/extensions/sasl-3.2>, RFC 4422, RFC 4616, RFC 7677

mod external;

use super::refusal::{NOT_ENCRYPTED, Refusal};
use crate::command::authentication;
use crate::command::context::Context;
use crate::config::Config;
use crate::secret::Secret;
use crate::session::login::LoginMethod;
use crate::session::{Attempt, Credential, Sasl, Session};
use crate::state::app_password;
use crate::state::second_factor::{self, UsedCode};
use proto::name::same;
use proto::numeric as n;
use proto::sasl::{Chunks, Progress, SaslError, decode_plain, encode_chunks};
use proto::scram::ScramServer;
use proto::{Capability, Message};
use std::sync::Arc;
use store::Account;

/// The mechanisms that a session may use, in order of preference. A certificate needs TLS, and a
/// password a connection that nobody can read.
pub fn mechanisms(config: &Config, session: &Session) -> String {
    let external = session.encrypted.then_some("EXTERNAL");
    let plain = session.may_send_passwords(config).then_some("PLAIN");
    let all = external.into_iter().chain(["SCRAM-SHA-256"]).chain(plain);
    all.collect::<Vec<_>>().join(",")
}

/// Carries out `AUTHENTICATE`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let given = message.param(0).unwrap_or_default();
    let logged_in = match context.session().registration.as_deref() {
        None => !context.user().guest,
        Some(registration) => registration.account.is_some(),
    };
    if logged_in {
        context.numeric(n::ERR_SASLALREADY, &[], "You have already authenticated");
    } else if !context.has(Capability::Sasl) {
        context.numeric(
            n::ERR_SASLFAIL,
            &[],
            "SASL authentication failed: request the sasl capability first",
        );
    } else if given == "*" {
        abort(context);
    } else {
        match context.session_mut().extras_mut().sasl.take() {
            None => choose(context, given),
            Some(sasl) => go_on(context, *sasl, given),
        }
    }
    Ok(())
}

fn abort(context: &mut Context<'_>) {
    context.session_mut().extras_mut().sasl = None;
    context.numeric(n::ERR_SASLABORTED, &[], "SASL authentication aborted");
}

fn choose(context: &mut Context<'_>, mechanism: &str) {
    let mechanism = mechanism.to_ascii_uppercase();
    let sasl = match mechanism.as_str() {
        "EXTERNAL" => Sasl::External(Chunks::default()),
        "PLAIN" => Sasl::Plain(Chunks::default()),
        "SCRAM-SHA-256" => Sasl::ScramFirst(Chunks::default()),
        _ => return refuse_mechanism(context, "no such mechanism"),
    };
    let offered = mechanisms(&context.node.config, context.session());
    let why = match sasl {
        _ if offered.split(',').any(|one| one == mechanism) => external::lacks(context, &sasl),
        Sasl::External(_) => Some(external::NO_TLS),
        _ => Some(NOT_ENCRYPTED),
    };
    if let Some(why) = why {
        return refuse_mechanism(context, why);
    }
    keep(context, sasl);
    ask(context, "+");
}

fn refuse_mechanism(context: &mut Context<'_>, why: &str) {
    let offered = mechanisms(&context.node.config, context.session());
    context.numeric(n::RPL_SASLMECHS, &[&offered], "are available SASL mechanisms");
    context.numeric(n::ERR_SASLFAIL, &[], &format!("SASL authentication failed: {why}"));
}

fn keep(context: &mut Context<'_>, sasl: Sasl) {
    context.session_mut().extras_mut().sasl = Some(Box::new(sasl));
}

fn ask(context: &mut Context<'_>, parameter: &str) {
    context.responder.out.reply(context.responder.requester.session, |out| {
        proto::Line::to(out).verb("AUTHENTICATE").param(parameter).end();
    });
}

fn say(context: &mut Context<'_>, bytes: &[u8]) {
    for chunk in encode_chunks(bytes) {
        ask(context, &chunk);
    }
}

/// The next chunk of the exchange has arrived.
fn go_on(context: &mut Context<'_>, sasl: Sasl, given: &str) {
    match sasl {
        Sasl::External(mut chunks) => match chunks.push(given) {
            Err(error) => failed(context, "*", &error),
            Ok(Progress::More) => keep(context, Sasl::External(chunks)),
            Ok(Progress::Done(bytes)) => external::login(context, &bytes),
        },
        Sasl::Plain(mut chunks) => match chunks.push(given) {
            Err(error) => failed(context, "*", &error),
            Ok(Progress::More) => keep(context, Sasl::Plain(chunks)),
            Ok(Progress::Done(bytes)) => plain_login(context, &bytes),
        },
        Sasl::ScramFirst(mut chunks) => match chunks.push(given) {
            Err(error) => failed(context, "*", &error),
            Ok(Progress::More) => keep(context, Sasl::ScramFirst(chunks)),
            Ok(Progress::Done(bytes)) => scram_first(context, &bytes),
        },
        Sasl::ScramFinal(chunks, server, account) => {
            scram_final(context, chunks, server, account, given);
        }
        Sasl::ScramDone(account, credential, code) => {
            authentication::log_in(context, &account, LoginMethod::Sasl, credential, code);
        }
    }
}

fn plain_login(context: &mut Context<'_>, bytes: &[u8]) {
    let plain = match decode_plain(bytes) {
        Ok(plain) => plain,
        Err(error) => return failed(context, "*", &error),
    };
    if !plain.authzid.is_empty() && !same(&plain.authzid, &plain.authcid) {
        return failed(context, &plain.authcid, &SaslError::OtherIdentity);
    }
    if let Err(refusal) =
        authentication::begin(context, &plain.authcid, &plain.password, LoginMethod::Sasl)
    {
        authentication::refused(context, &plain.authcid, LoginMethod::Sasl, &refusal);
    }
}

fn scram_first(context: &mut Context<'_>, bytes: &[u8]) {
    let mut server = match ScramServer::start(bytes) {
        Ok(server) => server,
        Err(error) => return failed(context, "*", &error),
    };
    let user = server.user().to_owned();
    let may = authentication::may_enter(context, &user)
        .and_then(|()| authentication::attempt(context, &user));
    if let Err(refusal) = may {
        return authentication::refused(context, &user, LoginMethod::Sasl, &refusal);
    }
    // A free name cannot be registered this way: the server never learns the password, and did not
    // choose the salt.
    let Some(account) = context.state.account(&user).cloned() else {
        let refusal = Refusal::WrongPassword(user.clone());
        return authentication::refused(context, &user, LoginMethod::Sasl, &refusal);
    };
    let nonce = nonce(context);
    let challenge = server.challenge(&account.keys, &nonce);
    for (name, keys) in app_password::keys_of(&context.state, account.id) {
        server.accept(&name, &keys);
    }
    keep(context, Sasl::ScramFinal(Chunks::default(), Box::new(server), account));
    say(context, &challenge);
}

fn scram_final(
    context: &mut Context<'_>,
    mut chunks: Chunks,
    server: Box<ScramServer>,
    account: Arc<Account>,
    given: &str,
) {
    match chunks.push(given) {
        Err(error) => failed(context, server.user(), &error),
        Ok(Progress::More) => keep(context, Sasl::ScramFinal(chunks, server, account)),
        // Many may have taken a challenge before the lockout.
        Ok(Progress::Done(bytes)) => match authentication::ask(context, &account.name) {
            Err(refusal) => {
                authentication::refused(context, &account.name, LoginMethod::Sasl, &refusal);
            }
            Ok(hold_millis) => {
                let name = account.name.clone();
                let proof = Attempt::ScramProof(server, bytes.into(), account);
                authentication::answer_after(context, &name, proof, hold_millis);
            }
        },
    }
}

/// Checks the client's proof that it knows the password.
pub fn prove(
    context: &mut Context<'_>,
    mut server: ScramServer,
    message: &[u8],
    account: Arc<Account>,
) {
    match server.finish(message) {
        Ok(proof) => {
            if let Some((by, code)) = second_factor_of(context, &server, &account) {
                keep(context, Sasl::ScramDone(account, by, code));
                say(context, &proof);
            }
        }
        Err(error) => failed(context, &account.name, &error),
    }
}

/// The credential that the client has proved, and the code that must come with a password; none if
/// the code is missing or wrong, which the client has been told.
fn second_factor_of(
    context: &mut Context<'_>,
    server: &ScramServer,
    account: &Account,
) -> Option<(Credential, Option<UsedCode>)> {
    if let Some(name) = server.proven() {
        return Some((Credential::AppPassword(name.into()), None));
    }
    if !second_factor::is_on(&context.state, account.id) {
        return Some((Credential::Password, None));
    }
    match server.code() {
        None => authentication::code_missing(context, &account.name, LoginMethod::Sasl),
        Some(code) => match authentication::check_code(context, account, &Secret::new(code)) {
            Some(used) => return Some((Credential::Password, Some(used))),
            None => {
                let refusal = authentication::wrong_code(&account.name);
                authentication::refused(context, &account.name, LoginMethod::Sasl, &refusal);
            }
        },
    }
    None
}

/// A nonce never used before: the session's random bytes, counted up for each exchange.
fn nonce(context: &mut Context<'_>) -> String {
    let nonce = u128::from_le_bytes(context.session().entropy);
    context.session_mut().entropy = nonce.wrapping_add(1).to_le_bytes();
    format!("{nonce:032x}")
}

fn failed(context: &mut Context<'_>, user: &str, error: &SaslError) {
    match error {
        SaslError::ChunkTooLong => {
            context.numeric(n::ERR_SASLTOOLONG, &[], "SASL message too long");
        }
        SaslError::WrongPassword => {
            let refusal = Refusal::WrongPassword(user.to_owned());
            authentication::refused(context, user, LoginMethod::Sasl, &refusal);
        }
        other => {
            let text = format!("SASL authentication failed: {other}");
            context.numeric(n::ERR_SASLFAIL, &[], &text);
        }
    }
}
