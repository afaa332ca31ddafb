//! Which client program, of which version, is at the other end.

use semver::Version;

/// The client program as it names itself in the address or in `Convex-Client`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientVersion {
    name: String,
    version: Version,
}

/// Why a client is refused at the handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VersionError {
    #[error(
        "`{0}` is not a version of a client: expected `<semver>` in the address or `<client>-<semver>` in `Convex-Client`"
    )]
    Invalid(String),
    #[error("version {0} of the client is no longer supported: upgrade the npm package `convex`")]
    Unsupported(Version),
}

impl VersionError {
    /// The `code` of the error body.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "InvalidClientVersion",
            Self::Unsupported(_) => "ClientVersionUnsupported",
        }
    }
}

impl ClientVersion {
    /// The npm client whose version is the segment `version` of the address.
    ///
    /// # Errors
    /// [`VersionError`].
    pub(crate) fn from_path(version: &str) -> Result<Self, VersionError> {
        let version = Version::parse(version).map_err(|_| VersionError::Invalid(version.to_owned()))?;
        Self { name: "npm".to_owned(), version }.supported()
    }

    /// The client that sent the header `Convex-Client: <client>-<semver>`. The name may contain dashes; the version is the longest
    /// part at the end that parses as one.
    ///
    /// # Errors
    /// [`VersionError`].
    pub(crate) fn from_header(text: &str) -> Result<Self, VersionError> {
        let parse = |(dash, _)| {
            let version = Version::parse(&text[dash + 1..]).ok()?;
            Some(Self { name: text[..dash].to_owned(), version })
        };
        let parsed = text.match_indices('-').find_map(parse).filter(|client| !client.name.is_empty());
        parsed.ok_or_else(|| VersionError::Invalid(text.to_owned()))?.supported()
    }

    /// Whether the client puts `TransitionChunk` messages together.
    pub(crate) fn takes_chunks(&self) -> bool {
        self.name == "npm" && self.version >= Version::new(1, 28, 0)
    }

    fn supported(self) -> Result<Self, VersionError> {
        let npm_family = matches!(&*self.name, "npm" | "npm-cli" | "actions");
        if npm_family && self.version <= Version::new(0, 19, 1) {
            return Err(VersionError::Unsupported(self.version));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientVersion, VersionError};

    #[test]
    fn the_header_is_split_before_the_version() {
        let client = ClientVersion::from_header("npm-cli-1.48.0-alpha.1").unwrap();
        assert_eq!((&*client.name, client.version.to_string().as_str()), ("npm-cli", "1.48.0-alpha.1"));
        for wrong in ["", "npm", "npm-", "-1.2.3", "npm-1", "1.2.3"] {
            assert!(matches!(ClientVersion::from_header(wrong), Err(VersionError::Invalid(_))), "{wrong}");
        }
    }

    #[test]
    fn old_clients_of_the_npm_family_are_refused() {
        for old in ["npm-0.19.1", "npm-cli-0.2.0", "actions-0.19.0"] {
            assert!(matches!(ClientVersion::from_header(old), Err(VersionError::Unsupported(_))), "{old}");
        }
        for good in ["npm-0.19.2", "python-0.5.0", "rust-0.1.0"] {
            assert!(ClientVersion::from_header(good).is_ok(), "{good}");
        }
        assert!(ClientVersion::from_path("garbage").is_err());
    }

    #[test]
    fn chunks_are_for_new_npm_clients() {
        assert!(ClientVersion::from_path("1.48.0").unwrap().takes_chunks());
        assert!(ClientVersion::from_path("1.28.0").unwrap().takes_chunks());
        assert!(!ClientVersion::from_path("1.27.5").unwrap().takes_chunks());
        assert!(!ClientVersion::from_header("rust-2.0.0").unwrap().takes_chunks());
    }
}
