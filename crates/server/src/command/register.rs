//! `REGISTER account email password`: registers the name that the session has or is about to have.
//!
//! <https://ircv3.net/specs/extensions/account-registration>

use super::refusal::Refusal;
use crate::command::authentication::begin;
use crate::command::context::Context;
use crate::session::login::LoginMethod;
use proto::Message;
use proto::name::same;

/// Carries out `REGISTER`. In place of the specification's e-mail address there may be an invitation;
/// an address is neither required nor stored.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.must_be_private()?;
    let wanted = message.param(0).unwrap_or_default();
    let password = message.param(2).ok_or(Refusal::NeedMoreParams)?;
    if let Some(account) = super::verify::account(context) {
        return Err(Refusal::AlreadyAuthenticated(account));
    }
    let nick = context.nick();
    if &*nick == "*" {
        return Err(Refusal::NickFirst);
    }
    if wanted != "*" && !same(wanted, &nick) {
        return Err(Refusal::AccountIsNick(wanted.to_owned()));
    }
    if context.state.account(&nick).is_some() {
        return Err(Refusal::AccountExists(nick));
    }
    if let Some(code) = message.param(1).and_then(|given| given.strip_prefix("invite:")) {
        super::invitation::accept(context, code)?;
    }
    begin(context, &nick, password, LoginMethod::Register)
}
