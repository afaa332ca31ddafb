//! Files on their way between a Node process and the host of its action, in pieces that are asked for one by one.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use super::process::Process;
use super::protocol::ToNode;
use crate::runtime::{ByteStream, StreamError};

type Piece = Option<Result<Bytes, StreamError>>;

/// The files that an action stores or reads.
#[derive(Default)]
pub(super) struct Transfers {
    stored: HashMap<u64, mpsc::UnboundedSender<Piece>>,
    opened: HashMap<u64, ByteStream>,
}

impl Transfers {
    /// The bytes of a file that is stored by the operation `id`.
    pub(super) fn store(&mut self, process: &Arc<Process>, run: u64, id: u64) -> ByteStream {
        let (send, pieces) = mpsc::unbounded_channel();
        self.stored.insert(id, send);
        stream::unfold(Some((process.clone(), pieces)), move |state| async move {
            let (process, mut pieces) = state?;
            process.send(&ToNode::Pull { run, id });
            match pieces.recv().await {
                Some(None) => None,
                Some(Some(Ok(bytes))) => Some((Ok(bytes), Some((process, pieces)))),
                Some(Some(Err(error))) => Some((Err(error), None)),
                None => Some((Err(StreamError("the action ended before all of the file was there".to_owned())), None)),
            }
        })
        .boxed()
    }

    /// A piece of a file that is stored.
    pub(super) fn piece(&mut self, id: u64, data: Option<String>, error: Option<String>) {
        let piece = match (data, error) {
            (_, Some(error)) => Some(Err(StreamError(error))),
            (Some(data), None) => {
                Some(STANDARD.decode(data).map(Bytes::from).map_err(|error| StreamError(error.to_string())))
            }
            (None, None) => None,
        };
        if let Some(pieces) = self.stored.get(&id) {
            // The host may have given up on the file.
            let _ = pieces.send(piece);
        }
    }

    /// Forgets a file that is stored.
    pub(super) fn stored(&mut self, id: u64) {
        self.stored.remove(&id);
    }

    /// Keeps a file that was opened by the operation `id`.
    pub(super) fn open(&mut self, id: u64, body: ByteStream) {
        self.opened.insert(id, body);
    }

    /// The rest of an opened file, while a piece of it is read.
    pub(super) fn take(&mut self, file: u64) -> Option<ByteStream> {
        self.opened.remove(&file)
    }
}
