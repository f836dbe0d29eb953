//! Events and server messages as screen rows.

use super::View;
use super::block::{Head, Line};
use crate::canvas::Span;
use crate::rich::bare;
use crate::theme::Role;
use crate::wrap::wrap;
use chat::entry::{Entry, Kind};
use ratatui_core::style::Style;
use std::ops::Range;

/// How many names are shown when people come and go; of more, only their number.
const NAMED: usize = 4;

impl View<'_> {
    /// The lines of an entry that is no message.
    pub(super) fn event(&self, rows: &Range<usize>, entry: &Entry, lines: &mut Vec<Line>) {
        let quiet = self.style(Role::Quiet);
        let from = bare(&entry.from);
        let whom = bare(&entry.whom);
        let (sign, style, text) = match entry.kind {
            _ if entry.kind.is_coming_or_going() => {
                let (sign, text) = self.came_and_went(rows);
                (sign, quiet, text)
            }
            Kind::Kick => ("←", quiet, because(&format!("{from} removed {whom}"), &entry.text)),
            Kind::Topic if entry.text.is_empty() => {
                ("–", quiet, format!("{from} removed the topic"))
            }
            Kind::Topic => ("–", quiet, format!("{from} set the topic: {}", entry.text)),
            Kind::Mode => ("–", quiet, format!("{from} set {}", entry.text)),
            Kind::Invite => ("–", quiet, format!("{from} invited {whom}")),
            Kind::Error => ("!", self.style(Role::Bad), entry.text.clone()),
            _ => ("·", Style::new(), entry.text.clone()),
        };
        let head = Head {
            time: self.at(entry.time_ms).strftime("%H:%M").to_string(),
            nick: Span::new(sign, style),
            ..Head::default()
        };
        let columns = self.text_columns();
        let mut is_first = true;
        for rich in self.reader.lines(&text, style) {
            for range in wrap(&rich.text, columns) {
                let mut spans = self.left_of(is_first.then_some(&head), &head);
                spans.extend(rich.spans(range));
                lines.push(Line { spans, is_body: true, ..Line::default() });
                is_first = false;
            }
        }
    }

    /// People who came and went, as a sign and a sentence.
    fn came_and_went(&self, rows: &Range<usize>) -> (&'static str, String) {
        let entries: Vec<&Entry> = rows.clone().filter_map(|at| self.entry(at)).collect();
        if let [entry] = entries[..] {
            let from = bare(&entry.from);
            return match entry.kind {
                Kind::Join => ("→", format!("{from} came")),
                Kind::Nick => ("–", format!("{from} is called {} now", bare(&entry.whom))),
                _ => ("←", because(&format!("{from} left"), &entry.text)),
            };
        }
        // Somebody who came, left and came again has come.
        let mut people: Vec<(String, bool, bool)> = Vec::new();
        let mut renamed = Vec::new();
        for entry in &entries {
            let (name, comes) = (bare(&entry.from), entry.kind == Kind::Join);
            match people.iter_mut().find(|(known, ..)| *known == name) {
                _ if entry.kind == Kind::Nick => renamed.push(name),
                Some((_, _, is_present)) => *is_present = comes,
                None => people.push((name, !comes, comes)),
            }
        }
        let of = |was_present: bool, is_present: bool| -> Vec<String> {
            let those =
                people.iter().filter(|(_, was, is)| (*was, *is) == (was_present, is_present));
            those.map(|(name, ..)| name.clone()).collect()
        };
        let (mut came, mut left) = (of(false, true), of(true, false));
        let (mut passed, back) = (of(false, false), of(true, true));
        let few = people.len() + renamed.len() <= NAMED;
        if !few {
            // Of many it is enough to know how many came and left.
            came.extend(passed.iter().cloned());
            left.append(&mut passed);
        }
        let groups = [
            (&came, "came"),
            (&left, "left"),
            (&passed, "came and left"),
            (&back, "left and came back"),
            (&renamed, "changed names"),
        ];
        let parts = groups.into_iter().filter(|(names, _)| !names.is_empty());
        let parts = parts.map(|(names, verb)| match few {
            true => format!("{} {verb}", names.join(", ")),
            false => format!("{} {verb}", names.len()),
        });
        let sign = match (came.is_empty(), left.is_empty()) {
            (false, true) => "→",
            (true, false) => "←",
            _ => "–",
        };
        let separator = if few { "; " } else { ", " };
        (sign, parts.collect::<Vec<_>>().join(separator))
    }
}

fn because(what: &str, reason: &str) -> String {
    if reason.is_empty() { what.to_owned() } else { format!("{what} ({reason})") }
}
