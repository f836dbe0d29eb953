//! Parlor's server.
