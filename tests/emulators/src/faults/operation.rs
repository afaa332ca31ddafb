//! What a request asks for.

use std::fmt;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

/// A service as in the scope of a signature (`dynamodb`, `s3`, `lambda`, ...), and an operation of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Operation {
    pub service: String,
    pub name: String,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.name)
    }
}

/// What S3 charges for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum S3Class {
    /// The price of PUT, COPY, POST and LIST.
    Put,
    /// The price of GET and all others.
    Get,
    Free,
}

impl Operation {
    pub fn of(request: &Parts) -> Self {
        if let Some((service, name)) = header(&request.headers, "x-amz-target").rsplit_once('.') {
            let service = match service.split(['.', '_']).next().unwrap_or_default() {
                "DynamoDB" | "DynamoDBStreams" => "dynamodb",
                other => other,
            };
            return Self { service: service.to_ascii_lowercase(), name: name.to_owned() };
        }
        let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
        let service = scope(&request.headers, query).unwrap_or_else(|| {
            if path.starts_with("/2015-03-31/functions") { "lambda".to_owned() } else { "other".to_owned() }
        });
        let name = match service.as_str() {
            "s3" => s3_operation(request, path, query).to_owned(),
            "lambda" if path.ends_with("/invocations") => "Invoke".to_owned(),
            "execute-api" => match request.method {
                Method::POST => "PostToConnection".to_owned(),
                Method::DELETE => "DeleteConnection".to_owned(),
                _ => "GetConnection".to_owned(),
            },
            _ => request.method.to_string(),
        };
        Self { service, name }
    }

    /// What it costs, if it is one of S3.
    pub fn s3_class(&self) -> Option<S3Class> {
        if self.service != "s3" {
            return None;
        }
        Some(match self.name.as_str() {
            "DeleteObject" | "DeleteObjects" | "AbortMultipartUpload" | "DeleteBucket" => S3Class::Free,
            name if name.starts_with("Get") || name.starts_with("Head") => S3Class::Get,
            _ => S3Class::Put,
        })
    }

    /// Whether it changes tables of DynamoDB or what is in them.
    pub fn writes_tables(&self) -> bool {
        let writes = [
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
            "TransactWriteItems",
            "CreateTable",
            "DeleteTable",
            "UpdateTable",
            "UpdateTimeToLive",
        ];
        self.service == "dynamodb" && writes.contains(&self.name.as_str())
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The service that a request is signed for, in a header or in the query string.
fn scope(headers: &HeaderMap, query: &str) -> Option<String> {
    let signed = header(headers, "authorization");
    let credential = match signed.split_once("Credential=") {
        Some((_, credential)) => credential.split(',').next()?.to_owned(),
        None => {
            let value = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
            percent_decode_str(value).decode_utf8().ok()?.into_owned()
        }
    };
    // Key, date, region, service, `aws4_request`.
    credential.rsplit('/').nth(1).map(ToOwned::to_owned)
}

fn s3_operation(request: &Parts, path: &str, query: &str) -> &'static str {
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let is_object = path.trim_start_matches('/').split_once('/').is_some_and(|(_, key)| !key.is_empty());
    match (request.method.as_str(), is_object) {
        ("PUT", true) if has("partNumber") => "UploadPart",
        ("PUT", true) if request.headers.contains_key("x-amz-copy-source") => "CopyObject",
        ("PUT", true) => "PutObject",
        ("PUT", false) => "CreateBucket",
        ("POST", true) if has("uploads") => "CreateMultipartUpload",
        ("POST", true) => "CompleteMultipartUpload",
        ("POST", false) => "DeleteObjects",
        ("DELETE", true) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", true) => "DeleteObject",
        ("DELETE", false) => "DeleteBucket",
        ("HEAD", true) => "HeadObject",
        ("HEAD", false) => "HeadBucket",
        ("GET", true) if has("uploadId") => "ListParts",
        (_, true) => "GetObject",
        (_, false) if has("uploads") => "ListMultipartUploads",
        (_, false) if has("list-type") => "ListObjectsV2",
        (_, false) => "ListObjects",
    }
}
