//! The command line.

use crate::config::Server;
use crate::log::Format;
use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// The Parlor chat server: a room that people join with chatclient, any IRC client, or nc.
///
/// A message is acknowledged, and seen by anyone, only once it is on disk.
#[derive(Debug, Parser)]
#[command(name = "chatserver", version, args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  chatserver -p 9999                      start the room; data in ./parlor-data
  chatserver -p 9999 --data /srv/parlor   keep the data somewhere else
  chatserver --data :memory: -p 9999      try it out; nothing is kept
  chatserver passwd ann                   give ann a new password (the server must not be running)
  chatserver backup room.db               copy everything into one file while the server runs
  chatserver restore room.db --data DIR   make a data folder of that copy

Join with:
  chatclient -hn HOST -p 9999             or any IRC client: server HOST, port 9999, with TLS,
                                          your name as the nick, your password as the server password
Stop with Ctrl-C or SIGTERM: everybody is told, everything is stored.")]
pub struct Args {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

/// How to serve.
#[derive(Debug, ClapArgs)]
pub struct Serve {
    /// Port to listen on; 0 picks a free one [default: 9999]
    #[arg(short, long, value_name = "PORT", conflicts_with = "port_alone")]
    pub port: Option<u16>,
    /// The port may also stand alone
    #[arg(value_name = "PORT", id = "port_alone")]
    pub port_alone: Option<u16>,
    /// Address to listen on [default: all addresses of this machine, IPv4 and IPv6]
    #[arg(long, value_name = "ADDR")]
    pub bind: Option<String>,
    /// Folder for accounts, rooms and history; `:memory:` keeps nothing [default: ./parlor-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Config file (TOML); every key is optional, and what the command line says comes first
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the config file, with the certificate and the addresses in it, and do not start
    #[arg(long, requires = "config")]
    pub check_config: bool,
    /// Start though the database has less than was stored in it, and take what is there for all. Only
    /// when what is missing cannot be had back
    #[arg(long)]
    pub accept_loss: bool,
    /// How log lines look
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
}

impl Serve {
    /// Whether it says where to listen, which is ignored where a service manager listens.
    pub fn says_where(&self) -> bool {
        self.port.or(self.port_alone).is_some() || self.bind.is_some()
    }

    /// The port to listen on; the command line comes before the config file.
    pub fn port(&self, config: &Server) -> u16 {
        self.port.or(self.port_alone).unwrap_or(config.port)
    }
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a user's password anew (asks for it, or reads it from standard input); the server must
    /// not be running
    Passwd {
        /// The user
        name: String,
        /// The server's data folder
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
    },
    /// Check the whole database for damage; the server must not be running
    Check {
        /// The server's data folder
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
    },
    /// Copy everything into one file, also while the server is running: accounts, rooms, history and
    /// the server's own certificate with its key. Keep it where nobody else can read it
    Backup {
        /// The file to make; nothing is overwritten
        file: PathBuf,
        /// Copy all that is sound of a damaged database, and list what is not
        #[arg(long)]
        anyway: bool,
        /// The server's data folder
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
    },
    /// Make a new data folder of all that is sound in a damaged one, and list what is not; the server
    /// must not be running. The damaged one is left as it is
    Salvage {
        /// The damaged data folder
        from: PathBuf,
        /// The data folder to make
        to: PathBuf,
    },
    /// Make a data folder of a backup; one that has a database is not touched
    Restore {
        /// The file that `chatserver backup` made
        file: PathBuf,
        /// The data folder to make
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
    },
}
