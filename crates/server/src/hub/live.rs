//! The stored live state of a cluster node: the roster and the whole state.

use crate::state::State;
use crate::state::snapshot::SnapshotError;

/// As bytes: the roster first, unchanged.
pub fn write(roster: &[u8], state: &State) -> Vec<u8> {
    let length = u32::try_from(roster.len()).expect("there are few nodes");
    [&length.to_le_bytes()[..], roster, &state.write()].concat()
}

/// The roster, and the state.
///
/// # Errors
/// When the bytes are of another version, or are not what was written.
pub fn read(bytes: &[u8]) -> Result<(&[u8], State), SnapshotError> {
    let (roster, state) = split(bytes)?;
    Ok((roster, State::read(state)?))
}

/// The roster alone.
///
/// # Errors
/// When the bytes are not what was written.
pub fn roster(bytes: &[u8]) -> Result<&[u8], SnapshotError> {
    Ok(split(bytes)?.0)
}

fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), SnapshotError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(SnapshotError::Damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    rest.split_at_checked(length).ok_or(SnapshotError::Damaged)
}
