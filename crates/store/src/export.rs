//! Exporting all events of an account, page by page, in order.

use crate::batch::sql_id;
use crate::failure::is_damage;
use crate::row::Rows;
use crate::{AccountId, Event, EventId, EventKind, Exported};

/// Events examined per query: some milliseconds.
const LOOKS: i64 = 8192;

/// The next events after `after`.
pub(crate) fn export(
    rows: Rows<'_>,
    account: AccountId,
    after: EventId,
) -> rusqlite::Result<Exported> {
    let after = sql_id(after);
    let newest = "SELECT max(id) FROM events";
    let newest: Option<i64> = rows.connection.query_row(newest, [], |row| row.get(0))?;
    let end = newest.unwrap_or(0).min(after.saturating_add(LOOKS));
    let mut events = match rows.of_account(account, after, end) {
        Err(error) if is_damage(&error) => {
            // A damaged page hides only its own events.
            let mut events = Vec::new();
            for id in after + 1..=end {
                let found = rows.by_id(id)?;
                events.extend(found.filter(|event| is_of(event, account)));
            }
            events
        }
        events => events?,
    };
    events.retain(|event| event.kind != EventKind::Redacted);
    let next = (newest > Some(end)).then_some(end as EventId);
    Ok(Exported { events, next })
}

/// Whether an event belongs to an account.
pub(crate) fn is_of(event: &Event, account: AccountId) -> bool {
    event.account == account || event.conversation.other(account).is_some()
}
