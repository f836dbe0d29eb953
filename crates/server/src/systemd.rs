//! The service manager that started the server, if any: readiness, reloading and stopping, the
//! watchdog, and socket activation.

use crate::listen::ListenError;
use crate::pulse::Pulse;
use listenfd::ListenFd;
use sd_notify::NotifyState;
use std::net::TcpListener;
use std::time::Duration;

/// Checks per watchdog timeout. The watchdog is notified at the next check, so an answer that is a
/// little late does no harm.
const SIGNS: u32 = 4;

/// The listening sockets that the manager passed (`LISTEN_FDS`), ready to use.
///
/// # Errors
/// When one of them is not a listening TCP socket.
pub fn sockets() -> Result<Vec<TcpListener>, ListenError> {
    let mut given = ListenFd::from_env();
    let mut sockets = Vec::new();
    for at in 0..given.len() {
        let socket = given.take_tcp_listener(at).and_then(|socket| {
            socket.as_ref().map_or(Ok(()), |socket| socket.set_nonblocking(true))?;
            Ok(socket)
        });
        sockets.extend(socket.map_err(|source| ListenError::BadSocket { at, source })?);
    }
    Ok(sockets)
}

/// Notifies the manager that the server is ready.
pub fn ready(port: u16) {
    let status = format!("Serving on port {port}");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Asks the manager to wait this long for the server to be ready, however long it has.
pub fn still_starting(seconds: u32) {
    let status = "Fetching a copy of another node's data";
    let microseconds = seconds.saturating_mul(1_000_000);
    tell(&[NotifyState::ExtendTimeoutUsec(microseconds), NotifyState::Status(status)]);
}

/// Notifies the manager that the config is being reloaded; [`ready`] ends that.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => {
            tell(&[NotifyState::Reloading, now, NotifyState::Status("Reloading the config")]);
        }
        Err(error) => tracing::warn!(%error, "Cannot read the clock for the service manager"),
    }
}

/// Notifies the manager that the server is stopping.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("Stopping: notifying everyone, storing everything"),
    ]);
}

fn tell(news: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        tracing::warn!(%error, "Cannot notify the service manager");
    }
}

/// The manager's watchdog (`WATCHDOG_USEC`), notified as long as hub and journal respond.
#[derive(Debug)]
pub struct Watchdog {
    /// The time between calls of [`Watchdog::ask`]; none if there is no watchdog.
    pub every: Option<Duration>,
    asked: u64,
}

impl Watchdog {
    /// As configured in the manager.
    pub fn from_env() -> Watchdog {
        let every = sd_notify::watchdog_enabled().map(|patience| patience / SIGNS);
        Watchdog { every, asked: 0 }
    }

    /// Notifies the watchdog if the last check was answered. Returns whether a new check was
    /// started, for which the hub must be woken: there is none while the last one is unanswered.
    pub fn ask(&mut self, pulse: &Pulse) -> bool {
        if pulse.answered() != self.asked {
            return false;
        }
        if self.asked > 0 {
            tell(&[NotifyState::Watchdog]);
        }
        self.asked += 1;
        pulse.ask(self.asked);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_check_is_not_repeated_and_does_not_feed_the_watchdog() {
        let (pulse, mut watchdog) = (Pulse::default(), Watchdog { every: None, asked: 0 });
        assert!(watchdog.ask(&pulse));
        assert!(!watchdog.ask(&pulse));
        assert!(pulse.take_up() && !pulse.take_up());
        assert!(!watchdog.ask(&pulse), "the journal has not answered");
        pulse.answer(pulse.question());
        assert!(watchdog.ask(&pulse) && pulse.take_up());
    }
}
