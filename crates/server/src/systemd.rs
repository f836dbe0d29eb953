//! What passes between the server and the service manager that started it: that it is ready, reloads
//! or stops, a sign of life, and sockets that are open already. Without one, nothing passes.

use crate::listen::ListenError;
use crate::pulse::Pulse;
use listenfd::ListenFd;
use sd_notify::NotifyState;
use std::net::TcpListener;
use std::time::Duration;

/// Questions within the time after which the manager takes the server for dead. A sign is given
/// with the next question, so an answer that is a little late does no harm.
const SIGNS: u32 = 4;

/// The sockets that the manager has opened (`LISTEN_FDS`), ready for use.
///
/// # Errors
/// When one of them does not listen for TCP.
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

/// Tells the manager that everything is open and people can come.
pub fn ready(port: u16) {
    let status = format!("Serving on port {port}");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Tells the manager that the config is being read again; [`ready`] tells it the end.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => {
            tell(&[NotifyState::Reloading, now, NotifyState::Status("Reloading the config")]);
        }
        Err(error) => tracing::warn!(%error, "Cannot read the clock for the service manager"),
    }
}

/// Tells the manager that the server stops.
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

/// The signs of life that the manager wants (`WATCHDOG_USEC`): as long as hub and journal answer.
#[derive(Debug)]
pub struct Watchdog {
    /// How long to wait before each [`Watchdog::ask`]; none: no signs are wanted.
    pub every: Option<Duration>,
    asked: u64,
}

impl Watchdog {
    /// As the manager wishes.
    pub fn from_env() -> Watchdog {
        let every = sd_notify::watchdog_enabled().map(|patience| patience / SIGNS);
        Watchdog { every, asked: 0 }
    }

    /// Gives a sign of life if the last question was answered. Returns whether there is a new one,
    /// for which the hub is to be woken: a server that does not answer is not asked again.
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
    fn who_does_not_answer_is_not_asked_again_and_gives_no_sign() {
        let (pulse, mut watchdog) = (Pulse::default(), Watchdog { every: None, asked: 0 });
        assert!(watchdog.ask(&pulse));
        assert!(!watchdog.ask(&pulse));
        assert!(pulse.take_up() && !pulse.take_up());
        assert!(!watchdog.ask(&pulse), "the journal has not answered");
        pulse.answer(pulse.question());
        assert!(watchdog.ask(&pulse) && pulse.take_up());
    }
}
