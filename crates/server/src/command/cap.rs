//! `CAP LS|LIST|REQ|END`: capability negotiation.
//!
//! <https://ircv3.net/specs/extensions/capability-negotiation>

use super::authenticate::mechanisms;
use super::metadata::limits;
use super::names::lines;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::command::welcome;
use crate::config::Config;
use crate::effects::{Effect, Effects};
use crate::limits::{LINE_BYTES, MULTILINE_BYTES, MULTILINE_LINES, STS_SECONDS};
use crate::session::Node;
use crate::session::Session;
use crate::session_id::SessionId;
use crate::state::State;
use proto::{Capabilities, Capability, Message, numeric as n};

/// The version of the negotiation with values, several lines and `CAP NEW`.
const VERSION: u32 = 302;

/// A capability on offer, with its value for clients that understand values.
type Offer = (Capability, Option<String>);

/// Carries out `CAP`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let subcommand = message.param(0).unwrap_or_default();
    let list = message.params().get(1..).unwrap_or_default();
    match subcommand.to_ascii_uppercase().as_str() {
        "LS" => list_all(context, message.param(1)),
        "LIST" => list_mine(context),
        // The list is one parameter; a missing colon is tolerated.
        "REQ" if !list.is_empty() => request(context, &list.join(" ")),
        "END" => end(context),
        _ => context.numeric(n::ERR_INVALIDCAPCMD, &[subcommand], "Invalid CAP command"),
    }
    Ok(())
}

/// Everything that the config allows the server to offer to a session. `alone`: it is not part of a
/// cluster.
fn offers(config: &Config, session: &Session, alone: bool) -> Vec<Offer> {
    let offered = |one: &Capability| match one {
        Capability::Nodes if alone => false,
        Capability::Sts => sts(config, session).is_some(),
        Capability::AccountRegistration if !session.may_send_passwords(config) => false,
        other => !is_off(config, *other),
    };
    let all = Capability::ALL.iter().copied().filter(offered);
    all.map(|capability| (capability, value(capability, config, session))).collect()
}

fn is_off(config: &Config, capability: Capability) -> bool {
    config.server.capabilities_off.iter().any(|name| name == capability.name())
}

/// The `sts` policy: the TLS port, or the duration. Only with a certificate that clients can
/// verify, since a client that has stored the policy cannot connect in any other way.
///
/// <https://ircv3.net/specs/extensions/sts>
fn sts(config: &Config, session: &Session) -> Option<String> {
    let on = !is_off(config, Capability::Sts);
    match session.encrypted {
        _ if !config.tls.is_real() => None,
        true => Some(format!("duration={}", if on { STS_SECONDS } else { 0 })),
        // Only a proxy knows its TLS port. Clients on this machine use a name that is not in the
        // certificate, and there is no network to eavesdrop on.
        false => (on && !session.forwarded && !session.address.to_canonical().is_loopback())
            .then(|| format!("port={}", config.port)),
    }
}

/// The value of a capability, if it has one.
fn value(capability: Capability, config: &Config, session: &Session) -> Option<String> {
    match capability {
        Capability::Sasl => Some(mechanisms(config, session)),
        Capability::Sts => sts(config, session),
        Capability::AccountRegistration => Some("before-connect".to_owned()),
        Capability::Multiline => {
            Some(format!("max-bytes={MULTILINE_BYTES},max-lines={MULTILINE_LINES}"))
        }
        Capability::Metadata3 | Capability::Metadata2 => Some(limits(capability)),
        _ => None,
    }
}

fn word((capability, value): &Offer, with_value: bool) -> String {
    match value.as_ref().filter(|_| with_value) {
        Some(value) => format!("{}={value}", capability.name()),
        None => capability.name().to_owned(),
    }
}

fn list_all(context: &mut Context<'_>, version: Option<&str>) {
    begin(context);
    let version = version.and_then(|version| version.parse::<u32>().ok()).unwrap_or(0);
    if version >= VERSION {
        context.session_mut().cap302 = true;
        let mut capabilities = context.capabilities();
        capabilities.insert(Capability::CapNotify);
        change_to(context, capabilities);
    }
    // A client that sent 302 before and does not now gets no values, but may get several lines.
    let offers =
        offers(&context.node.config, context.session(), context.node.entries_sent.is_none());
    // Without their values these are meaningless.
    let valued = [Capability::Multiline, Capability::Sts];
    let said = |(one, _): &&Offer| version >= VERSION || !valued.contains(one);
    let words = offers.iter().filter(said).map(|offer| word(offer, version >= VERSION)).collect();
    list(context, "LS", words);
}

