//! Requests of HTTP and their answers.

use super::Client;

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Response<B = String> {
    pub(crate) status: u16,
    /// Status line and header lines, in small letters.
    pub(crate) head: String,
    pub(crate) body: B,
}

impl<B> Response<B> {
    /// The value of a header line.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// Sends these bytes, and reads the answer up to the end of the connection.
pub(crate) fn ask(client: &mut Client, request: &str) -> Response {
    client.write(request.as_bytes());
    answer(client)
}

/// The answer to what was sent before.
pub(crate) fn answer(client: &mut Client) -> Response {
    let Response { status, head, body } = answer_bytes(client);
    Response { status, head, body: String::from_utf8(body).expect("UTF-8") }
}

/// The same, with any body.
pub(crate) fn answer_bytes(client: &mut Client) -> Response<Vec<u8>> {
    let all = client.rest();
    let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") else {
        client.fail("expected an answer of HTTP", String::from_utf8_lossy(&all))
    };
    let head = String::from_utf8(all[..end].to_vec()).expect("UTF-8");
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status in {head}"));
    Response { status, head: head.to_ascii_lowercase(), body: all[end + 4..].to_vec() }
}
