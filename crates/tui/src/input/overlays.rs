//! Keys in overlays: help, palette, search, rooms, reactions, questions.

use crate::action::Action;
use crate::composer::Composer;
use crate::input::OpenQuestion;
use crate::keymap::Act;
use crate::overlay::{List, Overlay, Question};
use crate::palette::{Kind, Palette};
use crate::tui::{Focus, Tui};
use chat::{Chat, Intent};
use proto::name::same;

/// How many entries a page has.
const PAGE: isize = 10;

impl Tui {
    /// Handles a key in an overlay, which was taken out for that.
    pub(super) fn act_in_overlay(
        &mut self,
        overlay: Overlay,
        act: Act,
        chat: &Chat,
    ) -> Vec<Action> {
        match overlay {
            Overlay::Help(rows) => return self.act_in_help(rows, act, chat),
            Overlay::Question(question) => return self.act_in_question(question, act),
            _ => {}
        }
        self.overlay = Some(overlay);
        match act {
            Act::Back => return self.close_overlay(),
            Act::Choose => return self.choose(chat),
            Act::ItemAbove => return self.move_choice(-1, chat),
            Act::ItemBelow => return self.move_choice(1, chat),
            Act::PageUp => return self.move_choice(-PAGE, chat),
            Act::PageDown => return self.move_choice(PAGE, chat),
            Act::NewLine | Act::Editor | Act::Complete | Act::CompleteBack => return Vec::new(),
            _ => {}
        }
        if self.overlay_input().is_some_and(|input| input.act(act, &Default::default())) {
            self.overlay_edited(chat);
            return Vec::new();
        }
        // What works everywhere works here, too, and closes the overlay.
        self.overlay = None;
        self.navigate(act, chat)
    }

    fn act_in_help(&mut self, rows: usize, act: Act, chat: &Chat) -> Vec<Action> {
        let rows = match act {
            Act::ItemAbove => rows.saturating_sub(1),
            Act::ItemBelow => rows + 1,
            Act::PageUp => rows.saturating_add_signed(-PAGE),
            Act::PageDown => rows.saturating_add_signed(PAGE),
            Act::Back | Act::Choose | Act::Help => return Vec::new(),
            _ => return self.navigate(act, chat),
        };
        self.overlay = Some(Overlay::Help(rows));
        Vec::new()
    }

    fn act_in_question(&mut self, mut question: Question, act: Act) -> Vec<Action> {
        match act {
            Act::Send => return self.answered(question),
            Act::Back => return self.not_answered(),
            Act::NewLine | Act::Editor | Act::Complete | Act::CompleteBack => {}
            _ => drop(question.input.act(act, &Default::default())),
        }
        self.overlay = Some(Overlay::Question(question));
        Vec::new()
    }

    fn answered(&mut self, mut question: Question) -> Vec<Action> {
        let text = question.input.take();
        match std::mem::take(&mut self.memory.asking) {
            OpenQuestion::Owner => vec![Action::Answer(Some(text))],
            OpenQuestion::TakeBack { target, msgid } if is_yes(&text) => {
                self.focus = Focus::Composer;
                vec![Action::Do(Intent::Redact { target, msgid, reason: String::new() })]
            }
            OpenQuestion::TakeBack { .. } => Vec::new(),
        }
    }

    fn not_answered(&mut self) -> Vec<Action> {
        match std::mem::take(&mut self.memory.asking) {
            OpenQuestion::Owner => vec![Action::Answer(None)],
            _ => Vec::new(),
        }
    }

    /// Closes the overlay without choosing.
    pub(super) fn close_overlay(&mut self) -> Vec<Action> {
        match self.overlay.take() {
            Some(Overlay::Question(_)) => self.not_answered(),
            _ => Vec::new(),
        }
    }

    pub(super) fn type_in_overlay(&mut self, text: &str, chat: &Chat) -> Vec<Action> {
        match &mut self.overlay {
            Some(Overlay::Help(_)) => self.overlay = None,
            _ => {
                if let Some(input) = self.overlay_input() {
                    input.insert(text);
                    self.overlay_edited(chat);
                }
            }
        }
        Vec::new()
    }

    fn overlay_input(&mut self) -> Option<&mut Composer> {
        match self.overlay.as_mut()? {
            Overlay::Help(_) => None,
            Overlay::Palette(palette) => Some(&mut palette.input),
            Overlay::Search(list) | Overlay::Rooms(list) | Overlay::Reactions(list) => {
                Some(&mut list.input)
            }
            Overlay::Question(question) => Some(&mut question.input),
        }
    }

    fn overlay_edited(&mut self, chat: &Chat) {
        match &mut self.overlay {
            Some(Overlay::Palette(palette)) => palette.look(chat),
            Some(Overlay::Rooms(list) | Overlay::Reactions(list)) => list.selected = 0,
            _ => {}
        }
    }

    /// The number of entries in the overlay's list.
    fn entries(&self, chat: &Chat) -> usize {
        match &self.overlay {
            Some(Overlay::Palette(palette)) => palette.hits.len(),
            Some(Overlay::Search(_)) => chat.search.found.len(),
            Some(Overlay::Rooms(list)) => list.rooms(chat).len(),
            Some(Overlay::Reactions(list)) => list.reactions().len(),
            _ => 0,
        }
    }

