//! Deleted accounts: their names, and their messages if those are redacted, are removed from the
//! events in small steps. Until that is done, they are listed in the table `departed`, and every
//! event is masked when it is read.

use rusqlite::{Connection, OptionalExtension, params};

use crate::batch::sql_id;
use crate::failure::is_damage;
use crate::row::{self, Names};
use crate::search::RemovedMessage;
use crate::sum::{self, Checksummer};
use crate::{AccountId, DELETED_USER, Damage, Event, EventId, EventKind, flags};

/// Events examined per step.
const LOOKS: u32 = 2048;
/// Events rewritten per step: some milliseconds.
const WRITES: usize = 256;

/// The deleted accounts, whether their messages are redacted, and their last events.
#[derive(Debug, Default)]
pub(crate) struct Departed(Vec<(AccountId, bool, i64)>);

/// An account being removed from the events.
#[derive(Clone, Copy)]
struct Departure {
    account: AccountId,
    messages: bool,
    /// Done up to this event.
    done: i64,
    /// The account has no events after this one.
    last: i64,
}

/// No accounts.
pub(crate) static NOBODY: Departed = Departed(Vec::new());

impl Departed {
    pub(crate) fn read(connection: &Connection, damage: &Damage) -> rusqlite::Result<Self> {
        let all = "SELECT account, messages, done, last, sum FROM departed";
        let mut all = connection.prepare_cached(all)?;
        let (mut rows, mut checksummer, mut found) =
            (all.query([])?, Checksummer::default(), Vec::new());
        while let Some(row) = rows.next()? {
            if sum::is_right("departed", row, &mut checksummer)? {
                found.push((row.get(0)?, row.get(1)?, row.get(3)?));
            } else {
                note(damage, row.get(0)?);
            }
        }
        Ok(Self(found))
    }

    /// Those whose messages are redacted.
    pub(crate) fn silenced(&self) -> impl Iterator<Item = AccountId> {
        self.0.iter().filter(|(_, messages, _)| *messages).map(|(account, ..)| *account)
    }

    /// Changes an event to what it will be on disk.
    pub(crate) fn mask(&self, event: &mut Event) {
        for &(account, messages, last) in &self.0 {
            if sql_id(event.id) <= last {
                mask(event, account, messages);
            }
        }
    }
}

fn note(damage: &Damage, account: i64) {
    let sentence = format!("the deletion of account {account} is damaged");
    damage.note("departed", &account, sentence);
}

/// Removes a deleted account from an event.
pub(crate) fn mask(event: &mut Event, account: AccountId, messages: bool) {
    let is_author = event.account == account;
    let (low, high) = event.conversation.pair().unwrap_or_default();
    let receiver = if is_author && low != high { None } else { event.conversation.other(account) };
    if receiver.is_some() || is_author && event.kind == EventKind::Nick {
        event.target = DELETED_USER.into();
    }
    if is_author {
        event.nick = DELETED_USER.into();
        event.userhost = None;
        if messages && event.kind.is_said() {
            (event.kind, event.text, event.tags) = (EventKind::Redacted, "".into(), "".into());
        }
    }
}

/// An account is deleted; `newest` is the newest event.
pub(crate) fn begin(
    connection: &Connection,
    account: AccountId,
    messages: bool,
    newest: EventId,
) -> rusqlite::Result<()> {
    write(connection, Departure { account, messages, done: 0, last: sql_id(newest) })
}

fn write(connection: &Connection, departure: Departure) -> rusqlite::Result<()> {
    let Departure { account, messages, done, last } = departure;
    let sql = "INSERT OR REPLACE INTO departed(account, messages, done, last, sum)
        VALUES (?1, ?2, ?3, ?4, checksum('departed', ?1, ?2, ?3, ?4))";
    connection.prepare_cached(sql)?.execute(params![account, messages, done, last]).map(drop)
}

/// Whether there is anything to do.
pub(crate) fn is_due(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(next(connection)?.is_some())
}

fn next(connection: &Connection) -> rusqlite::Result<Option<Departure>> {
    let sql = "SELECT account, messages, done, last FROM departed
        WHERE sum = checksum('departed', account, messages, done, last) LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row([], |row| {
        let (account, messages) = (row.get(0)?, row.get(1)?);
        Ok(Departure { account, messages, done: row.get(2)?, last: row.get(3)? })
    });
    found.optional()
}

