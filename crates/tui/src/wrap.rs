//! Where the rows of a text break.
