//! Log lines for people: `[INFO] what happened name=value other="two words"`, preceded by the UTC
//! time in a file.
//!
//! A value may come from a client. It cannot start a line, move the cursor or imitate another
//! field: anything but plain characters is quoted, and the rest escaped.

use crate::clock::wall;
use proto::time::write_server_time;
use std::fmt::{self, Debug, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats a line: its level and its fields.
pub(super) struct PlainFormatter {
    /// Whether it begins with the time.
    pub(super) dated: bool,
}

impl<S, N> FormatEvent<S, N> for PlainFormatter
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.dated {
            let mut now = Vec::new();
            write_server_time(wall(), &mut now);
            write!(writer, "{} ", String::from_utf8_lossy(&now))?;
        }
        write!(writer, "[{}] ", event.metadata().level())?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Formats the fields: first the sentence, then each with its name.
pub(super) struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut found = FieldTexts::default();
        fields.record(&mut found);
        write!(writer, "{}{}", found.sentence, found.fields)
    }
}

#[derive(Default)]
struct FieldTexts {
    sentence: String,
    fields: String,
}

impl Visit for FieldTexts {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => {
                for c in value.chars() {
                    match is_plain(c) || matches!(c, ' ' | '"' | '\'' | '\\' | '=') {
                        true => self.sentence.push(c),
                        false => self.sentence.extend(c.escape_debug()),
                    }
                }
            }
            name => {
                // Writing to a string cannot fail.
                let _ = write!(self.fields, " {name}={}", Value(value));
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Writes a value, quoted unless it is one plain word.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match !self.0.is_empty() && self.0.chars().all(is_plain) {
            true => f.write_str(self.0),
            false => write!(f, "{:?}", self.0),
        }
    }
}

/// Whether a character needs neither quotes nor an escape.
fn is_plain(c: char) -> bool {
    c.escape_debug().eq([c]) && c != ' ' && c != '='
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// What a subscriber with this format writes.
    fn written(log: impl FnOnce()) -> String {
        written_as(PlainFormatter { dated: false }, log)
    }

    fn written_as(format: PlainFormatter, log: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let shared = Shared::default();
        let writer = shared.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .fmt_fields(Fields)
            .event_format(format)
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = shared.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn fields_follow_the_sentence_with_their_names() {
        let line = written(|| tracing::info!(user = %"ann", count = 3, "Logged in"));
        assert_eq!(line, "[INFO] Logged in user=ann count=3\n");
        let line = written(|| tracing::warn!(reason = "two words", "It's \"so\" = \\"));
        assert_eq!(line, "[WARN] It's \"so\" = \\ reason=\"two words\"\n");
    }

    #[test]
    fn a_dated_line_begins_with_the_time_and_a_space() {
        let (before, line) =
            (wall(), written_as(PlainFormatter { dated: true }, || tracing::info!("x")));
        let (time, rest) = line.split_once(' ').unwrap();
        let time = proto::time::parse_server_time(time).unwrap();
        assert!((before..before + 60_000).contains(&time), "{line}");
        assert_eq!(rest, "[INFO] x\n");
    }

    #[test]
    fn no_value_can_pass_for_another_line_or_field() {
        for bad in ["a\n[INFO] b", "a\rb", "\x1b[2J", "a b=c", "", "a\"b", "\u{202e}x", "\u{2028}"]
        {
            let line = written(|| tracing::info!(user = %bad, other = 1, "{bad}"));
            assert!(line.starts_with("[INFO] ") && line.ends_with(" other=1\n"), "{line:?}");
            assert_eq!(line.lines().count(), 1, "{line:?}");
            assert!(!line.trim_end().contains(|c: char| c.is_control()), "{line:?}");
            assert!(!line.contains(['\u{202e}', '\u{2028}']), "{line:?}");
            assert!(line.contains("user=\""), "{line:?}");
        }
        let line = written(|| tracing::info!(address = %"::ffff:192.0.2.1", "x"));
        assert_eq!(line, "[INFO] x address=::ffff:192.0.2.1\n");
    }
}
