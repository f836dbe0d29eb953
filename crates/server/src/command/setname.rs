//! `SETNAME :real name`: changes one's real name.
//!
//! <https://ircv3.net/specs/extensions/setname>

use super::refusal::Refusal;
use crate::limits::REALNAME_BYTES;
use crate::state::apply_context::ApplyContext;
use crate::state::membership::tell_common_rooms;
use proto::{Capability, Message};

/// Carries out `SETNAME`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = message.param(0).ok_or(Refusal::NeedMoreParams)?;
    if name.trim().is_empty() || name.len() > REALNAME_BYTES {
        return Err(Refusal::BadRealname);
    }
    context.user_mut().realname = name.into();
    let me = context.me();
    let news = context.passing_for(Capability::SetName, me, ("SETNAME", &[]), Some(name));
    tell_common_rooms(context.state, context.out, me, news);
    context.tell_user(me, news);
    Ok(())
}
