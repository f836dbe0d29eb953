//! Pages of an account's export.

use crate::effects::Read;
use crate::limits::{EXPORT_PAGE_BYTES, EXPORT_PAGE_MILLIS};
use crate::render::Renderer;
use crate::render::export::{cut, event as json};
use proto::Line;
use std::time::{Duration, Instant};
use store::{EventId, Failure, Reader};

/// Writes a page of an export. The next one begins where this one ends.
///
/// # Errors
/// When the store cannot be read.
pub fn write_page(
    out: &mut Vec<u8>,
    (renderer, request, tag): (&Renderer, &Read, &str),
    store: &mut dyn Reader,
    mut after: EventId,
) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_millis(EXPORT_PAGE_MILLIS);
    let mut written = 0;
    loop {
        let page = store.export(request.me.0, after)?;
        for event in &page.events {
            if written > EXPORT_PAGE_BYTES {
                break;
            }
            let text = json(renderer, request, event).to_string();
            for (mark, piece) in cut(&text) {
                line(out, renderer, tag, &["EXPORT", mark], piece);
            }
            (written, after) = (written + text.len(), event.id);
        }
        let cut_off = page.events.last().is_some_and(|last| last.id > after);
        match page.next {
            None if !cut_off => {
                line(out, renderer, tag, &["EXPORT_END"], "That is everything stored about you");
                return Ok(());
            }
            Some(next) if !cut_off => after = next,
            _ => {}
        }
        if cut_off || written > EXPORT_PAGE_BYTES || Instant::now() > until {
            let after = after.to_string();
            let text = format!("There may be more: ACCOUNT EXPORT {after}");
            line(out, renderer, tag, &["EXPORT_NEXT", &after], &text);
            return Ok(());
        }
    }
}

fn line(out: &mut Vec<u8>, renderer: &Renderer, tag: &str, params: &[&str], text: &str) {
    let line = Line::to(out).raw_tags(tag).source(&renderer.server).verb("NOTE").param("ACCOUNT");
    params.iter().fold(line, |line, param| line.param(param)).text(text).end();
}
