//! Parlor's store.
