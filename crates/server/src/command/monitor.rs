//! `MONITOR +|-|C|L|S [name[,name…]]`: watches names come online and go.
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

/// Carries out `MONITOR`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let subcommand = message.param(0).unwrap_or_default();
    match subcommand {
        "+" => add(context, &targets(message)?),
        "-" => {
            for name in targets(message)? {
                watch::remove(context.node, context.asker.session, name);
            }
        }
        "C" | "c" => {
            let watched = std::mem::take(&mut context.session_mut().watched);
            watch::remove_all(context.node, context.asker.session, &watched);
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

fn targets<'a>(message: &Message<'a>) -> Result<Vec<&'a str>, Refusal> {
    let targets = message.param(1).ok_or(Refusal::NeedMoreParams)?;
    let names: Vec<&str> = targets.split([',', ' ']).filter(|name| !name.is_empty()).collect();
    if names.is_empty() { Err(Refusal::NeedMoreParams) } else { Ok(super::once(names)) }
}

fn watched(context: &Context<'_>) -> Vec<String> {
    context.session().watched.values().map(|name| name.to_string()).collect()
}

/// A name that nobody can have is offline for good, and so answered and not added.
fn add(context: &mut Context<'_>, names: &[&str]) {
    let (mut added, mut beyond) = (Vec::new(), Vec::new());
    for name in names {
        if check_name(name).is_err() || watch::add(context.node, context.asker.session, name) {
            added.push((*name).to_owned());
        } else {
            beyond.push(*name);
        }
    }
    show(context, &added);
    for targets in lines(beyond.into_iter(), PARAMETER_BYTES) {
        let (most, targets) = (MONITOR_NAMES.to_string(), targets.replace(' ', ","));
        context.numeric(n::ERR_MONLISTFULL, &[&most, &targets], "Monitor list is full");
    }
}

/// Replies who of these is online and who is not.
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

/// Replies with a list, on as many lines as it takes.
fn list(context: &mut Context<'_>, code: &str, names: &[String]) {
    for line in lines(names.iter().map(String::as_str), NAMES_LINE_BYTES) {
        context.numeric(code, &[], &line.replace(' ', ","));
    }
}
