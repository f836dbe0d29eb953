//! Rebuilding what can be derived from the events, if it is found damaged at startup: the history
//! of each conversation, and who talks to whom.

use std::collections::BTreeSet;

use rusqlite::{Connection, TransactionBehavior};

use crate::sum::{self, Checksummer};
use crate::tail::Entry;
use crate::{Conversation, Damage, index};

/// Rebuilds everything from the events.
pub(crate) fn anew(connection: &mut Connection, damage: &Damage) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    index::rebuild(&transaction, damage)?;
    transaction.commit()?;
    let mut talks = BTreeSet::new();
    {
        let mut all = connection.prepare("SELECT DISTINCT conversation FROM events")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            talks.insert(Conversation::from_key(row.get(0)?));
        }
    }
    add_talks(connection, &talks)
}

/// Checks everything, which takes a tenth of a second for ten million events, and repairs it.
pub(crate) fn derived(connection: &mut Connection, damage: &Damage) -> rusqlite::Result<()> {
    let mut talks = BTreeSet::new();
    if !history_is_sound(connection, &mut talks)? {
        let sentence = "the index of the history was damaged; it was made anew of the events";
        damage.note("history", &"all", sentence.to_owned());
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        index::rebuild(&transaction, damage)?;
        transaction.commit()?;
        talks.clear();
        history_is_sound(connection, &mut talks)?;
    }
    if !taken_back_is_sound(connection)? {
        let sentence = "the notes of what was taken back were damaged; they were made anew";
        damage.note("taken_back", &"all", sentence.to_owned());
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        index::note_taken_back(&transaction)?;
        transaction.commit()?;
    }
    let indexed = index::mark(connection, "indexed")?;
    let mut newer = connection.prepare("SELECT conversation FROM events WHERE id > ?1")?;
    let mut rows = newer.query([indexed])?;
    while let Some(row) = rows.next()? {
        talks.insert(Conversation::from_key(row.get(0)?));
    }
    drop(rows);
    drop(newer);
    if !talks_are_sound(connection, &talks)? {
        let sentence = "the list of who talks to whom was damaged; it was made anew of the events";
        damage.note("talks", &"all", sentence.to_owned());
        add_talks(connection, &talks)?;
    }
    Ok(())
}

/// Whether every block is intact and in order, and none is missing. `talks` receives the direct
/// conversations that have one.
fn history_is_sound(
    connection: &Connection,
    talks: &mut BTreeSet<Conversation>,
) -> rusqlite::Result<bool> {
    let columns = index::COLUMNS;
    let mut statement = connection
        .prepare(&format!("SELECT {columns} FROM history ORDER BY conversation, other, first"))?;
    let mut rows = statement.query([])?;
    let indexed = index::mark(connection, "indexed")?;
    let (mut checksummer, mut known, mut last) = (Checksummer::default(), 0, None::<Entry>);
    while let Some(row) = rows.next()? {
        let Some(ids) = index::block(row, &mut checksummer)? else { return Ok(false) };
        let conversation = Conversation::from_key(row.get(0)?);
        let class: u8 = row.get(1)?;
        let at = |id| Entry::place(conversation, class, id);
        if last.is_some_and(|last| at(ids[0]) <= last) {
            return Ok(false);
        }
        last = ids.last().map(|&id| at(id));
        known += ids.iter().filter(|&&id| id <= indexed).count() as i64;
        talks.insert(conversation);
    }
    Ok(known == index::mark(connection, "indexed_count")?)
}

fn taken_back_is_sound(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement =
        connection.prepare("SELECT conversation, event, author, sum FROM taken_back")?;
    let (mut rows, mut checksummer) = (statement.query([])?, Checksummer::default());
    while let Some(row) = rows.next()? {
        if !sum::is_right("taken_back", row, &mut checksummer)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn talks_are_sound(
    connection: &Connection,
    talks: &BTreeSet<Conversation>,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare("SELECT account, peer, sum FROM talks")?;
    let mut rows = statement.query([])?;
    let (mut checksummer, mut found) = (Checksummer::default(), BTreeSet::new());
    while let Some(row) = rows.next()? {
        if !sum::is_right("talks", row, &mut checksummer)? {
            return Ok(false);
        }
        found.insert((row.get(0)?, row.get(1)?));
    }
    Ok(talks
        .iter()
        .filter_map(|talk| talk.pair())
        .all(|(low, high)| found.contains(&(low, high)) && found.contains(&(high, low))))
}

fn add_talks(connection: &mut Connection, talks: &BTreeSet<Conversation>) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("DELETE FROM talks", [])?;
    for (low, high) in talks.iter().filter_map(|talk| talk.pair()) {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO talks(account, peer, sum)
                    VALUES (?1, ?2, checksum('talks', ?1, ?2)), (?2, ?1, checksum('talks', ?2, ?1))",
            )?
            .execute([low, high])?;
    }
    transaction.commit()
}
