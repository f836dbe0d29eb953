//! What [`Write::Forget`](crate::Write::Forget) has begun. It is removed in small transactions, each
//! of which says how far it is, so that a kill in between changes nothing of what is removed.

use rusqlite::Connection;

use crate::{Keep, about};

/// How many steps one write takes: each removes some events of a conversation, or looks at some
/// conversations that have none to remove. Together they take some tens of milliseconds.
const STEPS: u32 = 8;
const KEY: &str = "forgetting";

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forgetting {
    pub(crate) keep: Keep,
    /// How many steps are left.
    pub(crate) left: u32,
    /// Conversations up to this key are done with.
    pub(crate) after: Option<i64>,
}

/// Some steps are to be taken, from where the last ones ended.
pub(crate) fn begin(connection: &Connection, keep: Keep) -> rusqlite::Result<Forgetting> {
    let after = Forgetting::read(connection)?.after;
    let forgetting = Forgetting { keep, left: STEPS, after };
    forgetting.write(connection)?;
    Ok(forgetting)
}

impl Forgetting {
    /// How far it is; nothing is left if it has never begun.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let known: Option<Vec<u8>> = about::get(connection, KEY)?;
        Ok(known.as_deref().and_then(Self::from_bytes).unwrap_or_default())
    }

    pub(crate) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Keep { now, days, messages } = self.keep;
        let after = self.after.map_or([0; 9], |key| {
            let mut after = [1; 9];
            after[1..].copy_from_slice(&key.to_le_bytes());
            after
        });
        let bytes = [
            &now.to_le_bytes()[..],
            &days.to_le_bytes(),
            &messages.to_le_bytes(),
            &self.left.to_le_bytes(),
            &after,
        ];
        about::set(connection, KEY, bytes.concat())
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (now, rest) = bytes.split_first_chunk()?;
        let (days, rest) = rest.split_first_chunk()?;
        let (messages, rest) = rest.split_first_chunk()?;
        let (left, rest) = rest.split_first_chunk()?;
        let (some, key) = rest.split_first()?;
        let keep = Keep {
            now: i64::from_le_bytes(*now),
            days: u32::from_le_bytes(*days),
            messages: u32::from_le_bytes(*messages),
        };
        let key = i64::from_le_bytes(key.try_into().ok()?);
        let after = (*some == 1).then_some(key);
        Some(Self { keep, left: u32::from_le_bytes(*left), after })
    }
}
