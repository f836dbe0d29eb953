//! What the server has announced about itself: capabilities and `ISUPPORT`.

use crate::limits::{TEXT_BYTES, TEXT_LINES};
use proto::Message;
use proto::node::{Listing, Node};
use serde::Serialize;
use std::collections::BTreeMap;

/// What the server has announced about itself.
#[derive(Debug, Default, Serialize)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Capabilities that are offered but not in effect yet, with their values.
    #[serde(skip)]
    pub(crate) offered: BTreeMap<String, String>,
    /// Capabilities in effect, with their values.
    pub capabilities: BTreeMap<String, String>,
    /// The tokens of `ISUPPORT` with their values; empty if they have none.
    pub tokens: BTreeMap<String, String>,
    /// The message of the day.
    pub motd: Vec<String>,
    /// The other addresses of the same server.
    #[serde(skip)]
    pub nodes: Vec<Node>,
    #[serde(skip)]
    pub(crate) listing: Listing,
}

impl Server {
    /// Whether a capability is in effect.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains_key(capability)
    }

    /// Handles a 005.
    pub(crate) fn isupport(&mut self, message: &Message<'_>) {
        let params = message.params();
        let tokens = params.get(1..params.len().saturating_sub(1)).unwrap_or_default();
        for token in tokens {
            match token.split_once('=') {
                Some((key, value)) => self.tokens.insert(key.to_owned(), value.to_owned()),
                None => match token.strip_prefix('-') {
                    Some(key) => self.tokens.remove(key),
                    None => self.tokens.insert((*token).to_owned(), String::new()),
                },
            };
        }
    }

    /// Whether a name is that of a room.
    pub fn is_room(&self, name: &str) -> bool {
        let types = self.tokens.get("CHANTYPES").map_or("#&", String::as_str);
        name.chars().next().is_some_and(|first| types.contains(first))
    }

    /// What an answer to `NAMES` without names means. If it was about several rooms or none, its end names none of them.
    pub fn no_names(&self, room: &str) -> String {
        if self.is_room(room) && !room.contains(',') {
            format!("There is no room {room} that you may see.")
        } else {
            "There is nobody whom you may see.".to_owned()
        }
    }

    /// The modes and marks of the ranks that members can have, highest first.
    pub fn ranks(&self) -> Vec<(char, char)> {
        let prefix = self.tokens.get("PREFIX").map_or("(ov)@+", String::as_str);
        let parts = prefix.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        parts.map(|(modes, marks)| modes.chars().zip(marks.chars()).collect()).unwrap_or_default()
    }

    /// Splits a name of `NAMES`, or a target such as `@#room`, into its marks and the rest.
    pub fn split_marks<'a>(&self, name: &'a str) -> (&'a str, &'a str) {
        let ranks = self.ranks();
        let is_mark = |c: char| ranks.iter().any(|(_, mark)| *mark == c);
        let rest = name.trim_start_matches(is_mark);
        name.split_at(name.len() - rest.len())
    }

    /// The kinds of modes by their parameters (`CHANMODES`): lists, always a parameter, only when
    /// set, none.
    pub fn mode_takes_param(&self, mode: char, set: bool) -> bool {
        let modes = self.tokens.get("CHANMODES").map_or("beI,k,l,imnst", String::as_str);
        let kind = modes.split(',').position(|modes| modes.contains(mode));
        self.ranks().iter().any(|(rank, _)| *rank == mode)
            || matches!(kind, Some(0 | 1))
            || (kind == Some(2) && set)
    }

    /// The most bytes and lines of a multi-line message, if supported.
    pub fn multiline(&self) -> Option<(usize, usize)> {
        let value = self.capabilities.get("draft/multiline").filter(|_| self.has("batch"))?;
        let number = |key: &str| {
            let of_key = |part: &str| part.strip_prefix(key)?.strip_prefix('=')?.parse().ok();
            value.split(',').find_map(of_key)
        };
        let (bytes, lines) =
            (number("max-bytes").unwrap_or(4096), number("max-lines").unwrap_or(24));
        Some((bytes.min(TEXT_BYTES), lines.min(TEXT_LINES)))
    }

    /// The most messages in a page of history.
    pub fn page(&self) -> usize {
        let most = self.tokens.get("CHATHISTORY").and_then(|most| most.parse().ok());
        most.filter(|most| *most > 0)
            .map_or(crate::limits::PAGE, |most: usize| most.min(crate::limits::PAGE))
    }
}
