use crate::limits;
use crate::names::NameError;

/// Why some JSON is not a value, or a value not a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not JSON, or JSON that no value is encoded as. Carries the parser's message.
    #[error("{0}")]
    Malformed(String),
    /// The base64 text of a `$integer`, `$float` or `$bytes` object does not decode.
    #[error("`{key}` does not hold valid base64")]
    Base64 {
        /// The key of the object, `$integer` for instance.
        key: &'static str,
    },
    /// The base64 text of a `$integer` or `$float` object decodes to another number of bytes than 8.
    #[error("received {actual} bytes, expected 8 for `{key}`")]
    Width {
        /// The key of the object, `$integer` for instance.
        key: &'static str,
        /// How many bytes there are.
        actual: usize,
    },
    /// A `$float` object holds a number that JSON can express.
    #[error("float {0} should be encoded as a number")]
    OrdinaryFloat(String),
    /// `$set` and `$map`, which no longer exist.
    #[error("received a `{0}`, which is no longer supported as a type")]
    Removed(&'static str),
    /// `$commitTs` outside of a mutation.
    #[error("an unresolved commit timestamp can only be used inside the mutation that it belongs to")]
    UnresolvedCommitTs,
    /// `$undefined` where a value is needed.
    #[error("undefined is not a valid value here")]
    Undefined,
    /// A field name is not allowed.
    #[error(transparent)]
    FieldName(#[from] NameError),
    /// An array has too many elements.
    #[error("array is too long: the maximum is {} elements", limits::MAX_ARRAY_LENGTH)]
    ArrayTooLong,
    /// An object has too many fields.
    #[error("object has too many fields: the maximum is {}", limits::MAX_OBJECT_FIELDS)]
    TooManyFields,
    /// A value is nested too deeply.
    #[error("value is nested too deeply: the maximum is {} levels", limits::MAX_VALUE_NESTING)]
    TooNested,
    /// A value or document is too large; sizes in bytes.
    #[error("{what} is too large: {actual} bytes, the maximum is {maximum}")]
    TooLarge {
        /// `value` or `document`.
        what: &'static str,
        /// The size of the value.
        actual: usize,
        /// The largest size allowed.
        maximum: usize,
    },
    /// A value cannot be a document for another reason.
    #[error("{0}")]
    Document(String),
}

impl ValueError {
    /// The short code of the error as seen by developers.
    pub fn code(&self) -> &'static str {
        match self {
            ValueError::Malformed(_)
            | ValueError::Base64 { .. }
            | ValueError::Width { .. }
            | ValueError::OrdinaryFloat(_)
            | ValueError::Removed(_)
            | ValueError::Undefined
            | ValueError::UnresolvedCommitTs => "InvalidValue",
            ValueError::FieldName(error) => error.code(),
            ValueError::ArrayTooLong => "ArrayTooLong",
            ValueError::TooManyFields => "TooManyFieldsError",
            ValueError::TooNested => "TooNestedError",
            ValueError::TooLarge { .. } => "ValueTooLargeError",
            ValueError::Document(_) => "InvalidDocumentError",
        }
    }
}
