//! Replies of the server as people read them, in aligned tables, or as programs do, in JSON.

use proto::Message;
use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr;

/// The fields of replies that are rows of a table: verb, code, and a name for each parameter; the last
/// one is the text. JSON has them by these names, which never change.
#[rustfmt::skip]
const ROWS: &[(&str, &str, &[&str])] = &[
    ("ACCOUNTS",  "ENTRY", &["account", "created", "state", "role", "connections", "text"]),
    ("INVITATION", "ENTRY", &["code", "uses", "until", "by", "rooms", "note"]),
    ("SERVERBAN", "ENTRY", &["id", "target", "set", "until", "by", "reason"]),
    ("AUDIT",     "ENTRY", &["id", "time", "by", "action", "target", "reason"]),
];

/// The replies so far.
pub(super) struct Printer {
    json: bool,
    output: String,
    errors: String,
    done: bool,
    /// The rows of the table at hand, without its head, and its fields.
    rows: Vec<Vec<String>>,
    fields: &'static [&'static str],
}

impl Printer {
    /// Nothing yet.
    pub(super) fn new(json: bool) -> Printer {
        let (output, errors) = (String::new(), String::new());
        Printer { json, output, errors, done: true, rows: Vec::new(), fields: &[] }
    }

    /// The command was not carried out.
    pub(super) fn refused(&mut self) {
        self.done = false;
    }

    /// A reply has come.
    pub(super) fn add(&mut self, reply: &Message<'_>) {
        let params = reply.params();
        let text = params.last().copied().unwrap_or_default();
        let numeric = reply.verb.parse::<u16>().ok();
        let failed = matches!(reply.verb, "FAIL" | "ERROR")
            || numeric.is_some_and(|numeric| (400..600).contains(&numeric));
        self.done &= !failed;
        if self.json {
            return self.add_json(reply);
        }
        if let ("NOTE", [verb, code, row @ ..]) = (reply.verb, params)
            && let Some(fields) = fields_of(verb, code)
        {
            if self.fields != fields {
                self.end_table();
            }
            self.fields = fields;
            self.rows.push(row.iter().map(|value| (*value).to_owned()).collect());
            return;
        }
        self.end_table();
        let to = if failed { &mut self.errors } else { &mut self.output };
        to.push_str(text);
        to.push('\n');
    }

    fn add_json(&mut self, reply: &Message<'_>) {
        let params = reply.params();
        let mut object = Map::new();
        object.insert("type".into(), reply.verb.to_ascii_lowercase().into());
        let rest = match (reply.verb, params) {
            ("NOTE" | "FAIL" | "WARN", [verb, code, rest @ ..]) => {
                object.insert("verb".into(), (*verb).into());
                object.insert("code".into(), (*code).into());
                match fields_of(verb, code) {
                    Some(fields) => {
                        let values = fields.iter().zip(rest);
                        values.for_each(|(field, value)| {
                            object.insert((*field).into(), (*value).into());
                        });
                        &[]
                    }
                    None => rest,
                }
            }
            _ => params,
        };
        if let [about @ .., text] = rest {
            object.insert("about".into(), about.iter().map(|word| Value::from(*word)).collect());
            object.insert("text".into(), (*text).into());
        }
        self.output.push_str(&Value::Object(object).to_string());
        self.output.push('\n');
    }

    /// Prints the rows so far under their head, each column as wide as it must be.
    fn end_table(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return;
        }
        let head = self.fields.iter().map(|field| field.to_uppercase()).collect();
        let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        let width = |at: usize| {
            let cells = all.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.fields.len()).map(width).collect();
        for row in &all {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
            }
            self.output.push_str(line.trim_end());
            self.output.push('\n');
        }
    }

    /// What goes to standard output, what to standard error, and whether all was done.
    pub(super) fn finish(mut self) -> (String, String, bool) {
        self.end_table();
        (self.output, self.errors, self.done)
    }
}

fn fields_of(verb: &str, code: &str) -> Option<&'static [&'static str]> {
    let row = ROWS.iter().find(|(of, with, _)| *of == verb && *with == code);
    row.map(|(_, _, fields)| *fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 4] = [
        ":parlor NOTE SERVERBAN ENTRY 1 bob 2026-01-01T00:00:00.000Z * ann :Too loud",
        ":parlor NOTE SERVERBAN ENTRY 12 192.0.2.0/24 2026-01-01T00:00:00.000Z * \u{e9}va :Spam",
        ":parlor NOTE SERVERBAN END 2 :These are the bans",
        ":parlor FAIL SERVERBAN NO_SUCH_BAN 7 :There is no such ban",
    ];

    fn printed(json: bool, lines: &[&str]) -> (String, String, bool) {
        let mut printer = Printer::new(json);
        lines.iter().for_each(|line| printer.add(&Message::parse(line).unwrap()));
        printer.finish()
    }

    #[test]
    fn people_get_a_table_and_what_was_refused_apart() {
        let (output, errors, done) = printed(false, &LINES);
        let expected = "\
ID  TARGET        SET                       UNTIL  BY   REASON
1   bob           2026-01-01T00:00:00.000Z  *      ann  Too loud
12  192.0.2.0/24  2026-01-01T00:00:00.000Z  *      \u{e9}va  Spam
These are the bans
";
        assert_eq!(output, expected);
        assert_eq!((errors.as_str(), done), ("There is no such ban\n", false));
    }

    #[test]
    fn programs_get_an_object_for_each_reply() {
        let (output, errors, done) = printed(true, &LINES);
        let all: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((all.len(), errors.as_str(), done), (4, "", false));
        assert_eq!(all[0]["target"], "bob");
        assert_eq!(all[0]["reason"], "Too loud");
        assert_eq!(all[2]["code"], "END");
        assert_eq!(all[2]["about"][0], "2");
        assert_eq!(all[3]["type"], "fail");
        assert!(printed(true, &LINES[..3]).2);
        assert!(!printed(false, &[":parlor 481 * :No"]).2);
    }
}
