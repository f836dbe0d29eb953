//! Scenario `handshakes`: TLS connections that are made and ended again, and say nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use rustls::client::Resumption;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};

use crate::bare;
use crate::driver::TIMEOUT;
use crate::failure::{Context, Failure, Result};
use crate::poller::{Poller, Ready};
use crate::report::{Better, Figure, figure};
use crate::server::{Bench, Kind, Server};
use crate::tls::{self, ClientEnd};

/// Bytes of a server's answers at once.
const READ_BYTES: usize = 16 * 1024;

/// How many.
#[derive(Debug, Clone, Args)]
pub struct Handshakes {
    /// Handshakes of each kind.
    #[arg(long, default_value_t = 5_000)]
    pub count: usize,
    /// Connections that are made at the same time.
    #[arg(long, default_value_t = 64)]
    pub at_once: usize,
}

/// One kind of handshake, and what its figures are called.
struct HandshakeKind {
    version: &'static SupportedProtocolVersion,
    resumed: bool,
    per_second: &'static str,
    cpu: &'static str,
    bare: &'static str,
    to_bare: &'static str,
}

const KINDS: [HandshakeKind; 3] = [
    HandshakeKind {
        version: &TLS13,
        resumed: false,
        per_second: "TLS 1.3 handshakes per second",
        cpu: "server CPU per TLS 1.3 handshake, µs",
        bare: "TLS 1.3 handshake in memory, µs",
        to_bare: "TLS 1.3: to the handshake in memory",
    },
    HandshakeKind {
        version: &TLS12,
        resumed: false,
        per_second: "TLS 1.2 handshakes per second",
        cpu: "server CPU per TLS 1.2 handshake, µs",
        bare: "TLS 1.2 handshake in memory, µs",
        to_bare: "TLS 1.2: to the handshake in memory",
    },
    HandshakeKind {
        version: &TLS13,
        resumed: true,
        per_second: "resumed TLS 1.3 handshakes per second",
        cpu: "server CPU per resumed TLS 1.3 handshake, µs",
        bare: "resumed TLS 1.3 handshake in memory, µs",
        to_bare: "resumed TLS 1.3: to the handshake in memory",
    },
];

impl Handshakes {
    /// One run.
    ///
    /// # Errors
    /// Any failure of the server.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
        if kind.is_floor() || kind.is_peer() {
            return Err(Failure::Unsupported("it is measured without TLS".to_owned()));
        }
        if self.count == 0 || self.at_once == 0 {
            return Err(Failure::Options("there must be a handshake".to_owned()));
        }
        let server = Server::start(kind, bench)?;
        let mut figures = Vec::new();
        for handshake in &KINDS {
            figures.extend(self.measure(handshake, &server)?);
        }
        let (batch, cpu) = self.batch(&server, None)?;
        figures.extend([
            figure("connections without TLS per second", self.per_second(&batch), Better::Higher),
            figure("server CPU per connection without TLS, µs", self.each(cpu), Better::Lower),
            figure("handshakes of each kind", self.count as f64, Better::Neither),
            figure("at once", self.at_once as f64, Better::Neither),
        ]);
        Ok(figures)
    }

    fn measure(&self, handshake: &HandshakeKind, server: &Server) -> Result<Vec<Figure>> {
        // A ticket is good for once, so that each place has its own settings, with a store of tickets in them.
        let resumption = || match handshake.resumed {
            true => Resumption::in_memory_sessions(1),
            false => Resumption::disabled(),
        };
        let configs: Vec<Arc<ClientConfig>> = (0..self.at_once)
            .map(|_| tls::client_config(&[handshake.version], "irc", resumption()))
            .collect::<Result<_>>()?;
        if handshake.resumed {
            let first = Handshakes { count: self.at_once, ..self.clone() };
            first.batch(server, Some(&configs))?;
        }
        let (batch, cpu) = self.batch(server, Some(&configs))?;
        if (batch.resumed > 0) != handshake.resumed {
            // A server may want no tickets; then there is no such figure.
            return Ok(Vec::new());
        }
        let bare = bare::handshake_time(handshake.version, handshake.resumed)?.as_secs_f64() * 1e6;
        let mut figures = vec![
            figure(handshake.per_second, self.per_second(&batch), Better::Higher),
            figure(handshake.cpu, self.each(cpu), Better::Lower),
            figure(handshake.bare, bare, Better::Neither),
            figure(handshake.to_bare, self.each(cpu) / bare, Better::Lower),
        ];
        if handshake.resumed {
            let share = 100.0 * batch.resumed as f64 / self.count as f64;
            figures.push(figure("of these resumed, %", share, Better::Higher));
        }
        Ok(figures)
    }

    /// Makes all connections; also returns the CPU time they took of the server.
    fn batch(
        &self,
        server: &Server,
        configs: Option<&[Arc<ClientConfig>]>,
    ) -> Result<(Batch, Duration)> {
        let cpu = server.cpu_time()?;
        let batch = Batch::run(server.address(), self.count, self.at_once, configs)?;
        Ok((batch, server.cpu_time()?.saturating_sub(cpu)))
    }

    fn per_second(&self, batch: &Batch) -> f64 {
        self.count as f64 / batch.elapsed.as_secs_f64()
    }

    fn each(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.count as f64
    }
}

