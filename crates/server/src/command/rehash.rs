//! `REHASH`: an operator of the server reloads the config file.
//!
//! The hub does not read files: it requests the reload as an effect, and the config arrives as an
//! input; see [`crate::hub::reload`].
//!
//! <https://modern.ircdocs.horse/#rehash-message>

use super::refusal::Refusal;
use super::umode;
use crate::command::context::Context;
use crate::effects::Effect;
use crate::session_id::SessionId;
use crate::state::apply_context::ApplyContext;
use crate::state::settings::Settings;
use crate::state::user::{User, UserId};
use proto::{Message, numeric as n};

/// Carries out `REHASH`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    context.must_have_right("REHASH", "")?;
    if std::mem::replace(&mut context.node.reloading, true) {
        return Err(Refusal::RereadingAlready);
    }
    // Operators are defined by a config file, so there is one.
    let file = context.node.config.file_name().unwrap_or_default();
    context.numeric(n::RPL_REHASHING, &[&file], "Rehashing");
    context.audit("REHASH", &file, "");
    let by = context.requester.session;
    context.out.push(Effect::Reload { by });
    Ok(())
}

/// Applies new settings to the state. Accounts whose role has changed get the new one, or none.
/// Rights acquired with `OPER` stay, unless operators now need a second factor.
pub fn change(context: &mut ApplyContext<'_>, settings: &Settings) {
    let before = std::mem::replace(&mut context.state.settings, settings.clone());
    let state = &*context.state;
    let by_config = |user: &User| user.role == state.role_by(&before, user);
    let changed = |user: &User| state.role_by(&before, user) != state.role_by(settings, user);
    let lacks = |user: &User| user.role.is_some() && !state.has_factor_for(settings, user.id);
    let concerned = state.users.values().filter(|user| match user.guest {
        true => lacks(user),
        false => by_config(user) && changed(user) || lacks(user),
    });
    let concerned: Vec<(SessionId, UserId)> =
        concerned.map(|user| (user.sessions[0], user.id)).collect();
    for (session, user) in concerned {
        let role = context.state.role_by(settings, &context.state.users[&user]);
        umode::set_role(&mut context.to(user, session), role);
    }
}
