//! Clears what deleted rows leave on the pages of their table.
//!
//! `secure_delete` overwrites a row where it is deleted. But when a page has become too empty, SQLite
//! puts its rows and those of its neighbours together, and the space that is free on them afterwards
//! may keep copies of rows that were there before; these would outlive the rows. So in the transaction
//! that deletes rows, the free space of the pages around them is overwritten, through the table
//! `sqlite_dbpage`, which has the pages as they are in the file.
//!
//! <https://www.sqlite.org/fileformat.html#b_tree_pages>, <https://www.sqlite.org/dbpage.html>

use std::collections::BTreeSet;

use rusqlite::{Connection, ffi, params};

/// Neighbouring pages that may have been merged with the page of a deleted row.
const AROUND: usize = 2;
/// No table is deeper.
const DEPTH: usize = 20;
const LEAF: u8 = 13;
const INTERIOR: u8 = 5;

/// Clears the pages of a table around rows deleted in this transaction. An SQLite built without
/// `sqlite_dbpage` leaves them as they are.
pub(crate) fn around(
    connection: &Connection,
    table: &str,
    rows: &BTreeSet<i64>,
) -> rusqlite::Result<()> {
    let known = "SELECT 1 FROM pragma_module_list WHERE name = 'sqlite_dbpage'";
    if !connection.prepare_cached(known)?.exists([])? {
        return Ok(());
    }
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root = connection.prepare_cached(root)?.query_row([table], |row| row.get(0))?;
    let rows = Vec::from_iter(rows.iter().copied());
    let mut leaves = BTreeSet::new();
    find(connection, root, &rows, DEPTH, &mut leaves)?;
    let write = "UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1";
    let mut write = connection.prepare_cached(write)?;
    for number in leaves {
        let mut page = read(connection, number)?;
        if clear(&mut page) {
            write.execute(params![number, page])?;
        }
    }
    Ok(())
}

fn read(connection: &Connection, number: u32) -> rusqlite::Result<Vec<u8>> {
    let read = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
    connection.prepare_cached(read)?.query_row([number], |row| row.get(0))
}

/// Finds the leaf pages around some rows, which are ascending.
fn find(
    connection: &Connection,
    number: u32,
    rows: &[i64],
    depth: usize,
    leaves: &mut BTreeSet<u32>,
) -> rusqlite::Result<()> {
    let page = read(connection, number)?;
    if page.first() != Some(&INTERIOR) {
        leaves.insert(number);
        return Ok(());
    }
    let children = children(&page).filter(|_| depth > 0).ok_or_else(damaged)?;
    let (mut begin, mut own) = (0, Vec::new());
    for (_, last) in &children {
        let end = begin + rows[begin..].partition_point(|row| row <= last);
        own.push(begin..end);
        begin = end;
    }
    for (at, (child, _)) in children.iter().enumerate() {
        let near = at.saturating_sub(AROUND)..(at + AROUND + 1).min(children.len());
        if own[near].iter().any(|rows| !rows.is_empty()) {
            // Without any of the rows it is a leaf, or its leaves are unchanged.
            find(connection, *child, &rows[own[at].clone()], depth - 1, leaves)?;
        }
    }
    Ok(())
}

/// The children of an interior page, each with its last row.
fn children(page: &[u8]) -> Option<Vec<(u32, i64)>> {
    let child = |at: usize| Some(u32::from_be_bytes(*page.get(at..)?.first_chunk()?));
    let mut children = Vec::new();
    for at in 0..number(page, 3)? {
        let cell = number(page, 12 + 2 * at)?;
        children.push((child(cell)?, varint(page.get(cell + 4..)?)?));
    }
    children.push((child(8)?, i64::MAX));
    Some(children)
}

fn number(page: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_be_bytes(*page.get(at..)?.first_chunk()?).into())
}

/// An SQLite varint: seven bits per byte, and all of the ninth.
fn varint(bytes: &[u8]) -> Option<i64> {
    let mut number = 0_i64;
    for at in 0..8 {
        let byte = *bytes.get(at)?;
        number = number << 7 | i64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some(number);
        }
    }
    Some(number << 8 | i64::from(*bytes.get(8)?))
}

/// Overwrites the space between a leaf's pointers and its rows; returns whether there was
/// something.
fn clear(page: &mut [u8]) -> bool {
    // The first page of the file has a different header, and belongs to none of our tables.
    if page.first() != Some(&LEAF) {
        return false;
    }
    let (Some(rows), Some(end)) = (number(page, 3), number(page, 5)) else { return false };
    let Some(free) = page.get_mut(8 + 2 * rows..end) else { return false };
    let dirty = free.iter().any(|byte| *byte != 0);
    free.fill(0);
    dirty
}

fn damaged() -> rusqlite::Error {
    let text = "a table's pages are not as SQLite has them".to_owned();
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(text))
}
