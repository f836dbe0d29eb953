//! Replying to, reacting to and taking back messages. A message is chosen by its author.

use chat::Intent;
use chat::entry::Entry;
use chat::timeline::Run;
use proto::name::same;

use super::Plain;
use super::choice::MessageChoice;
use super::session::End;

impl Plain<'_> {
    /// Answers the newest message of somebody.
    pub(super) fn reply(&mut self, user: &str, text: &str) -> Result<(), End> {
        let Some((target, msgid)) = self.message_of(user)? else { return Ok(()) };
        let text = self.text(text)?;
        self.deliver(&target, &text, Some(msgid))
    }

    /// Reacts to the newest message of somebody, or takes that back.
    pub(super) fn react(&mut self, user: &str, text: &str) -> Result<(), End> {
        let Some((target, msgid)) = self.message_of(user)? else { return Ok(()) };
        let text = match text.is_empty() {
            true => match self.which_reaction()? {
                Some(text) => text,
                None => return Ok(()),
            },
            false => text.to_owned(),
        };
        let text = text.trim();
        let text = tui::complete::emoji_named(text).unwrap_or(text).to_owned();
        if text.is_empty() {
            return self.fail("There is no reaction; give an emoji, or its name as :tada:.");
        }
        let chat = self.session.chat();
        let undo = chat.find_message(&target, &msgid).is_some_and(|entry| {
            let is_it = |reaction: &&chat::entry::Reaction| reaction.text == text;
            let mine = |name: &String| same(name, &chat.me);
            entry.reactions.iter().find(is_it).is_some_and(|reaction| reaction.by.iter().any(mine))
        });
        self.perform(&Intent::React { target, msgid, text, undo })
    }

    /// Takes back one's own newest message, or the newest of somebody else. Where numbers are answers, it is asked
    /// which one: somebody who cannot see the last message should not delete it by one word.
    pub(super) fn take_back(&mut self, user: &str) -> Result<(), End> {
        let meant = match user {
            "" if self.numbered => self.which_message(true)?,
            "" => MessageChoice::NewestOf(self.session.chat().me.clone()),
            user => MessageChoice::NewestOf(user.to_owned()),
        };
        let Some((target, msgid)) = self.find_chosen(meant)? else { return Ok(()) };
        // The outcome is reported, even for a message from before this login.
        self.session.seen.insert(&msgid);
        self.perform(&Intent::Redact { target, msgid, reason: String::new() })
    }

    /// The conversation and msgid of the newest message of somebody, asked for if nobody is named; if there is none,
    /// says so.
    fn message_of(&mut self, user: &str) -> Result<Option<(String, String)>, End> {
        let meant = match user {
            "" => self.which_message(false)?,
            user => MessageChoice::NewestOf(user.to_owned()),
        };
        self.find_chosen(meant)
    }

    fn find_chosen(&mut self, meant: MessageChoice) -> Result<Option<(String, String)>, End> {
        let user = match meant {
            MessageChoice::Message(target, msgid) => return Ok(Some((target, msgid))),
            MessageChoice::Nothing => return Ok(None),
            MessageChoice::NewestOf(user) => user,
        };
        let user = user.as_str();
        self.session.until_ready()?;
        if self.newest_of(user).is_none() {
            // It may have been said before this login.
            for place in [self.here.clone(), user.to_owned()] {
                if !place.is_empty() && !same(&place, &self.session.chat().me) {
                    // Where there is no history there is no older message.
                    let _ = self.session.load(&place, &Run::Latest)?;
                }
            }
        }
        let newest = self.newest_of(user);
        if newest.is_none() {
            let who = super::report::you_or(self.session.chat(), user);
            self.fail(&format!("No message of {who} is here."))?;
        }
        Ok(newest)
    }

    fn newest_of(&self, user: &str) -> Option<(String, String)> {
        let chat = self.session.chat();
        let newest = chat.conversations.values().filter_map(|conversation| {
            let is_it = |entry: &&Entry| {
                entry.kind.is_said()
                    && entry.redacted_by.is_none()
                    && entry.msgid.is_some()
                    && same(&entry.from, user)
            };
            let entry = conversation.timeline.entries().rev().find(is_it)?;
            Some((entry.time_ms, conversation.name.clone(), entry.msgid.clone()?))
        });
        newest.max().map(|(_, target, msgid)| (target, msgid))
    }
}
