//! The config file was read again: what can change while the server runs changes.

use crate::command::context::Context;
use crate::command::entry::{Entry, Request};
use crate::command::{cap, isupport, ordered};
use crate::config::Config;
use crate::effects::Effects;
use crate::session::Node;
use crate::session::disk;
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::applying::Asker;
use crate::state::user::{User, UserId};
use std::sync::Arc;

/// What came of reading the config file again.
#[derive(Clone, Debug)]
pub struct Reload {
    /// Who asked for it; none if a signal did.
    pub by: Option<SessionId>,
    /// The config from here on and the keys whose change waits for a restart, or what is wrong with
    /// the file.
    pub outcome: Result<(Arc<Config>, Vec<&'static str>), String>,
}

impl Reload {
    /// What came of it, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        match &self.outcome {
            Ok((_, later)) if later.is_empty() => vec!["The config has been reloaded".into()],
            Ok((_, later)) => vec![
                "The config has been reloaded".into(),
                format!("Changes to these keys need a restart: {}", later.join(", ")),
            ],
            Err(why) => vec![format!("Nothing has changed: {why}")],
        }
    }
}

/// Accounts whose role differs now have the new one, or none. Who has taken other rights with `OPER`
/// keeps them, unless operators need a second factor from here on.
fn change_roles(state: &mut State, node: &mut Node, out: &mut Effects, before: &Config) {
    let config = state.config.clone();
    let by_config = |user: &User| user.role == state.role_by(before, user);
    let changed = |user: &User| state.role_by(before, user) != state.role_by(&config, user);
    let lacks = |user: &User| user.role.is_some() && !state.has_factor_for(&config, user.id);
    let concerned = state.users.values().filter(|user| match user.guest {
        true => lacks(user),
        false => by_config(user) && changed(user) || lacks(user),
    });
    let concerned: Vec<(SessionId, UserId)> =
        concerned.map(|user| (user.sessions[0], user.id)).collect();
    for (session, user) in concerned {
        let role = state.role_by(&config, &state.users[&user]);
        let (now, steady) = (state.now, state.steady);
        let asker = Asker { session, ..Asker::of(Some(user)) };
        ordered::submit(
            state,
            node,
            out,
            Entry { now, steady, asker, request: Request::Role(role) },
        )
        .expect("a role that the config gives is not refused");
    }
}

/// Applies what came of it, and tells who asked and whom it concerns.
pub fn apply(state: &mut State, node: &mut Node, out: &mut Effects, reload: &Reload) {
    if let Ok((config, _)) = &reload.outcome {
        let before = std::mem::replace(&mut state.config, config.clone());
        cap::tell_changes(state, node, out, &before);
        isupport::tell_changes(state, node, out, &before);
        disk::look(state, node, out, None);
        out.history = Some(config.history.clone());
        change_roles(state, node, out, &before);
    }
    let Some(by) = reload.by else { return };
    node.reloading = false;
    if node.sessions.contains_key(&by) {
        let context = &mut Context::new(state, node, out, by);
        reload.sentences().iter().for_each(|sentence| context.notice(sentence));
    }
}
