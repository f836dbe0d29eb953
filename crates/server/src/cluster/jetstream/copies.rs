//! Copies of a node's store for others: asked for over NATS, and passed on in a stream of their own,
//! in pieces that NATS forgets after a while. All of it is sealed, so only who has the cluster's key
//! can ask for a copy, answer, or read one.

use super::refusal::Refusal;
use super::{Nats, stream};
use crate::cluster::seal::Seal;
use crate::limits::{COPY_HOURS, COPY_LOOK_PIECES, COPY_PIECE_BYTES, COPY_SILENCE_MILLIS};
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
    News(CopyNews),
    #[serde(borrow)]
    Piece(Piece<'a>),
}

/// Who wants a copy.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Asker {
    /// A node of this name, which goes on from there with the log.
    Node(String),
    /// Somebody who keeps it in a file.
    File,
}

/// A request for a copy.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct CopyRequest {
    /// A random number, by which the same request is known when it comes again, and then the pieces
    /// of the copy.
    pub id: u64,
    /// When it was made, in milliseconds since the epoch.
    pub at: i64,
    /// Whose copy: the node's name.
    pub of: String,
    /// Who wants it.
    pub asker: Asker,
    /// Where the answers go.
    answer: String,
}

/// What a node says that makes a copy.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum CopyNews {
    /// It makes one for somebody else.
    Busy,
    /// It is at it.
    Making {
        /// Bytes done.
        done: u64,
        /// Bytes of what it does now; 0 if it does not know.
        of: u64,
    },
    /// The copy is there.
    Made(Copy),
    /// It cannot.
    Failed(String),
}

/// Where a copy is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// By which its pieces are known.
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
    at: u64,
    #[serde(borrow)]
    bytes: &'a [u8],
}

impl Sealed<'_> {
    fn seal(&self, seal: &mut Seal) -> Vec<u8> {
        seal.seal(&postcard::to_stdvec(self).expect("all lengths are known"))
    }
}

