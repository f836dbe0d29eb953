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
  chatserver -p 9999                      start the server; data in ./parlor-data
  chatserver -p 9999 --data /srv/parlor   keep the data somewhere else
  chatserver --data :memory: -p 9999      try it out; nothing is kept
  chatserver passwd ann                   set a new password for ann (not while the server runs, nor on a node)
  chatserver admin accounts list          list the accounts of the running server
  chatserver backup room.db               back up everything into one file while the server runs
  chatserver restore room.db --data DIR   restore that backup into a data directory

Join with:
  chatclient -hn HOST -p 9999             or any IRC client: server HOST, port 9999, with TLS,
                                          your name as the nick, your password as the server password
Stop with Ctrl-C or SIGTERM: everyone is notified and everything is stored.")]
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
    /// Same as --port
    #[arg(value_name = "PORT", id = "port_alone")]
    pub port_alone: Option<u16>,
    /// Address to listen on [default: all addresses of this machine, IPv4 and IPv6]
    #[arg(long, value_name = "ADDR")]
    pub bind: Option<String>,
    /// Directory for accounts, rooms and history; `:memory:` keeps nothing [default: ./parlor-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Config file (TOML); every key is optional, and the command line overrides it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the config file, including its certificate and addresses, without starting
    #[arg(long, requires = "config")]
    pub check_config: bool,
    /// Start even though the database contains less than was stored. Only if the missing data cannot be
    /// recovered
    #[arg(long)]
    pub accept_loss: bool,
    /// Log format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
}

impl Serve {
    /// Whether the command line says where to listen, which socket activation overrides.
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
    /// Reset a user's password (prompts for it, or reads it from standard input); the server must
    /// not be running, nor be a node of a cluster
    Passwd {
        /// The user
        name: String,
        /// The server's data directory
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
    },
    /// Administer the running server: accounts, bans, the audit log. Takes a command that the server's
    /// HELP lists, such as `accounts list` or `serverban add 192.0.2.0/24 2h Spam`
    Admin {
        /// Print each reply as JSON, one a line, with field names that stay the same
        #[arg(long)]
        json: bool,
        /// The server's data folder
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
        /// The command; `help` lists what there is
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Check the whole database for damage; the server must not be running
    Check {
        /// The server's data directory
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
    },
    /// Back up everything into one file, even while the server is running: accounts, rooms, history
    /// and the server's certificate with its key. Keep it where nobody else can read it
    Backup {
        /// The file to create; nothing is overwritten
        file: PathBuf,
        /// Copy everything intact from a damaged database, and list what is not
        #[arg(long)]
        anyway: bool,
        /// The server's data directory
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
    },
    /// Recover everything intact from a damaged data directory into a new one, and list what is not; the
    /// server must not be running. The damaged one is left unchanged. Of a cluster's node this makes a single
    /// server's
    Salvage {
        /// The damaged data directory
        from: PathBuf,
        /// The data directory to create
        to: PathBuf,
    },
    /// Manage a cluster: several nodes as one server, on NATS JetStream
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Restore a backup into a data directory that has no database
    Restore {
        /// The file created by `chatserver backup`
        file: PathBuf,
        /// The data directory to create
        #[arg(long, value_name = "DIR", default_value = "./parlor-data")]
        data: PathBuf,
    },
}

/// What to do about a cluster.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Write a new random key to a file; all nodes of a cluster need the same one
    Key {
        /// The file to create; nothing is overwritten
        file: PathBuf,
    },
    /// Create a cluster: its log, and the data folder of its first node. Once for all nodes
    Create {
        /// Config file with a `[cluster]` section
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The first node's data folder, which is created [default: the config file's]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Begin with all accounts, rooms and history of this single server's data folder, which may be the
        /// node's, too
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Show the log, the nodes, how far they lag behind, and what is wrong; exit code 1 if anything is
    Status {
        /// Config file with a `[cluster]` section
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Print it as JSON, with field names that stay the same
        #[arg(long)]
        json: bool,
    },
    /// Copy a node's data, with everything in the log, into a new folder for a single server. The node
    /// must be stopped; the others may run
    Leave {
        /// Config file with a `[cluster]` section
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The node's data folder [default: the config file's]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The folder to create
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Take only what this node has stored, because the log is lost for good
        #[arg(long)]
        without_log: bool,
    },
    /// Back up the cluster: a node makes a copy of all its data and sends it here
    Snapshot {
        /// Config file with a `[cluster]` section
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The file to create, which `chatserver restore` takes; nothing is overwritten
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}
