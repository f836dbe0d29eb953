//! `MODE target [changes [parameters…]]`: shows or changes the modes of a room; those of users are
//! in [`super::umode`].
//!
//! <https://modern.ircdocs.horse/#mode-message>

pub mod lists;
mod room;

use super::entry::SharedPart;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::limits::{MODE_STEPS, MODES_PER_LINE};
use crate::state::apply_context::ApplyContext;
use proto::Message;

/// Shows modes, and lists of a room.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let (target, changes) = params(message);
    let only_asks = if target.starts_with('#') {
        let id = super::names::visible(context, target)?;
        room::ask(context, id, changes, parameters(message))
    } else {
        super::umode::ask(context, target, changes)?
    };
    Ok(if only_asks { SharedPart::None } else { SharedPart::AsSent })
}

/// Changes modes.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (target, changes) = params(message);
    if !target.starts_with('#') {
        return super::umode::run(context, target, changes);
    }
    let id = super::names::visible(context, target)?;
    room::change(context, id, changes, parameters(message))
}

/// The target, and the changes; empty if there are none.
fn params<'m>(message: &Message<'m>) -> (&'m str, &'m str) {
    (message.param(0).unwrap_or_default(), message.param(1).unwrap_or_default())
}

/// The parameters of the changes.
fn parameters<'m>(message: &'m Message<'m>) -> &'m [&'m str] {
    message.params().get(2..).unwrap_or_default()
}

/// One step of a `MODE`: a sign, a letter and its parameter.
#[derive(Clone, Copy)]
struct ModeStep<'a> {
    add: bool,
    mode: char,
    parameter: Option<&'a str>,
}

/// The changes that a `MODE` has made, as members are told.
#[derive(Default)]
struct AppliedModes {
    letters: String,
    sign: Option<bool>,
    parameters: Vec<String>,
}

impl AppliedModes {
    fn add(&mut self, add: bool, mode: char, parameter: Option<&str>) {
        if self.sign != Some(add) {
            self.letters.push(if add { '+' } else { '-' });
            self.sign = Some(add);
        }
        self.letters.push(mode);
        self.parameters.extend(parameter.map(str::to_owned));
    }
}

/// Splits `+o-v` and its parameters into steps.
fn steps<'a>(changes: &str, parameters: &[&'a str]) -> Vec<ModeStep<'a>> {
    let mut parameters = parameters.iter().copied();
    let mut with_parameter = 0;
    let mut add = true;
    let mut steps = Vec::new();
    for mode in changes.chars() {
        match mode {
            '+' => add = true,
            '-' => add = false,
            _ => {
                let takes = "beIqohvk".contains(mode) || (mode == 'l' && add);
                let parameter = if takes { parameters.next() } else { None };
                with_parameter += usize::from(parameter.is_some());
                if with_parameter > MODES_PER_LINE || steps.len() == MODE_STEPS {
                    break;
                }
                steps.push(ModeStep { add, mode, parameter });
            }
        }
    }
    steps
}