/// Connections that were made, and ended from both sides.
struct Batch {
    elapsed: Duration,
    resumed: usize,
}

/// One connection. The client sends close_notify as soon as the handshake is done; the server, which cannot read that before it
/// has done its part, ends the connection.
struct Caller {
    stream: TcpStream,
    /// `None` without TLS.
    tls: Option<ClientEnd>,
    said_goodbye: bool,
}

impl Batch {
    fn run(
        address: SocketAddr,
        count: usize,
        at_once: usize,
        configs: Option<&[Arc<ClientConfig>]>,
    ) -> Result<Self> {
        let mut poller = Poller::new().context("creating an epoll")?;
        let (start, mut resumed) = (Instant::now(), 0);
        let (mut begun, mut ended) = (0, 0);
        let mut callers: Vec<Option<Caller>> = (0..at_once).map(|_| None).collect();
        let mut free: Vec<usize> = (0..at_once).collect();
        let (mut ready, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
        while ended < count {
            while begun < count
                && let Some(place) = free.pop()
            {
                let caller = Caller::call(address, configs.map(|configs| &configs[place]))?;
                poller.add(&caller.stream, place).context("watching a client")?;
                callers[place] = Some(caller);
                begun += 1;
            }
            poller.wait(Some(TIMEOUT), &mut ready).context("waiting for the server")?;
            if ready.is_empty() {
                let what = format!("the end of a connection ({ended} of {count} ended)");
                return Err(Failure::Silent { what, seconds: TIMEOUT.as_secs() });
            }
            for Ready { key: place, .. } in ready.drain(..) {
                let Some(caller) = &mut callers[place] else { continue };
                if caller.process(place, &mut buffer)? {
                    resumed += usize::from(caller.tls.as_ref().is_some_and(ClientEnd::is_resumed));
                    callers[place] = None;
                    free.push(place);
                    ended += 1;
                }
            }
        }
        Ok(Self { elapsed: start.elapsed(), resumed })
    }
}

impl Caller {
    fn call(address: SocketAddr, config: Option<&Arc<ClientConfig>>) -> Result<Self> {
        let mut stream = TcpStream::connect(address).context("connecting")?;
        stream.set_nodelay(true).context("connecting")?;
        stream.set_nonblocking(true).context("connecting")?;
        let mut wire = Vec::new();
        let tls = config.map(|config| ClientEnd::connect(config, &mut wire)).transpose()?;
        // A socket that is new has room for a handshake.
        stream.write_all(&wire).context("beginning a handshake")?;
        let without_tls = tls.is_none();
        if without_tls {
            stream.shutdown(Shutdown::Write).context("ending a connection")?;
        }
        Ok(Self { stream, tls, said_goodbye: without_tls })
    }

    /// Reads once; true if the server has closed the connection properly.
    fn process(&mut self, place: usize, buffer: &mut [u8]) -> Result<bool> {
        let held = self.tls.as_ref().map_or(&[][..], ClientEnd::held);
        let kept = held.len();
        buffer[..kept].copy_from_slice(held);
        let count = match self.stream.read(&mut buffer[kept..]) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("reading a handshake"),
        };
        let closed = |last| Failure::Closed { connection: place, last };
        match &mut self.tls {
            _ if count == 0 && self.said_goodbye => return Ok(true),
            _ if count == 0 => return Err(closed("nothing, in a handshake".to_owned())),
            None => {}
            Some(tls) => {
                let mut wire = Vec::new();
                tls.receive(&mut buffer[..kept + count], &mut Vec::new(), &mut wire)?;
                if tls.is_established() && !self.said_goodbye {
                    tls.close(&mut wire)?;
                    self.said_goodbye = true;
                }
                self.stream.write_all(&wire).context("going on with a handshake")?;
            }
        }
        Ok(false)
    }
}
