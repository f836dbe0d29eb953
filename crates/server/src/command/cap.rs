//! `CAP LS|LIST|REQ|END`: which extensions a session speaks.
//!
//! <https://ircv3.net/specs/extensions/capability-negotiation>

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::effects::What;
use crate::hub::welcome;
use proto::{Capabilities, Capability, Message, numeric as n};

/// Mechanisms of `AUTHENTICATE`, in the order we would take them.
pub const MECHANISMS: &str = "SCRAM-SHA-256,PLAIN";

/// Carries out `CAP`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let subcommand = message.param(0).unwrap_or_default();
    match subcommand.to_ascii_uppercase().as_str() {
        "LS" => list_all(context, message.param(1)),
        "LIST" => list_mine(context),
        "REQ" => request(context, message.param(1).unwrap_or_default()),
        "END" => end(context),
        _ => context.numeric(n::ERR_INVALIDCAPCMD, &[subcommand], "Invalid CAP command"),
    }
    Ok(())
}

fn list_all(context: &mut Context<'_>, version: Option<&str>) {
    begin(context);
    if version.and_then(|version| version.parse::<u32>().ok()).is_some_and(|version| version >= 302)
    {
        let session = context.session;
        context.known_mut().cap302 = true;
        context.known_mut().capabilities.insert(Capability::CapNotify);
        let capabilities = context.capabilities();
        context.out.push(What::Capabilities { session, capabilities });
    }
    let with_values = context.known().cap302;
    let all: Vec<String> = Capability::ALL
        .iter()
        .map(|capability| match capability {
            Capability::Sasl if with_values => format!("sasl={MECHANISMS}"),
            Capability::AccountRegistration if with_values => {
                format!("{}=before-connect", capability.name())
            }
            other => other.name().to_owned(),
        })
        .collect();
    let nick = context.nick();
    context.from_server("CAP", &[&nick, "LS"], &all.join(" "));
}

fn list_mine(context: &mut Context<'_>) {
    let mine: Vec<&str> = context.capabilities().iter().map(Capability::name).collect();
    let nick = context.nick();
    context.from_server("CAP", &[&nick, "LIST"], &mine.join(" "));
}

fn request(context: &mut Context<'_>, wanted: &str) {
    begin(context);
    let nick = context.nick();
    match changed(context.capabilities(), wanted, context.known().cap302) {
        Some(capabilities) => {
            let session = context.session;
            context.known_mut().capabilities = capabilities;
            context.out.push(What::Capabilities { session, capabilities });
            context.from_server("CAP", &[&nick, "ACK"], wanted);
        }
        None => context.from_server("CAP", &[&nick, "NAK"], wanted),
    }
}

/// The set after a request; none if anything in it cannot be, and then nothing changes.
fn changed(mut now: Capabilities, wanted: &str, cap302: bool) -> Option<Capabilities> {
    for word in wanted.split_ascii_whitespace() {
        let (name, add) = match word.strip_prefix('-') {
            Some(name) => (name, false),
            None => (word, true),
        };
        let capability = Capability::from_name(name)?;
        if add {
            now.insert(capability);
        } else if capability == Capability::CapNotify && cap302 {
            return None; // Implied by version 302.
        } else {
            now.remove(capability);
        }
    }
    Some(now)
}

/// A negotiation before the registration holds that one up until `CAP END`.
fn begin(context: &mut Context<'_>) {
    if let Some(entering) = context.entering() {
        entering.negotiating = true;
    }
}

fn end(context: &mut Context<'_>) {
    if let Some(entering) = context.entering() {
        entering.negotiating = false;
        if entering.sasl.take().is_some() {
            context.numeric(n::ERR_SASLABORTED, &[], "SASL authentication aborted");
        }
    }
    welcome::register_if_complete(context);
}
