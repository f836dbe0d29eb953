//! The log on NATS JetStream: one stream per cluster.
//!
//! Of the NATS client library only the connection is used: addresses, TLS, accounts, reconnecting.
//! A publication has a reply subject with the attempt's number. Once it is stored, its node tells
//! the others over a subject of their own; what they miss they fetch, many at once.
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

pub use copies::{Asker, COPIES, Copy, CopyNews, CopyRequest, unwritable};
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
    /// What the other nodes tell.
    told: Subscriber,
    /// Answers, to subjects that begin with `inbox`.
    answers: Subscriber,
    inbox: String,
    /// What it is asked; none if it does not answer.
    questions: Option<Questions>,
    /// Where the answers to the first go.
    status_for: Vec<String>,
    /// Answers, and where they go.
    answered: Vec<(String, Vec<u8>)>,
    /// Sealed requests for copies.
    copy_for: Vec<Vec<u8>>,
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

/// What others ask a node.
struct Questions {
    /// How it is.
    status: Subscriber,
    /// For a copy of its store.
    copy: Subscriber,
}

/// The stage of a connection.
enum Stage {
    /// Disconnected.
    Broken,
    /// Connected, and the stream was asked for its state; it is asked again at this time.
    Asking(Instant),
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
            let told = self.client.subscribe(stream::told_subject(&self.cluster)).await.ok()?;
            let answers = self.client.subscribe(format!("{inbox}.>")).await.ok()?;
            self.client.flush().await.ok()?;
            Some((told, answers))
        });
        let (told, answers) = subscribed.ok_or(Refusal::Silent)?;
        Ok(JetStream {
            identity,
            told,
            answers,
            inbox,
            questions: None,
            status_for: Vec::new(),
            answered: Vec::new(),
            copy_for: Vec::new(),
            requests: VecDeque::new(),
            ready: VecDeque::new(),
            stage: Stage::Asking(Instant::now()),
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
    StatusAsked(async_nats::Message),
    CopyAsked(async_nats::Message),
    Told(async_nats::Message),
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

    /// From now on it hears who asks how this node is, and who asks for a copy of its store: whoever
    /// calls this must answer.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn hear_questions(&mut self) -> Result<(), Refusal> {
        let Nats { runtime, client, cluster, config, .. } = &self.nats;
        let subscribed = runtime.block_on(async {
            let status = client.subscribe(status::subject(cluster)).await.ok()?;
            let copy = client.subscribe(copies::ask_subject(cluster, &config.node)).await.ok()?;
            Some(Questions { status, copy })
        });
        self.questions = Some(subscribed.ok_or(Refusal::Silent)?);
        Ok(())
    }

    /// Whether anybody has asked how this node is.
    pub fn is_asked(&self) -> bool {
        !self.status_for.is_empty()
    }

    /// Answers all who have asked how this node is.
    pub fn answer(&mut self, status: &NodeStatus) {
        let status = serde_json::to_vec(status).expect("it has no maps");
        let whom = self.status_for.drain(..);
        self.answered.extend(whom.map(|who| (who, status.clone())));
    }

    /// The requests for a copy of this node's store that have come, sealed.
    pub fn take_copy_requests(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.copy_for)
    }

    /// Answers a request for a copy.
    pub fn tell(&mut self, answer: (String, Vec<u8>)) {
        self.answered.push(answer);
    }

    /// Sends the waiting requests if connected. Otherwise they are lost, as they may be.
    async fn send_all(&mut self) {
        let there = self.nats.client.connection_state() == State::Connected;
        for request in std::mem::take(&mut self.requests) {
            if there {
                self.send(request).await;
            }
        }
        for (who, answer) in self.answered.drain(..) {
            if let Err(error) = self.nats.client.publish(who, answer.into()).await {
                tracing::warn!(%error, "Cannot send to NATS");
            }
        }
        if let Stage::Asking(due) = self.stage
            && Instant::now() >= due
        {
            self.ask_how_it_is().await;
        }
    }

    async fn send(&mut self, request: Request) {
        let (client, cluster) = (&self.nats.client, &*self.nats.cluster);
        let sent = match request {
            Request::Publish { ticket, bytes } => {
                let answer = format!("{}.p.{ticket}", self.inbox);
                let bytes = bytes.to_vec().into();
                client.publish_with_reply(stream::log_subject(cluster), answer, bytes).await
            }
            Request::Tell(told) => {
                client.publish(stream::told_subject(cluster), told.to_vec().into()).await
            }
            Request::Fetch { from, leader } => {
                self.fetches += 1;
                if leader && !std::mem::replace(&mut self.lag_logged, true) {
                    tracing::info!("The NATS server in use lags behind: asking the log's leader");
                }
                let fetch = Fetch::new(self.fetches, from, leader);
                let (subject, questions) = (fetch.subject(cluster), fetch.questions());
                let answer = format!("{}.f.{}", self.inbox, fetch.number);
                self.fetch = Some(fetch);
                let mut sent = Ok(());
                for question in questions {
                    let (subject, answer) = (subject.clone(), answer.clone());
                    sent = client.publish_with_reply(subject, answer, question.into()).await;
                }
                sent
            }
            Request::Purge { before } => {
                let (subject, answer) =
                    (stream::purge_subject(cluster), format!("{}.x", self.inbox));
                let question = json!({ "seq": before }).to_string();
                client.publish_with_reply(subject, answer, question.into()).await
            }
        };
        if let Err(error) = sent {
            // Counts as lost on the way: it will be resent.
            tracing::warn!(%error, "Cannot send to NATS");
        }
    }

    /// Asks the stream for its state: for a new connection, and after an incomplete answer.
    async fn ask_how_it_is(&mut self) {
        if let Stage::Asking(due) = &mut self.stage {
            *due = Instant::now() + Duration::from_millis(NATS_ASK_AGAIN_MILLIS);
        }
        let subject = stream::info_subject(&self.nats.cluster);
        let answer = format!("{}.i", self.inbox);
        let sent = self.nats.client.publish_with_reply(subject, answer, "".into()).await;
        if let Err(error) = sent {
            tracing::warn!(%error, "Cannot send to NATS");
        }
    }

    /// Waits for something to arrive, and takes what else is there. What others tell waits until the
    /// connection has been reported.
    async fn come(&mut self, patience: Duration) -> Vec<Arrival> {
        let connected = matches!(self.stage, Stage::Connected);
        let mut all = Vec::new();
        let come = poll_fn(|context| {
            while all.len() + self.ready.len() < NATS_READY {
                if let Poll::Ready(Some(change)) = self.nats.changes.poll_recv(context) {
                    all.push(Arrival::Change(change));
                } else if let Poll::Ready(Some(answer)) = poll_next(&mut self.answers, context) {
                    all.push(Arrival::Answer(answer));
                } else if let Some(questions) = &mut self.questions
                    && let Poll::Ready(Some(asked)) = poll_next(&mut questions.status, context)
                {
                    all.push(Arrival::StatusAsked(asked));
                } else if let Some(questions) = &mut self.questions
                    && let Poll::Ready(Some(asked)) = poll_next(&mut questions.copy, context)
                {
                    all.push(Arrival::CopyAsked(asked));
                } else if connected
                    && let Poll::Ready(Some(told)) = poll_next(&mut self.told, context)
                {
                    all.push(Arrival::Told(told));
                } else {
                    break;
                }
            }
            if all.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        });
        tokio::select! {
            () = come => {}
            () = self.wake.notified() => {}
            () = tokio::time::sleep(patience) => {}
        }
        all
    }

    async fn take(&mut self, came: Arrival) {
        match came {
            Arrival::Change(Change::Connected) => {
                tracing::info!("Connected to NATS");
                (self.stage, self.lag_logged) = (Stage::Asking(Instant::now()), false);
                self.ask_how_it_is().await;
            }
            Arrival::Change(Change::Disconnected) => {
                tracing::warn!("The connection to NATS is gone; connecting again");
                (self.stage, self.fetch) = (Stage::Broken, None);
                self.ready.push_back(Event::Disconnected);
            }
            Arrival::StatusAsked(message) => {
                self.status_for.extend(message.reply.map(|reply| reply.to_string()));
            }
            Arrival::CopyAsked(message) => {
                self.copy_for.push(message.payload.to_vec());
            }
            Arrival::Told(message) => {
                self.ready.push_back(Event::Told(message.payload[..].into()));
            }
            Arrival::Answer(message) => {
                let subject = message.subject.to_string();
                let rest = subject[self.inbox.len()..].trim_start_matches('.');
                match rest.split_once('.') {
                    Some(("p", ticket)) => self.acknowledged(ticket, &message),
                    Some(("f", number)) => self.fetched(number, &message).await,
                    _ if rest == "i" => self.is(&message),
                    _ => {}
                }
            }
        }
    }

    /// The stream has answered a publication.
    fn acknowledged(&mut self, ticket: &str, message: &async_nats::Message) {
        let Ok(ticket) = ticket.parse() else { return };
        let answer: Option<Acknowledgement> = serde_json::from_slice(&message.payload).ok();
        let sequence = answer.filter(|it| it.error.is_none()).and_then(|it| it.seq);
        self.ready.push_back(match sequence {
            Some(sequence) => Event::Acknowledged { ticket, sequence },
            None => Event::Refused { ticket },
        });
    }

    /// The stream has returned a message, or the end of the answer.
    async fn fetched(&mut self, number: &str, message: &async_nats::Message) {
        let Some(fetch) = self.fetch.as_mut().filter(|it| number.parse() == Ok(it.number)) else {
            return;
        };
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            self.fetch = None; // It is asked again later.
        } else if fetch.add(message) {
            if fetch.is_useful() {
                let fetch = self.fetch.take().expect("just looked up");
                self.ready.push_back(fetch.answer(None));
            } else {
                // It has less than requested: its state will show how much.
                fetch.ended = true;
                self.ask_how_it_is().await;
            }
        }
    }

    /// The stream has reported its state.
    fn is(&mut self, message: &async_nats::Message) {
        let Ok(info) = serde_json::from_slice::<StreamInfo>(&message.payload) else { return };
        if info.identity().ok().as_ref() != Some(&self.identity) {
            self.ready.push_back(Event::Other);
            return;
        }
        let extent = info.extent();
        if matches!(self.stage, Stage::Asking(_)) {
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

    fn next(&mut self, patience: Duration) -> Option<Event> {
        // Only this drives the runtime, so it must wait at least once.
        if self.ready.is_empty() || !self.requests.is_empty() {
            let patience = if self.ready.is_empty() { patience } else { Duration::ZERO };
            let runtime = self.nats.runtime.clone();
            runtime.block_on(async {
                self.send_all().await;
                for came in self.come(patience).await {
                    self.take(came).await;
                }
            });
        }
        self.ready.pop_front()
    }
}
