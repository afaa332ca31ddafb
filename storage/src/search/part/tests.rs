//! Parts on a store in memory.

use std::sync::Arc;

use object_store::memory::InMemory;

use super::{Kind, PartReader, PartWriter};
use crate::catalog::IndexId;
use crate::env::Env;
use crate::segment::tests::block_on;
use crate::segment::{SegmentCache, SegmentWriter};
use crate::timeline::RunFile;

/// A writer of parts into a store in memory, and how to read what it wrote.
pub(crate) struct Parts {
    store: Arc<InMemory>,
    pub cache: Arc<SegmentCache>,
}

impl Parts {
    pub fn new() -> Parts {
        let store = Arc::new(InMemory::new());
        let cache = SegmentCache::new(store.clone(), Env::system(), 256 << 20);
        Parts { store, cache }
    }

    pub fn writer(&self, name: &str) -> PartWriter {
        let (store, name) = (self.store.clone(), name.to_owned());
        let mut count = 0;
        PartWriter::new(move || {
            count += 1;
            SegmentWriter::blobs(store.clone(), format!("{name}-{count}").into())
        })
    }

    /// How to read the part of an index in files.
    pub fn reader(&self, files: Vec<RunFile>, index: IndexId) -> Option<PartReader> {
        let segments: Vec<_> = files.into_iter().map(|file| (file.segment, vec![index]).into()).collect();
        PartReader::new(&self.cache, &segments, index)
    }

    pub async fn finish(&self, writer: PartWriter, index: IndexId) -> PartReader {
        let segments = writer.finish().await.unwrap_or_else(|(error, _)| panic!("{error}"));
        self.reader(segments, index).expect("a part")
    }
}

#[test]
fn what_is_written_is_read() {
    block_on(async {
        for segment_bytes in [1 << 30, 100_000] {
            let parts = Parts::new();
            let mut writer = parts.writer("a").with_segment_bytes(segment_bytes);
            let value = |n: u32| n.to_le_bytes().repeat(n as usize % 50);
            for index in [3, 4, 9] {
                writer.start_part(IndexId(index));
                for kind in [Kind::Meta, Kind::Terms, Kind::Vectors] {
                    for n in 0..5_000_u32 {
                        writer.push(kind, &(n * 2).to_be_bytes(), value(n)).await.expect("written");
                    }
                }
            }
            let part = parts.finish(writer, IndexId(4)).await;
            for n in [0, 1, 77, 4_999] {
                let found = part.get(Kind::Terms, &(n * 2_u32).to_be_bytes()).await.expect("read");
                assert_eq!(found.expect("there"), value(n));
                assert_eq!(part.get(Kind::Terms, &(n * 2 + 1).to_be_bytes()).await.expect("read"), None);
                assert_eq!(part.get(Kind::Postings, &(n * 2).to_be_bytes()).await.expect("read"), None);
            }
            let keys: Vec<_> = (0..5_000_u32).map(|n| (n * 2).to_be_bytes().to_vec()).collect();
            let many = part.get_many(Kind::Meta, &keys).await.expect("read");
            assert!(many.iter().enumerate().all(|(n, found)| found.as_deref() == Some(&value(n as u32)[..])));
            let (from, to) = (101_u32.to_be_bytes(), 9_000_u32.to_be_bytes());
            let range = part.range(Kind::Vectors, &from, Some(&to)).await.expect("read");
            let keys: Vec<_> =
                range.iter().map(|(key, _)| u32::from_be_bytes(key[..].try_into().expect("4"))).collect();
            assert_eq!(keys, (51..4_500).map(|n| n * 2).collect::<Vec<_>>());
            assert_eq!(part.range(Kind::Terms, &[], None).await.expect("read").len(), 5_000);
            let mut scan = part.scan(Kind::Terms, &[]);
            let mut n = 0;
            while let Some((key, found)) = scan.next().await.expect("read") {
                assert_eq!((&key[..], &found[..]), (&(n * 2_u32).to_be_bytes()[..], &value(n)[..]));
                n += 1;
            }
            assert_eq!(n, 5_000);
        }
    });
}
