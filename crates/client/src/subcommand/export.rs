//! `chatclient export`: the whole history of a conversation.

use std::io::{BufWriter, Write};

use chat::entry::Entry;
use chat::timeline::Run;

use super::print::{Printer, json};
use super::{Caller, Format, Progress};
use crate::Outcome;
use crate::failure::Failure;
use crate::pages::ENDLESS;

pub(super) fn run(caller: &mut Caller, target: &str, format: Format) -> Result<Outcome, Failure> {
    let mut out = BufWriter::new(std::io::stdout());
    if format == Format::Html {
        write!(out, "{}", head(target))?;
    }
    // From the beginning, a page at a time: it may not all fit into memory.
    let printer = Printer::new(false);
    let mut progress = Progress::new();
    let (mut next, mut written, mut last) = (Run::Since(0), 0_u64, None);
    loop {
        let count = caller.load(target, next)?;
        let page = page_after(caller, target, last.as_deref());
        if count == 0 {
            break;
        }
        for entry in page.iter().filter(|entry| entry.kind.is_said()) {
            match format {
                Format::Json => writeln!(out, "{}", json(target, entry))?,
                Format::Text => writeln!(out, "{}", printer.text(target, entry))?,
                Format::Html => writeln!(out, "{}", row(&printer, target, entry))?,
            }
            written += 1;
        }
        progress.show(&format!("{written} messages"));
        let newest = page.iter().rev().find_map(|entry| entry.msgid.clone());
        let Some(newest) = newest else {
            out.flush()?;
            return Err(Failure::Refused(format!("not all can be written: {ENDLESS}")));
        };
        next = Run::After(newest.clone());
        last = Some(newest);
    }
    if format == Format::Html {
        writeln!(out, "</table>\n</body>\n</html>")?;
    }
    out.flush()?;
    progress.end();
    Ok(Outcome::Done)
}

/// What follows a message, up to a gap.
fn page_after(caller: &Caller, target: &str, last: Option<&str>) -> Vec<Entry> {
    use chat::timeline::Row;
    let Some(conversation) = caller.chat().conversation(target) else { return Vec::new() };
    let rows = conversation.timeline.rows().iter();
    let mut rows = rows.skip_while(|row| match (row, last) {
        (_, None) => false,
        (Row::Entry(entry), Some(last)) => entry.msgid.as_deref() != Some(last),
        (Row::Gap, Some(_)) => true,
    });
    if last.is_some() {
        rows.next();
    }
    let page = rows.map_while(|row| match row {
        Row::Entry(entry) => Some((**entry).clone()),
        Row::Gap => None,
    });
    page.collect()
}

fn head(target: &str) -> String {
    let target = escaped(target);
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>{target}</title>\n<style>\n\
         body {{ font-family: sans-serif }}\ntd {{ vertical-align: top; padding: 0 .6em .2em 0 }}\n\
         td.text {{ white-space: pre-wrap }}\ntime {{ color: #666 }}\n</style>\n</head>\n<body>\n\
         <h1>{target}</h1>\n<table>"
    )
}

fn row(printer: &Printer, target: &str, entry: &Entry) -> String {
    let line = printer.text(target, entry);
    let time: String = line.chars().take(19).collect();
    let id = entry.msgid.as_deref().map(escaped).unwrap_or_default();
    let text = match &entry.redacted_by {
        Some(by) => format!("(taken back by {})", crate::show::harmless(by)),
        None => entry
            .text
            .lines()
            .map(|line| crate::show::formatted(line, false))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    let (from, text) = (escaped(&entry.from), escaped(&text));
    format!("<tr id=\"{id}\"><td><time>{time}</time><td><b>{from}</b><td class=\"text\">{text}")
}

/// Escapes a text for HTML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
