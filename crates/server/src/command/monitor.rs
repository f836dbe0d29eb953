//! `MONITOR +|-|C|L|S [name[,name…]]`: watches names come online and go offline.
//!
//! <https://ircv3.net/specs/extensions/monitor>

use super::names::lines;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::command::metadata::show as show_metadata;
use crate::limits::{MONITOR_NAMES, NAMES_LINE_BYTES, PARAMETER_BYTES};
use crate::session::watch;
use proto::name::check_name;
use proto::{Message, numeric as n};
use std::sync::Arc;

/// Carries out `MONITOR`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let subcommand = message.param(0).unwrap_or_default();
    match subcommand {
        "+" => add(context, targets(context, message)?),
        "-" => {
            let given = message.param(1).unwrap_or_default().split(',').map(Arc::from);
            for name in targets(context, message)?.into_iter().chain(given) {
                watch::remove(context.node, context.requester.session, &name);
            }
        }
        "C" | "c" => {
            let watched = std::mem::take(&mut context.session_mut().extras_mut().watched);
            watch::remove_all(context.node, context.requester.session, &watched);
        }
        "L" | "l" => {
            list(context, n::RPL_MONLIST, &watched(context));
            context.numeric(n::RPL_ENDOFMONLIST, &[], "End of MONITOR list");
        }
        "S" | "s" => show(context, &watched(context)),
        _ => return Err(Refusal::UnknownSubcommand(subcommand.to_owned())),
    }
    Ok(())
}

/// The names in a list. A former name of an account is replaced by its present one, the only one
/// that can come online.
fn targets(context: &Context<'_>, message: &Message<'_>) -> Result<Vec<Arc<str>>, Refusal> {
    let targets = message.param(1).ok_or(Refusal::NeedMoreParams)?;
    let names: Vec<&str> = targets.split([',', ' ']).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(Refusal::NeedMoreParams);
    }
    let current = |name| context.state.renamed(name).map_or(name, |account| &account.name);
    let names = super::once(names.into_iter().map(current).collect());
    Ok(names.into_iter().map(Arc::from).collect())
}

fn watched(context: &Context<'_>) -> Vec<String> {
    context.session().extras().watched.values().map(|name| name.to_string()).collect()
}

/// An invalid name is always offline: it is answered and not added.
fn add(context: &mut Context<'_>, names: Vec<Arc<str>>) {
    let (mut added, mut beyond) = (Vec::new(), Vec::new());
    for name in names {
        if check_name(&name).is_err() || watch::add(context.node, context.requester.session, &name)
        {
            added.push(name.to_string());
        } else {
            beyond.push(name);
        }
    }
    show(context, &added);
    for targets in lines(beyond.iter().map(|name| &**name), PARAMETER_BYTES) {
        let (most, targets) = (MONITOR_NAMES.to_string(), targets.replace(' ', ","));
        context.numeric(n::ERR_MONLISTFULL, &[&most, &targets], "Monitor list is full");
    }
}

/// Replies which of these names are online and which are not.
fn show(context: &mut Context<'_>, names: &[String]) {
    let (mut users, mut online, mut offline) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        match context.state.online(name) {
            Some(user) => {
                users.push(user.id);
                online.push(context.state.source(user.id));
            }
            None => offline.push(name.clone()),
        }
    }
    list(context, n::RPL_MONONLINE, &online);
    list(context, n::RPL_MONOFFLINE, &offline);
    show_metadata::sync_watched(context, &users);
}

/// Replies with a list on as many lines as needed.
fn list(context: &mut Context<'_>, code: &str, names: &[String]) {
    for line in lines(names.iter().map(String::as_str), NAMES_LINE_BYTES) {
        context.numeric(code, &[], &line.replace(' ', ","));
    }
}
