//! Readiness of many sockets, by epoll; used by the clients and by the floor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};

/// Sockets handled per turn at most; the others come in the next turn.
const EVENTS_PER_TURN: usize = 1024;

/// A set of sockets, each with a number.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
}

/// One socket that has something.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// The number it was added with.
    pub key: usize,
    /// It has bytes, or has ended.
    pub readable: bool,
    /// It takes bytes.
    pub writable: bool,
}

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_PER_TURN) })
    }

    /// Watches a socket for bytes to read.
    ///
    /// # Errors
    /// What the system says.
    pub fn add(&self, socket: impl AsFd, key: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key as u64), EventFlags::IN)?)
    }

    /// Watches a socket for room to write, too, or no longer.
    ///
    /// # Errors
    /// What the system says.
    pub fn watch_writes(&self, socket: impl AsFd, key: usize, on: bool) -> io::Result<()> {
        let flags = if on { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(key as u64), flags)?)
    }

    /// Watches a socket no more.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Waits until a socket has something, at most `wait` (`None`: as long as it takes), and appends them to `ready`.
    ///
    /// # Errors
    /// What the system says; an interrupting signal is not an error and appends nothing.
    pub fn wait(&mut self, wait: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let wait = wait.map(|wait| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        });
        self.events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, buffer, wait.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        for event in &self.events {
            let flags = event.flags;
            ready.push(Ready {
                key: event.data.u64() as usize,
                readable: flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR),
                writable: flags.contains(EventFlags::OUT),
            });
        }
        Ok(())
    }
}
