//! The full screen: what a client knows (`chat`) and a person's input, as cells of a terminal.
//!
//! Everything here is pure: bytes, sizes and times in; actions and bytes out. There are no globals, so that one
//! process can show many people's screens, and nothing waits. In reading order: what a person does, what they see, and
//! how it becomes bytes.
#![forbid(unsafe_code)]

pub mod limits;
pub mod settings;
pub mod action;

// What a person does.
pub mod decoder;
pub mod input;
pub mod keymap;
pub mod motion;
pub mod composer;
pub mod complete;
pub mod slash;
pub mod palette;
mod changed;

// What they see: state, then drawing.
pub mod tui;
pub mod conversation_view;
pub mod overlay;
mod timeline;
pub mod draw;

// How it becomes bytes.
mod rich;
mod wrap;
pub mod theme;
mod canvas;
pub mod safe;
pub mod terminal;
mod painter;

pub use action::Action;
pub use input::Input;
pub use settings::Settings;
pub use tui::Tui;
