//! What shared commands leave to the node of their session is carried out.

use super::{markread, metadata};
use crate::effects::FollowUp;
use crate::session::context::Context;
use crate::session::watch;

/// Carries out all that the command at hand has left to this node, each at its place among the
/// effects. Before the command ends.
pub fn carry_out(context: &mut Context<'_>) {
    while let Some((rest, follow_up)) = context.out.next_follow_up() {
        match follow_up {
            FollowUp::ChargeShare { of, bytes } => context.charge_share(of, bytes),
            FollowUp::Introduce { room, user } => {
                metadata::subscribers::introduce(context, room, user);
            }
            FollowUp::TellWatchers { user, news, told } => {
                let applying = &mut context.applying;
                watch::tell_also(applying.state, context.node, applying.out, user, news, &told);
            }
            FollowUp::ShowMarker { conversation, name } => {
                markread::show_others(context, conversation, &name);
            }
            FollowUp::MetadataChanged { of, name, key, value } => {
                metadata::subscribers::changed(context, of, &name, &key, value.as_deref());
            }
            FollowUp::MetadataAgain { user } => metadata::subscribers::tell_again(context, user),
        }
        context.out.end_follow_up(rest);
    }
}
