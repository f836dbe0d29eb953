//! `MODE target [changes [parameters…]]`: shows or changes modes of a room or of oneself.
//!
//! <https://modern.ircdocs.horse/#mode-message>

mod lists;
mod room;

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::limits::{MODE_STEPS, MODES_PER_LINE};
use proto::{Message, numeric as n};

/// Carries out `MODE`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let target = message.param(0).unwrap_or_default();
    if !target.starts_with('#') {
        return of_user(context, target, message.param(1));
    }
    let id = super::names::visible(context, target)?;
    match message.param(1) {
        None => {
            room::show(context, id);
            Ok(())
        }
        Some(changes) => {
            let parameters = message.params().get(2..).unwrap_or_default();
            room::change(context, id, changes, parameters)
        }
    }
}

/// One step of a `MODE`: a sign, a letter and its parameter.
#[derive(Clone, Copy)]
struct Step<'a> {
    add: bool,
    mode: char,
    parameter: Option<&'a str>,
}

/// What a `MODE` has come to, as it will be told.
#[derive(Default)]
struct Done {
    letters: String,
    sign: Option<bool>,
    parameters: Vec<String>,
}

impl Done {
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
fn steps<'a>(changes: &str, parameters: &[&'a str]) -> Vec<Step<'a>> {
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
                let parameter = parameter.filter(|parameter| !parameter.is_empty());
                with_parameter += usize::from(parameter.is_some());
                if with_parameter > MODES_PER_LINE || steps.len() == MODE_STEPS {
                    break;
                }
                steps.push(Step { add, mode, parameter });
            }
        }
    }
    steps
}

/// A user's own modes: `i` can be set, `o` only given up.
fn of_user(context: &mut Context<'_>, target: &str, changes: Option<&str>) -> Result<(), Refusal> {
    let nick = context.user().nick.clone();
    if !nick.eq_ignore_ascii_case(target) {
        return match super::privmsg::find(context, target) {
            Ok(_) => Err(Refusal::OtherUsersModes),
            Err(refusal) => Err(refusal),
        };
    }
    let Some(changes) = changes else {
        let user = context.user();
        let mut modes = String::from("+");
        modes.extend(user.invisible.then_some('i'));
        modes.extend(user.operator.then_some('o'));
        context.numeric_only(n::RPL_UMODEIS, &[&modes]);
        return Ok(());
    };
    let mut done = Done::default();
    let mut unknown = false;
    for Step { add, mode, .. } in steps(changes, &[]) {
        let user = context.user_mut();
        match mode {
            'i' if user.invisible != add => {
                user.invisible = add;
                done.add(add, 'i', None);
            }
            'o' if user.operator && !add => {
                user.operator = false;
                done.add(false, 'o', None);
            }
            'i' | 'o' => {}
            _ => unknown = true,
        }
    }
    if unknown {
        context.numeric(n::ERR_UMODEUNKNOWNFLAG, &[], "There is no such mode of users here");
    }
    if !done.letters.is_empty() {
        let me = context.me();
        let news = context.passing(me, "MODE", &[&nick, &done.letters], None);
        context.tell_user(me, news);
    }
    Ok(())
}
