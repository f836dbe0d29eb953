//! Everything the server keeps about the person's account, as lines of JSON in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use chat::{Change, Intent};

use crate::Outcome;
use crate::failure::Failure;
use crate::plain::{End, Session};

/// Writes it all to a new file that only its owner can read, or, for `-`, to standard output.
///
/// # Errors
/// If the file is there already, or cannot be written, or the server refuses.
pub(crate) fn run(session: &mut Session, path: &Path) -> Result<Outcome, Failure> {
    let failed = |source| Failure::Export { path: path.to_owned(), source };
    let mut out = BufWriter::new(open(path).map_err(failed)?);
    let (mut from, mut count) = (None, 0);
    loop {
        let (lines, next) = match part(session, from.as_deref()) {
            Ok(Ok(Part::Lines(lines, next))) => (lines, next),
            Ok(Ok(Part::Later(time))) => {
                if let Err(end) = session.wait_for(time) {
                    return end_of(end);
                }
                continue;
            }
            Ok(Err(sentence)) => return Err(Failure::ExportRefused(sentence)),
            Err(end) => return end_of(end),
        };
        for line in &lines {
            writeln!(out, "{line}").map_err(failed)?;
        }
        count += lines.len();
        from = next;
        if from.is_none() {
            break;
        }
    }
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.finish().map_err(failed)?;
    session.show_status(&format!("Exported {count} lines."))?;
    Ok(Outcome::Done)
}

/// What the server answers.
enum Part {
    /// Lines of JSON, and where the next part begins; none: this was the last.
    Lines(Vec<String>, Option<String>),
    /// It takes the request later.
    Later(Duration),
}

/// Asks for what the server keeps of the account, from where the part before ended.
fn part(session: &mut Session, from: Option<&str>) -> Result<Result<Part, String>, End> {
    let intent =
        Intent::Raw(format!("ACCOUNT EXPORT {}", from.unwrap_or_default()).trim_end().to_owned());
    loop {
        session.until_ready()?;
        if let Err(impossible) = session.wire.perform(intent.clone()) {
            return Ok(Err(impossible.to_string()));
        }
        let mut lines = Lines::default();
        let answer = session.answer_to("ACCOUNT", |_, change| match change {
            Change::Answered { verb, code, params, text, refused } if verb == "ACCOUNT" => {
                lines.answered(code, params.first().map(String::as_str), text, *refused)
            }
            _ => None,
        })?;
        // After a break the part is asked for again.
        if let Some(answer) = answer {
            return Ok(answer);
        }
    }
}

/// Lines of JSON that come in pieces.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    /// The last one goes on.
    goes_on: bool,
}

impl Lines {
    /// Takes in an answer: what the server's last word means.
    fn answered(
        &mut self,
        code: &str,
        first: Option<&str>,
        text: &str,
        refused: bool,
    ) -> Option<Result<Part, String>> {
        match (code, first) {
            ("EXPORT", _) => {
                self.add(text, first == Some("+"));
                None
            }
            ("EXPORT_NEXT", next) => Some(Ok(Part::Lines(self.take(), next.map(str::to_owned)))),
            ("EXPORT_END", _) => Some(Ok(Part::Lines(self.take(), None))),
            ("RATE_LIMITED", Some(seconds)) if refused => {
                let seconds = seconds.parse().unwrap_or(1);
                Some(Ok(Part::Later(Duration::from_secs(seconds))))
            }
            _ => refused.then(|| Err(text.to_owned())),
        }
    }

    fn add(&mut self, piece: &str, goes_on: bool) {
        match self.lines.last_mut().filter(|_| self.goes_on) {
            Some(line) => line.push_str(piece),
            None => self.lines.push(piece.to_owned()),
        }
        self.goes_on = goes_on;
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(self).lines
    }
}

/// What takes the lines.
enum Target {
    File(File),
    Output(io::Stdout),
}

fn open(path: &Path) -> io::Result<Target> {
    if path == Path::new("-") {
        return Ok(Target::Output(io::stdout()));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(Target::File)
}

impl Target {
    fn finish(mut self) -> io::Result<()> {
        match &mut self {
            Target::File(file) => file.sync_all(),
            Target::Output(output) => output.flush(),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::File(file) => file.write(bytes),
            Target::Output(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::File(file) => file.flush(),
            Target::Output(output) => output.flush(),
        }
    }
}

/// The export ended before it was whole.
fn end_of(end: End) -> Result<Outcome, Failure> {
    match end {
        End::Left(crate::link::Leaving::Interrupted) => Ok(Outcome::Interrupted),
        End::Left(crate::link::Leaving::Terminated) => Ok(Outcome::Terminated),
        End::Left(_) => Ok(Outcome::Undone),
        End::Unusable(reason) => Err(Failure::Input(reason)),
        End::Failed(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_an_export_are_joined_to_lines() {
        let mut lines = Lines::default();
        for (piece, goes_on) in [("{\"a\": ", true), ("\"b", true), ("\"}", false), ("{}", false)] {
            lines.add(piece, goes_on);
        }
        assert_eq!(lines.take(), ["{\"a\": \"b\"}", "{}"]);
    }
}
