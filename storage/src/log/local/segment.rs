//! One file of the local log: entries `first`, `first + 1`, ... one after the other.

use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile};
use super::frame::{
    self, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameHeader, Tail, file_header, good_frame, has_file_header,
    judge_tail,
};
use crate::log::{Append, EntryNumber, LogEntry, LogError};

/// One entry in so many has its offset in memory.
const INDEX_EVERY: u64 = 64;

/// How much is read at once when several entries are, in bytes.
const READ_AHEAD_BYTES: usize = 256 << 10;

pub(super) struct Segment {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    first: EntryNumber,
    /// The number of the next entry to be appended.
    next: EntryNumber,
    /// Where that entry goes, in bytes: the end of what is durable.
    end: u64,
    /// The length of the file in bytes; from `end` on it is zeros.
    allocated: u64,
    /// The offsets of entries `first`, `first + INDEX_EVERY`, `first + 2 * INDEX_EVERY`, ...
    offsets: Vec<u64>,
    /// Whether an append has failed and nobody knows what it left behind `end`.
    suspect: bool,
}

impl Segment {
    /// Makes a file for entries from `first` on, durably. Whatever was at `path` is gone.
    pub(super) fn create(disk: &dyn Disk, path: PathBuf, first: EntryNumber) -> Result<Self, LogError> {
        let file = disk.create(&path).map_err(|error| LogError::io("create", &path, error))?;
        file.write_all_at(&file_header(first), 0).map_err(|error| LogError::io("write", &path, error))?;
        file.sync().map_err(|error| LogError::io("sync", &path, error))?;
        let directory = path.parent().unwrap_or(Path::new("."));
        disk.sync_directory(directory).map_err(|error| LogError::io("sync", directory, error))?;
        Ok(Self::empty(path, file, first))
    }

    fn empty(path: PathBuf, file: Box<dyn DiskFile>, first: EntryNumber) -> Self {
        let end = FILE_HEADER_BYTES as u64;
        Self { path, file, first, next: first, end, allocated: end, offsets: Vec::new(), suspect: false }
    }

    /// Opens the file of entries from `first` on, and checks every one of them. The newest file of a log may end in a
    /// torn append, which is cut off; `None` if not even its header was written, so that it never held an entry.
    pub(super) fn open(
        disk: &dyn Disk,
        path: PathBuf,
        first: EntryNumber,
        newest: bool,
    ) -> Result<Option<Self>, LogError> {
        let file = disk.open(&path).map_err(|error| LogError::io("open", &path, error))?;
        let bytes = read_whole(file.as_ref()).map_err(|error| LogError::io("read", &path, error))?;
        let corrupt = |offset, reason| LogError::Corrupt { path: path.clone(), offset, reason };
        if !has_file_header(&bytes, first) {
            let unwritten = bytes.len() < FILE_HEADER_BYTES || bytes.iter().all(|byte| *byte == 0);
            return if newest && unwritten {
                Ok(None)
            } else {
                Err(corrupt(0, "not the header of this log file".to_owned()))
            };
        }
        let mut segment = Self::empty(path.clone(), file, first);
        let mut at = FILE_HEADER_BYTES;
        while let Some(length) = good_frame(&bytes, at, segment.next) {
            segment.advance(length as u64);
            at += length;
        }
        segment.allocated = bytes.len() as u64;
        match judge_tail(&bytes, at, segment.next) {
            Tail::Free => {}
            Tail::Torn if newest => {
                tracing::warn!(
                    file = %path.display(), offset = at, bytes = bytes.len() - at, entry = segment.next,
                    "cutting off an append that was interrupted"
                );
                segment.suspect = true;
            }
            Tail::Torn => {
                return Err(corrupt(segment.end, format!("entry {} is damaged", segment.next)));
            }
            Tail::Corrupt(reason) => return Err(corrupt(segment.end, reason)),
        }
        if segment.suspect {
            segment.repair()?;
        } else if newest {
            // An entry found here may have been written just before a crash and not be durable yet.
            segment.sync()?;
        }
        Ok(Some(segment))
    }

    pub(super) fn first(&self) -> EntryNumber {
        self.first
    }

    /// The number of the entry after the last one here.
    pub(super) fn next(&self) -> EntryNumber {
        self.next
    }

    /// The length of what is in the file, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes `entry`, in binary form, the next one, and makes it durable. Zeros are written ahead of need,
    /// `preallocate` bytes at a time, since rewriting them is quicker to sync than growing the file.
    pub(super) fn append(&mut self, entry: &[u8], preallocate: u64) -> Result<Append, LogError> {
        if let Err(error) = self.ensure_sound() {
            tracing::warn!(%error, "still cannot take back a failed append");
            return Ok(Append::Unknown);
        }
        let frame = frame::frame(self.next, entry);
        let Err(error) = self.write(&frame, preallocate) else {
            self.advance(frame.len() as u64);
            return Ok(Append::Appended);
        };
        self.suspect = true;
        match self.repair() {
            Ok(()) => Err(error),
            Err(repair_error) => {
                tracing::warn!(%error, %repair_error, "cannot take back a failed append");
                Ok(Append::Unknown)
            }
        }
    }

