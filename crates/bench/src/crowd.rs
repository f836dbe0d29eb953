//! Logging many clients in, and getting them into their rooms.

use std::time::{Duration, Instant};

use crate::dialect::{Heard, Person};
use crate::drive::{Drive, PATIENCE};
use crate::failure::{Failure, Result};

/// Clients that join at once.
const JOINS_AT_ONCE: usize = 64;

/// Connects the people and logs them in, `at_once` of them at a time; see [`crate::server::Server::logins_at_once`].
/// The first gets the number 0 if `drive` is new.
///
/// # Errors
/// What the server refuses, and [`Failure::Silent`] if it does not answer.
pub fn log_in(drive: &mut Drive, people: &[Person], at_once: usize) -> Result<()> {
    let begin = |drive: &mut Drive, number: usize| {
        let client = drive.connect()?;
        let login = drive.dialect().login(&people[number]);
        drive.send(client, login.as_bytes());
        Ok(client)
    };
    all(drive, "a welcome", people.len(), at_once, begin, |heard| *heard == Heard::Welcome)
}

/// Gets each of the clients into the rooms that `rooms` names for it.
///
/// # Errors
/// What the server refuses, and [`Failure::Silent`] if it does not answer.
pub fn join<const N: usize>(
    drive: &mut Drive,
    clients: usize,
    rooms: impl Fn(usize) -> [String; N],
) -> Result<()> {
    let begin = |drive: &mut Drive, client: usize| {
        for room in rooms(client) {
            let line = drive.dialect().join(&room);
            drive.send(client, line.as_bytes());
        }
        drive.send(client, drive.dialect().ping().as_bytes());
        Ok(client)
    };
    all(drive, "a room", clients, JOINS_AT_ONCE, begin, |heard| *heard == Heard::Pong)
}

/// Waits until each of the clients has received all that the server had for it.
///
/// # Errors
/// [`Failure::Silent`] if the server does not answer.
pub fn settle(drive: &mut Drive, clients: usize) -> Result<()> {
    join(drive, clients, |_| [])
}

/// Does one request for each number below `count`, `at_once` at a time: `begin` sends it and tells from which
/// client, `done` knows the last line of its answer.
fn all(
    drive: &mut Drive,
    what: &str,
    count: usize,
    at_once: usize,
    mut begin: impl FnMut(&mut Drive, usize) -> Result<usize>,
    done: impl Fn(&Heard<'_>) -> bool,
) -> Result<()> {
    let (mut begun, mut ended) = (0, 0);
    let mut waiting: Vec<bool> = Vec::new();
    let mut last = Instant::now();
    while ended < count {
        while begun < count && begun - ended < at_once {
            let client = begin(drive, begun)?;
            waiting.resize(waiting.len().max(client + 1), false);
            waiting[client] = true;
            begun += 1;
        }
        drive.poll(Duration::from_secs(1), |client, heard, now| {
            last = now;
            if done(&heard) && waiting.get(client) == Some(&true) {
                waiting[client] = false;
                ended += 1;
            }
            Ok(())
        })?;
        if last.elapsed() > PATIENCE {
            let what = format!("{what} ({ended} of {count} done)");
            return Err(Failure::Silent { what, seconds: PATIENCE.as_secs() });
        }
    }
    Ok(())
}
