//! Parlor's client.
