//! `CERT ADD [fingerprint]`, `CERT LIST`, `CERT DEL fingerprint`: the certificates for logging in
//! to one's account (SASL EXTERNAL).

use super::account::must_be_proven;
use super::entry::{Request, SharedPart};
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::limits::CERTIFICATES;
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::certificates::{Owner, change};
use proto::Fingerprint;
use proto::Message;
use std::sync::Arc;
use store::Account;

/// The session's own part: the list, and the certificate that its client has presented.
pub fn before<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let (subcommand, given) = (message.param(0).unwrap_or_default(), message.param(1));
    let account = account(context)?;
    let shown = context.session().certificate();
    match (subcommand.to_ascii_uppercase().as_str(), given) {
        ("ADD", given) => {
            must_be_proven(context)?;
            let text =
                "Your client presented no certificate; have it present one, or give a fingerprint";
            let absent = || refused("NO_CERTIFICATE", None, text);
            let certificate = given.map_or(shown.ok_or_else(absent), fingerprint)?;
            // Whoever gives a fingerprint need not have the key; presenting the certificate proves
            // it.
            let proved = shown == Some(certificate);
            Ok(SharedPart::Request(Request::AddCertificate { certificate, proved }))
        }
        ("LIST", _) => {
            list(context, &account);
            Ok(SharedPart::None)
        }
        ("DEL", Some(_)) => {
            must_be_proven(context)?;
            Ok(SharedPart::AsSent)
        }
        ("DEL", None) => Err(Refusal::NeedMoreParams),
        _ => {
            let text = "The subcommands of CERT are ADD, LIST and DEL";
            Err(refused("UNKNOWN_SUBCOMMAND", Some(subcommand.to_owned()), text))
        }
    }
}

fn refused(code: &'static str, about: Option<String>, text: &'static str) -> Refusal {
    Refusal::Invalid { code, context: about.into_iter().collect(), text }
}

fn account(context: &Responder<'_, impl Reads>) -> Result<Arc<Account>, Refusal> {
    let account = context.user().account().and_then(|name| context.state.account(name));
    let text = "Guests have no account to add a certificate to; REGISTER creates one";
    account.cloned().ok_or_else(|| refused("ACCOUNT_REQUIRED", None, text))
}

fn fingerprint(given: &str) -> Result<Fingerprint, Refusal> {
    let text = "A fingerprint is the SHA-256 of a certificate, 64 hexadecimal digits, optionally separated by colons";
    given.parse().map_err(|_| refused("BAD_FINGERPRINT", Some(given.to_owned()), text))
}

/// Adds a certificate to the requester's account; `proved`: the client has presented it.
pub fn add(
    context: &mut ApplyContext<'_>,
    certificate: Fingerprint,
    proved: bool,
) -> Result<(), Refusal> {
    let account = &account(context)?;
    let written = format!("{certificate:x}");
    let owner = context.state.certificates.owner(certificate).cloned();
    match &owner {
        Some(owner) if owner.account == account.id && (owner.proved || !proved) => {
            let text = "This certificate is already yours";
            return Err(refused("ALREADY_ADDED", Some(written), text));
        }
        Some(owner) if owner.account != account.id && !proved => {
            let text = "This certificate belongs to another account; it can belong to only one";
            return Err(refused("IN_USE", Some(written), text));
        }
        _ => {}
    }
    let mine = owner.as_ref().is_some_and(|owner| owner.account == account.id);
    if !mine && context.state.certificates.of(account.id).count() >= CERTIFICATES {
        let text = "You have the maximum number of certificates; CERT DEL removes one";
        return Err(refused("LIMIT_REACHED", Some(CERTIFICATES.to_string()), text));
    }
    context.must_be_storable()?;
    let name = &account.name;
    let text = match proved {
        true => format!("This certificate logs in as {name} from now on (SASL EXTERNAL)"),
        false => format!(
            "This certificate logs in as {name} (SASL EXTERNAL) if the client names the account, until it has been presented here once"
        ),
    };
    let owned = Owner { account: account.id, name: name.clone(), proved };
    change(context, certificate, Some(owned));
    context.note("CERT", "ADDED", &[&written], &text);
    if let Some(before) = owner.filter(|_| !mine) {
        tell_previous_owner(context, &before.name, account, &written);
    }
    Ok(())
}

/// Tells all devices of the account that had the certificate that another account has claimed it.
fn tell_previous_owner(context: &mut ApplyContext<'_>, before: &str, now: &Account, written: &str) {
    let Some(user) = context.state.online(before).map(|user| user.id) else { return };
    let text = format!(
        "Your certificate {written} now logs in as {}, whose client presented it",
        now.name
    );
    context.tell_notice(user, &text);
}

fn list(context: &mut Context<'_>, account: &Account) {
    let all: Vec<Fingerprint> = context.state.certificates.of(account.id).collect();
    let shown = context.session().certificate();
    for certificate in &all {
        let text = match shown {
            Some(shown) if shown == *certificate => "Presented by your client",
            _ if context
                .state
                .certificates
                .owner(*certificate)
                .is_some_and(|owner| !owner.proved) =>
            {
                "Logs in to your account if the client names it; not presented here yet"
            }
            _ => "Logs in to your account",
        };
        context.note("CERT", "ENTRY", &[&format!("{certificate:x}")], text);
    }
    context.note("CERT", "END", &[&all.len().to_string()], "End of certificate list");
}

/// Carries out `CERT DEL`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = account(context)?;
    let certificate = fingerprint(message.param(1).ok_or(Refusal::NeedMoreParams)?)?;
    let written = format!("{certificate:x}");
    let owner = context.state.certificates.owner(certificate);
    if owner.is_none_or(|owner| owner.account != account.id) {
        let text = "This is not one of your certificates; CERT LIST shows them";
        return Err(refused("NO_SUCH_CERTIFICATE", Some(written), text));
    }
    change(context, certificate, None);
    let text = "This certificate no longer logs in; connections using it stay logged in";
    context.note("CERT", "DELETED", &[&written], text);
    Ok(())
}
