//! Who may register, and what belongs to it: an invitation's rooms, and what is told about the last
//! login.

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::config::Registration;
use crate::state::last_login::LastLogin;
use crate::state::{State, invitation, last_login};
use proto::Capability;

/// The code of the refusal without an invitation.
pub const NEEDED: &str = "INVITATION_REQUIRED";

/// Refuses if somebody may not register a free name, given this invitation code.
pub fn may_register(state: &State, name: &str, invitation: Option<&str>) -> Result<(), Refusal> {
    let refused = |code, text| Err(Refusal::Invalid { code, context: vec![name.to_owned()], text });
    match state.settings.registration {
        Registration::Open => Ok(()),
        Registration::Closed => {
            let text = "There is no account of this name, and nobody can register here";
            refused("REGISTRATION_CLOSED", text)
        }
        Registration::Invite => {
            let good = invitation.and_then(|code| invitation::find(state, code));
            let text = "You need an invitation: connect without a password, then REGISTER * invite:code password";
            if good.is_some() { Ok(()) } else { refused(NEEDED, text) }
        }
    }
}

impl Context<'_> {
    /// Refuses if the session may not register a free name.
    pub fn may_register(&self, name: &str) -> Result<(), Refusal> {
        let invited = self.session().extras().invitation.as_deref();
        may_register(&self.state, name, invited.map(|invited| &*invited.code))
    }
}

/// Tells when and from where the account last logged in.
pub fn show_last_login(context: &mut Context<'_>, login: &LastLogin, full: bool) {
    // At an unattended connection nobody would see it.
    if context.user().is_unattended(context.requester.session) {
        return;
    }
    let text = last_login::sentence(login);
    // People who log in by hand can read standard replies.
    if full && !context.has(Capability::StandardReplies) {
        return context.notice(&text);
    }
    let mut time = Vec::new();
    proto::time::write_server_time(login.time, &mut time);
    let (nick, time) = (context.nick(), String::from_utf8_lossy(&time).into_owned());
    let params: &[&str] = &[&nick, &time, &login.from, &login.failed.to_string()];
    context.note("LOGIN", "LAST_LOGIN", params, &text);
}
