//! Writes chatserver's man pages and shell completions into a folder: for packages, and no part of the
//! program.

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use server::args::Args;
use std::fs;
use std::io;
use std::path::Path;

/// What the man page says beyond what `--help` does.
const FILES_AND_SIGNALS: &str = r#".SH SIGNALS
.TP
SIGTERM, SIGINT
The server stops: everybody is told, everything is stored.
.TP
SIGHUP
The config file and the certificate are read again. Nobody is disconnected; a mistake changes nothing and is told in the log.
.SH FILES
.TP
\fIDIR\fR/parlor.db
Accounts, rooms and history. With the files beside it whose names begin in the same way it is one database: copy it with \fBchatserver backup\fR, not by hand.
.TP
\fIDIR\fR/tls\-certificate.pem, \fIDIR\fR/tls\-key.pem
The server's own certificate. Clients know the server by it, so a backup has it, too. The certificate that the config file names is in no backup.
.TP
\fIFILE\fR of \-\-config
TOML; every key is optional. The Debian package has one in /etc/parlor/parlor.toml with all keys and what they mean.
.SH ENVIRONMENT
.TP
NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS, LISTEN_PID
What systemd sets: the server says when it is ready, reloads or stops, gives signs of life as long as messages can be stored, and takes sockets that systemd has opened; \-\-port and \-\-bind are ignored then.
.SH EXIT STATUS
0 if it was stopped, or did what was asked; 1 if it could not, and standard error says why; 2 if the command line is wrong.
"#;

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("name a folder"))?;
    write(Path::new(&folder))
}

/// Writes all of them.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // It has no page of its own, so none may name one.
    let command = Args::command().disable_help_subcommand(true);
    // One for each subcommand, and the program's, to which something is added.
    clap_mangen::generate_to(command.clone(), folder)?;
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    page.extend_from_slice(FILES_AND_SIGNALS.as_bytes());
    fs::write(folder.join("chatserver.1"), page)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(shell, &mut command.clone(), "chatserver", folder)?;
    }
    Ok(())
}
