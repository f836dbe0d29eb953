//! Copies of a node's store for others: asked for over NATS, and passed on in a stream of their own,
//! in sealed pieces that NATS forgets after a while.

use super::refusal::Refusal;
use super::{Nats, stream};
use crate::cluster::seal::Seal;
use crate::limits::{COPY_HOURS, COPY_PIECE_BYTES, COPY_SILENCE_MILLIS};
use async_nats::StatusCode;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// What a node says that makes a copy.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum CopyNews {
    /// It makes one for somebody else.
    Busy,
    /// It is at it.
    Making {
        /// The node.
        node: String,
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

pub(super) fn name(cluster: &str) -> String {
    format!("{}_copies", stream::name(cluster))
}

fn subject(cluster: &str) -> String {
    format!("parlor.{cluster}.copy")
}

/// Where copies are asked for: one of the nodes hears it.
pub(super) fn ask_subject(cluster: &str) -> String {
    format!("parlor.{cluster}.ask.copy")
}

/// How the stream of copies is made.
pub(super) fn config(cluster: &str, servers: usize) -> Value {
    json!({
        "name": name(cluster),
        "description": "Copies of nodes' stores, on their way to others",
        "subjects": [subject(cluster)],
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
    /// Asks the nodes for a copy, and waits until one has made it. `told` hears how far that is.
    ///
    /// # Errors
    /// When no node answers, or the one that does is busy or cannot.
    pub fn ask_for_copy(&self, mut told: impl FnMut(&CopyNews)) -> Result<Copy, Refusal> {
        self.runtime.block_on(async {
            let inbox = self.client.new_inbox();
            let heard = self.client.subscribe(inbox.clone()).await;
            let mut heard = heard.map_err(|_| Refusal::Silent)?;
            let subject = ask_subject(&self.cluster);
            let asked = self.client.publish_with_reply(subject, inbox, "".into()).await;
            asked.map_err(|_| Refusal::Silent)?;
            loop {
                let wait = Duration::from_millis(COPY_SILENCE_MILLIS);
                let news = tokio::time::timeout(wait, heard.next()).await.ok().flatten();
                let news = news.filter(|news| news.status != Some(StatusCode::NO_RESPONDERS));
                let news = news.ok_or(Refusal::NoNode)?;
                let news: CopyNews = serde_json::from_slice(&news.payload)
                    .map_err(|error| Refusal::Unreadable(error.to_string()))?;
                told(&news);
                match news {
                    CopyNews::Made(copy) => return Ok(copy),
                    CopyNews::Busy => return Err(Refusal::NodeBusy),
                    CopyNews::Failed(why) => return Err(Refusal::NoCopy(why)),
                    CopyNews::Making { .. } => {}
                }
            }
        })
    }

    /// Tells somebody who has asked for a copy how far it is.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn tell(&self, who: &str, news: &CopyNews) -> Result<(), Refusal> {
        let news = serde_json::to_vec(news).expect("it has no maps");
        self.runtime.block_on(async {
            let told = self.client.publish(who.to_owned(), news.into()).await;
            told.map_err(|_| Refusal::Silent)?;
            self.client.flush().await.map_err(|_| Refusal::Silent)
        })
    }

    /// Puts a file where others can get it, under an id that no other copy has. `told` hears how many
    /// bytes are done.
    ///
    /// # Errors
    /// When the file cannot be read, or JetStream does not take it.
    pub fn put_copy(
        &self,
        id: u64,
        file: &Path,
        seal: &mut Seal,
        mut told: impl FnMut(u64),
    ) -> Result<Copy, Refusal> {
        let unreadable = |source| Refusal::CopyFile { path: file.to_owned(), source };
        let mut file = File::open(file).map_err(unreadable)?;
        let mut copy = Copy { id, first: 0, last: 0, bytes: 0 };
        let mut buffer = vec![0; COPY_PIECE_BYTES];
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
            let piece = Piece { copy: id, at, bytes: &buffer[..length] };
            let piece = seal.seal(&postcard::to_stdvec(&piece).expect("all lengths are known"));
            let api = self.api();
            copy.last = self.runtime.block_on(api.publish(&subject(&self.cluster), piece))?;
            copy.bytes += length as u64;
            if at == 0 {
                copy.first = copy.last;
            }
            told(copy.bytes);
        }
        Ok(copy)
    }

    /// Gets a copy into a file. `told` hears how many bytes are done.
    ///
    /// # Errors
    /// When a piece is missing, or the file cannot be written.
    pub fn get_copy(
        &self,
        copy: Copy,
        seal: &Seal,
        file: &Path,
        mut told: impl FnMut(u64),
    ) -> Result<(), Refusal> {
        let path = file;
        let unwritable = |source| Refusal::CopyFile { path: path.to_owned(), source };
        let mut file = store::create_private(path).map_err(unwritable)?;
        let (stream, mut next, mut bytes) = (name(&self.cluster), 0, 0);
        for sequence in copy.first..=copy.last {
            let message = self.runtime.block_on(self.api().get(&stream, sequence))?;
            let message = message.ok_or(Refusal::CopyGone)?;
            let opened = seal.open(&message.bytes).ok_or(Refusal::CopyGone)?;
            let piece: Piece<'_> = postcard::from_bytes(&opened).map_err(|_| Refusal::CopyGone)?;
            if piece.copy != copy.id {
                continue; // Another node makes one at the same time.
            }
            if piece.at != next {
                return Err(Refusal::CopyGone);
            }
            file.write_all(piece.bytes).map_err(unwritable)?;
            (next, bytes) = (next + 1, bytes + piece.bytes.len() as u64);
            told(bytes);
        }
        file.sync_all().map_err(unwritable)?;
        if bytes == copy.bytes { Ok(()) } else { Err(Refusal::CopyGone) }
    }
}
