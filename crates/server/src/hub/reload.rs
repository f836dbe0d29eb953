//! Applying a reloaded config file.

use crate::command::context::Context;
use crate::command::entry::{self, Request};
use crate::command::{cap, isupport};
use crate::config::Config;
use crate::effects::Effects;
use crate::session::Node;
use crate::session::disk;
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::settings::Settings;
use std::sync::Arc;

/// The result of reloading the config file.
#[derive(Clone, Debug)]
pub struct Reload {
    /// The operator's session that asked; none after a signal.
    pub by: Option<SessionId>,
    /// The new config and the keys that change only with a restart, or what is wrong with the file.
    pub outcome: Result<(Arc<Config>, Vec<&'static str>), String>,
}

impl Reload {
    /// The result in sentences.
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

/// Applies the result, and tells the session that asked and everybody concerned.
pub fn apply(state: &mut State, node: &mut Node, out: &mut Effects, reload: &Reload) {
    if let Ok((config, _)) = &reload.outcome {
        let before = std::mem::replace(&mut node.config, config.clone());
        cap::tell_changes(state, node, out, &before);
        isupport::tell_changes(state, node, out, &before);
        disk::check(node, out, None);
        out.history = Some(config.history.clone());
        let settings = Settings::from(&**config);
        entry::apply_for_nobody(state, node, out, Request::Settings((&settings).into()));
    }
    let Some(by) = reload.by else { return };
    node.reloading = false;
    if node.sessions.contains_key(&by) {
        let context = &mut Context::new(state, node, out, by);
        reload.sentences().iter().for_each(|sentence| context.notice(sentence));
    }
}