    /// Makes sure that a failed append has left nothing behind.
    pub(super) fn ensure_sound(&mut self) -> Result<(), LogError> {
        if self.suspect { self.repair() } else { Ok(()) }
    }

    /// Gives back the zeros at the end. Only a courtesy, so it is not made durable, and failing does not matter.
    pub(super) fn shrink(&mut self) {
        if !self.suspect && self.allocated > self.end && self.file.set_len(self.end).is_ok() {
            self.allocated = self.end;
        }
    }

    /// Appends entry `from`, which is here, to `entries`, and those after it: at most `max`, and no more once they have
    /// `max_bytes` together. Returns how many bytes they have.
    pub(super) fn read(
        &self,
        from: EntryNumber,
        max: usize,
        max_bytes: u64,
        entries: &mut Vec<(EntryNumber, LogEntry)>,
    ) -> Result<u64, LogError> {
        let read_ahead = if max > 1 { READ_AHEAD_BYTES } else { 0 };
        let mut frames = Frames { segment: self, buffer: Vec::new(), at: 0, read_ahead };
        let indexed = (from - self.first) / INDEX_EVERY;
        let mut number = self.first + indexed * INDEX_EVERY;
        let mut offset = self.offsets[indexed as usize];
        while number < from {
            offset += frames.header(number, offset)?.frame_bytes();
            number += 1;
        }
        let start = offset;
        let to = self.next.min(from.saturating_add(max as u64));
        while number < to && offset - start < max_bytes {
            let header = frames.header(number, offset)?;
            entries.push((number, frames.entry(header, offset)?));
            offset += header.frame_bytes();
            number += 1;
        }
        Ok(offset - start)
    }

    fn advance(&mut self, frame_bytes: u64) {
        if (self.next - self.first).is_multiple_of(INDEX_EVERY) {
            self.offsets.push(self.end);
        }
        self.next += 1;
        self.end += frame_bytes;
    }

    fn write(&mut self, frame: &[u8], preallocate: u64) -> Result<(), LogError> {
        let end = self.end + frame.len() as u64;
        if end > self.allocated && preallocate > 0 {
            let zeros = vec![0; (end - self.allocated + preallocate) as usize];
            match self.file.write_all_at(&zeros, self.allocated) {
                Ok(()) => self.allocated += zeros.len() as u64,
                // No room for that much; perhaps for the frame.
                Err(_) => self.file.set_len(self.allocated).map_err(|error| self.io("truncate", error))?,
            }
        }
        self.file.write_all_at(frame, self.end).map_err(|error| self.io("write", error))?;
        self.allocated = self.allocated.max(end);
        self.sync()
    }

    /// Cuts off everything behind `end`, durably.
    fn repair(&mut self) -> Result<(), LogError> {
        self.file.set_len(self.end).map_err(|error| self.io("truncate", error))?;
        self.sync()?;
        self.allocated = self.end;
        self.suspect = false;
        Ok(())
    }

    fn sync(&self) -> Result<(), LogError> {
        self.file.sync().map_err(|error| self.io("sync", error))
    }

    fn io(&self, operation: &'static str, error: std::io::Error) -> LogError {
        LogError::io(operation, &self.path, error)
    }

    fn corrupt(&self, offset: u64, reason: impl Into<String>) -> LogError {
        LogError::Corrupt { path: self.path.clone(), offset, reason: reason.into() }
    }
}

/// Reads frames one after the other, through a buffer.
struct Frames<'a> {
    segment: &'a Segment,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    at: u64,
    /// The least to read at once, in bytes, as far as there is so much.
    read_ahead: usize,
}

impl Frames<'_> {
    fn header(&mut self, number: EntryNumber, offset: u64) -> Result<FrameHeader, LogError> {
        let header =
            FrameHeader::decode(self.bytes(offset, FRAME_HEADER_BYTES)?).filter(|header| header.number == number);
        header.ok_or_else(|| self.segment.corrupt(offset, format!("entry {number} is not where it was")))
    }

    fn entry(&mut self, header: FrameHeader, offset: u64) -> Result<LogEntry, LogError> {
        let segment = self.segment;
        let encoded = self.bytes(offset + FRAME_HEADER_BYTES as u64, header.length as usize)?;
        LogEntry::decode(encoded).map_err(|error| segment.corrupt(offset, format!("entry {}: {error}", header.number)))
    }

    /// The `length` bytes at `offset`.
    fn bytes(&mut self, offset: u64, length: usize) -> Result<&[u8], LogError> {
        let segment = self.segment;
        if offset + length as u64 > segment.end {
            return Err(segment.corrupt(offset, "an entry reaches beyond the last one"));
        }
        let buffered = offset >= self.at && offset + length as u64 <= self.at + self.buffer.len() as u64;
        if !buffered {
            let available = usize::try_from(segment.end - offset).unwrap_or(usize::MAX);
            self.buffer.resize(length.max(self.read_ahead).min(available), 0);
            self.at = offset;
            let read = segment.file.read_exact_at(&mut self.buffer, offset);
            if let Err(error) = read {
                self.buffer.clear();
                return Err(segment.io("read", error));
            }
        }
        let from = (offset - self.at) as usize;
        Ok(&self.buffer[from..from + length])
    }
}

fn read_whole(file: &dyn DiskFile) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(file.len()?).map_err(|_| std::io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
