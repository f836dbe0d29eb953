//! `STATS letter [server]`: uptime (`u`), how often each command was used (`m`), and, for
//! operators, who may become one (`o`).
//!
//! <https://modern.ircdocs.horse/#stats-message>

use super::VERBS;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::config::Role;
use proto::{Message, numeric as n};

/// Carries out `STATS`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.check_server(message.param(1))?;
    let letter = message.param(0).unwrap_or_default();
    match letter {
        "u" => uptime(context),
        "m" => uses(context),
        "o" => operators(context)?,
        _ => {}
    }
    context.numeric(n::RPL_ENDOFSTATS, &[letter], "End of /STATS report");
    Ok(())
}

fn uptime(context: &mut Context<'_>) {
    let seconds = (context.state.steady - context.node.up_since) / 1000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let text = format!("Server Up {days} days {hours}:{minutes:02}:{seconds:02}");
    context.numeric(n::RPL_STATSUPTIME, &[], &text);
}

fn uses(context: &mut Context<'_>) {
    for (verb, count) in VERBS.iter().zip(context.node.verb_counts.clone()) {
        if count > 0 {
            context.numeric_only(n::RPL_STATSCOMMANDS, &[verb.name, &count.to_string()]);
        }
    }
}

fn operators(context: &mut Context<'_>) -> Result<(), Refusal> {
    context.must_have_right("STATS", "o")?;
    for operator in &context.node.config.clone().operator {
        let account = operator.account.as_deref().zip(operator.role);
        let (name, role) = match account {
            Some((account, role)) => (account, role),
            None => (operator.name.as_deref().unwrap_or_default(), Role::Admin),
        };
        context.numeric_only(n::RPL_STATSOLINE, &["O", "*", "*", name, role.name()]);
    }
    Ok(())
}