/// Takes one step; returns the messages it has redacted.
pub(crate) fn step(connection: &Connection) -> rusqlite::Result<Vec<RemovedMessage>> {
    let mut removed = Vec::new();
    let Some(departure) = next(connection)? else { return Ok(removed) };
    let Departure { account, done, last, .. } = departure;
    let end = "SELECT max(id) FROM (SELECT id FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id
        LIMIT ?3)";
    let end = connection
        .prepare_cached(end)?
        .query_row(params![done, last, LOOKS], |row| row.get::<_, Option<i64>>(0));
    let end = match end {
        // A page of the index is damaged, but the events may be readable.
        Err(error) if is_damage(&error) => Some(last.min(done.saturating_add(LOOKS.into()))),
        end => end?,
    };
    let Some(end) = end.filter(|_| done < last) else {
        let over = "DELETE FROM departed WHERE account = ?1";
        connection.prepare_cached(over)?.execute([account])?;
        return Ok(removed);
    };
    let done = match rewrite(connection, departure, done, end, &mut removed) {
        Err(error) if is_damage(&error) => {
            for id in done + 1..=end {
                match rewrite(connection, departure, id - 1, id, &mut removed) {
                    // Nobody can read it.
                    Err(error) if is_damage(&error) => {}
                    rewritten => drop(rewritten?),
                }
            }
            end
        }
        done => done?,
    };
    write(connection, Departure { done, ..departure })?;
    Ok(removed)
}

/// Removes the account from events above `above` up to `end`, or from some of them; returns up to
/// where.
fn rewrite(
    connection: &Connection,
    departure: Departure,
    above: i64,
    end: i64,
    removed: &mut Vec<RemovedMessage>,
) -> rusqlite::Result<i64> {
    let Departure { account, messages, .. } = departure;
    let mut find = connection.prepare_cached(
        "SELECT * FROM events WHERE id > ?1 AND id <= ?2 AND (account = ?3
            OR conversation >> 32 & 0xffffffff = ?3 OR conversation & 0xffffffff = ?3) ORDER BY id",
    )?;
    let mut rows = find.query(params![above, end, account])?;
    let (mut names, mut checksummer, mut changed) =
        (Names::default(), Checksummer::default(), Vec::new());
    while changed.len() < WRITES
        && let Some(row) = rows.next()?
    {
        // A damaged event stays damaged: it is never shown.
        let Some(was) = row::event(row, &mut names, &mut checksummer)? else { continue };
        let mut event = was.clone();
        mask(&mut event, account, messages);
        if event != was {
            changed.push((was, event));
        }
    }
    drop(rows);
    for (was, event) in &changed {
        rewrite_one(connection, was, event)?;
        removed.extend((was.kind != event.kind).then(|| RemovedMessage::new(sql_id(was.id))));
    }
    let some = changed.len() == WRITES;
    Ok(changed.last().filter(|_| some).map_or(end, |(was, _)| sql_id(was.id)))
}

fn rewrite_one(connection: &Connection, was: &Event, event: &Event) -> rusqlite::Result<()> {
    let id = sql_id(was.id);
    let taken_back = was.kind != event.kind;
    let flag = if taken_back { flags::taken_back(was.kind) } else { 0 };
    let update =
        "UPDATE events SET kind = ?2, flags = flags | ?3, nick = ?4, target = ?5, text = ?6,
        tags = ?7, userhost = ?8, sum = checksum('events', id, conversation, ?2, account,
        flags | ?3, ?4, ?5, time, ?6, ?7, about, ?8) WHERE id = ?1";
    let Event { kind, nick, target, text, tags, userhost, .. } = event;
    let values = params![id, kind.code(), flag, nick, target, text, tags, userhost];
    connection.prepare_cached(update)?.execute(values)?;
    if taken_back {
        forget_counted(connection, was)?;
        let waits = "DELETE FROM pending WHERE account IN (?1, ?2) AND event = ?3";
        if let Some((low, high)) = was.conversation.pair() {
            connection.prepare_cached(waits)?.execute(params![low, high, id])?;
        }
    }
    Ok(())
}

/// A message is redacted: it no longer counts, and mentions nobody.
pub(crate) fn forget_counted(connection: &Connection, was: &Event) -> rusqlite::Result<()> {
    if !was.kind.is_message() {
        return Ok(());
    }
    let id = sql_id(was.id);
    connection.prepare_cached("DELETE FROM mentions WHERE event = ?1")?.execute([id])?;
    let note = "INSERT OR REPLACE INTO taken_back(conversation, event, author, sum)
        VALUES (?1, ?2, ?3, checksum('taken_back', ?1, ?2, ?3))";
    let values = params![was.conversation.key(), id, was.account];
    connection.prepare_cached(note)?.execute(values).map(drop)
}
