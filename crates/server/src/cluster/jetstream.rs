//! The log on NATS JetStream: one stream per cluster.
//!
//! Of the NATS client library only the connection is used: addresses, TLS, accounts, reconnecting.
//! A publication has a reply subject with the attempt's number. Once it is stored, its node announces
//! it to the others on another subject; what they miss they fetch, many at once.
//!
//! Everything runs on the thread that calls [`Log::next`], and only during that call. If it is not
//! called, nothing is received, and the NATS server waits.

mod api;
mod connection;
mod copies;
mod fetch;
mod refusal;
mod status;
mod stream;
mod synced;

pub use copies::{COPIES, Copy, CopyDestination, CopyReply, CopyRequest, unwritable};
pub use refusal::Refusal;
pub use status::NodeStatus;
pub use stream::{StreamInfo, name as stream_name};

use super::identity::Identity;
use super::log::{Event, Log, Message, Request};
use super::queue::Waker;
use crate::config::Cluster;
use crate::limits::{NATS_ASK_AGAIN_MILLIS, NATS_READY};
use api::Api;
use async_nats::connection::State;
use async_nats::{Client, StatusCode, Subscriber};
use connection::Change;
use fetch::Fetch;
use serde::Deserialize;
use serde_json::json;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

/// A connection to the NATS servers of a cluster.
pub struct Nats {
    runtime: Arc<Runtime>,
    client: Client,
    cluster: Box<str>,
    changes: UnboundedReceiver<Change>,
    config: Cluster,
}

/// The log of a cluster, as a node is connected to it.
pub struct JetStream {
    nats: Nats,
    identity: Identity,
    /// Announcements of the other nodes.
    announcements: Subscriber,
    /// Answers, to subjects that begin with `inbox`.
    answers: Subscriber,
    inbox: String,
    /// Requests of other nodes and operators; none if it accepts none.
    peers: Option<PeerRequests>,
    /// The reply subjects of unanswered status requests.
    status_requests: Vec<String>,
    /// Unanswered requests for copies, sealed.
    copy_requests: Vec<Vec<u8>>,
    /// Replies to send, with their subjects.
    replies: Vec<(String, Vec<u8>)>,
    /// Requests to send once connected.
    requests: VecDeque<Request>,
    /// Events not passed on yet.
    ready: VecDeque<Event>,
    /// The stage of the connection.
    stage: Stage,
    /// The unanswered request for messages.
    fetch: Option<Fetch>,
    /// Numbers the requests for messages, to recognize late answers.
    fetches: u64,
    /// Whether it was logged that the NATS server in use lags behind.
    lag_logged: bool,
    wake: Arc<Notify>,
}

/// Requests of other nodes and operators.
struct PeerRequests {
    /// For its status.
    status: Subscriber,
    /// For a copy of its store.
    copy: Subscriber,
}

/// The stage of a connection.
enum Stage {
    /// Disconnected.
    Broken,
    /// Connected, and the stream's state was requested; it is requested again at this time.
    AwaitingInfo(Instant),
    /// Reported as connected.
    Connected,
}

