//! `NICK name`: gives a session's name; a guest may change it later, an account's name stays.
//!
//! <https://modern.ircdocs.horse/#nick-message>

use super::entry::SharedPart;
use super::refusal::Refusal;
use crate::command::authentication::may_be_named;
use crate::command::context::Context;
use crate::command::welcome;
use crate::effects::FollowUp;
use crate::state::apply_context::ApplyContext;
use crate::state::membership;
use crate::state::room::Rank;
use crate::state::user::folded;
use proto::Message;
use proto::name::{fold, same};
use std::sync::Arc;

fn name_in<'m>(message: &'m Message<'m>) -> Result<&'m str, Refusal> {
    message.param(0).filter(|name| !name.is_empty()).ok_or(Refusal::NoName)
}

/// Before the registration is complete, it is part of it.
pub fn before<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let name = name_in(message)?;
    if context.session().user.is_some() {
        return Ok(SharedPart::AsSent);
    }
    may_be_named(context, name)?;
    let taken = context.state.online(name).is_some_and(|user| user.guest);
    if taken {
        return Err(Refusal::NameTaken(name.to_owned()));
    }
    if let Some(registration) = context.registration() {
        registration.nick = Some(name.to_owned());
        registration.told_how = false;
    }
    context.refresh();
    welcome::register_if_complete(context);
    Ok(SharedPart::None)
}

/// A room in which the guest is banned or quieted: it must keep the nick by which it is known
/// there.
fn silenced_in(context: &mut ApplyContext<'_>) -> Option<Arc<str>> {
    let (me, who) = (context.me(), context.who());
    let rooms = context.user().rooms.iter().map(|room| &context.state.rooms[room]);
    let mut rooms = rooms.filter(|room| {
        let plain = room.member(me).is_some_and(|member| member.rank() == Rank::Plain);
        plain && (room.bans(&who) || room.quiets(&who))
    });
    let silenced = rooms.next().map(|room| room.name.clone());
    context.out.spend(who.steps.get());
    silenced
}

/// Carries out `NICK` of a user.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = name_in(message)?;
    if name == &*context.user().nick {
        return Ok(());
    }
    if !context.user().guest {
        return Err(Refusal::NameStays);
    }
    may_be_named(context, name)?;
    let own = same(name, &context.user().nick);
    if context.state.account(name).is_some() || (!own && context.state.online(name).is_some()) {
        return Err(Refusal::NameTaken(name.to_owned()));
    }
    if let Some(room) = silenced_in(context) {
        return Err(Refusal::SilencedNick(name.to_owned(), room));
    }
    let me = context.me();
    let news = context.passing(me, "NICK", &[name], None);
    membership::tell_common_rooms(context.state, context.out, me, news);
    context.tell_user(me, news);
    let before = context.user().nick.clone();
    if !own {
        let left = context.user().left(context.state.now);
        membership::remember(context.state, left);
    }
    context.state.nicks.remove(&*fold(&before));
    let nick: Arc<str> = name.into();
    context.state.nicks.insert(folded(&nick), me);
    context.user_mut().nick = nick;
    if !own {
        context.out.follow_up(FollowUp::TellOffline { name: before });
        context.out.follow_up(FollowUp::TellOnline { user: me });
        context.out.follow_up(FollowUp::SyncWatchers { user: me });
    }
    Ok(())
}
