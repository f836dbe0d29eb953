//! Who may register, and what comes with that: an invitation's rooms, and what is told of the last login.

use super::join;
use super::refusal::{Refusal, refuse};
use crate::config::Registration;
use crate::session::context::Context;
use crate::state::applying::Applying;
use crate::state::standing::{self, InvitedBy};
use crate::state::{invitation, last_login};
use proto::Capability;
use store::Account;

/// The code of the refusal of who has no invitation.
pub const NEEDED: &str = "INVITATION_REQUIRED";

/// Whether somebody may register a name that is nobody's.
pub fn may_register(context: &Context<'_>, name: &str) -> Result<(), Refusal> {
    let refused = |code, text| Err(Refusal::Invalid { code, context: vec![name.to_owned()], text });
    let invited = context.session().invitation.as_deref();
    match context.state.config.accounts.registration {
        Registration::Open => Ok(()),
        Registration::Closed => {
            let text = "There is no account of this name, and nobody can register here";
            refused("REGISTRATION_CLOSED", text)
        }
        Registration::Invite => {
            let good = invited.and_then(|one| invitation::find(context.state, &one.code));
            let text = "To register here you need an invitation: INVITATION USE and its code first";
            if good.is_some() { Ok(()) } else { refused(NEEDED, text) }
        }
    }
}

/// An account was made: the invitation that it came by has one use less, and who invited it is kept.
pub fn registered(context: &mut Context<'_>, account: &Account) {
    let Some(invited) = context.session().invitation.clone() else { return };
    let Some(one) = invitation::find(context.state, &invited.code) else {
        context.session_mut().invitation = None;
        return;
    };
    let Applying { state, out, .. } = &mut context.applying;
    let by = InvitedBy { by: one.by, account: one.account, time: state.now };
    standing::set_invited_by(state, out, account.id, &by);
    invitation::used(state, out, &invited.code);
    if let Some(invited) = &mut context.session_mut().invitation {
        invited.rooms = one.rooms;
    }
}

/// Takes who has just registered to the rooms of the invitation, whatever closes them to others.
pub fn join_rooms(context: &mut Context<'_>) {
    let Some(invited) = context.session_mut().invitation.take() else { return };
    let me = context.me();
    if context.user().guest {
        // A guest keeps it for a REGISTER to come.
        context.session_mut().invitation = Some(invited);
        return;
    }
    for name in invited.rooms {
        let room = context.state.room(&name).map(|room| room.id);
        let state = &mut *context.applying.state;
        if let Some(room) = room.and_then(|room| state.rooms.get_mut(&room)) {
            room.invited.insert(me, true);
        }
        if let Err(refusal) = join::join(context, &name, "") {
            refuse(context, "JOIN", &refusal);
        }
    }
}

/// Tells when and from where the account logged in last.
pub fn show_last_login(context: &mut Context<'_>, full: bool) {
    let Some(login) = context.session_mut().last_login.take() else { return };
    // A program at which nobody is could not tell anybody.
    if context.user().is_unattended(context.asker.session) {
        return;
    }
    let text = last_login::sentence(&login);
    // Who logs in by hand reads standard replies anyway.
    if full && !context.has(Capability::StandardReplies) {
        return context.notice(&text);
    }
    let mut time = Vec::new();
    proto::time::write_server_time(login.time, &mut time);
    let (nick, time) = (context.nick(), String::from_utf8_lossy(&time).into_owned());
    let params: &[&str] = &[&nick, &time, &login.from, &login.failed.to_string()];
    context.note("LOGIN", "LAST_LOGIN", params, &text);
}
