//! Parlor's bench.
