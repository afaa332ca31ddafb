//! The shape of a segment: its columns and the constants of its format. `docs/format.md` has the bytes.

use std::sync::{Arc, LazyLock};

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, SchemaDescPtr, SchemaDescriptor};

/// The version of the format.
pub(super) const VERSION: u16 = 1;
/// Metadata of the Parquet footer: the version of the format, in decimal.
pub(super) const VERSION_NAME: &str = "lakewire.segment.version";
/// Metadata of the Parquet footer: offset of the tail and its length, in decimal, with a comma between.
pub(super) const TAIL_NAME: &str = "lakewire.segment.tail";
/// A block is ended before it has more bytes than this, uncompressed; one row alone may have more.
pub(super) const BLOCK_BYTES: usize = 128 << 10;
/// How many blocks a segment has at most. Parquet numbers row groups with 16 bits.
pub(super) const MAX_BLOCKS: usize = 32_000;

/// The number of columns.
pub(super) const COLUMNS: usize = 7;
pub(super) const KEY: usize = 0;
pub(super) const TS: usize = 1;
pub(super) const DELETED: usize = 2;
pub(super) const TABLE_NUMBER: usize = 3;
pub(super) const CREATION_TIME: usize = 4;
pub(super) const SIZE: usize = 5;
pub(super) const VALUE: usize = 6;

/// The columns, in order.
pub(super) static SCHEMA: LazyLock<SchemaDescPtr> = LazyLock::new(|| {
    let columns = "message segment {
        required binary key;
        required int64 ts;
        required boolean deleted;
        required int32 table_number;
        required double creation_time;
        required int32 size;
        optional binary value (string);
    }";
    let schema = parse_message_type(columns).expect("the schema is well formed");
    Arc::new(SchemaDescriptor::new(Arc::new(schema)))
});

/// The columns of a segment of blobs, which search indexes are made of.
pub(super) static BLOB_SCHEMA: LazyLock<SchemaDescPtr> = LazyLock::new(|| {
    let schema = parse_message_type("message blobs { required binary key; required binary value; }");
    Arc::new(SchemaDescriptor::new(Arc::new(schema.expect("the schema is well formed"))))
});

/// What the rows of a segment are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// Versions of documents.
    Rows,
    /// Bytes under a key.
    Blobs,
}

impl Content {
    /// The columns, in order.
    pub fn schema(self) -> &'static SchemaDescPtr {
        match self {
            Content::Rows => &SCHEMA,
            Content::Blobs => &BLOB_SCHEMA,
        }
    }

    /// Which of the columns of rows stands at a place of the schema.
    pub fn column(self, at: usize) -> usize {
        match self {
            Content::Rows => at,
            Content::Blobs => [KEY, VALUE][at],
        }
    }
}

/// How a column is compressed. A block has few `deleted` bits, so compressing them would gain nothing.
pub(super) fn compression(column: usize) -> Compression {
    match column {
        DELETED => Compression::UNCOMPRESSED,
        _ => Compression::ZSTD(ZstdLevel::try_new(1).expect("a level that zstd has")),
    }
}

/// No block is as large, so that a column chunk is never split into pages.
const UNBOUNDED: usize = 1 << 31;

/// One page a column chunk, every value in plain encoding, statistics on what rows are ordered by.
pub(super) fn properties(content: Content) -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    let mut properties = WriterProperties::builder()
        .set_encoding(Encoding::PLAIN)
        .set_dictionary_enabled(false)
        .set_offset_index_disabled(true)
        .set_data_page_size_limit(UNBOUNDED)
        .set_data_page_row_count_limit(UNBOUNDED)
        .set_write_batch_size(UNBOUNDED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(column("key"), EnabledStatistics::Chunk)
        .set_column_statistics_enabled(column("ts"), EnabledStatistics::Chunk)
        .set_statistics_truncate_length(None);
    for (at, descriptor) in content.schema().columns().iter().enumerate() {
        properties = properties.set_column_compression(descriptor.path().clone(), compression(content.column(at)));
    }
    properties.build()
}
