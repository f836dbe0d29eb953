//! Serves HTTP requests: the web client, the page that says how to join, `/healthz` and `/metrics`.

use crate::hub::ClientEvent;
use crate::metrics::{Count, Refused};
use crate::shard::Shard;
use crate::shard::health::HealthRequest;
use crate::transport::http::{
    Host, Incoming, Kind, METHODS, Page, Request, RequestTarget, Response, Status, page, sockets,
};

impl Shard {
    /// Responds to a request.
    pub(crate) fn serve(&mut self, slot: usize, request: &Request) {
        let response = match &request.target {
            RequestTarget::Page(_) if !self.is_private(slot, request) => {
                self.join_page(slot, request)
            }
            RequestTarget::Page(file) => {
                // The page may go on at another node when this one is gone.
                let sockets = sockets(&self.parts.config.http.origins);
                request.answer(Response { sockets, ..file.answer() })
            }
            RequestTarget::File(file) => request.answer(file.answer()),
            RequestTarget::Join => self.join_page(slot, request),
            RequestTarget::Methods => {
                let answer = Response::text(Status::NoContent, "");
                request.answer(Response { extra: METHODS.into(), ..answer })
            }
            RequestTarget::Health => {
                let (session, head_only) = (self.session(slot), request.head_only);
                let who = HealthRequest { session, head_only, keep: request.keep };
                return self.check_health(who);
            }
            RequestTarget::Metrics => self.show_metrics(slot, request),
            RequestTarget::Refused(response) => {
                self.parts.metrics.count(Count::Refused(Refused::BadRequest));
                response.clone()
            }
            // The transport has opened it, and nothing is left to do.
            RequestTarget::WebSocket { .. } => return,
        };
        self.answer(slot, &response, request.keep);
    }

    /// Whether the browser lets a page do everything: it came encrypted, or from the browser's own
    /// machine. Behind a proxy that does not say, it is taken for encrypted.
    fn is_private(&self, slot: usize, request: &Request) -> bool {
        let forwarded = request.forwarded.map(|by| by.encrypted);
        forwarded.unwrap_or(request.relayed)
            || self.connections[slot].transport.is_encrypted()
            || request.host.as_ref().is_some_and(Host::is_loopback)
    }

    /// The page that says how to join.
    fn join_page(&self, slot: usize, request: &Request) -> Vec<u8> {
        let config = &self.parts.config;
        let own = (!config.tls.is_real()).then_some(self.parts.certificate.fingerprint);
        let encrypted = self.connections[slot].transport.is_encrypted();
        let page = page(&Page {
            server: &config.server.name,
            host: request.host.as_ref(),
            port: config.port,
            proxied: request.relayed,
            encrypted: encrypted || request.forwarded.as_ref().is_some_and(|by| by.encrypted),
            fingerprint: own,
        });
        request.answer(Response::new(Status::Ok, Kind::Html, page.as_bytes()))
    }

    /// The metrics, for those who may read them.
    fn show_metrics(&self, slot: usize, request: &Request) -> Vec<u8> {
        let config = &self.parts.config;
        let origins = config.http.origins.iter();
        let hosts = origins
            .filter_map(|origin| Host::parse(origin.split_once("://")?.1.trim_end_matches('/')));
        let hosts: Vec<String> = hosts.map(|host| host.name).collect();
        let known = hosts.iter().chain([&config.server.name]).map(String::as_str);
        let is_ours = request.host.as_ref().is_some_and(|host| host.is_ours(known));
        let (proxies, networks) = (&config.server.proxies, &config.http.metrics);
        let address = self.connections[slot].address;
        let refusal = if !is_ours {
            "To read the metrics, use an address, localhost or this server's name (Host).\n"
        } else if !request.is_from(address, proxies, networks) {
            "The metrics are only for this machine and the networks in [http] metrics of the config \
             file.\n"
        } else {
            let text = self.parts.metrics.text();
            return request.answer(Response::new(Status::Ok, Kind::Metrics, text.as_bytes()));
        };
        self.parts.metrics.count(Count::Refused(Refused::Forbidden));
        request.answer(Response::text(Status::Forbidden, refusal))
    }

    /// Sends a response; `keep`: another request may follow.
    pub(crate) fn answer(&mut self, slot: usize, response: &[u8], keep: bool) {
        let connection = &mut self.connections[slot];
        if let Err(error) = connection.answer(response, keep) {
            return self.gone(slot, &format!("Connection lost: {error}"));
        }
        let requests = connection.transport.requests();
        let over = connection.ended && !requests.is_some_and(Incoming::has_more);
        if keep && !over {
            return self.touch(slot);
        }
        self.served(slot);
    }

    /// Closes a connection whose requests have their responses.
    pub(crate) fn served(&mut self, slot: usize) {
        let session = self.session(slot);
        self.gather(session, ClientEvent::Served);
        self.close(slot);
    }
}
