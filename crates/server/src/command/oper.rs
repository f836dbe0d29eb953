//! `OPER name password`: takes the rights of a server operator, as the config file grants them.
//!
//! <https://modern.ircdocs.horse/#oper-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::effects::{Fact, What};
use crate::hub::login::is_password;
use crate::metrics::{Count, Refused};
use proto::{Message, numeric as n};

/// Carries out `OPER`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (name, password) =
        (message.param(0).unwrap_or_default(), message.param(1).unwrap_or_default());
    if context.state.config.operator.is_empty() {
        return Err(Refusal::NoOperators);
    }
    context.must_be_private()?;
    let address = context.known().address;
    let now = context.state.steady;
    let config = context.state.config.clone();
    if let Some(seconds) = context.state.doors.closed_for(address, now, &config.limits) {
        context.out.push(What::Count(Count::Refused(Refused::FailedLogins)));
        return Err(Refusal::TooManyAttempts(name.to_owned(), seconds));
    }
    let granted = config
        .operator
        .iter()
        .filter(|operator| operator.name == name)
        .any(|operator| is_password(&operator.password, password));
    let user = context.user().nick.clone();
    context.out.push(What::Log(Fact::Operator { user: user.clone(), granted }));
    if !granted {
        context.state.doors.failed(address, name, now);
        return Err(Refusal::WrongPassword(name.to_owned()));
    }
    let before = std::mem::replace(&mut context.user_mut().operator, true);
    context.numeric(n::RPL_YOUREOPER, &[], "You are now an operator of this server");
    if !before {
        super::umode::tell(context, "+o");
    }
    Ok(())
}
