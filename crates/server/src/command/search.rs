//! `SEARCH attributes`: finds messages by words, author, room and time.
//!
//! <https://codeberg.org/emersion/soju/src/branch/master/doc/ext/search.md>

use super::chathistory::{conversation, read};
use super::privmsg::find;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::ReadKind;
use crate::limits::{SEARCH_MILLIS, SEARCH_PAGE, SEARCH_WORDS};
use proto::time::parse_server_time;
use proto::{Message, Tags};
use std::time::Duration;
use store::{Search, Words};

/// Carries out `SEARCH`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let mut search = all(context);
    for (key, value) in Tags::new(message.param(0).unwrap_or_default()).iter() {
        let time = || {
            let text = "The time must have the form YYYY-MM-DDThh:mm:ss.sssZ";
            parse_server_time(&value).ok_or_else(|| invalid(key, text)).map(Some)
        };
        match key {
            "in" => {
                let text = "No such user or room, or you may not read its history";
                let of = conversation(context, &value).map_err(|_| invalid(key, text))?;
                search.of = Some(of.0);
            }
            "from" => {
                let of =
                    find(context, &value).map_err(|_| invalid(key, "There is no such user"))?;
                search.from = Some(of.0);
            }
            "after" => search.since = time()?,
            "before" => search.until = time()?,
            "text" => search.words = words(key, Words::parse(&value))?,
            "limit" => match value.parse() {
                Ok(limit) if limit > 0 => search.limit = search.limit.min(limit),
                _ => return Err(invalid(key, "The limit must be a number greater than 0")),
            },
            _ => return Err(invalid(key, "Unknown attribute")),
        }
    }
    search.oldest_first = search.since.is_some();
    read(context, ReadKind::Search { search });
    Ok(())
}

/// The newest of everything that the requester may read; the reader adds the rooms.
pub fn all(context: &Context<'_>) -> Search {
    Search {
        account: context.me(),
        up_to: context.state.last_event(),
        limit: SEARCH_PAGE.min(context.node.config.limits.page()),
        patience: Duration::from_millis(SEARCH_MILLIS),
        ..Search::default()
    }
}

/// Parses the words of `text=`: at least one, and not too many.
fn words(key: &str, words: Words) -> Result<Words, Refusal> {
    match words.count() {
        0 => Err(invalid(key, "There is no word in it to search for")),
        1..=SEARCH_WORDS => Ok(words),
        _ => Err(invalid(key, "Too many words; at most 32")),
    }
}

fn invalid(key: &str, text: &'static str) -> Refusal {
    Refusal::Invalid { code: "INVALID_PARAMS", context: vec![key.to_owned()], text }
}
