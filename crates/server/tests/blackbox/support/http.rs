//! Requests of HTTP and their answers.

use super::Client;

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Status line and header lines, in small letters.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends these bytes, and reads the answer up to the end of the connection.
pub(crate) fn ask(client: &mut Client, request: &str) -> Response {
    client.write(request.as_bytes());
    answer(client)
}

/// The answer to what was sent before.
pub(crate) fn answer(client: &mut Client) -> Response {
    let all = String::from_utf8(client.rest()).expect("UTF-8");
    let Some((head, body)) = all.split_once("\r\n\r\n") else {
        client.fail("expected an answer of HTTP", all)
    };
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status in {head}"));
    let body = body.to_owned();
    Response { status, head: head.to_ascii_lowercase(), body }
}
