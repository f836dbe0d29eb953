//! The log on NATS JetStream: one stream of the cluster.
//!
//! Of NATS' client only the connection is used: addresses, TLS, accounts, and that it connects again.
//! Publications go out with a subject for the answer that has the attempt's number; what the stream
//! keeps it tells to a subject of its own, and what was missed there is asked for, many messages at
//! once.
//!
//! All of it runs on the thread that calls [`Log::next`], and only meanwhile. So whoever does not call
//! it takes nothing, and the NATS server waits.

mod api;
mod connection;
mod fetch;
mod refusal;
mod stream;
mod synced;

pub use refusal::Refusal;
pub use stream::{StreamInfo, name as stream_name};

use super::identity::Identity;
use super::log::{Event, Log, Message, Request};
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
    /// What the stream tells of what it keeps.
    told: Subscriber,
    /// Answers, to subjects that begin with `inbox`.
    answers: Subscriber,
    inbox: String,
    /// What is to be sent when there is a connection.
    requests: VecDeque<Request>,
    /// What has come and is not passed on.
    ready: VecDeque<Event>,
    /// How far the connection is.
    stage: Stage,
    /// The question for messages that is not answered yet.
    fetch: Option<Fetch>,
    /// Numbers questions, so that a late answer is not taken for another one.
    questions: u64,
    wake: Arc<Notify>,
}

/// How far a connection is.
enum Stage {
    /// There is none.
    Broken,
    /// The stream is asked how it is; again at this time.
    Asking(Instant),
    /// It is passed on that there is one.
    Connected,
}

/// Wakes the thread that waits in [`Log::next`].
#[derive(Clone)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// Wakes it, now or when it waits next.
    pub fn wake(&self) {
        self.0.notify_one();
    }
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

    /// The stream, as it is now.
    ///
    /// # Errors
    /// When there is none, or no answer.
    pub fn info(&self) -> Result<StreamInfo, Refusal> {
        self.runtime.block_on(self.api().info())
    }

    /// Makes the stream, for a cluster with this id and a key that is told from others by `key`. It is
    /// on three servers, or on one if there are no more and the config allows it.
    ///
    /// # Errors
    /// When it is there, or JetStream refuses.
    pub fn create(&self, id: &str, key: &str) -> Result<StreamInfo, Refusal> {
        self.runtime.block_on(async {
            let make = async |copies| {
                let config = stream::config(&self.cluster, id, key, copies);
                self.api().create(&config).await
            };
            match make(stream::COPIES).await {
                Err(Refusal::Refused(_)) if self.config.allow_single_log => make(1).await,
                made => made,
            }
        })
    }

    /// Keeps the first message of the stream.
    ///
    /// # Errors
    /// When it has one, or JetStream refuses.
    pub fn publish_first(&self, bytes: Vec<u8>) -> Result<(), Refusal> {
        self.runtime.block_on(self.api().publish_first(bytes))
    }

    /// Removes the stream that was just made: something after it has failed.
    ///
    /// # Errors
    /// When JetStream refuses.
    pub fn delete(&self) -> Result<(), Refusal> {
        self.runtime.block_on(self.api().delete())
    }

    /// The message at a sequence, if the stream has it.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, sequence: u64) -> Result<Option<Message>, Refusal> {
        self.runtime.block_on(self.api().get(sequence))
    }

    /// Whether the servers acknowledge only what is on their disks, as far as they show it; and those
    /// that do not show it.
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
            requests: VecDeque::new(),
            ready: VecDeque::new(),
            stage: Stage::Asking(Instant::now()),
            fetch: None,
            questions: 0,
            wake: Arc::default(),
            nats: self,
        })
    }
}

