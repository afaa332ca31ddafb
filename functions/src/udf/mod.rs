//! Function calls: addresses, requests, results, and the host that functions run on.

pub(crate) mod address;
mod call;
pub(crate) mod check;
mod error;
mod failure;
pub(crate) mod host;
mod outcome;
mod path;
mod record;
mod request_id;

pub use address::{Address, AddressError};
pub use call::{Call, Caller, ClientInfo, JobRef, SessionRequest};
pub use error::{Failure, FunctionError, FunctionErrorKind};
pub use failure::{CallFailure, ConflictFailure};
pub use outcome::{ActionResult, FunctionOutcome, MutationResult, Observed, QueryResult};
pub use path::{ComponentPath, FunctionPath, PathError};
pub use record::{CallRecord, InvalidCall};
pub use request_id::RequestId;
