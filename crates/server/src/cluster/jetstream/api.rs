//! Requests to JetStream's JSON interface: to inspect, create and delete the stream, and to read
//! single messages.

use super::refusal::Refusal;
use super::stream::{self, StreamInfo};
use crate::cluster::log::Message;
use crate::limits::{NATS_ANSWER_MILLIS, NATS_ASK_AGAIN_MILLIS, NATS_ATTEMPTS};
use async_nats::client::{RequestError, RequestErrorKind};
use async_nats::{Client, HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// JetStream, over one connection.
pub(super) struct Api<'a> {
    pub(super) client: &'a Client,
    /// The name of the cluster.
    pub(super) name: &'a str,
}

/// JetStream's error codes for a missing and an existing stream.
const NO_STREAM: u64 = 10059;
const STREAM_EXISTS: u64 = 10058;
const NO_JETSTREAM: [u64; 2] = [10039, 10076];
/// A server is starting, or there is no leader.
const UNAVAILABLE: u64 = 10008;

impl Api<'_> {
    /// The current state of the stream.
    pub(super) async fn info(&self) -> Result<StreamInfo, Refusal> {
        self.request(&stream::info_subject(self.name), String::new()).await
    }

    /// Creates a stream.
    pub(super) async fn create(&self, config: &Value) -> Result<StreamInfo, Refusal> {
        let name = config["name"].as_str().unwrap_or_default();
        self.request(&format!("$JS.API.STREAM.CREATE.{name}"), config.to_string()).await
    }

    /// Removes a stream, and its contents.
    pub(super) async fn delete(&self, stream: &str) -> Result<(), Refusal> {
        let subject = format!("$JS.API.STREAM.DELETE.{stream}");
        self.request::<Value>(&subject, String::new()).await.map(drop)
    }

    /// Removes what a stream has of a subject.
    pub(super) async fn purge(&self, stream: &str, subject: &str) -> Result<(), Refusal> {
        let body = json!({ "filter": subject }).to_string();
        let purge = format!("$JS.API.STREAM.PURGE.{stream}");
        self.request::<Value>(&purge, body).await.map(drop)
    }

    /// Stores the first message of an empty stream.
    pub(super) async fn publish_first(&self, bytes: Vec<u8>) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Sequence", "0");
        match self.store(&stream::log_subject(self.name), headers, bytes).await? {
            1 => Ok(()),
            other => Err(Refusal::Unreadable(format!("the first message has sequence {other}"))),
        }
    }

    /// Stores a message. Returns its sequence.
    pub(super) async fn publish(&self, subject: &str, bytes: Vec<u8>) -> Result<u64, Refusal> {
        self.store(subject, HeaderMap::new(), bytes).await
    }

    async fn store(
        &self,
        subject: &str,
        headers: HeaderMap,
        bytes: Vec<u8>,
    ) -> Result<u64, Refusal> {
        // Without an answer it may be stored, and must not be sent again.
        let answer = repeat(reached_nobody, async || {
            let (subject, headers, body) = (subject.to_owned(), headers.clone(), bytes.clone());
            let answer = self.client.request_with_headers(subject, headers, body.into());
            self.check_answer(answer.await)
        });
        let answer: Value = parse(&answer.await?)?;
        answer["seq"].as_u64().ok_or_else(|| Refusal::Unreadable(answer.to_string()))
    }

    /// The message at a sequence, if the stream has it.
    pub(super) async fn get(
        &self,
        stream: &str,
        sequence: u64,
    ) -> Result<Option<Message>, Refusal> {
        let subject = format!("$JS.API.DIRECT.GET.{stream}");
        let body = json!({ "seq": sequence }).to_string();
        let answer = repeat(reached_nobody, async || {
            let asked = self.client.request(subject.clone(), body.clone().into());
            asked.await.map_err(|error| refused(error.kind()))
        });
        let answer = answer.await?;
        if answer.status.is_some_and(|status| status.as_u16() == 404) {
            return Ok(None);
        }
        Ok(stream::stored_message(&answer).filter(|message| message.sequence == sequence))
    }

    /// Sends a request that may be repeated, until there is an answer.
    async fn request<T: DeserializeOwned>(
        &self,
        subject: &str,
        body: String,
    ) -> Result<T, Refusal> {
        let wait = Duration::from_millis(NATS_ANSWER_MILLIS);
        let answer = repeat(
            |refusal| reached_nobody(refusal) || matches!(refusal, Refusal::Silent),
            async || {
                let asked = self.client.request(subject.to_owned(), body.clone().into());
                let answer = tokio::time::timeout(wait, asked).await;
                self.check_answer(answer.map_err(|_| Refusal::Silent)?)
            },
        );
        parse(&answer.await?)
    }

    fn check_answer(
        &self,
        answer: Result<async_nats::Message, RequestError>,
    ) -> Result<Vec<u8>, Refusal> {
        let answer = answer.map_err(|error| refused(error.kind()))?;
        let parsed: Value = parse(&answer.payload)?;
        let Some(error) = parsed.get("error") else { return Ok(answer.payload.to_vec()) };
        let code = error["err_code"].as_u64().unwrap_or_default();
        Err(match code {
            NO_STREAM => Refusal::NoStream(stream::name(self.name)),
            UNAVAILABLE => Refusal::Silent,
            STREAM_EXISTS => Refusal::StreamExists(stream::name(self.name)),
            _ if NO_JETSTREAM.contains(&code) => Refusal::NoJetStream,
            _ => Refusal::Refused(error["description"].as_str().unwrap_or("no reason").to_owned()),
        })
    }
}

/// Tries something, and tries it again for a while after certain refusals: JetStream may be starting, or
/// electing a leader, and the servers tell each other of a new stream only after it was created.
async fn repeat<T>(
    passes: impl Fn(&Refusal) -> bool,
    attempt: impl AsyncFn() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    for _ in 1..NATS_ATTEMPTS {
        match attempt().await {
            Err(refusal) if passes(&refusal) => {
                tokio::time::sleep(Duration::from_millis(NATS_ASK_AGAIN_MILLIS)).await;
            }
            other => return other,
        }
    }
    attempt().await
}

/// Whether a request was certainly not carried out.
fn reached_nobody(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NoJetStream)
}

fn refused(kind: RequestErrorKind) -> Refusal {
    match kind {
        RequestErrorKind::NoResponders => Refusal::NoJetStream,
        _ => Refusal::Silent,
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        Refusal::Unreadable(format!("{error} in {text:?}"))
    })
}
