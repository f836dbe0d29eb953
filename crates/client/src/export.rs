//! Everything the server keeps about the person's account, as lines of JSON in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::Outcome;
use crate::failure::Failure;
use crate::session::{End, Session};
use crate::state::Answer;

/// Writes it all to a new file that only its owner can read, or, for `-`, to standard output.
///
/// # Errors
/// If the file is there already, or cannot be written, or the server refuses.
pub(crate) fn run(session: &mut Session, path: &Path) -> Result<Outcome, Failure> {
    let failed = |source| Failure::Export { path: path.to_owned(), source };
    let mut out = BufWriter::new(open(path).map_err(failed)?);
    let (mut from, mut count) = (None, 0);
    loop {
        let answer = session.request(|state, out| state.ask_export(from.as_deref(), out));
        let (lines, next) = match answer {
            Ok(Answer::Export { lines, next }) => (lines, next),
            Ok(Answer::Later(time)) => {
                if let Err(end) = session.wait_for(time) {
                    return end_of(end);
                }
                continue;
            }
            Ok(Answer::Refused { sentence, .. }) => return Err(Failure::ExportRefused(sentence)),
            Ok(_) => return Err(Failure::ExportRefused("its answer is not understood".to_owned())),
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
    session.aside(&format!("Exported {count} lines."))?;
    Ok(Outcome::Done)
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