impl CopyRequest {
    /// `id` and `at`, whose copy, who wants it, and where the answers go.
    pub fn new((id, at): (u64, i64), of: String, asker: Asker, answer: String) -> CopyRequest {
        CopyRequest { id, at, of, asker, answer }
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

    /// An answer: where it goes, and what it is.
    pub fn answer(&self, news: CopyNews, seal: &mut Seal) -> (String, Vec<u8>) {
        (self.answer.clone(), Sealed::News(news).seal(seal))
    }
}

impl Asker {
    /// Where its pieces go that a node of this name makes. There are no more such places than nodes, so
    /// copies that nobody has fetched do not accumulate.
    fn subject(&self, cluster: &str, maker: &str) -> String {
        match self {
            Asker::Node(name) => format!("parlor.{cluster}.copy.node.{}", token(name)),
            Asker::File => format!("parlor.{cluster}.copy.file.{}", token(maker)),
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
pub(super) fn ask_subject(cluster: &str, node: &str) -> String {
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
    /// Asks a node for a copy, and waits until it has made one. `told` hears how far that is, in bytes
    /// done and of how many.
    ///
    /// # Errors
    /// When the node is silent, busy, or cannot; or `told` fails.
    pub fn ask_for_copy<E: From<Refusal>>(
        &self,
        (id, at): (u64, i64),
        (of, asker): (&str, &Asker),
        seal: &mut Seal,
        mut told: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<Copy, E> {
        self.runtime.block_on(async {
            let answer = self.client.new_inbox();
            let heard = self.client.subscribe(answer.clone()).await;
            let mut heard = heard.map_err(|_| Refusal::Silent)?;
            let subject = ask_subject(&self.cluster, of);
            let (of, asker) = (of.to_owned(), asker.clone());
            let request = CopyRequest::new((id, at), of.clone(), asker, answer.to_string());
            let request = request.seal(seal);
            let asked = self.client.publish_with_reply(subject, answer, request.into()).await;
            asked.map_err(|_| Refusal::Silent)?;
            let mut silent_at = deadline();
            loop {
                let news = tokio::time::timeout_at(silent_at, heard.next()).await.ok().flatten();
                let news = news.filter(|news| news.status != Some(StatusCode::NO_RESPONDERS));
                let news = news.ok_or_else(|| Refusal::NodeSilent(of.clone()))?;
                let opened = seal.open(&news.payload).unwrap_or_default();
                // Anybody with access to NATS can answer; only a node can seal its answer.
                let Ok(Sealed::News(news)) = postcard::from_bytes(&opened) else { continue };
                silent_at = deadline();
                match news {
                    CopyNews::Made(copy) => return Ok(copy),
                    CopyNews::Busy => return Err(Refusal::NodeBusy(of).into()),
                    CopyNews::Failed(why) => return Err(Refusal::NoCopy { node: of, why }.into()),
                    CopyNews::Making { done, of } => told(done, of)?,
                }
            }
        })
    }

    /// Sends somebody who has asked for a copy what [`CopyRequest::answer`] returns.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn tell(&self, (whom, news): (String, Vec<u8>)) -> Result<(), Refusal> {
        self.runtime.block_on(async {
            let told = self.client.publish(whom, news.into()).await;
            told.map_err(|_| Refusal::Silent)?;
            self.client.flush().await.map_err(|_| Refusal::Silent)
        })
    }

    /// Puts a file where whoever has asked for it can get it. `told` hears how many bytes are done.
    ///
    /// # Errors
    /// When the file cannot be read, or JetStream does not take it.
    pub fn put_copy(
        &self,
        request: &CopyRequest,
        file: &Path,
        seal: &mut Seal,
        mut told: impl FnMut(u64, &mut Seal),
    ) -> Result<Copy, Refusal> {
        let unreadable = |source| Refusal::CopyFile { path: file.to_owned(), source };
        let mut file = File::open(file).map_err(unreadable)?;
        let mut copy = Copy { id: request.id, first: 0, last: 0, bytes: 0 };
        let mut buffer = vec![0; COPY_PIECE_BYTES];
        let subject = request.asker.subject(&self.cluster, &request.of);
        for at in 0.. {
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
            let piece = Piece { copy: copy.id, at, bytes: &buffer[..length] };
            let piece = Sealed::Piece(piece).seal(seal);
            copy.last = self.runtime.block_on(self.api().publish(&subject, piece))?;
            copy.bytes += length as u64;
            if at == 0 {
                copy.first = copy.last;
            } else if at % COPY_LOOK_PIECES == 0 && !self.has_piece(copy.first)? {
                // Whoever asked has given up, and removed it.
                return Err(Refusal::CopyGone);
            }
            told(copy.bytes, seal);
        }
        Ok(copy)
    }

    fn has_piece(&self, sequence: u64) -> Result<bool, Refusal> {
        let stream = name(&self.cluster);
        Ok(self.runtime.block_on(self.api().get(&stream, sequence))?.is_some())
    }

    /// Gets a copy, whose bytes go to `write`.
    ///
    /// # Errors
    /// When a piece is missing, or `write` fails.
    pub fn get_copy<E: From<Refusal>>(
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
            if piece.at != next {
                return Err(Refusal::CopyGone.into());
            }
            write(piece.bytes)?;
            (next, bytes) = (next + 1, bytes + piece.bytes.len() as u64);
        }
        if bytes == copy.bytes { Ok(()) } else { Err(Refusal::CopyGone.into()) }
    }

    /// Removes what a node of this name has made for this asker: it has a copy, or wants another.
    ///
    /// # Errors
    /// When JetStream refuses.
    pub fn remove_copies(&self, asker: &Asker, maker: &str) -> Result<(), Refusal> {
        let subject = asker.subject(&self.cluster, maker);
        self.runtime.block_on(self.api().purge(&name(&self.cluster), &subject))
    }
}

/// When a node that makes a copy is given up, unless there is news of it.
fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_millis(COPY_SILENCE_MILLIS)
}

/// The file of a copy cannot be written.
pub fn unwritable(path: &Path) -> impl Fn(io::Error) -> Refusal {
    move |source| Refusal::CopyFile { path: path.to_owned(), source }
}
