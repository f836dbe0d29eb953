//! Writes chatclient's man page and shell completions into a directory, for packaging.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use parlor_client::args::Args;

/// Man page sections beyond what `--help` says.
const SPELLINGS_AND_FILES: &str = r#".SH SPELLINGS
\fB\-hn\fR \fIHOST\fR (also \fB\-hn=\fIHOST\fR and \fB\-hn\fIHOST\fR) is the same as \fB\-\-host\fR \fIHOST\fR: \fBchatclient \-hn localhost \-p 9999\fR joins the server on this machine.
.SH FILES
.TP
$XDG_STATE_HOME/parlor/known_hosts, else ~/.local/state/parlor/known_hosts
Known servers, each with the fingerprint of its certificate; and accounts, as \fIUSER\fR@\fIHOST\fR:\fIPORT\fR, each with the
highest SCRAM iteration count used to log in so far. A server that asks for fewer iterations is refused; if the lower count is
legitimate, delete the line.
.TP
$XDG_CONFIG_HOME/parlor/config.toml, else ~/.config/parlor/config.toml
Configuration of the full screen: \fBnotify\fR (bell, osc9, osc777, osc99 or none), \fBcolours\fR (auto, none, 16 or 256), \fBbackground\fR
(auto, dark or light), \fBmouse\fR, \fBmembers\fR, \fBlinks\fR (true or false), and in the table \fBkeys\fR the keys by the names of what they do.
Errors in it are reported at the start.
.TP
$XDG_STATE_HOME/parlor/screen.json, else ~/.local/state/parlor/screen.json
What was written and not sent, and which room was open, by server.
.TP
$XDG_STATE_HOME/parlor/history, else ~/.local/state/parlor/history
Terminal input history; not written with \fB\-\-no\-history\fR.
.SH KEYS
F1 shows all keys of the full screen, /help the commands.
.SH ENVIRONMENT
.TP
NO_COLOR
Use no colours.
.TP
VISUAL, EDITOR
The editor for Ctrl\-E.
.TP
ALL_PROXY, NO_PROXY
A SOCKS5 proxy for all connections, as \fBsocks5h://\fR[\fIUSER\fR:\fIPASSWORD\fR@]\fIHOST\fR:\fIPORT\fR, and a comma-separated list
of hosts and domains to connect to directly.
"#;

fn main() -> io::Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or_else(|| io::Error::other("usage: client-docs DIRECTORY"))?;
    write(Path::new(&folder))
}

/// Writes all files.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let command = Args::command();
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    page.extend_from_slice(SPELLINGS_AND_FILES.as_bytes());
    fs::write(folder.join("chatclient.1"), page)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(shell, &mut command.clone(), "chatclient", folder)?;
    }
    Ok(())
}
