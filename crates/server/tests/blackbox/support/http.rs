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

/// Sends these bytes, and reads the answer.
pub(crate) fn ask(client: &mut Client, request: &str) -> Response {
    client.write(request.as_bytes());
    answer(client)
}

/// The answer to what was sent before. If it is the last one, the connection ends after it.
pub(crate) fn answer(client: &mut Client) -> Response {
    let Response { status, head, body } = answer_bytes(client);
    Response { status, head, body: String::from_utf8(body).expect("UTF-8") }
}

/// The same, with any body.
pub(crate) fn answer_bytes(client: &mut Client) -> Response<Vec<u8>> {
    let mut response = head(client);
    let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
    response.body = client.read_to(|bytes| (bytes.len() >= length).then_some(length));
    assert_eq!(response.body.len(), length, "{}", response.head);
    if response.header("connection") == Some("close") {
        assert!(client.rest().is_empty(), "nothing comes after the last answer");
    }
    response
}

/// The answer without its body, as to `HEAD`.
pub(crate) fn head(client: &mut Client) -> Response<Vec<u8>> {
    let end = |bytes: &[u8]| bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let head = client.read_to(|bytes| end(bytes).map(|end| end + 4));
    let head = String::from_utf8(head).expect("UTF-8");
    let Some(head) = head.strip_suffix("\r\n\r\n") else {
        client.fail("expected an answer of HTTP", head)
    };
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status in {head}"));
    Response { status, head: head.to_ascii_lowercase(), body: Vec::new() }
}
