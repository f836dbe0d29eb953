//! Answers requests of HTTP: the page that says how to join, and two pages for machines.

use crate::health::Asker;
use crate::hub::Did;
use crate::metrics::{Count, Refused};
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
            Wants::Health => {
                let who = Asker { session: self.session(slot), head_only: request.head_only };
                return self.ask_health(who);
            }
            Wants::Metrics => {
                let config = &self.parts.config;
                let (proxies, networks) = (&config.server.proxies, &config.http.metrics);
                if request.is_from(self.connections[slot].address, proxies, networks) {
                    request.answer(Status::Ok, Kind::Metrics, &self.parts.metrics.text())
                } else {
                    self.parts.metrics.count(Count::Refused(Refused::Forbidden));
                    let text = "The metrics are for this machine, and for the networks in \
                                [http] metrics of the config file.\n";
                    request.answer(Status::Forbidden, Kind::Text, text)
                }
            }
            Wants::Refused(response) => {
                self.parts.metrics.count(Count::Refused(Refused::BadRequest));
                response.clone()
            }
            // The transport has opened it, and asks for nothing more.
            Wants::WebSocket { .. } => return,
        };
        self.answer(slot, &response);
    }

    /// Sends an answer, the only one on its connection.
    pub(crate) fn answer(&mut self, slot: usize, response: &[u8]) {
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
