//! Without a server on the command line, those that are known are listed.

use std::sync::mpsc::Receiver;

use chat::Chat;
use tui::overlay::{Answer, Question};
use tui::{Action, Tui};

use super::keyboard::Keyboard;
use super::{ScreenEvent, columns};
use crate::address::Address;
use crate::args::Args;
use crate::failure::Failure;
use crate::known_hosts::KnownHosts;
use crate::link::Event;
use crate::system::now_ms;
use crate::tty::Tty;

/// The servers that this person has been to; none if the command line names one.
pub(super) fn known(args: &Args) -> Vec<String> {
    if args.names_a_server() {
        return Vec::new();
    }
    let known = KnownHosts::of_this_person().map(|known| known.servers());
    known.unwrap_or_default()
}

/// Asks which one is meant; none if the person leaves.
pub(super) fn choose(
    args: &Args,
    known: &[String],
    tui: &mut Tui,
    (tty, keyboard): (&Tty, &Keyboard),
    events: &Receiver<Event>,
) -> Result<Option<Args>, Failure> {
    let list = known.iter().enumerate().map(|(at, server)| format!("{}  {server}", at + 1));
    let list = list.collect::<Vec<_>>().join("\n");
    let mut because = String::new();
    let chat = Chat::new("");
    let size = tty.size();
    tui.resize(columns(size.columns), columns(size.rows));
    loop {
        tui.ask(Question {
            title: "Where to?".to_owned(),
            text: format!("{list}{because}"),
            prompt: "A number, or HOST:PORT: ".to_owned(),
            answer: Answer::Text,
            input: Default::default(),
        });
        let Some(answer) = answer(tui, (tty, keyboard), events, &chat)? else { return Ok(None) };
        match chosen(answer.trim(), known) {
            Ok(address) => return Ok(Some(args.to(address))),
            Err(error) => because = format!("\n\n{error}"),
        }
    }
}

/// The server that an answer means: by its number, its address, or as the first one if it is empty.
fn chosen(answer: &str, known: &[String]) -> Result<Address, String> {
    let address = match answer.parse::<usize>() {
        Ok(number) => {
            let server = number.checked_sub(1).and_then(|at| known.get(at));
            server.ok_or_else(|| format!("There is no number {number}."))?
        }
        Err(_) if answer.is_empty() => known.first().map_or("localhost", String::as_str),
        Err(_) => answer,
    };
    address.parse().map_err(|error| format!("{address}: {error}"))
}

fn answer(
    tui: &mut Tui,
    (tty, keyboard): (&Tty, &Keyboard),
    events: &Receiver<Event>,
    chat: &Chat,
) -> Result<Option<String>, Failure> {
    loop {
        let mut out = Vec::new();
        tui.draw(chat, now_ms(), &mut out)?;
        tty.write(&out)?;
        let Ok(Event::Screen(happening)) = events.recv() else { return Ok(None) };
        let actions = match happening {
            ScreenEvent::Input(input) => tui.input(&input, chat),
            ScreenEvent::Resized => {
                let size = tty.size();
                tui.resize(columns(size.columns), columns(size.rows));
                Vec::new()
            }
            ScreenEvent::Suspend => {
                keyboard.restore(tty);
                tty.stop()?;
                keyboard.take(tty)?;
                let size = tty.size();
                tui.resize(columns(size.columns), columns(size.rows));
                Vec::new()
            }
            ScreenEvent::Leave(_) => return Ok(None),
            ScreenEvent::Gone(reason) => return Err(Failure::Input(reason)),
            ScreenEvent::End(signal) => {
                keyboard.restore(tty);
                crate::tty::die_of(signal);
                return Ok(None);
            }
            ScreenEvent::Resumed | ScreenEvent::Edited(_) => Vec::new(),
        };
        for action in actions {
            match action {
                Action::Answer(answer) => return Ok(answer),
                Action::Quit => return Ok(None),
                _ => {}
            }
        }
    }
}
