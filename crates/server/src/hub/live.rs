//! The live state of a node of a cluster as it is stored: the roster, and all of the state.

use crate::state::State;
use crate::state::snapshot::SnapshotError;

/// As bytes: `roster` as it is, which comes first.
pub fn write(roster: &[u8], state: &State) -> Vec<u8> {
    let length = u32::try_from(roster.len()).expect("there are few nodes");
    [&length.to_le_bytes()[..], roster, &state.write()].concat()
}

/// The roster, and the state.
///
/// # Errors
/// When the bytes are of another version, or are not what was written.
pub fn read(bytes: &[u8]) -> Result<(&[u8], State), SnapshotError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(SnapshotError::Damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (roster, state) = rest.split_at_checked(length).ok_or(SnapshotError::Damaged)?;
    Ok((roster, State::read(state)?))
}
