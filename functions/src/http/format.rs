//! The value formats of the HTTP API.

use lakewire_storage::value::Value;
use semver::Version;

use crate::udf::CallFailure;

/// How values of a response are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Lossless: what the client package speaks.
    Encoded,
    /// Plain JSON for people and scripts; int64 and bytes become strings.
    Clean,
    /// The form of exported documents.
    Export,
}

impl Format {
    /// The format of a request that may name one and may carry a `Convex-Client` version.
    ///
    /// # Errors
    /// 400 `BadFormat`, `InvalidClientVersion`.
    pub(super) fn of_request(name: Option<&str>, client: Option<&ClientVersion>) -> Result<Self, CallFailure> {
        match name {
            None if client.is_some_and(ClientVersion::expects_encoded) => Ok(Self::Encoded),
            None => Ok(Self::Clean),
            Some("convex_encoded_json" | "convex_json") => Ok(Self::Encoded),
            Some("json" | "convex_clean_json") => Ok(Self::Clean),
            Some("export_json") => Ok(Self::Export),
            Some(other) => Err(CallFailure::BadRequest {
                code: "BadFormat",
                message: format!("`format` must be `json`, `convex_encoded_json` or `export_json`, not `{other}`"),
            }),
        }
    }

    /// Appends an encoded value in this format.
    ///
    /// # Errors
    /// [`CallFailure::Internal`] if `encoded` is not an encoded value, which a function's result always is.
    pub(super) fn write(self, encoded: &str, out: &mut String) -> Result<(), CallFailure> {
        if self == Self::Encoded {
            out.push_str(encoded);
            return Ok(());
        }
        let value = Value::from_json(encoded)
            .map_err(|error| CallFailure::Internal(format!("a result is not an encoded value: {error}")))?;
        match self {
            Self::Export => value.write_export_json(out),
            Self::Clean | Self::Encoded => value.write_clean_json(out),
        }
        Ok(())
    }
}

/// The `Convex-Client` header: `<client>-<semver>`, `npm-cli-1.48.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientVersion {
    /// `npm`, `npm-cli`, `python`, ...
    pub client: String,
    /// The version of the client.
    pub version: Version,
}

impl ClientVersion {
    /// Parses the header: the version is the longest suffix that is one.
    ///
    /// # Errors
    /// 400 `InvalidClientVersion`, and `ClientVersionUnsupported` for clients that are too old.
    pub fn parse(header: &str) -> Result<Self, CallFailure> {
        let parsed = header.match_indices('-').find_map(|(dash, _)| {
            let version = Version::parse(&header[dash + 1..]).ok()?;
            Some(Self { client: header[..dash].to_owned(), version })
        });
        let parsed = parsed.filter(|parsed| !parsed.client.is_empty()).ok_or_else(|| CallFailure::BadRequest {
            code: "InvalidClientVersion",
            message: format!("the client version `{header}` is not of the form `<client>-<version>`"),
        })?;
        if parsed.is_npm() && parsed.version <= Version::new(0, 19, 1) {
            return Err(CallFailure::BadRequest {
                code: "ClientVersionUnsupported",
                message: format!("version {} of the `convex` package is too old for this deployment", parsed.version),
            });
        }
        Ok(parsed)
    }

    fn is_npm(&self) -> bool {
        matches!(self.client.as_str(), "npm" | "npm-cli" | "create-convex" | "actions")
    }

    /// Whether the client predates the plain default format.
    fn expects_encoded(&self) -> bool {
        match self.client.as_str() {
            "python" | "python-convex" => self.version < Version::new(0, 5, 0),
            _ => self.is_npm() && self.version < Version::new(1, 4, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientVersion, Format};

    fn client(header: &str) -> ClientVersion {
        ClientVersion::parse(header).unwrap()
    }

    #[test]
    fn client_versions() {
        assert_eq!(client("npm-1.48.0").client, "npm");
        assert_eq!(client("npm-cli-1.48.0").client, "npm-cli");
        let alpha = client("npm-cli-1.48.0-alpha.1");
        assert_eq!((alpha.client.as_str(), alpha.version.to_string()), ("npm-cli", "1.48.0-alpha.1".to_owned()));
        for bad in ["", "npm", "1.48.0", "-1.48.0", "npm-x", "npm-1.48"] {
            assert_eq!(ClientVersion::parse(bad).unwrap_err().code(), "InvalidClientVersion", "{bad}");
        }
        assert_eq!(ClientVersion::parse("npm-0.19.1").unwrap_err().code(), "ClientVersionUnsupported");
    }

    #[test]
    fn default_formats() {
        let of = |header| Format::of_request(None, Some(&client(header))).unwrap();
        assert_eq!(of("npm-1.48.0"), Format::Clean);
        assert_eq!(of("npm-1.4.1"), Format::Clean);
        assert_eq!(of("npm-1.4.0"), Format::Encoded);
        assert_eq!(of("python-0.4.9"), Format::Encoded);
        assert_eq!(of("rust-0.1.0"), Format::Clean);
        assert_eq!(Format::of_request(None, None).unwrap(), Format::Clean);
        assert_eq!(Format::of_request(Some("convex_json"), None).unwrap(), Format::Encoded);
        assert_eq!(Format::of_request(Some("xml"), None).unwrap_err().code(), "BadFormat");
    }

    #[test]
    fn values_by_format() {
        let write = |format: Format, text: &str| {
            let mut out = String::new();
            format.write(text, &mut out).unwrap();
            out
        };
        let encoded = r#"{"a":{"$integer":"BwAAAAAAAAA="}}"#;
        assert_eq!(write(Format::Encoded, encoded), encoded);
        assert_eq!(write(Format::Clean, encoded), r#"{"a":"7"}"#);
    }
}
