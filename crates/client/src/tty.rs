//! The terminal as a device: its modes, its size, and its signals. However the client ends or
//! stops, the terminal is restored.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGWINCH};
use signal_hook::low_level::{emulate_default_handler, raise};
use tui::Tui;

use crate::limits::INTERRUPTED;
use crate::link::Leaving;
use crate::screen::Size;

const PASTES_MARKED: &str = "\x1b[?2004h";
const PASTES_UNMARKED: &str = "\x1b[?2004l";
/// Saves the window's title, and restores it.
const TITLE_KEPT: &str = "\x1b[22;2t";
const TITLE_BACK: &str = "\x1b[23;2t";

/// The terminal of standard input.
#[derive(Debug)]
pub struct Tty {
    output: OwnedFd,
    /// Its original modes.
    found: Termios,
    is_ours: AtomicBool,
    /// What is written when it is taken over, and when it is restored.
    around: Mutex<(String, String)>,
    /// It supports no control sequences: it edits lines itself, and only its echo is switched.
    pub is_dumb: bool,
}

impl Tty {
    /// Opens the terminal of standard input, and makes sure that a panic restores it.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn open(is_dumb: bool) -> io::Result<Arc<Tty>> {
        let around = if is_dumb { ("", "") } else { (PASTES_MARKED, PASTES_UNMARKED) };
        Tty::open_with(is_dumb, (around.0.to_owned(), around.1.to_owned()))
    }

    /// The same for the full screen.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn open_screen(tui: &mut Tui) -> io::Result<Arc<Tty>> {
        Tty::open_with(false, around(tui)?)
    }

    fn open_with(is_dumb: bool, around: (String, String)) -> io::Result<Arc<Tty>> {
        // If standard output is a file, editing still happens on the terminal.
        let output = if io::stdout().is_terminal() {
            io::stdout().as_fd().try_clone_to_owned()?
        } else if io::stderr().is_terminal() {
            io::stderr().as_fd().try_clone_to_owned()?
        } else {
            OpenOptions::new().write(true).open("/dev/tty")?.into()
        };
        let found = tcgetattr(io::stdin())?;
        let tty = Arc::new(Tty {
            output,
            found,
            is_ours: AtomicBool::new(false),
            around: Mutex::new(around),
            is_dumb,
        });
        // The hook is never dropped: it must not keep the terminal from being restored on the way out.
        let panicking: Weak<Tty> = Arc::downgrade(&tty);
        let previous_hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Some(tty) = panicking.upgrade() {
                tty.restore();
            }
            previous_hook(panic);
            // If a thread is gone, the others would wait for it.
            std::process::exit(101);
        }));
        Ok(tty)
    }

    /// Takes over the terminal: keys arrive one by one, without echo.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn take(&self) -> io::Result<()> {
        let mut ours = self.found.clone();
        if self.is_dumb {
            ours.local_modes |= LocalModes::ICANON | LocalModes::ISIG;
            ours.local_modes -= LocalModes::ECHO;
        } else {
            ours.input_modes -= InputModes::BRKINT
                | InputModes::ICRNL
                | InputModes::INLCR
                | InputModes::IGNCR
                | InputModes::INPCK
                | InputModes::ISTRIP
                | InputModes::IXON;
            // Ctrl-C and the like arrive as keys, in order.
            ours.local_modes -= LocalModes::ECHO
                | LocalModes::ECHONL
                | LocalModes::ICANON
                | LocalModes::IEXTEN
                | LocalModes::ISIG;
            ours.special_codes[SpecialCodeIndex::VMIN] = 1;
            ours.special_codes[SpecialCodeIndex::VTIME] = 0;
        }
        self.is_ours.store(true, Ordering::SeqCst);
        tcsetattr(io::stdin(), OptionalActions::Now, &ours)?;
        let begin = self.around().0.clone();
        self.write(begin.as_bytes())
    }

    /// Applies a changed setting of the full screen to the terminal.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn change_screen(&self, tui: &mut Tui) -> io::Result<()> {
        let end = std::mem::replace(&mut *self.around(), around(tui)?).1;
        self.write(end.as_bytes())?;
        let begin = self.around().0.clone();
        self.write(begin.as_bytes())
    }

    fn around(&self) -> MutexGuard<'_, (String, String)> {
        // A panic elsewhere cannot have left it half changed.
        self.around.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows or hides what is typed, on a terminal that edits lines itself.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn echo(&self, on: bool) -> io::Result<()> {
        let mut modes = tcgetattr(io::stdin())?;
        modes.local_modes.set(LocalModes::ECHO, on);
        Ok(tcsetattr(io::stdin(), OptionalActions::Now, &modes)?)
    }

    /// Restores the terminal.
    pub fn restore(&self) {
        if self.is_ours.swap(false, Ordering::SeqCst) {
            // A terminal that accepts no output is gone.
            let end = self.around().1.clone();
            let _ = self.write(end.as_bytes());
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.found);
        }
    }

    /// Its size; a terminal that does not report one gets the usual 80 × 24.
    pub fn size(&self) -> Size {
        match tcgetwinsize(&self.output) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
                Size { rows: size.ws_row.into(), columns: size.ws_col.into() }
            }
            _ => Size { rows: 24, columns: 80 },
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.output, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(rustix::io::Errno::INTR) => {}
                // Another program that shares the terminal has made it non-blocking.
                Err(rustix::io::Errno::AGAIN) => {
                    wait(&[self.output.as_fd()], PollFlags::OUT, None)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Stops until the shell continues the client, with the terminal restored meanwhile.
    ///
    /// # Errors
    /// If the terminal cannot be taken again.
    pub fn stop(&self) -> io::Result<()> {
        self.restore();
        // SIGTSTP itself has a handler. Unlike SIGSTOP, this signal does nothing if no shell could
        // continue us.
        raise(SIGTTIN)?;
        // Only in the foreground: otherwise the system stops us again.
        self.take()
    }

    /// Stops while another program has the terminal and looks after it.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn stop_as_it_is() -> io::Result<()> {
        raise(SIGTTIN)
    }
}

