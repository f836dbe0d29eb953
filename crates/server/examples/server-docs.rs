//! Writes chatserver's man pages and shell completions into a directory, for packaging.

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use server::args::Args;
use std::fs;
use std::io;
use std::path::Path;

/// Man page sections beyond what `--help` says.
const FILES_AND_SIGNALS: &str = r#".SH SIGNALS
.TP
SIGTERM, SIGINT
Stop: everyone is notified and everything is stored.
.TP
SIGHUP
Reload the config file and the certificate. Nobody is disconnected; if there is an error, nothing changes and the log says why.
.SH FILES
.TP
\fIDIR\fR/parlor.db
The SQLite database with accounts, rooms and history. It includes the files beside it whose names begin with \fBparlor.db\fR: copy it with \fBchatserver backup\fR, not by hand.
.TP
\fIDIR\fR/tls\-certificate.pem, \fIDIR\fR/tls\-key.pem
The server's self-signed certificate and key. Clients recognize the server by it, so backups include it. A certificate named in the config file is not backed up.
.TP
\fIDIR\fR/admin.sock
The socket of \fBchatserver admin\fR, while the server runs. Only the owner of the folder may open it.
.TP
\fIFILE\fR of \-\-config
TOML; every key is optional. The Debian package installs /etc/parlor/parlor.toml, which documents all keys.
.SH ENVIRONMENT
.TP
NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS, LISTEN_PID
Set by systemd. The server reports when it is ready, reloading or stopping, sends watchdog notifications as long as messages can be stored, and uses the sockets systemd has opened; \-\-port and \-\-bind are then ignored.
.SH EXIT STATUS
0 on success or an orderly stop; 1 on failure, with the reason on standard error; 2 if the command line is invalid; 4 if \fBchatserver admin\fR finds no running server.
"#;

fn main() -> io::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or_else(|| io::Error::other("usage: server-docs DIRECTORY"))?;
    write(Path::new(&folder))
}

/// Writes all files.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // The help subcommand has no man page, so no page may refer to one.
    let command = Args::command().disable_help_subcommand(true);
    // One page per subcommand, and the program's own, which gets more sections below.
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
