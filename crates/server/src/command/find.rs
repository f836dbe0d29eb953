//! `FIND [words]`: a search by hand; the same read as `SEARCH`.

use super::chathistory::{conversation, read};
use super::privmsg::find;
use super::refusal::Refusal;
use super::search;
use crate::command::context::Context;
use crate::effects::ReadKind;
use crate::limits::SEARCH_WORDS;
use crate::session::Prompt;
use crate::state::apply_context::{Reads, Responder};
use proto::Message;
use proto::time::parse_server_time;
use store::{Item, Search, Words};

/// Carries out `FIND`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    match message.rest(0) {
        Some(words) => look_for(context, words),
        None => {
            context.session_mut().extras_mut().prompt = Some(Box::new(Prompt::FindWords));
            context.note("FIND", "WORDS_REQUIRED", &[], "Enter the words to find:");
            Ok(())
        }
    }
}

/// Searches for what somebody typed.
pub fn look_for(context: &mut Context<'_>, words: &str) -> Result<(), Refusal> {
    let mut search = search::all(context);
    let mut narrowed = false;
    for item in Words::items(words) {
        match narrow(context, &mut search, &item)? {
            true => narrowed = true,
            false => search.words.add(item.text, item.without),
        }
    }
    if search.words.count() > SEARCH_WORDS {
        return Err(refused("TOO_MANY_WORDS", &[], "Too many words; at most 32"));
    }
    if search.words.is_empty() && !narrowed {
        let text = "Nothing to find; give words, or from:, in:, before:, after: or has:link";
        return Err(refused("NO_WORDS", &[], text));
    }
    read(context, ReadKind::Find { search });
    Ok(())
}

/// Applies a part of the query that is a filter rather than a word; false if it is a word.
fn narrow(
    context: &Responder<'_, impl Reads>,
    search: &mut Search,
    item: &Item<'_>,
) -> Result<bool, Refusal> {
    if item.quoted || item.without {
        return Ok(false);
    }
    let Some((key, value)) = item.text.split_once(':') else { return Ok(false) };
    let bad = |text| refused("BAD_CONDITION", &[item.text], text);
    match key.to_ascii_lowercase().as_str() {
        "from" => {
            let of = find(context, value).map_err(|_| bad("There is no such user"))?;
            search.from = Some(of.0);
        }
        "in" => {
            let text = "No such user or room, or you may not read its history";
            search.of = Some(conversation(context, value).map_err(|_| bad(text))?.0);
        }
        "before" => {
            if let Some(id) = store::parse_msgid(&context.state.renderer.instance, value) {
                search.up_to = search.up_to.min(id.saturating_sub(1));
            } else {
                search.until = Some(time(value).ok_or_else(|| bad(DATE))?.saturating_sub(1));
            }
        }
        "after" => search.since = Some(time(value).ok_or_else(|| bad(DATE))?),
        "has" if value.eq_ignore_ascii_case("link") => search.link = true,
        "has" => return Err(bad("The only one of these is has:link")),
        _ => return Ok(false),
    }
    Ok(true)
}

const DATE: &str = "Not a date (YYYY-MM-DD) or a time (YYYY-MM-DDThh:mm:ssZ)";

/// Parses a time, or a date as the time at which it begins.
fn time(text: &str) -> Option<i64> {
    parse_server_time(text).or_else(|| parse_server_time(&format!("{text}T00:00:00Z")))
}

fn refused(code: &'static str, context: &[&str], text: &'static str) -> Refusal {
    let context = context.iter().map(|word| (*word).to_owned()).collect();
    Refusal::Invalid { code, context, text }
}
