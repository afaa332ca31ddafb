//! The rules for names of fields, tables and indexes.

/// A name that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty.
    #[error("name is empty")]
    Empty,
    /// The name is longer than allowed, in bytes.
    #[error("name `{name}` is too long: the maximum is {maximum} characters")]
    TooLong {
        /// The name, cut off at the maximum.
        name: String,
        /// The longest length allowed.
        maximum: usize,
    },
    /// A field name starts with `$`.
    #[error("field name `{0}` starts with `$`, which is reserved")]
    Dollar(String),
    /// A field name has a control character or one outside of ASCII.
    #[error("field name `{0}` has an invalid character: field names can only contain non-control ASCII characters")]
    Character(String),
    /// A name is not an identifier.
    #[error(
        "`{0}` is not an identifier: identifiers start with a letter or an underscore, hold only letters, digits and \
         underscores, and are not made of underscores only"
    )]
    NotAnIdentifier(String),
    /// The name of a table or index must not start with an underscore.
    #[error("name `{0}` is reserved: it starts with an underscore")]
    Underscore(String),
    /// The name of a built-in index.
    #[error("index name `{0}` is reserved")]
    BuiltInIndex(String),
}

impl NameError {
    /// The short code of the error where it is about the name of a field.
    pub fn code(&self) -> &'static str {
        "InvalidFieldName"
    }
}

/// The longest table name, index name and identifier, in characters.
pub const MAX_IDENTIFIER_LENGTH: usize = 64;

/// Checks the name of a field in any value: at most 1024 printable ASCII characters, not starting with `$`. May be empty.
pub fn check_field_name(name: &str) -> Result<(), NameError> {
    if name.len() > crate::limits::MAX_FIELD_NAME_LENGTH {
        return Err(too_long(name, crate::limits::MAX_FIELD_NAME_LENGTH));
    }
    if name.starts_with('$') {
        return Err(NameError::Dollar(name.to_owned()));
    }
    if !name.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Err(NameError::Character(name.to_owned()));
    }
    Ok(())
}

/// Checks that a name is an identifier: `[A-Za-z_][A-Za-z0-9_]*`, at most 64 characters, not only underscores.
pub fn check_identifier(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let mut bytes = name.bytes();
    let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let goes_on_well = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !starts_well || !goes_on_well || name.bytes().all(|byte| byte == b'_') {
        return Err(NameError::NotAnIdentifier(name.to_owned()));
    }
    if name.len() > MAX_IDENTIFIER_LENGTH {
        return Err(too_long(name, MAX_IDENTIFIER_LENGTH));
    }
    Ok(())
}

/// Checks the name of a user's table: an identifier that does not start with an underscore.
pub fn check_table_name(name: &str) -> Result<(), NameError> {
    check_identifier(name)?;
    if is_system_table_name(name) {
        return Err(NameError::Underscore(name.to_owned()));
    }
    Ok(())
}

/// Checks the name of a user's index: an identifier that starts with a letter and is not `by_id` or `by_creation_time`.
pub fn check_index_name(name: &str) -> Result<(), NameError> {
    if name.starts_with('_') {
        return Err(NameError::Underscore(name.to_owned()));
    }
    check_identifier(name)?;
    if matches!(name, "by_id" | "by_creation_time") {
        return Err(NameError::BuiltInIndex(name.to_owned()));
    }
    Ok(())
}

/// Whether a table name belongs to the system: it starts with an underscore.
pub fn is_system_table_name(name: &str) -> bool {
    name.starts_with('_')
}

fn too_long(name: &str, maximum: usize) -> NameError {
    let name = name.chars().take(maximum).collect();
    NameError::TooLong { name, maximum }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
