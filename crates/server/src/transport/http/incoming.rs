//! The requests of one connection, one after the other.

use super::{Request, RequestContext, RequestTarget, too_large, understand};
use crate::limits::{HTTP_HEAD_BYTES, HTTP_PIPELINE_BYTES, HTTP_REQUESTS};
use memchr::memchr_iter;

/// What has arrived of the next request. An idle connection owns no buffer.
#[derive(Debug, Default)]
pub struct Incoming {
    /// An incomplete head; before a response, what came after its request.
    bytes: Vec<u8>,
    /// A request whose body has not arrived whole, and how many bytes are missing.
    awaited: Option<Box<(Request, usize)>>,
    /// The number of requests so far.
    requests: u32,
    stage: Stage,
}

/// The stage of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// A request may come.
    #[default]
    Reading,
    /// What came after the last request has not been examined.
    HasMore,
    /// The last request has no response yet.
    AwaitingResponse,
    /// After the last response.
    Over,
}

impl Incoming {
    /// Processes input, up to the next whole request. What comes after it is kept until it has its
    /// response; then [`Incoming::has_more`] tells.
    pub fn receive(&mut self, bytes: &[u8], context: &RequestContext<'_>) -> Option<Request> {
        let known = if self.stage == Stage::HasMore { 0 } else { self.bytes.len() };
        if !matches!(self.stage, Stage::Reading | Stage::HasMore) {
            return None;
        }
        self.bytes.extend_from_slice(bytes);
        self.stage = Stage::Reading;
        let request = match self.awaited.take() {
            Some(awaited) => self.take_body(awaited),
            None => self.take_head(known, context),
        };
        let mut request = request?;
        // Nobody who waits for responses sends so much ahead.
        request.keep &= self.bytes.len() <= HTTP_PIPELINE_BYTES;
        self.stage = Stage::AwaitingResponse;
        if !request.keep && !matches!(request.target, RequestTarget::WebSocket { .. }) {
            self.bytes = Vec::new();
        }
        Some(request)
    }

    /// Takes a head whose last line came after the first `known` bytes.
    fn take_head(&mut self, known: usize, context: &RequestContext<'_>) -> Option<Request> {
        // Some clients send an empty line between requests.
        let empty = self.bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        if empty > 0 {
            self.drop_first(empty);
        }
        // It is parsed only once, in however many pieces it arrives.
        let most = self.bytes.len().min(HTTP_HEAD_BYTES);
        let Some(end) = end_of_head(&self.bytes[..most], known.saturating_sub(empty)) else {
            if most == HTTP_HEAD_BYTES {
                return Some(too_large());
            }
            return None;
        };
        self.requests += 1;
        let (request, body) =
            understand(&self.bytes[..end], context, self.requests < HTTP_REQUESTS);
        self.drop_first(end);
        self.take_body(Box::new((request, body)))
    }

    /// Throws away as much of a body as has arrived; returns the request after the last byte.
    fn take_body(&mut self, mut awaited: Box<(Request, usize)>) -> Option<Request> {
        let here = awaited.1.min(self.bytes.len());
        self.drop_first(here);
        awaited.1 -= here;
        if awaited.1 == 0 {
            return Some(awaited.0);
        }
        self.awaited = Some(awaited);
        None
    }

    fn drop_first(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.bytes.shrink_to_fit();
    }

    /// The last request has its response; `keep`: another one may follow.
    pub fn answered(&mut self, keep: bool) {
        self.stage = match (keep, self.bytes.is_empty()) {
            (true, true) => Stage::Reading,
            (true, false) => Stage::HasMore,
            (false, _) => Stage::Over,
        };
        if !keep {
            self.bytes = Vec::new();
        }
    }

    /// Whether a request is waiting for its response.
    pub fn awaits_response(&self) -> bool {
        self.stage == Stage::AwaitingResponse
    }

    /// Whether what came after the last request may be another one.
    pub fn has_more(&self) -> bool {
        self.stage == Stage::HasMore
    }

    /// Whether part of a request has arrived, or the first one is still to come.
    pub fn is_incomplete(&self) -> bool {
        self.stage == Stage::Reading && !self.is_idle()
    }

    /// Whether all requests so far, and at least one, have their responses, and another may follow.
    pub fn is_idle(&self) -> bool {
        let nothing = self.bytes.is_empty() && self.awaited.is_none();
        self.stage == Stage::Reading && self.requests > 0 && nothing
    }

    /// The number of requests so far.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// What came after the request for a WebSocket.
    pub fn into_rest(self) -> Vec<u8> {
        self.bytes
    }

    /// The number of bytes kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.bytes.capacity()
    }
}

/// The end of the head, after its empty line, if its last line came after the first `known` bytes.
fn end_of_head(head: &[u8], known: usize) -> Option<usize> {
    let from = known.saturating_sub(3);
    memchr_iter(b'\n', &head[from..]).map(|at| from + at + 1).find_map(|next| {
        let empty = [&b"\n"[..], b"\r\n"].into_iter().find(|line| head[next..].starts_with(line));
        empty.map(|line| next + line.len())
    })
}
