//! What the operator's terminal is told: one line a fact, nothing secret, no message text.

use crate::hub::effects::Fact;
use crate::limits::LOG_QUEUE;
use std::fmt;
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `[INFO] a sentence`
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Lines as a person reads them.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
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
        write!(writer, "[{}] ", event.metadata().level())?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Starts logging to standard output, on a thread of its own: a terminal that stands still delays
/// nobody. What is logged until the guard is dropped is written.
pub fn start(format: Format) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_QUEUE)
        .lossy(true)
        .finish(std::io::stdout());
    let builder = tracing_subscriber::fmt().with_writer(writer).with_ansi(false);
    match format {
        Format::Text => builder.event_format(Plain).init(),
        Format::Json => builder.json().with_target(false).flatten_event(true).init(),
    }
    guard
}

/// Says that the server waits for connections.
pub fn waiting(port: u16) {
    tracing::info!("Waiting for connection on port {port}...");
}

/// Logs what the hub found worth telling. After somebody left, and unless the server stops, it says
/// again that it waits.
pub fn fact(fact: &Fact, port: Option<u16>) {
    match fact {
        Fact::Came { user, address, new: true } => {
            tracing::info!("{user} registered and logged in from {address}");
        }
        Fact::Came { user, address, new: false } => {
            tracing::info!("{user} logged in from {address}");
        }
        Fact::LoginFailed { user, address, reason } => {
            tracing::warn!("{user:?} failed to log in from {address}: {reason}");
        }
        Fact::Refused { address, reason } => {
            tracing::warn!("a connection from {address} was refused: {reason}");
        }
        Fact::Left { user, address, reason } => {
            match user {
                Some(user) => tracing::info!("{user} left ({address}): {reason:?}"),
                None => tracing::info!("a connection from {address} left: {reason:?}"),
            }
            if let Some(port) = port {
                waiting(port);
            }
        }
        Fact::Operator { user, granted: true } => tracing::info!("{user} is an operator now"),
        Fact::Operator { user, granted: false } => {
            tracing::warn!("{user} failed to become an operator: wrong name or password");
        }
    }
}
