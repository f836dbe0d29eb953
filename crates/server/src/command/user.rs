//! `USER username 0 * :realname`.
//!
//! <https://modern.ircdocs.horse/#user-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::command::welcome;
use crate::limits::{NAME_BYTES, REALNAME_BYTES};
use crate::text::shorten;
use proto::Message;

/// Carries out `USER`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let realname = message.param(3).unwrap_or_default();
    let Some(registration) = context.registration() else { return Err(Refusal::AlreadyRegistered) };
    if registration.realname.is_some() {
        return Err(Refusal::AlreadyRegistered);
    }
    registration.username = username(message.param(0).unwrap_or_default());
    registration.realname = Some(shorten(realname, REALNAME_BYTES).to_owned());
    welcome::register_if_complete(context);
    Ok(())
}

/// A user name as it is allowed in a source: ambiguous characters are left out.
fn username(given: &str) -> Option<Box<str>> {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "-_.[]\\`^{}|".contains(*c);
    let name: String = given.chars().filter(fits).take(NAME_BYTES).collect();
    (!name.is_empty()).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_reduced_to_what_a_source_allows() {
        for (given, taken) in [
            ("ann", "ann"),
            ("~a!n@n", "ann"),
            ("*", ""),
            ("J\u{f6}rg", "Jrg"),
            ("a.b-c_d", "a.b-c_d"),
        ] {
            assert_eq!(username(given).as_deref().unwrap_or_default(), taken, "{given}");
        }
        assert_eq!(username(&"u".repeat(90)).map(|name| name.len()), Some(NAME_BYTES));
    }
}
