//! Completes names, rooms, emoji names and commands.
