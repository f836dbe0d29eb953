//! Copies of a node's store for others: requested over NATS, and transferred in a stream of their own,
//! in pieces that expire after a while. All of it is sealed, so only who has the cluster's key can
//! request a copy, reply, or read one.

use super::refusal::Refusal;
use super::{Nats, stream};
use crate::cluster::seal::Seal;
use crate::limits::{COPY_CHECK_PIECES, COPY_HOURS, COPY_PIECE_BYTES, COPY_TIMEOUT_MILLIS};
use async_nats::StatusCode;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// What copies are sealed for.
pub const COPIES: &[u8] = b"copies";

/// What is sealed.
#[derive(Deserialize, Serialize)]
enum Sealed<'a> {
    Request(CopyRequest),
    Reply(CopyReply),
    #[serde(borrow)]
    Piece(Piece<'a>),
}

/// What a copy is for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum CopyDestination {
    /// A node of this name, which continues from there with the log.
    Node(String),
    /// A file of an operator.
    File,
}

/// A request for a copy.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct CopyRequest {
    /// A random number, which identifies the request, and then the pieces of the copy.
    pub id: u64,
    /// When it was made, in milliseconds since the epoch.
    pub at: i64,
    /// The name of the node that is to make it.
    pub maker: String,
    /// What it is for.
    pub destination: CopyDestination,
    /// The subject for replies.
    reply_to: String,
}

/// A reply to a request for a copy.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum CopyReply {
    /// The node is making one for somebody else.
    Busy,
    /// The copy is being made.
    Making {
        /// Bytes done.
        done: u64,
        /// Total bytes of this step; 0 if unknown.
        total: u64,
    },
    /// The copy is complete.
    Made(Copy),
    /// The copy could not be made, and why.
    Failed(String),
}

/// Where a copy is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// Identifies its pieces.
    id: u64,
    /// The sequence of its first piece in the stream of copies.
    first: u64,
    /// The sequence of the last one.
    last: u64,
    /// All its bytes.
    pub bytes: u64,
}

/// A piece.
#[derive(Deserialize, Serialize)]
struct Piece<'a> {
    copy: u64,
    index: u64,
    #[serde(borrow)]
    bytes: &'a [u8],
}

impl Sealed<'_> {
    fn seal(&self, seal: &mut Seal) -> Vec<u8> {
        seal.seal(&postcard::to_stdvec(self).expect("all lengths are known"))
    }
}

impl CopyRequest {
    /// `id` and `at`, the maker, what it is for, and the subject for replies.
    pub fn new(
        (id, at): (u64, i64),
        maker: String,
        destination: CopyDestination,
        reply_to: String,
    ) -> CopyRequest {
        CopyRequest { id, at, maker, destination, reply_to }
    }

    /// As it is sent.
    pub fn seal(&self, seal: &mut Seal) -> Vec<u8> {
        Sealed::Request(self.clone()).seal(seal)
    }

    /// Opens a request; none if it is not of somebody who has the key.
    pub fn open(seal: &Seal, sealed: &[u8]) -> Option<CopyRequest> {
        match postcard::from_bytes(&seal.open(sealed)?) {
            Ok(Sealed::Request(request)) => Some(request),
            _ => None,
        }
    }

    /// A reply, with its subject.
    pub fn reply(&self, reply: CopyReply, seal: &mut Seal) -> (String, Vec<u8>) {
        (self.reply_to.clone(), Sealed::Reply(reply).seal(seal))
    }
}

impl CopyDestination {
    /// The subject of the pieces that a node of this name makes. There are no more such subjects than
    /// nodes, so copies that nobody has fetched do not accumulate.
    fn subject(&self, cluster: &str, maker: &str) -> String {
        match self {
            CopyDestination::Node(name) => format!("parlor.{cluster}.copy.node.{}", token(name)),
            CopyDestination::File => format!("parlor.{cluster}.copy.file.{}", token(maker)),
        }
    }
}

/// A node's name as one token of a subject. Names have no underscores.
fn token(name: &str) -> String {
    name.replace('.', "_")
}

pub(super) fn name(cluster: &str) -> String {
    format!("{}_copies", stream::name(cluster))
}

/// Where a node is asked for a copy.
pub(super) fn request_subject(cluster: &str, node: &str) -> String {
    format!("parlor.{cluster}.ask.copy.{}", token(node))
}

/// How the stream of copies is made.
pub(super) fn config(cluster: &str, servers: usize) -> Value {
    json!({
        "name": name(cluster),
        "description": "Copies of nodes' stores, on their way to others",
        "subjects": [format!("parlor.{cluster}.copy.>")],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_age": Duration::from_secs(COPY_HOURS * 3600).as_nanos() as u64,
        "max_bytes": -1,
        "max_msgs": -1,
        "num_replicas": servers,
        "allow_direct": true,
    })
}