/// The servers as a person may read them, without user and password.
fn without_passwords(servers: &[String]) -> String {
    let bare = |server: &String| match server.rsplit_once('@') {
        Some((_, address)) => address.to_owned(),
        None => server.clone(),
    };
    servers.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// What has come.
enum Came {
    Change(Change),
    Answer(async_nats::Message),
    Told(async_nats::Message),
}

/// What the stream says of a publication.
#[derive(Deserialize)]
struct Acknowledgement {
    seq: Option<u64>,
    error: Option<serde_json::Value>,
}

impl JetStream {
    /// Wakes the thread that waits in [`Log::next`].
    pub fn waker(&self) -> Waker {
        Waker(self.wake.clone())
    }

    /// Sends what is to be sent, if there is a connection. Else it is lost, as it may be.
    async fn send_all(&mut self) {
        let there = self.nats.client.connection_state() == State::Connected;
        for request in std::mem::take(&mut self.requests) {
            if there {
                self.send(request).await;
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
            Request::Fetch { from } => {
                self.questions += 1;
                let fetch = Fetch::new(self.questions, from);
                let (question, answer) =
                    (fetch.question(), format!("{}.f.{}", self.inbox, fetch.number));
                self.fetch = Some(fetch);
                client
                    .publish_with_reply(stream::get_subject(cluster), answer, question.into())
                    .await
            }
            Request::Purge { before } => {
                let (subject, answer) =
                    (stream::purge_subject(cluster), format!("{}.x", self.inbox));
                let question = json!({ "seq": before }).to_string();
                client.publish_with_reply(subject, answer, question.into()).await
            }
        };
        if let Err(error) = sent {
            // As if it were lost on the way: it is sent again.
            tracing::warn!(%error, "Cannot send to NATS");
        }
    }

    /// Asks the stream how it is: when a connection is new, and when it has given less than asked for.
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

    /// Waits for something to come, and takes what else there is. What the stream tells waits until it
    /// is passed on that there is a connection.
    async fn come(&mut self, patience: Duration) -> Vec<Came> {
        let connected = matches!(self.stage, Stage::Connected);
        let mut all = Vec::new();
        let come = poll_fn(|context| {
            while all.len() < NATS_READY {
                if let Poll::Ready(Some(change)) = self.nats.changes.poll_recv(context) {
                    all.push(Came::Change(change));
                } else if let Poll::Ready(Some(answer)) = poll_next(&mut self.answers, context) {
                    all.push(Came::Answer(answer));
                } else if connected
                    && let Poll::Ready(Some(told)) = poll_next(&mut self.told, context)
                {
                    all.push(Came::Told(told));
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

    async fn take(&mut self, came: Came) {
        match came {
            Came::Change(Change::Connected) => {
                self.stage = Stage::Asking(Instant::now());
                self.ask_how_it_is().await;
            }
            Came::Change(Change::Disconnected) => {
                (self.stage, self.fetch) = (Stage::Broken, None);
                self.ready.push_back(Event::Disconnected);
            }
            Came::Told(message) => {
                self.ready.extend(stream::kept(&message).map(Event::Told));
            }
            Came::Answer(message) => {
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

    /// The stream has answered to a publication.
    fn acknowledged(&mut self, ticket: &str, message: &async_nats::Message) {
        let Ok(ticket) = ticket.parse() else { return };
        let answer: Option<Acknowledgement> = serde_json::from_slice(&message.payload).ok();
        let sequence = answer.filter(|it| it.error.is_none()).and_then(|it| it.seq);
        self.ready.push_back(match sequence {
            Some(sequence) => Event::Acknowledged { ticket, sequence },
            None => Event::Refused { ticket },
        });
    }

    /// The stream has returned a message, or says that this was all.
    async fn fetched(&mut self, number: &str, message: &async_nats::Message) {
        let Some(fetch) = self.fetch.as_mut().filter(|it| number.parse() == Ok(it.number)) else {
            return;
        };
        match message.status {
            None => fetch.add(message),
            Some(StatusCode::NO_RESPONDERS) => self.fetch = None, // It is asked again later.
            Some(_) if fetch.is_whole() => {
                let fetch = self.fetch.take().expect("just looked up");
                self.ready.push_back(fetch.answer(None));
            }
            Some(_) => {
                // It has less than was asked for: how much it has at all, the stream says.
                fetch.ended = true;
                self.ask_how_it_is().await;
            }
        }
    }

    /// The stream says how it is.
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
        // The runtime is driven by this alone, so it must not be left without having waited.
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
