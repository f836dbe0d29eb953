//! The keyboard's thread: waits for keys and signals, and reports them to the loop. While an
//! external editor has the terminal it ignores the keys.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use signal_hook::consts::{SIGCONT, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use tui::Input;
use tui::decoder::Decoder;

use super::ScreenEvent;
use crate::link::{Event, Leaving};
use crate::tty::{Signals, Tty, has_keys, wake};

/// The handle of the thread.
#[derive(Debug)]
pub(super) struct Keyboard {
    /// Whether the keys are ours.
    ours: Arc<Mutex<bool>>,
    waker: UnixStream,
}

impl Keyboard {
    /// Starts the thread, which ignores keys until [`Keyboard::take`].
    pub(super) fn start(events: SyncSender<Event>) -> io::Result<Keyboard> {
        let (signals, waker) = Signals::take()?;
        let ours = Arc::new(Mutex::new(false));
        let reader =
            Reader { signals, events, ours: Arc::clone(&ours), decoder: Decoder::default() };
        thread::Builder::new().name("keyboard".to_owned()).spawn(move || reader.work())?;
        Ok(Keyboard { ours, waker })
    }

    /// Takes over the terminal and its keys.
    pub(super) fn take(&self, tty: &Tty) -> io::Result<()> {
        tty.take()?;
        self.set_ours(true);
        Ok(())
    }

    /// Restores the terminal and releases its keys.
    pub(super) fn restore(&self, tty: &Tty) {
        self.set_ours(false);
        tty.restore();
    }

    fn set_ours(&self, ours: bool) {
        // Nobody panics while holding it.
        *self.ours.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = ours;
        wake(&self.waker);
    }
}

struct Reader {
    signals: Signals,
    events: SyncSender<Event>,
    ours: Arc<Mutex<bool>>,
    decoder: Decoder,
}

impl Reader {
    fn work(mut self) {
        let error = loop {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => break error,
            }
        };
        // If nobody listens any more, the client is exiting.
        let _ = self.events.send(Event::Screen(ScreenEvent::Gone(error.to_string())));
    }

    /// Waits for something, and reports it; false if nobody listens any more.
    fn turn(&mut self) -> io::Result<bool> {
        let ours = self.are_ours();
        let by = self.decoder.timeout().map(|timeout| Instant::now() + timeout);
        let timeout = by.map(|by| by.saturating_duration_since(Instant::now()));
        let keys = self.signals.wait_for(ours, timeout)?;
        if let Some(signal) = self.signals.end()
            && self.events.send(Event::Screen(ScreenEvent::End(signal))).is_err()
        {
            return Ok(false);
        }
        for (signal, happening) in [
            (SIGTSTP, ScreenEvent::Suspend),
            (SIGCONT, ScreenEvent::Resumed),
            (SIGINT, ScreenEvent::Leave(Leaving::Interrupted)),
            (SIGTERM, ScreenEvent::Leave(Leaving::Terminated)),
            (SIGWINCH, ScreenEvent::Resized),
        ] {
            if self.signals.came(signal) && self.events.send(Event::Screen(happening)).is_err() {
                return Ok(false);
            }
        }
        let mut presses = Vec::new();
        if keys {
            self.read(&mut presses)?;
        } else if by.is_some_and(|by| by <= Instant::now()) {
            self.decoder.give_up(&mut presses);
        }
        for press in presses.into_iter().filter_map(Input::of) {
            if self.events.send(Event::Screen(ScreenEvent::Input(press))).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn are_ours(&self) -> bool {
        *self.ours.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Reads the available keys, if they are still ours.
    fn read(&mut self, presses: &mut Vec<termina::Event>) -> io::Result<()> {
        let ours = self.ours.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !*ours || !has_keys()? {
            return Ok(());
        }
        let mut bytes = [0; 4096];
        match io::stdin().lock().read(&mut bytes) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.decoder.feed(&bytes[..count], presses),
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
