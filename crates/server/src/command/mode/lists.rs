//! The lists of a room: bans, ban exceptions, invite exceptions, and quiets.

use super::ModeStep;
use super::room::ModeChange;
use crate::limits::{LIST_ENTRIES, MASK_BYTES};
use crate::state::apply_context::{Reads, Responder};
use crate::state::ban_terms;
use crate::state::refusal::Refusal;
use crate::state::room::ACCOUNT_MASK;
use proto::mask::complete_mask;
use proto::numeric as n;
use store::{ListEntry, RoomId};

/// The letters of the lists.
pub(super) const LISTS: &str = "beIq";

/// Replies with a list.
pub(super) fn show_list(context: &mut Responder<'_, impl Reads>, id: RoomId, mode: char) {
    let (entry_code, end_code, text) = match mode {
        'b' => (n::RPL_BANLIST, n::RPL_ENDOFBANLIST, "End of channel ban list"),
        'e' => (n::RPL_EXCEPTLIST, n::RPL_ENDOFEXCEPTLIST, "End of channel exception list"),
        'I' => (n::RPL_INVEXLIST, n::RPL_ENDOFINVEXLIST, "End of channel invite exception list"),
        _ => (n::RPL_QUIETLIST, n::RPL_ENDOFQUIETLIST, "End of channel quiet list"),
    };
    let room = &context.state.rooms[&id];
    let name = room.name.clone();
    // The numerics of the quiet list contain the mode as well.
    let about: &[&str] = if mode == 'q' { &[&name, "q"] } else { &[&name] };
    let entries = room.settings.lists.iter().filter(|entry| entry.mode == mode);
    for entry in entries.cloned().collect::<Vec<ListEntry>>() {
        let seconds = (entry.time / 1000).to_string();
        let params = [about, &[&entry.mask, &entry.by, &seconds]].concat();
        context.numeric_only(entry_code, &params);
    }
    context.numeric(end_code, about, text);
}

/// The full form of a mask for a source or an account.
pub fn complete(given: &str) -> Option<String> {
    let mask = match given.strip_prefix(ACCOUNT_MASK) {
        Some("") => return None,
        Some(_) => given.to_owned(),
        None if given.starts_with('$') => return None,
        None => complete_mask(given),
    };
    (mask.len() <= MASK_BYTES && !mask.contains(' ')).then_some(mask)
}

/// The refusal of an invalid mask.
pub const NOT_A_MASK: &str =
    "is not a mask: nick!user@host or $a:account, with * and ? as wildcards";

impl ModeChange<'_, '_> {
    /// Adds a mask to a list, or removes it.
    pub(super) fn list(&mut self, step: ModeStep<'_>) -> Result<(), Refusal> {
        let ModeStep { add, mode, parameter } = step;
        let mask = complete(parameter.ok_or(Refusal::NeedMoreParams)?);
        let mask = mask.ok_or_else(|| self.bad(step, NOT_A_MASK))?;
        let (by, time) = (self.context.user().nick.clone(), self.context.state.now);
        let lists = &mut self.settings().lists;
        let same = |one: &ListEntry| one.mode == mode && one.mask.eq_ignore_ascii_case(&mask);
        match (add, lists.iter().position(same)) {
            (true, None) if lists.len() >= LIST_ENTRIES => {
                return Err(Refusal::ListFull(self.name.clone(), mode));
            }
            (true, None) => {
                lists.push(ListEntry { mode, mask: mask.as_str().into(), by, time });
                self.done.add(true, mode, Some(&mask));
            }
            (false, Some(at)) => {
                let entry = lists.remove(at);
                self.done.add(false, mode, Some(&entry.mask));
                let context = &mut *self.context;
                ban_terms::forget(context.state, context.out, self.id, mode, &entry.mask);
            }
            _ => {}
        }
        Ok(())
    }
}
