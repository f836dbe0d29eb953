//! What a reverse proxy sends first, by hand.

/// A header of version 1 for a client at this address (IPv4).
pub(crate) fn v1(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 127.0.0.1 51234 9999\r\n").into_bytes()
}

/// A header of version 2 for a client at this address (IPv4), with these fields behind it.
pub(crate) fn v2(client: &str, fields: &[u8]) -> Vec<u8> {
    let client: std::net::Ipv4Addr = client.parse().expect("an address");
    let length = (12 + fields.len()) as u16;
    let [high, low] = length.to_be_bytes();
    let ports = [0xc8, 0x22, 0x27, 0x0f];
    let start = b"\r\n\r\n\0\r\nQUIT\n\x21\x11";
    [start, &[high, low][..], &client.octets(), &[127, 0, 0, 1], &ports, fields].concat()
}

/// The field that says that the client speaks TLS with the proxy.
pub(crate) const ENCRYPTED: &[u8] = &[0x20, 0, 5, 1, 0, 0, 0, 0];

/// The header of a connection that is the proxy's own.
pub(crate) const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