impl Nats {
    /// Connects to one of the servers.
    ///
    /// # Errors
    /// When none can be reached, or they refuse this node.
    pub fn connect(config: &Cluster) -> Result<Nats, Refusal> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Refusal::Unreachable {
            servers: without_passwords(&config.servers),
            reason: error.to_string(),
        })?;
        let (sender, changes) = unbounded_channel();
        let client = runtime.block_on(connection::connect(config, sender))?;
        let cluster = config.name.as_str().into();
        Ok(Nats { runtime: Arc::new(runtime), client, cluster, changes, config: config.clone() })
    }

    fn api(&self) -> Api<'_> {
        Api { client: &self.client, name: &self.cluster }
    }

    /// The current state of the stream.
    ///
    /// # Errors
    /// When there is none, or no answer.
    pub fn info(&self) -> Result<StreamInfo, Refusal> {
        self.runtime.block_on(self.api().info())
    }

    /// Creates the stream, for a cluster with this id; `key` identifies its key. It is on three
    /// servers, or on one if there are no more and the config allows it.
    ///
    /// # Errors
    /// When it is there, or JetStream refuses.
    pub fn create(&self, id: &str, key: &str) -> Result<StreamInfo, Refusal> {
        self.runtime.block_on(async {
            let make = async |copies| {
                let config = stream::config(&self.cluster, id, key, copies);
                self.api().create(&config).await
            };
            let made = match make(stream::REPLICAS).await {
                Err(Refusal::Refused(_)) if self.config.allow_single_log => make(1).await?,
                made => made?,
            };
            let config = copies::config(&self.cluster, made.config.num_replicas);
            match self.api().create(&config).await {
                // It has nothing that lasts.
                Ok(_) | Err(Refusal::StreamExists(_)) => Ok(made),
                Err(error) => {
                    self.api().delete(&stream::name(&self.cluster)).await?;
                    Err(error)
                }
            }
        })
    }

    /// Stores the first message of the stream.
    ///
    /// # Errors
    /// When it has one, or JetStream refuses.
    pub fn publish_first(&self, bytes: Vec<u8>) -> Result<(), Refusal> {
        self.runtime.block_on(self.api().publish_first(bytes))
    }

    /// Removes the streams that were just created: a later step has failed.
    ///
    /// # Errors
    /// When JetStream refuses.
    pub fn delete(&self) -> Result<(), Refusal> {
        self.runtime.block_on(async {
            self.api().delete(&copies::name(&self.cluster)).await?;
            self.api().delete(&stream::name(&self.cluster)).await
        })
    }

    /// The message at a sequence, if the stream has it.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, sequence: u64) -> Result<Option<Message>, Refusal> {
        self.runtime.block_on(self.api().get(&stream::name(&self.cluster), sequence))
    }

    /// Checks that the servers acknowledge only what is on their disks; returns those that do not
    /// reveal it.
    ///
    /// # Errors
    /// When one shows that it does not.
    pub fn check_synced(&self) -> Result<Vec<String>, Refusal> {
        synced::check(&self.config.servers)
    }

    /// Follows the log of this cluster.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn follow(self, identity: Identity) -> Result<JetStream, Refusal> {
        let inbox = self.client.new_inbox();
        let subscribed = self.runtime.block_on(async {
            let announcements =
                self.client.subscribe(stream::announcement_subject(&self.cluster)).await.ok()?;
            let answers = self.client.subscribe(format!("{inbox}.>")).await.ok()?;
            self.client.flush().await.ok()?;
            Some((announcements, answers))
        });
        let (announcements, answers) = subscribed.ok_or(Refusal::Silent)?;
        Ok(JetStream {
            identity,
            announcements,
            answers,
            inbox,
            peers: None,
            status_requests: Vec::new(),
            copy_requests: Vec::new(),
            replies: Vec::new(),
            requests: VecDeque::new(),
            ready: VecDeque::new(),
            stage: Stage::AwaitingInfo(Instant::now()),
            fetch: None,
            fetches: 0,
            lag_logged: false,
            wake: Arc::default(),
            nats: self,
        })
    }
}