impl Nats {
    /// Requests a copy from a node, and waits until it has made one. `progress` is called with the
    /// bytes done and the total.
    ///
    /// # Errors
    /// When the node does not reply, is busy, or fails; or `progress` fails.
    pub fn request_copy<E: From<Refusal>>(
        &self,
        (id, at): (u64, i64),
        (maker, destination): (&str, &CopyDestination),
        seal: &mut Seal,
        mut progress: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<Copy, E> {
        self.runtime.block_on(async {
            let inbox = self.client.new_inbox();
            let replies = self.client.subscribe(inbox.clone()).await;
            let mut replies = replies.map_err(|_| Refusal::Silent)?;
            let subject = request_subject(&self.cluster, maker);
            let (maker, destination) = (maker.to_owned(), destination.clone());
            let request = CopyRequest::new((id, at), maker.clone(), destination, inbox.to_string());
            let request = request.seal(seal);
            let asked = self.client.publish_with_reply(subject, inbox, request.into()).await;
            asked.map_err(|_| Refusal::Silent)?;
            let mut due = deadline();
            loop {
                let reply = tokio::time::timeout_at(due, replies.next()).await.ok().flatten();
                let reply = reply.filter(|reply| reply.status != Some(StatusCode::NO_RESPONDERS));
                let reply = reply.ok_or_else(|| Refusal::NodeSilent(maker.clone()))?;
                let opened = seal.open(&reply.payload).unwrap_or_default();
                // Anybody with access to NATS can answer; only a node can seal its answer.
                let Ok(Sealed::Reply(reply)) = postcard::from_bytes(&opened) else { continue };
                due = deadline();
                match reply {
                    CopyReply::Made(copy) => return Ok(copy),
                    CopyReply::Busy => return Err(Refusal::NodeBusy(maker).into()),
                    CopyReply::Failed(why) => {
                        return Err(Refusal::NoCopy { node: maker, why }.into());
                    }
                    CopyReply::Making { done, total } => progress(done, total)?,
                }
            }
        })
    }

    /// Sends what [`CopyRequest::reply`] returns.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn reply(&self, (subject, reply): (String, Vec<u8>)) -> Result<(), Refusal> {
        self.runtime.block_on(async {
            let sent = self.client.publish(subject, reply.into()).await;
            sent.map_err(|_| Refusal::Silent)?;
            self.client.flush().await.map_err(|_| Refusal::Silent)
        })
    }

    /// Uploads a file for whoever has requested it. `progress` is called with the bytes done.
    ///
    /// # Errors
    /// When the file cannot be read, or JetStream does not take it.
    pub fn upload_copy(
        &self,
        request: &CopyRequest,
        file: &Path,
        seal: &mut Seal,
        mut progress: impl FnMut(u64, &mut Seal),
    ) -> Result<Copy, Refusal> {
        let unreadable = |source| Refusal::CopyFile { path: file.to_owned(), source };
        let mut file = File::open(file).map_err(unreadable)?;
        let mut copy = Copy { id: request.id, first: 0, last: 0, bytes: 0 };
        let mut buffer = vec![0; COPY_PIECE_BYTES];
        let subject = request.destination.subject(&self.cluster, &request.maker);
        for index in 0.. {
            let mut length = 0;
            while length < buffer.len() {
                match file.read(&mut buffer[length..]).map_err(unreadable)? {
                    0 => break,
                    read => length += read,
                }
            }
            if length == 0 {
                break;
            }
            let piece = Piece { copy: copy.id, index, bytes: &buffer[..length] };
            let piece = Sealed::Piece(piece).seal(seal);
            copy.last = self.runtime.block_on(self.api().publish(&subject, piece))?;
            copy.bytes += length as u64;
            if index == 0 {
                copy.first = copy.last;
            } else if index % COPY_CHECK_PIECES == 0 && !self.has_piece(copy.first)? {
                // Whoever requested it has given up, and removed it.
                return Err(Refusal::CopyGone);
            }
            progress(copy.bytes, seal);
        }
        Ok(copy)
    }

    fn has_piece(&self, sequence: u64) -> Result<bool, Refusal> {
        let stream = name(&self.cluster);
        Ok(self.runtime.block_on(self.api().get(&stream, sequence))?.is_some())
    }

    /// Downloads a copy, whose bytes go to `write`.
    ///
    /// # Errors
    /// When a piece is missing, or `write` fails.
    pub fn download_copy<E: From<Refusal>>(
        &self,
        copy: Copy,
        seal: &Seal,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (stream, mut next, mut bytes) = (name(&self.cluster), 0, 0);
        for sequence in copy.first..=copy.last {
            // Those between are pieces of others' copies.
            let Some(message) = self.runtime.block_on(self.api().get(&stream, sequence))? else {
                continue;
            };
            let opened = seal.open(&message.bytes).unwrap_or_default();
            let Ok(Sealed::Piece(piece)) = postcard::from_bytes(&opened) else { continue };
            if piece.copy != copy.id {
                continue;
            }
            if piece.index != next {
                return Err(Refusal::CopyGone.into());
            }
            write(piece.bytes)?;
            (next, bytes) = (next + 1, bytes + piece.bytes.len() as u64);
        }
        if bytes == copy.bytes { Ok(()) } else { Err(Refusal::CopyGone.into()) }
    }

    /// Removes what a node of this name has made for this destination.
    ///
    /// # Errors
    /// When JetStream refuses.
    pub fn remove_copies(&self, destination: &CopyDestination, maker: &str) -> Result<(), Refusal> {
        let subject = destination.subject(&self.cluster, maker);
        self.runtime.block_on(self.api().purge(&name(&self.cluster), &subject))
    }
}

/// When a node that makes a copy is given up, unless it replies before.
fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_millis(COPY_TIMEOUT_MILLIS)
}

/// The file of a copy cannot be written.
pub fn unwritable(path: &Path) -> impl Fn(io::Error) -> Refusal {
    move |source| Refusal::CopyFile { path: path.to_owned(), source }
}
