//! What a transaction has used of its limits.

use super::TxError;
use crate::limits::Limits;

/// What a transaction has read and written so far. System tables do not count. Work that was rolled back does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Documents pulled from indexes, those that a filter dropped included.
    pub documents_read: usize,
    /// Their size in bytes.
    pub bytes_read: usize,
    /// Disjoint intervals of index keys read.
    pub intervals_read: usize,
    /// Inserts, patches, replaces and deletes.
    pub documents_written: usize,
    /// Size in bytes of the documents written; of the old document where one was deleted.
    pub bytes_written: usize,
}

impl Usage {
    /// Counts one document read.
    ///
    /// # Errors
    /// `TooManyDocumentsRead`, `TooManyBytesRead`. The document stays counted, so that the next read fails as well.
    pub(super) fn read(&mut self, size: usize, limits: &Limits) -> Result<(), TxError> {
        self.documents_read += 1;
        self.bytes_read += size;
        if self.documents_read > limits.documents_read {
            return Err(TxError::developer(
                "TooManyDocumentsRead",
                format!(
                    "too many documents read in a single function execution (limit: {}). Consider using smaller limits in \
                     your queries, paginating your queries, or using indexed queries with a selective index range expression",
                    limits.documents_read
                ),
            ));
        }
        if self.bytes_read > limits.bytes_read {
            return Err(TxError::developer(
                "TooManyBytesRead",
                format!(
                    "too many bytes read in a single function execution (limit: {} bytes). Consider using smaller limits in \
                     your queries, paginating your queries, or using indexed queries with a selective index range expression",
                    limits.bytes_read
                ),
            ));
        }
        Ok(())
    }

    /// Takes note of how many disjoint intervals have been read.
    ///
    /// # Errors
    /// `TooManyReads`.
    pub(super) fn intervals(&mut self, intervals: usize, limits: &Limits) -> Result<(), TxError> {
        self.intervals_read = intervals;
        if intervals > limits.intervals_read {
            return Err(TxError::developer(
                "TooManyReads",
                format!(
                    "too many reads in a single function execution (limit: {} index ranges)",
                    limits.intervals_read
                ),
            ));
        }
        Ok(())
    }

    /// Counts one document written.
    ///
    /// # Errors
    /// `TooManyWrites`, `TooManyBytesWritten`. The document stays counted.
    pub(super) fn write(&mut self, size: usize, limits: &Limits) -> Result<(), TxError> {
        self.documents_written += 1;
        self.bytes_written += size;
        if self.documents_written > limits.documents_written {
            return Err(TxError::developer(
                "TooManyWrites",
                format!(
                    "too many writes in a single function execution (limit: {} documents)",
                    limits.documents_written
                ),
            ));
        }
        if self.bytes_written > limits.bytes_written {
            return Err(TxError::developer(
                "TooManyBytesWritten",
                format!(
                    "too many bytes written in a single function execution (limit: {} bytes)",
                    limits.bytes_written
                ),
            ));
        }
        Ok(())
    }
}
