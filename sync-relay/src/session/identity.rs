//! Who the client is.

use lakewire_functions::auth::Identity;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{End, Session, violation};
use crate::protocol::{Authenticate, Token, auth_error};
use crate::socket::Socket;

impl Session {
    /// Takes on a new identity, for every message after this one. Every query is looked at anew.
    pub(super) fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        message: Authenticate,
        socket: &mut Socket<S>,
    ) -> Result<(), End> {
        if message.base_version != self.wanted.identity {
            let text = format!(
                "BaseVersionMismatch: identity version `{}` was expected, `{}` was given",
                self.wanted.identity, message.base_version
            );
            return Err(violation(&text, socket));
        }
        let verified = match &message.token {
            Token::None => Ok(Identity::Anonymous),
            Token::User(token) => self.shared.backend.user(token),
            Token::Admin { key, acting_as } => self.shared.backend.admin(key, acting_as.as_ref()),
        };
        match verified {
            Ok(identity) => {
                self.wanted.identity += 1;
                self.assembly = None;
                self.queries.change_identity(&self.shared.cache, &identity, &self.signal);
                self.identity = identity;
                Ok(())
            }
            Err(error) => {
                // The client looks at the last version it was told of, not at the one it asked for.
                socket.send(auth_error(&error.to_string(), self.sent.identity, true));
                Err(End::Told)
            }
        }
    }
}