/// What is written before and after the full screen.
fn around(tui: &mut Tui) -> io::Result<(String, String)> {
    let (mut begin, mut end) = (Vec::new(), Vec::new());
    tui.enter(&mut begin)?;
    tui.leave(&mut end)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((format!("{TITLE_KEPT}{}", text(&begin)), format!("{}{TITLE_BACK}", text(&end))))
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Stops all processes that share the terminal, as Ctrl-Z does; the client itself stops in
/// [`Tty::stop`].
///
/// # Errors
/// If the system refuses it.
pub fn stop_group() -> io::Result<()> {
    Ok(kill_current_process_group(Signal::TSTP)?)
}

/// Signals that have arrived and not been handled.
#[derive(Debug)]
pub struct Signals {
    wake: UnixStream,
    flags: Vec<(i32, Arc<AtomicBool>)>,
}

impl Signals {
    /// Handles the signals from now on. The returned end of the pipe wakes the waiting thread.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn take() -> io::Result<(Signals, UnixStream)> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let mut flags = Vec::new();
        for signal in [SIGWINCH, SIGCONT, SIGTSTP, SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            let flag = Arc::new(AtomicBool::new(false));
            if ends(signal) {
                // The second one ends the process even if nothing handles the first.
                signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))?;
            }
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(signal, waker.try_clone()?)?;
            flags.push((signal, flag));
        }
        Ok((Signals { wake, flags }, waker))
    }

    /// Whether this signal has arrived since the last call.
    pub fn came(&self, signal: i32) -> bool {
        let mut flags = self.flags.iter().filter(|(number, _)| *number == signal);
        flags.next().is_some_and(|(_, flag)| flag.swap(false, Ordering::SeqCst))
    }

    /// The signal that should end the client at once, if one has arrived.
    pub fn end(&self) -> Option<i32> {
        [SIGHUP, SIGQUIT].into_iter().find(|signal| self.came(*signal))
    }

    /// Waits for a key, a signal or a wake-up; true if there are keys.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.wait_for(true, timeout)
    }

    /// The same, optionally ignoring keys while another program has the terminal.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn wait_for(&mut self, keys: bool, timeout: Option<Duration>) -> io::Result<bool> {
        let stdin = io::stdin();
        let ready = if keys {
            wait(&[stdin.as_fd(), self.wake.as_fd()], PollFlags::IN, timeout)?
        } else {
            wait(&[self.wake.as_fd()], PollFlags::IN, timeout)?;
            false
        };
        let mut bytes = [0; 64];
        loop {
            match self.wake.read(&mut bytes) {
                Ok(1..) => {}
                Ok(0) => return Ok(ready),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(ready),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether there are unread keys.
///
/// # Errors
/// If the terminal is gone.
pub fn has_keys() -> io::Result<bool> {
    wait(&[io::stdin().as_fd()], PollFlags::IN, Some(Duration::ZERO))
}

fn ends(signal: i32) -> bool {
    matches!(signal, SIGTERM | SIGHUP | SIGQUIT)
}

/// Ends the client as the signal would have, so that its parent can tell.
pub fn die_of(signal: i32) {
    // This does not return.
    let _ = emulate_default_handler(signal);
}

/// Ends the client silently, so that its parent can tell why.
pub fn end_at_once(how: Leaving) -> ! {
    if how == Leaving::Terminated {
        die_of(SIGTERM);
    }
    std::process::exit(INTERRUPTED.into())
}

/// Wakes the thread that waits for signals.
pub fn wake(mut waker: &UnixStream) {
    // If it is full, a wake-up is pending already.
    let _ = waker.write(&[0]);
}

/// Waits for one of the files; returns what the first is ready for. A signal ends the wait, too.
fn wait(files: &[BorrowedFd<'_>], what: PollFlags, timeout: Option<Duration>) -> io::Result<bool> {
    let mut polled: Vec<PollFd<'_>> =
        files.iter().map(|file| PollFd::from_borrowed_fd(*file, what)).collect();
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) => Ok(polled.first().is_some_and(|first| !first.revents().is_empty())),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
