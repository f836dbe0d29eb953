//! What only few sessions have at any one time.

use crate::session::{
    InFlight, Invited, NewSecrets, OpenBatch, PausedCommand, PendingAttempt, Prompt, Sasl, Session,
    VerifiedLogin, WaitingLine,
};
use crate::state::last_login::LastLogin;
use proto::Fingerprint;
use std::collections::{BTreeMap, VecDeque};

/// What only few sessions have at any one time: most are idle, and need no memory for it.
#[derive(Debug, Default)]
pub struct Extras {
    /// The certificate presented in the TLS handshake.
    pub certificate: Option<Fingerprint>,
    /// The names it watches (`MONITOR`), as it wrote them, by folded name; at most
    /// [`MONITOR_NAMES`](crate::limits::MONITOR_NAMES).
    pub watched: BTreeMap<Box<str>, Box<str>>,
    /// Its network is banned, and this is the reason given: only operators of the server may log
    /// in.
    pub banned: Option<Box<str>>,
    /// The question that its next line will answer.
    pub prompt: Option<Box<Prompt>>,
    /// Its open client batch.
    pub batch: Option<Box<OpenBatch>>,
    /// The `AUTHENTICATE` exchange in progress.
    pub sasl: Option<Box<Sasl>>,
    /// A password being checked, or an answer being delayed.
    pub pending_attempt: Option<Box<PendingAttempt>>,
    /// A command that continues in its next turn.
    pub paused: Option<Box<PausedCommand>>,
    /// The commands that the log has not ordered yet, in the order sent.
    pub in_flight: VecDeque<InFlight>,
    /// Lines that arrived while it was waiting for one of the above.
    pub lines: VecDeque<WaitingLine>,
    /// The invitation it has presented, until it has registered.
    pub invitation: Option<Box<Invited>>,
    /// The previous login, until the session has been told of it.
    pub last_login: Option<Box<LastLogin>>,
    /// A login that was verified and is not applied yet.
    pub verified_login: Option<Box<VerifiedLogin>>,
    /// Secrets generated for it, until they are stored and shown to it.
    pub new_secrets: Option<Box<NewSecrets>>,
    /// It has closed, for this reason; it ends when the command in flight has been applied.
    pub closed: Option<Box<str>>,
}

/// The extras of a session that has none.
static NONE: Extras = Extras {
    certificate: None,
    watched: BTreeMap::new(),
    banned: None,
    prompt: None,
    batch: None,
    sasl: None,
    pending_attempt: None,
    paused: None,
    in_flight: VecDeque::new(),
    lines: VecDeque::new(),
    invitation: None,
    last_login: None,
    verified_login: None,
    new_secrets: None,
    closed: None,
};

impl Extras {
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        // Every field is named, so that a new one cannot be forgotten.
        let Extras {
            certificate,
            watched,
            banned,
            prompt,
            batch,
            sasl,
            pending_attempt,
            paused,
            in_flight,
            lines,
            invitation,
            last_login,
            verified_login,
            new_secrets,
            closed,
        } = self;
        let any = [
            certificate.is_some(),
            !watched.is_empty(),
            banned.is_some(),
            prompt.is_some(),
            batch.is_some(),
            sasl.is_some(),
            pending_attempt.is_some(),
            paused.is_some(),
            !in_flight.is_empty(),
            !lines.is_empty(),
            invitation.is_some(),
            last_login.is_some(),
            verified_login.is_some(),
            new_secrets.is_some(),
            closed.is_some(),
        ];
        !any.contains(&true)
    }
}

impl Session {
    /// Its extras, to read them.
    pub fn extras(&self) -> &Extras {
        self.extras.as_deref().unwrap_or(&NONE)
    }

    /// Its extras, to add some.
    pub fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Its extras, to change or take some, if it has any.
    pub fn extras_if_any(&mut self) -> Option<&mut Extras> {
        self.extras.as_deref_mut()
    }

    /// Whether it owns memory for extras.
    #[cfg(test)]
    pub(crate) fn owns_extras(&self) -> bool {
        self.extras.is_some()
    }

    /// Frees the memory for extras that it no longer has. To be called after whatever may have taken
    /// the last one.
    pub fn free_extras(&mut self) {
        if self.extras().is_empty() {
            self.extras = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::room::Member;
    use crate::state::user::User;
    use std::net::Ipv4Addr;

    #[test]
    fn extras_take_memory_only_while_there_are_some() {
        let mut session = Session::new(Ipv4Addr::LOCALHOST.into(), 0, [0; 16]);
        assert!(session.extras.is_none() && session.extras().prompt.is_none());
        session.extras_mut().prompt = Some(Box::new(Prompt::BmText));
        session.extras_mut().watched.insert("ann".into(), "Ann".into());
        session.extras_mut().prompt = None;
        session.free_extras();
        assert!(session.extras().watched.contains_key("ann"), "it still watches somebody");
        session.extras_mut().watched.clear();
        session.free_extras();
        assert!(session.extras.is_none());
    }

    #[test]
    fn what_the_hub_keeps_for_each_idle_connection_stays_small() {
        // In bytes, on a machine of 64 bits; docs/performance.md has what an idle connection needs in
        // all. What only few sessions have belongs in the extras.
        assert!(size_of::<Session>() <= 200, "{}", size_of::<Session>());
        assert!(size_of::<User>() <= 184, "{}", size_of::<User>());
        assert!(size_of::<Member>() <= 24, "for each room: {}", size_of::<Member>());
    }
}