/// The servers' URLs without user and password.
fn without_passwords(servers: &[String]) -> String {
    let bare = |server: &String| match server.rsplit_once('@') {
        Some((_, address)) => address.to_owned(),
        None => server.clone(),
    };
    servers.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// Something that has arrived.
enum Arrival {
    Change(Change),
    Answer(async_nats::Message),
    StatusRequest(async_nats::Message),
    CopyRequest(async_nats::Message),
    Announcement(async_nats::Message),
}

/// The stream's answer to a publication.
#[derive(Deserialize)]
struct Acknowledgement {
    seq: Option<u64>,
    error: Option<serde_json::Value>,
}

impl JetStream {
    /// Wakes the thread that waits in [`Log::next`].
    pub fn waker(&self) -> Waker {
        let wake = self.wake.clone();
        Arc::new(move || wake.notify_one())
    }

    /// From now on it accepts requests for the status of this node and for copies of its store: whoever
    /// calls this must answer them.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn accept_requests(&mut self) -> Result<(), Refusal> {
        let Nats { runtime, client, cluster, config, .. } = &self.nats;
        let subscribed = runtime.block_on(async {
            let status = client.subscribe(status::subject(cluster)).await.ok()?;
            let copy =
                client.subscribe(copies::request_subject(cluster, &config.node)).await.ok()?;
            Some(PeerRequests { status, copy })
        });
        self.peers = Some(subscribed.ok_or(Refusal::Silent)?);
        Ok(())
    }

    /// Whether there are unanswered requests for the status.
    pub fn has_status_requests(&self) -> bool {
        !self.status_requests.is_empty()
    }

    /// Answers all requests for the status.
    pub fn reply_status(&mut self, status: &NodeStatus) {
        let status = serde_json::to_vec(status).expect("it has no maps");
        let subjects = self.status_requests.drain(..);
        self.replies.extend(subjects.map(|subject| (subject, status.clone())));
    }

    /// The unanswered requests for a copy of this node's store, sealed.
    pub fn take_copy_requests(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.copy_requests)
    }

    /// Sends what [`CopyRequest::reply`] returns.
    pub fn reply(&mut self, reply: (String, Vec<u8>)) {
        self.replies.push(reply);
    }

    /// Sends the waiting requests and replies. Without a connection requests are lost, as they may be.
    async fn send_all(&mut self) {
        let connected = self.nats.client.connection_state() == State::Connected;
        for request in std::mem::take(&mut self.requests) {
            if connected {
                self.send(request).await;
            }
        }
        for (subject, reply) in self.replies.drain(..) {
            if let Err(error) = self.nats.client.publish(subject, reply.into()).await {
                tracing::warn!(%error, "Cannot send to NATS");
            }
        }
        if let Stage::AwaitingInfo(due) = self.stage
            && Instant::now() >= due
        {
            self.request_info().await;
        }
    }

    async fn send(&mut self, request: Request) {
        let (client, cluster) = (&self.nats.client, &*self.nats.cluster);
        let sent = match request {
            Request::Publish { attempt, bytes } => {
                let answer = format!("{}.p.{attempt}", self.inbox);
                let bytes = bytes.to_vec().into();
                client.publish_with_reply(stream::log_subject(cluster), answer, bytes).await
            }
            Request::Announce(bytes) => {
                let subject = stream::announcement_subject(cluster);
                client.publish(subject, bytes.to_vec().into()).await
            }
            Request::Fetch { from, leader } => {
                self.fetches += 1;
                if leader && !std::mem::replace(&mut self.lag_logged, true) {
                    tracing::info!("The NATS server in use lags behind: asking the log's leader");
                }
                let fetch = Fetch::new(self.fetches, from, leader);
                let (subject, bodies) = (fetch.subject(cluster), fetch.bodies());
                let answer = format!("{}.f.{}", self.inbox, fetch.number);
                self.fetch = Some(fetch);
                let mut sent = Ok(());
                for body in bodies {
                    let (subject, answer) = (subject.clone(), answer.clone());
                    sent = client.publish_with_reply(subject, answer, body.into()).await;
                }
                sent
            }
            Request::Purge { before } => {
                let (subject, answer) =
                    (stream::purge_subject(cluster), format!("{}.x", self.inbox));
                let body = json!({ "seq": before }).to_string();
                client.publish_with_reply(subject, answer, body.into()).await
            }
        };
        if let Err(error) = sent {
            // Counts as lost on the way: it will be resent.
            tracing::warn!(%error, "Cannot send to NATS");
        }
    }

    /// Requests the stream's state: for a new connection, and after an incomplete answer.
    async fn request_info(&mut self) {
        if let Stage::AwaitingInfo(due) = &mut self.stage {
            *due = Instant::now() + Duration::from_millis(NATS_ASK_AGAIN_MILLIS);
        }
        let subject = stream::info_subject(&self.nats.cluster);
        let answer = format!("{}.i", self.inbox);
        let sent = self.nats.client.publish_with_reply(subject, answer, "".into()).await;
        if let Err(error) = sent {
            tracing::warn!(%error, "Cannot send to NATS");
        }
    }

    /// Waits for something to arrive, and takes whatever else has arrived. Announcements wait until the
    /// connection has been reported.
    async fn receive(&mut self, timeout: Duration) -> Vec<Arrival> {
        let connected = matches!(self.stage, Stage::Connected);
        let mut all = Vec::new();
        let arrival = poll_fn(|context| {
            while all.len() + self.ready.len() < NATS_READY {
                if let Poll::Ready(Some(change)) = self.nats.changes.poll_recv(context) {
                    all.push(Arrival::Change(change));
                } else if let Poll::Ready(Some(answer)) = poll_next(&mut self.answers, context) {
                    all.push(Arrival::Answer(answer));
                } else if let Some(peers) = &mut self.peers
                    && let Poll::Ready(Some(request)) = poll_next(&mut peers.status, context)
                {
                    all.push(Arrival::StatusRequest(request));
                } else if let Some(peers) = &mut self.peers
                    && let Poll::Ready(Some(request)) = poll_next(&mut peers.copy, context)
                {
                    all.push(Arrival::CopyRequest(request));
                } else if connected
                    && let Poll::Ready(Some(message)) = poll_next(&mut self.announcements, context)
                {
                    all.push(Arrival::Announcement(message));
                } else {
                    break;
                }
            }
            if all.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        });
        tokio::select! {
            () = arrival => {}
            () = self.wake.notified() => {}
            () = tokio::time::sleep(timeout) => {}
        }
        all
    }

    async fn handle(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Change(Change::Connected) => {
                tracing::info!("Connected to NATS");
                (self.stage, self.lag_logged) = (Stage::AwaitingInfo(Instant::now()), false);
                self.request_info().await;
            }
            Arrival::Change(Change::Disconnected) => {
                tracing::warn!("The connection to NATS is gone; connecting again");
                (self.stage, self.fetch) = (Stage::Broken, None);
                self.ready.push_back(Event::Disconnected);
            }
            Arrival::StatusRequest(message) => {
                self.status_requests.extend(message.reply.map(|reply| reply.to_string()));
            }
            Arrival::CopyRequest(message) => {
                self.copy_requests.push(message.payload.to_vec());
            }
            Arrival::Announcement(message) => {
                self.ready.push_back(Event::Announced(message.payload[..].into()));
            }
            Arrival::Answer(message) => {
                let subject = message.subject.to_string();
                let rest = subject[self.inbox.len()..].trim_start_matches('.');
                match rest.split_once('.') {
                    Some(("p", attempt)) => self.acknowledged(attempt, &message),
                    Some(("f", number)) => self.fetched(number, &message).await,
                    _ if rest == "i" => self.info_received(&message),
                    _ => {}
                }
            }
        }
    }

    /// The stream has answered a publication.
    fn acknowledged(&mut self, attempt: &str, message: &async_nats::Message) {
        let Ok(attempt) = attempt.parse() else { return };
        let answer: Option<Acknowledgement> = serde_json::from_slice(&message.payload).ok();
        let sequence = answer.filter(|it| it.error.is_none()).and_then(|it| it.seq);
        self.ready.push_back(match sequence {
            Some(sequence) => Event::Acknowledged { attempt, sequence },
            None => Event::Refused { attempt },
        });
    }

    /// The stream has returned a message, or the end of the answer.
    async fn fetched(&mut self, number: &str, message: &async_nats::Message) {
        let Some(fetch) = self.fetch.as_mut().filter(|it| number.parse() == Ok(it.number)) else {
            return;
        };
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            self.fetch = None; // The follower repeats it.
        } else if fetch.add(message) {
            if fetch.is_useful() {
                let fetch = self.fetch.take().expect("just looked up");
                self.ready.push_back(fetch.answer(None));
            } else {
                // It has less than requested: its state will show how much.
                fetch.ended = true;
                self.request_info().await;
            }
        }
    }

    /// The stream has reported its state.
    fn info_received(&mut self, message: &async_nats::Message) {
        let Ok(info) = serde_json::from_slice::<StreamInfo>(&message.payload) else { return };
        if info.identity().ok().as_ref() != Some(&self.identity) {
            self.ready.push_back(Event::OtherLog);
            return;
        }
        let extent = info.extent();
        if matches!(self.stage, Stage::AwaitingInfo(_)) {
            self.stage = Stage::Connected;
            self.ready.push_back(Event::Connected(extent));
        }
        if let Some(fetch) = self.fetch.take_if(|fetch| fetch.ended) {
            self.ready.push_back(fetch.answer(Some(extent)));
        }
    }
}

fn poll_next(
    subscriber: &mut Subscriber,
    context: &mut std::task::Context<'_>,
) -> Poll<Option<async_nats::Message>> {
    futures_util::Stream::poll_next(Pin::new(subscriber), context)
}

impl Log for JetStream {
    fn request(&mut self, request: Request) {
        self.requests.push_back(request);
    }

    fn next(&mut self, timeout: Duration) -> Option<Event> {
        // Only this drives the runtime, so it must wait at least once.
        if self.ready.is_empty() || !self.requests.is_empty() {
            let timeout = if self.ready.is_empty() { timeout } else { Duration::ZERO };
            let runtime = self.nats.runtime.clone();
            runtime.block_on(async {
                self.send_all().await;
                for arrival in self.receive(timeout).await {
                    self.handle(arrival).await;
                }
            });
        }
        self.ready.pop_front()
    }
}