    /// Moves the selection by this many entries. At the end of a search the next page of results is
    /// requested.
    pub(super) fn move_choice(&mut self, by: isize, chat: &Chat) -> Vec<Action> {
        let last = self.entries(chat).saturating_sub(1);
        let selected = match &mut self.overlay {
            Some(Overlay::Palette(Palette { selected, .. })) => selected,
            Some(
                Overlay::Search(List { selected, .. })
                | Overlay::Rooms(List { selected, .. })
                | Overlay::Reactions(List { selected, .. }),
            ) => selected,
            _ => return Vec::new(),
        };
        let before = *selected;
        *selected = before.saturating_add_signed(by).min(last);
        let at_end = by > 0 && before == last && last > 0;
        let search = &chat.search;
        if at_end && matches!(self.overlay, Some(Overlay::Search(_))) && !search.loading {
            let before_ms = search.found.last().map(|(_, entry)| entry.time_ms);
            let words = search.words.clone();
            return vec![Action::Do(Intent::Search { words, before_ms })];
        }
        Vec::new()
    }

    /// Chooses an entry by its number, as a click does.
    pub(super) fn choose_item(&mut self, item: usize, chat: &Chat) -> Vec<Action> {
        match &mut self.overlay {
            Some(Overlay::Palette(Palette { selected, .. })) => *selected = item,
            Some(Overlay::Search(list) | Overlay::Rooms(list) | Overlay::Reactions(list)) => {
                list.selected = item;
            }
            _ => {}
        }
        self.choose(chat)
    }

    fn choose(&mut self, chat: &Chat) -> Vec<Action> {
        match self.overlay.take() {
            Some(Overlay::Palette(palette)) => self.choose_hit(&palette, chat),
            Some(Overlay::Search(list)) => self.choose_found(list, chat),
            Some(Overlay::Rooms(list)) => {
                let chosen = list.rooms(chat).get(list.selected).map(|room| room.name.clone());
                chosen.map_or(Vec::new(), |name| self.go_to(&name, chat))
            }
            Some(Overlay::Reactions(list)) => {
                // A word that is no emoji's name can be a reaction, too.
                let word = Some(list.input.text().trim()).filter(|word| !word.is_empty());
                let chosen = list.reactions().get(list.selected).map(|(emoji, _)| *emoji);
                chosen.or(word).map_or(Vec::new(), |text| self.react(text.to_owned(), chat))
            }
            _ => Vec::new(),
        }
    }

    fn choose_hit(&mut self, palette: &Palette, chat: &Chat) -> Vec<Action> {
        let Some(hit) = palette.hits.get(palette.selected) else { return Vec::new() };
        match hit.kind {
            Kind::Conversation => self.go_to(&hit.text, chat),
            Kind::Command(more) => {
                self.focus = Focus::Composer;
                if more {
                    let line = format!("{} ", hit.text);
                    self.composer().set(&line);
                    return Vec::new();
                }
                match crate::slash::parse(&hit.text, &self.open, chat) {
                    Ok(commands) => commands
                        .into_iter()
                        .flat_map(|command| self.execute(command, chat))
                        .collect(),
                    Err(sentence) => {
                        self.show_status(&sentence, true);
                        Vec::new()
                    }
                }
            }
        }
    }

    /// Enter in a search: searches for what is typed, and then goes to the selected result.
    fn choose_found(&mut self, mut list: List, chat: &Chat) -> Vec<Action> {
        let words = list.input.text().trim().to_owned();
        let found = chat.search.found.get(list.selected).filter(|_| chat.search.words == words);
        if let Some((target, entry)) = found
            && let Some(msgid) = &entry.msgid
        {
            return self.visit(target, msgid, chat);
        }
        let is_under_way = chat.search.loading && chat.search.words == words;
        list.selected = 0;
        self.overlay = Some(Overlay::Search(list));
        if words.is_empty() || is_under_way {
            return Vec::new();
        }
        vec![Action::Do(Intent::Search { words, before_ms: None })]
    }

    /// Reacts, or removes the same reaction.
    fn react(&mut self, text: String, chat: &Chat) -> Vec<Action> {
        let Some((target, msgid)) = self.memory.reacting.take() else { return Vec::new() };
        // What is typed next is said.
        self.focus = Focus::Composer;
        let text = crate::complete::emoji_named(&text).map_or(text, str::to_owned);
        let reactions = chat.find_message(&target, &msgid).map(|entry| &entry.reactions);
        let undo = reactions.is_some_and(|reactions| {
            let is_mine = |names: &[String]| names.iter().any(|name| same(name, &chat.me));
            reactions.iter().any(|reaction| reaction.text == text && is_mine(&reaction.by))
        });
        vec![Action::Do(Intent::React { target, msgid, text, undo })]
    }
}

fn is_yes(text: &str) -> bool {
    matches!(text.trim().to_lowercase().as_str(), "y" | "yes")
}
