//! Carries out what shared commands leave to the session's node.

use super::{
    account, authentication, join, markread, metadata, names, pending_messages, rename, serverban,
    session_end, welcome, znc,
};
use crate::command::context::Context;
use crate::effects::FollowUp;
use crate::session::watch;

/// Carries out all follow-ups of the current command for this node, each in its position among the
/// effects. Before the command ends.
pub fn carry_out(context: &mut Context<'_>) {
    let here = context.node.sessions.contains_key(&context.requester.session);
    while let Some((rest, follow_up)) = context.out.next_follow_up() {
        match follow_up {
            // Its own node does that.
            _ if !here && follow_up.is_for_session() => {}
            FollowUp::ChargeShare { of, bytes } => context.charge_share(of, bytes),
            FollowUp::Introduce { room, user } => {
                metadata::subscribers::introduce(context, room, user);
            }
            FollowUp::TellWatchers { user, news, told } => {
                let responder = &mut context.responder;
                let (state, out) = (&responder.state, &mut *responder.out);
                watch::notify_extended(state, context.node, out, user, news, &told);
            }
            FollowUp::TellOnline { user } => {
                watch::online(&context.responder.state, context.node, context.responder.out, user);
            }
            FollowUp::TellOffline { name } => {
                watch::offline(
                    &context.responder.state,
                    context.node,
                    context.responder.out,
                    &name,
                );
            }
            FollowUp::SyncWatchers { user } => metadata::show::sync_watchers(context, user),
            FollowUp::ShowRoom { room, user } => join::show(context, room, user),
            FollowUp::ShowRoomAgain { room } => {
                join::show_after_join(context, room, &mut names::SharedNames::default());
            }
            FollowUp::RoomRenamed { room, old, reason } => {
                rename::show(context, room, &old, &reason);
            }
            FollowUp::ShowKept => pending_messages::show(context),
            FollowUp::IsBot(bot) => context.session_mut().delivery.bot = bot,
            FollowUp::ShowMarker { conversation, name } => {
                markread::show_others(context, conversation, &name);
            }
            FollowUp::MetadataChanged { of, name, key, value } => {
                metadata::subscribers::changed(context, of, &name, &key, value.as_deref());
            }
            FollowUp::MetadataAgain { user } => metadata::subscribers::tell_again(context, user),
            FollowUp::EndFromNetwork { ban, given } => {
                serverban::end_from_network(context, ban, &given);
            }
            FollowUp::EndApp { app } => account::end_sessions(context, &app),
            FollowUp::EndPendingLogins { account, why } => {
                session_end::end_pending_logins(context, account, why);
            }
            FollowUp::CodeReplaced { account } => welcome::code_replaced(context, account),
            FollowUp::AskPlayback { command } => znc::ask(context, &command),
            FollowUp::Reveal => account::reveal(context),
            FollowUp::DrawRecoveryCodes => account::draw_codes(context),
            FollowUp::LoggedIn => authentication::logged_in(context),
            FollowUp::CameOnline { user } => welcome::came_online(context, user),
            FollowUp::Welcome { full, metadata } => welcome::welcome(context, full, metadata),
            FollowUp::ShowRoomAtLogin { user, room, first, metadata, .. } if !here => {
                if first {
                    welcome::introduce(context, user, room, metadata);
                }
            }
            FollowUp::ShowRoomAtLogin { room, first, full, metadata, .. } => {
                welcome::show_room(context, room, first, full, metadata);
            }
            FollowUp::Welcomed { full } => welcome::welcomed(context, full),
        }
        // That may have left something to the node as well.
        carry_out(context);
        context.out.end_follow_up(rest);
    }
}
