//! The password file of a script.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use crate::failure::Failure;
use crate::limits::PASSWORD_FILE_BYTES;

/// The first line of the file, whichever editor wrote it, and a warning about the
/// file.
pub(crate) fn read(path: &Path) -> Result<(String, Option<String>), Failure> {
    let unusable = |reason| Failure::PasswordFile { path: path.to_owned(), reason };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        let metadata = file.metadata()?;
        // More than one line of reasonable length is not a password file.
        file.take(PASSWORD_FILE_BYTES).read_to_string(&mut text)?;
        Ok(metadata)
    });
    let metadata = read.map_err(|error: io::Error| unusable(error.to_string()))?;
    match first_line(&text) {
        "" => Err(unusable("its first line is empty".to_owned())),
        password => Ok((password.to_owned(), warning(path, &metadata))),
    }
}

/// Without a byte order mark and line end.
fn first_line(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.split(['\r', '\n']).next().unwrap_or("")
}

#[cfg(unix)]
fn warning(path: &Path, metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    // Pipes made by shells for <(command) belong to nobody else, whatever their mode.
    let open = metadata.is_file() && metadata.permissions().mode() & 0o044 != 0;
    open.then(|| {
        let path = path.display();
        format!("Other users of this machine can read the password in {path}; run chmod 600 {path}")
    })
}

#[cfg(not(unix))]
fn warning(_: &Path, _: &Metadata) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_byte_order_marks_are_not_part_of_the_password() {
        for text in
            ["secret", "secret\n", "secret\r\n", "secret\r", "\u{feff}secret\r\nrest", "secret\n\n"]
        {
            assert_eq!(first_line(text), "secret", "{text:?}");
        }
        assert_eq!(first_line(" two words \n"), " two words ");
        assert_eq!(first_line("\u{feff}\n"), "");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_warned_of() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "secret\n").unwrap();
        for (mode, warned) in
            [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o644, true)]
        {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(file.path(), permissions).unwrap();
            let (password, warning) = read(file.path()).unwrap();
            assert_eq!(
                (&*password, warning.is_some()),
                ("secret", warned),
                "{mode:o}: {warning:?}"
            );
        }
    }
}
