//! `OPER name password`: acquires the rights of a server operator, as granted by the config file.
//!
//! <https://modern.ircdocs.horse/#oper-message>

use super::entry::Request;
use super::refusal::{Refusal, refuse};
use crate::command::authentication::{self, is_password};
use crate::command::context::Context;
use crate::command::umode::NEEDS_FACTOR;
use crate::config::{Operator, Role};
use crate::effects::{Effect, LogRecord};
use crate::metrics::{Count, Refused};
use crate::session::Attempt;
use crate::state::apply_context::ApplyContext;
use proto::{Message, numeric as n};

/// Carries out `OPER`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (name, password) =
        (message.param(0).unwrap_or_default(), message.param(1).unwrap_or_default());
    let config = context.node.config.clone();
    let mut all = config.operator.iter().filter_map(Operator::credentials).peekable();
    if all.peek().is_none() {
        return Err(match config.operator.is_empty() {
            true => Refusal::NoOperators,
            false => Refusal::OperatorsAreAccounts,
        });
    }
    context.must_be_private()?;
    let (address, now) = (context.session().address, context.state.steady);
    let hold_millis = match context.node.oper_attempts.check(address, name, now, &config.limits) {
        Ok(hold_millis) => hold_millis,
        Err(seconds) => return Err(too_many(context, name, seconds)),
    };
    context.node.oper_attempts.attempted(address, name, now);
    let granted = all.filter(|(of, _)| *of == name).any(|(_, right)| is_password(right, password));
    authentication::answer_after(context, name, Attempt::Oper(granted), hold_millis);
    Ok(())
}

fn too_many(context: &mut Context<'_>, name: &str, seconds: i64) -> Refusal {
    context.out.push(Effect::Count(Count::Refused(Refused::FailedOpers)));
    Refusal::TooManyAttempts(name.to_owned(), seconds)
}

/// Answers, once the answer may be given.
pub fn answer(context: &mut Context<'_>, name: &str, granted: bool) {
    // The user may be gone again: its registration could not be stored.
    if context.session().user.is_some()
        && let Err(refusal) = check(context, name, granted)
    {
        refuse(context, "OPER", &refusal);
    }
}

fn check(context: &mut Context<'_>, name: &str, granted: bool) -> Result<(), Refusal> {
    let (address, now) = (context.session().address, context.state.steady);
    let node = &*context.node;
    if let Err(seconds) = node.oper_attempts.may_answer(address, name, now, &node.config.limits) {
        return Err(too_many(context, name, seconds));
    }
    let has_factor = context.state.has_factor_for(&context.state.settings, context.me());
    let user = context.user().nick.clone();
    let record = LogRecord::Operator { user, granted: granted && has_factor };
    context.out.push(Effect::Log(record));
    if !granted {
        context.node.oper_attempts.failed(address, name, now);
        return Err(Refusal::WrongPassword(name.to_owned()));
    }
    context.node.oper_attempts.granted(address, name);
    if !has_factor {
        let (code, context) = ("SECOND_FACTOR_REQUIRED", vec![name.to_owned()]);
        return Err(Refusal::Invalid { code, context, text: NEEDS_FACTOR });
    }
    context.apply(Request::Granted { name })
}

/// Makes the requester an operator.
pub fn grant(context: &mut ApplyContext<'_>, name: &str) {
    let before = context.user_mut().role.replace(Role::Admin).is_some();
    context.audit("OPER", name, "");
    context.numeric(n::RPL_YOUREOPER, &[], "You are now an operator of this server");
    if !before {
        super::umode::tell(context, "+o");
    }
}
