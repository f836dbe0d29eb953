//! Writes chatclient's man page and shell completions into a folder: for packages, and no part of the
//! program.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use parlor_client::args::Args;

/// What the man page says beyond what `--help` does.
const SPELLINGS_AND_FILES: &str = r#".SH SPELLINGS
\fB\-hn\fR \fIHOST\fR (also \fB\-hn=\fIHOST\fR and \fB\-hn\fIHOST\fR) means the same as \fB\-\-host\fR \fIHOST\fR, so \fBchatclient \-hn localhost \-p 9999\fR joins the room of this machine.
.SH FILES
.TP
$XDG_STATE_HOME/parlor/known_hosts, else ~/.local/state/parlor/known_hosts
The servers that this client knows, each with the fingerprint of its certificate; and the accounts, as
\fIUSER\fR@\fIHOST\fR:\fIPORT\fR, each with the most rounds of key derivation (SCRAM iterations) with which its password was
proved. A server that asks for fewer is refused; delete the line if that is right.
.TP
$XDG_STATE_HOME/parlor/history, else ~/.local/state/parlor/history
What was typed at terminals, for the arrow keys; not with \fB\-\-no\-history\fR.
.SH ENVIRONMENT
.TP
ALL_PROXY, NO_PROXY
A SOCKS5 proxy for all connections, as \fBsocks5h://\fR[\fIUSER\fR:\fIPASSWORD\fR@]\fIHOST\fR:\fIPORT\fR, and the hosts and
domains that are reached without it, with commas between them.
"#;

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("name a folder"))?;
    write(Path::new(&folder))
}

/// Writes all of them.
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
