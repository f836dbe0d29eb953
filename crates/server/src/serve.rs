//! Answers requests of HTTP: the page that says how to join.

use crate::hub::Did;
use crate::shard::Shard;
use crate::transport::Way;
use crate::transport::http::{Kind, Page, Request, Status, Wants, page};

impl Shard {
    /// Answers a request.
    pub(crate) fn serve(&mut self, slot: usize, request: &Request) {
        let response = match &request.wants {
            Wants::Page => {
                let config = &self.parts.config;
                let own = (!config.tls.is_real()).then_some(self.parts.certificate.fingerprint);
                let encrypted = self.connections[slot].way.is_encrypted();
                let page = page(&Page {
                    server: &config.server.name,
                    host: request.host.as_ref(),
                    port: config.port,
                    proxied: request.relayed,
                    encrypted: encrypted
                        || request.forwarded.as_ref().is_some_and(|by| by.encrypted),
                    fingerprint: own,
                });
                request.answer(Status::Ok, Kind::Html, &page)
            }
            Wants::Health | Wants::Metrics => request.answer(Status::NotFound, Kind::Text, ""),
            Wants::Refused(response) => response.clone(),
            // Its lines come from here on.
            Wants::WebSocket { .. } => return,
        };
        self.answer(slot, &response);
    }

    /// Sends an answer, the only one on its connection.
    fn answer(&mut self, slot: usize, response: &[u8]) {
        let session = self.session(slot);
        if let Way::Layers(layers) = &mut self.connections[slot].way
            && let Err(error) = layers.answer(response)
        {
            return self.gone(slot, &format!("Connection lost: {error}"));
        }
        self.gather(session, Did::Served);
        self.close(slot);
    }
}