fn list_mine(context: &mut Context<'_>) {
    let mine = context.capabilities().iter().map(|one| one.name().to_owned()).collect();
    list(context, "LIST", mine);
}

/// Replies with a list: on several lines, all but the last with a `*`, to clients that understand
/// that; else on one line, on which drafts are the first to be left out.
fn list(context: &mut Context<'_>, subcommand: &str, mut words: Vec<String>) {
    let several = context.session().cap302;
    if !several {
        words.sort_by_key(|word| word.contains('/'));
    }
    let nick = context.nick();
    for (more, line) in continued(fitting(context, subcommand, &words), several) {
        let star = if more { &["*"][..] } else { &[] };
        context.from_server("CAP", &[&[&*nick, subcommand], star].concat(), &line);
    }
}

/// The lines, each with whether more follow; or only the first.
fn continued(lines: Vec<String>, several: bool) -> impl Iterator<Item = (bool, String)> {
    let count = if several { lines.len() } else { 1 };
    lines.into_iter().take(count).enumerate().map(move |(at, line)| (at + 1 < count, line))
}

/// The words on lines that are not cut; at least one line.
fn fitting(context: &Context<'_>, subcommand: &str, words: &[String]) -> Vec<String> {
    let frame =
        format!(":{} CAP {} {subcommand} * :\r\n", context.state.renderer.server, context.nick());
    let lines = lines(words.iter().map(String::as_str), LINE_BYTES - frame.len());
    if lines.is_empty() { vec![String::new()] } else { lines }
}

/// Sends a list of any length on as many lines as needed.
fn say(context: &mut Context<'_>, subcommand: &str, words: &[String]) {
    let nick = context.nick();
    for line in fitting(context, subcommand, words) {
        context.from_server("CAP", &[&nick, subcommand], &line);
    }
}

fn request(context: &mut Context<'_>, wanted: &str) {
    begin(context);
    let words: Vec<String> = wanted.split_ascii_whitespace().map(str::to_owned).collect();
    match changed(context, &words) {
        Some(capabilities) => {
            // Capabilities change after the last line of the answer.
            say(context, "ACK", &words);
            change_to(context, capabilities);
        }
        None => say(context, "NAK", &words),
    }
}

/// The capabilities after a request; none if any part of it is invalid, and then nothing changes.
fn changed(context: &Context<'_>, words: &[String]) -> Option<Capabilities> {
    let (mut now, session) = (context.capabilities(), context.session());
    let offers = offers(&context.node.config, session, context.node.entries_sent.is_none());
    for word in words {
        let (name, add) = match word.strip_prefix('-') {
            Some(name) => (name, false),
            None => (word.as_str(), true),
        };
        let capability = Capability::from_name(name).filter(|one| *one != Capability::Sts)?;
        if add {
            // A capability that is already enabled may be requested although it is no longer
            // offered.
            if !now.contains(capability) && !offers.iter().any(|(one, _)| *one == capability) {
                return None;
            }
            now.insert(capability);
        } else if capability == Capability::CapNotify && session.cap302 {
            return None; // Implied by version 302.
        } else {
            now.remove(capability);
        }
    }
    Some(now)
}

fn change_to(context: &mut Context<'_>, capabilities: Capabilities) {
    let session = context.requester.session;
    let before = std::mem::replace(&mut context.session_mut().capabilities, capabilities);
    context.refresh();
    crate::command::metadata::at_registration::capabilities_changed(context, before);
    context.out.push(Effect::Capabilities { session, capabilities });
}

/// A negotiation before the registration delays that until `CAP END`.
fn begin(context: &mut Context<'_>) {
    if let Some(registration) = context.registration() {
        registration.negotiating = true;
    }
}

