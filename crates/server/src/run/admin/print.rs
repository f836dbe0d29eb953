//! Replies of the server as people read them, in aligned tables, or as programs do, in JSON.

use proto::Message;
use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr;

/// The fields of replies that are rows of a table: verb, code (none for numerics), and a name for each
/// of the last parameters. JSON has them by these names, which never change.
#[rustfmt::skip]
const ROWS: &[(&str, &str, &[&str])] = &[
    ("ACCOUNTS",  "ENTRY", &["account", "created", "state", "role", "connections", "text"]),
    ("INVITATION", "ENTRY", &["code", "uses", "until", "by", "rooms", "note"]),
    ("SERVERBAN", "ENTRY", &["id", "target", "set", "until", "by", "reason"]),
    ("AUDIT",     "ENTRY", &["id", "time", "by", "action", "target", "reason"]),
    ("REPORTS",   "ENTRY", &["id", "by", "target", "text"]),
    ("212",       "",      &["command", "count"]),
    ("243",       "",      &["name", "role"]),
];

/// What goes before the text of replies that would not say what they list.
const LABELS: &[(&str, &str, &str)] =
    &[("ACCOUNTS", "ROOMS", "rooms: "), ("ACCOUNTS", "FOUNDED", "rooms founded: ")];

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
        if let Some((fields, row)) = row_of(reply) {
            if self.fields != fields {
                self.end_table();
            }
            self.fields = fields;
            self.rows.push(row.iter().map(|value| (*value).to_owned()).collect());
            return;
        }
        self.end_table();
        let to = if failed { &mut self.errors } else { &mut self.output };
        to.push_str(label_of(reply));
        to.push_str(text);
        if failed && let Some(about) = about_of(reply) {
            to.push_str(&format!(" ({about})"));
        }
        to.push('\n');
    }

    fn add_json(&mut self, reply: &Message<'_>) {
        let params = reply.params();
        let mut object = Map::new();
        object.insert("type".into(), reply.verb.to_ascii_lowercase().into());
        let rest = match (reply.verb, params) {
            ("NOTE" | "FAIL" | "WARN", [verb, code, rest @ ..]) => {
                object.insert("verb".into(), (*verb).into());
                object.insert("reply".into(), (*code).into());
                rest
            }
            _ => params,
        };
        if let Some((fields, row)) = row_of(reply) {
            for (field, value) in fields.iter().zip(row) {
                object.insert((*field).into(), (*value).into());
            }
        } else if let [about @ .., text] = rest {
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

/// The fields of a row of a table, and their values.
fn row_of<'m>(reply: &'m Message<'m>) -> Option<(&'static [&'static str], &'m [&'m str])> {
    let params = reply.params();
    let (verb, code) = match (reply.verb, params) {
        ("NOTE", [verb, code, ..]) => (*verb, *code),
        (numeric, _) => (numeric, ""),
    };
    let (_, _, fields) = ROWS.iter().find(|(of, with, _)| *of == verb && *with == code)?;
    Some((fields, &params[params.len().checked_sub(fields.len())?..]))
}

fn label_of(reply: &Message<'_>) -> &'static str {
    let ("NOTE", [verb, code, ..]) = (reply.verb, reply.params()) else { return "" };
    let label = LABELS.iter().find(|(of, with, _)| of == verb && with == code);
    label.map_or("", |(_, _, label)| label)
}

/// What a refusal is about, such as the room that there is not, unless its text says so.
fn about_of(reply: &Message<'_>) -> Option<String> {
    let about = match (reply.verb, reply.params()) {
        ("FAIL", [_verb, _code, about @ .., text]) => (about, text),
        (numeric, [_nick, about @ .., text]) if numeric.len() == 3 => (about, text),
        _ => return None,
    };
    let (about, text) = about;
    let new = about.iter().filter(|word| !matches!(**word, "" | "*") && !text.contains(**word));
    let new: Vec<&str> = new.copied().collect();
    (!new.is_empty()).then(|| new.join(" "))
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
        assert_eq!((errors.as_str(), done), ("There is no such ban (7)\n", false));
    }

    #[test]
    fn no_field_is_dropped() {
        for (lines, expected) in [
            (
                &[":parlor NOTE REPORTS ENTRY 1 ann root :2026-01-01 00:00:00 UTC, sleeps"][..],
                "ID  BY   TARGET  TEXT\n1   ann  root    2026-01-01 00:00:00 UTC, sleeps\n",
            ),
            (
                &[":parlor 243 * O * * boss admin", ":parlor 219 * o :End of /STATS report"],
                "NAME  ROLE\nboss  admin\nEnd of /STATS report\n",
            ),
            (&[":parlor 212 * PING 2"], "COMMAND  COUNT\nPING     2\n"),
            (
                &[":parlor NOTE ACCOUNTS ROOMS a :@#b", ":parlor NOTE ACCOUNTS FOUNDED a :#b"],
                "rooms: @#b\nrooms founded: #b\n",
            ),
        ] {
            assert_eq!(printed(false, lines), (expected.to_owned(), String::new(), true));
        }
        let (_, errors, _) = printed(false, &[":parlor 461 * KILL :Not enough parameters"]);
        assert_eq!(errors, "Not enough parameters (KILL)\n");
        let listed = [
            ":parlor NOTE INVITATION ENTRY 4kq2 1 * ann * :No note",
            ":parlor NOTE INVITATION END 1 :End of the invitations",
        ];
        let (output, _, _) = printed(true, &listed);
        let all: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&all[0]["reply"], &all[0]["code"]), (&"ENTRY".into(), &"4kq2".into()));
        assert_eq!((&all[1]["reply"], &all[1]["code"]), (&"END".into(), &Value::Null));
    }

    #[test]
    fn programs_get_an_object_for_each_reply() {
        let (output, errors, done) = printed(true, &LINES);
        let all: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((all.len(), errors.as_str(), done), (4, "", false));
        assert_eq!(all[0]["target"], "bob");
        assert_eq!(all[0]["reason"], "Too loud");
        assert_eq!(all[2]["reply"], "END");
        assert_eq!(all[2]["about"][0], "2");
        assert_eq!(all[3]["type"], "fail");
        assert!(printed(true, &LINES[..3]).2);
        assert!(!printed(false, &[":parlor 481 * :No"]).2);
    }
}
