//! Tab completion for screen readers: matches are shown as numbered lines, and a number chooses.

use tui::complete::Completion;

use super::choice::numbered;
use super::session::Session;
use crate::failure::Failure;
use crate::show::harmless;

/// The matches for a text.
#[derive(Debug)]
pub(super) struct Offered {
    /// The text before the word.
    before: String,
    /// The word as it was typed.
    word: String,
    /// The text after the cursor.
    after: String,
    choices: Vec<String>,
    /// Which of the session's lists it is.
    list: u64,
}

impl Offered {
    /// The matches for the word before the cursor; none if there are none.
    fn of(text: &str, cursor: usize, session: &Session) -> Option<Offered> {
        let chat = session.chat();
        let here = chat.lobby().unwrap_or_default();
        let mut completion = Completion::of(text, cursor, here, chat)?;
        // The last is what was typed.
        completion.choices.pop();
        // A name is no address here.
        let choice = |choice: &String| choice.trim_end_matches([':', ' ']).to_owned() + " ";
        Some(Offered {
            before: text[..completion.from].to_owned(),
            word: text[completion.from..cursor].to_owned(),
            after: text[cursor..].to_owned(),
            choices: completion.choices.iter().map(choice).collect(),
            list: 0,
        })
    }

    /// The choice whose number was typed behind the word.
    fn chosen(&self, text: &str) -> Option<&str> {
        let typed = text.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        let number: usize = typed.strip_prefix(&*self.word)?.parse().ok()?;
        self.choices.get(number.checked_sub(1)?).map(String::as_str)
    }
}

impl Session {
    /// Completes the word before the cursor, or lists the matches.
    pub(super) fn complete(&mut self, text: &str, cursor: usize) -> Result<(), Failure> {
        let offered = self.offered.take().filter(|offered| offered.list == self.lists);
        let chosen = offered
            .as_ref()
            .and_then(|offered| offered.chosen(text).map(|choice| (offered, choice.to_owned())));
        if let Some((offered, choice)) = chosen {
            return self.put(text, offered, &choice);
        }
        let Some(mut offered) = Offered::of(text, cursor, self) else {
            return self.show_status("No matches.");
        };
        if let [choice] = &offered.choices[..] {
            return self.put(text, &offered, choice);
        }
        for line in numbered(offered.choices.clone()) {
            self.console.status(&harmless(line.trim_end()))?;
        }
        offered.list = self.new_list();
        self.offered = Some(offered);
        Ok(())
    }

    /// A numbered list is shown: the numbers of those before it mean nothing any more.
    pub(super) fn new_list(&mut self) -> u64 {
        self.lists += 1;
        self.lists
    }

    fn put(&self, text: &str, offered: &Offered, choice: &str) -> Result<(), Failure> {
        let new = format!("{}{choice}{}", offered.before, offered.after);
        let cursor = offered.before.len() + choice.len();
        Ok(self.console.replace(text, new, cursor)?)
    }
}
