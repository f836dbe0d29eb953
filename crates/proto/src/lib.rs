//! Parlor's proto.