fn end(context: &mut Context<'_>) {
    if let Some(registration) = context.registration() {
        registration.negotiating = false;
        if context.session_mut().extras_mut().sasl.take().is_some() {
            context.numeric(n::ERR_SASLABORTED, &[], "SASL authentication aborted");
        }
    }
    welcome::register_if_complete(context);
}

/// Tells clients with cap-notify what a new config changes. Others keep what they have until they
/// disconnect.
pub fn tell_changes(state: &mut State, node: &mut Node, out: &mut Effects, before: &Config) {
    let knows = |capabilities: Capabilities| capabilities.contains(Capability::CapNotify);
    let sessions: Vec<SessionId> = node
        .sessions
        .iter()
        .filter(|(_, session)| knows(session.capabilities))
        .map(|(id, _)| id)
        .collect();
    for session in sessions {
        let context = &mut Context::new(state, node, out, session);
        let cap302 = context.session().cap302;
        let alone = context.node.entries_sent.is_none();
        let (before, after) = notifiable(before, &context.node.config, context.session(), alone);
        let (removed, new) = (removed(&before, &after), new(&before, &after));
        let names: Vec<String> = removed.iter().map(|one| one.name().to_owned()).collect();
        if !names.is_empty() {
            say(context, "DEL", &names);
            let mut capabilities = context.capabilities();
            removed.iter().for_each(|one| capabilities.remove(*one));
            change_to(context, capabilities);
        }
        // A new value matters only to clients that understand values.
        let was = |offer: &&Offer| {
            offer.0 == Capability::Sts || before.iter().any(|(one, _)| *one == offer.0)
        };
        let words = new.iter().filter(|offer| cap302 || !was(offer));
        let words: Vec<String> = words.map(|offer| word(offer, cap302)).collect();
        if !words.is_empty() {
            say(context, "NEW", &words);
        }
    }
}

/// The capabilities offered to a session before and now, without changes not to be notified. An `sts` policy
/// ends by its duration, never by `CAP DEL`; and no client is asked to reconnect in the middle of a
/// session.
fn notifiable(
    before: &Config,
    after: &Config,
    session: &Session,
    alone: bool,
) -> (Vec<Offer>, Vec<Offer>) {
    let mut after = offers(after, session, alone);
    let mut before = offers(before, session, alone);
    let sts = |offer: &Offer| offer.0 == Capability::Sts;
    if !session.encrypted {
        before.retain(|offer| !sts(offer));
        after.retain(|offer| !sts(offer));
    } else if before.iter().any(sts) && !after.iter().any(sts) {
        after.push((Capability::Sts, Some("duration=0".to_owned())));
    }
    (before, after)
}

/// Capabilities no longer offered.
fn removed(before: &[Offer], after: &[Offer]) -> Vec<Capability> {
    let stays = |capability: &Capability| after.iter().any(|(one, _)| one == capability);
    before.iter().map(|(one, _)| *one).filter(|one| !stays(one)).collect()
}

/// New capabilities, and those with a new value.
fn new<'a>(before: &[Offer], after: &'a [Offer]) -> Vec<&'a Offer> {
    after.iter().filter(|offer| !before.contains(offer)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lines_but_the_last_announce_more_to_clients_with_302() {
        let lines = || ["a", "b", "c"].map(str::to_owned).to_vec();
        let told: Vec<_> = continued(lines(), true).collect();
        assert_eq!(told, [(true, "a".into()), (true, "b".into()), (false, "c".into())]);
        let told: Vec<_> = continued(lines(), false).collect();
        assert_eq!(told, [(false, "a".to_owned())]);
    }

    #[test]
    fn a_changed_value_counts_as_new_and_nothing_as_removed() {
        let offer = |value: &str| (Capability::Sasl, Some(value.to_owned()));
        let batch = (Capability::Batch, None);
        let (before, after) = ([offer("PLAIN"), batch.clone()], [offer("PLAIN,EXTERNAL"), batch]);
        assert_eq!(new(&before, &after), [&offer("PLAIN,EXTERNAL")]);
        assert_eq!(removed(&before, &after), []);
        assert_eq!(removed(&before, &after[..1]), [Capability::Batch]);
        assert_eq!(word(&before[0], true), "sasl=PLAIN");
        assert_eq!(word(&before[0], false), "sasl");
    }
}
