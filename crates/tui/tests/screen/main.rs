//! What people see: a terminal renders the bytes, and the pictures are compared with those in `snapshots`.

mod emulator;
mod scene;
mod pictures;
mod changes;
mod safety;
mod states;
mod overlays;
mod scripts;
mod readme;
