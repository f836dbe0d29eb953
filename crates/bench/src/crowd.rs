//! Logging many clients in, and getting them into their rooms.

use std::time::{Duration, Instant};

use crate::dialect::{Person, ServerLine};
use crate::driver::{Driver, TIMEOUT};
use crate::failure::{Failure, Result};

/// Clients that join at once.
const JOINS_AT_ONCE: usize = 64;

/// Connects the people and logs them in, `at_once` of them at a time; see [`crate::server::Server::logins_at_once`].
/// The first gets the number 0 if `driver` is new.
///
/// # Errors
/// What the server refuses, and [`Failure::Silent`] if it does not answer.
pub fn log_in(driver: &mut Driver, people: &[Person], at_once: usize) -> Result<()> {
    let begin = |driver: &mut Driver, number: usize| {
        let client = driver.connect()?;
        let login = driver.dialect().login(&people[number]);
        driver.send(client, login.as_bytes());
        Ok(client)
    };
    all(driver, "a welcome", people.len(), at_once, begin, |line| *line == ServerLine::Welcome)
}

/// Gets each of the clients into the rooms that `rooms` names for it.
///
/// # Errors
/// What the server refuses, and [`Failure::Silent`] if it does not answer.
pub fn join<const N: usize>(
    driver: &mut Driver,
    clients: usize,
    rooms: impl Fn(usize) -> [String; N],
) -> Result<()> {
    let begin = |driver: &mut Driver, client: usize| {
        for room in rooms(client) {
            let line = driver.dialect().join(&room);
            driver.send(client, line.as_bytes());
        }
        driver.send(client, driver.dialect().ping().as_bytes());
        Ok(client)
    };
    all(driver, "a room", clients, JOINS_AT_ONCE, begin, |line| *line == ServerLine::Pong)
}

/// Waits until each of the clients has received all that the server had for it.
///
/// # Errors
/// [`Failure::Silent`] if the server does not answer.
pub fn settle(driver: &mut Driver, clients: usize) -> Result<()> {
    join(driver, clients, |_| [])
}

/// Does one request for each number below `count`, `at_once` at a time: `begin` sends it and returns the
/// client, `done` recognizes the last line of its answer.
fn all(
    driver: &mut Driver,
    what: &str,
    count: usize,
    at_once: usize,
    mut begin: impl FnMut(&mut Driver, usize) -> Result<usize>,
    done: impl Fn(&ServerLine<'_>) -> bool,
) -> Result<()> {
    let (mut begun, mut ended) = (0, 0);
    let mut waiting: Vec<bool> = Vec::new();
    let mut last = Instant::now();
    while ended < count {
        while begun < count && begun - ended < at_once {
            let client = begin(driver, begun)?;
            waiting.resize(waiting.len().max(client + 1), false);
            waiting[client] = true;
            begun += 1;
        }
        driver.poll(Duration::from_secs(1), |client, line, now| {
            last = now;
            if done(&line) && waiting.get(client) == Some(&true) {
                waiting[client] = false;
                ended += 1;
            }
            Ok(())
        })?;
        if last.elapsed() > TIMEOUT {
            let what = format!("{what} ({ended} of {count} done)");
            return Err(Failure::Silent { what, seconds: TIMEOUT.as_secs() });
        }
    }
    Ok(())
}
