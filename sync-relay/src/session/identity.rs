//! Who the client is.
//!
//! A token usually is verified at once. If its provider has to be asked, that happens in a task of its own: the answers to running
//! requests go on, but messages after the `Authenticate` wait for it, as they are meant for the new identity, and so do results, as
//! the old one's are not to be shown any more.

use std::sync::{Arc, OnceLock};

use futures::FutureExt as _;
use lakewire_functions::auth::{AuthError, Identity, VerifiedUser};
use lakewire_functions::udf::CallFailure;

use super::{End, Session, Wire, end_of, violation};
use crate::protocol::{Authenticate, Token, auth_error};
use crate::signal::Signal;

type Answer = Result<VerifiedUser, CallFailure>;

/// A token on its way to becoming an identity.
pub(super) struct Verification {
    token: Arc<str>,
    answer: Arc<OnceLock<Answer>>,
}

/// Answers also when the task that verifies is dropped or panics.
struct Verifying {
    answer: Arc<OnceLock<Answer>>,
    signal: Arc<Signal>,
}

impl Drop for Verifying {
    fn drop(&mut self) {
        let interrupted = || Err(CallFailure::Internal("verifying a token was interrupted".to_owned()));
        self.answer.get_or_init(interrupted);
        self.signal.raise();
    }
}

impl Session {
    /// Takes on a new identity, for every message after this one. Every query is looked at anew.
    pub(super) fn authenticate<W: Wire>(&mut self, message: Authenticate, socket: &mut W) -> Result<(), End> {
        if message.base_version != self.wanted.identity {
            let text = format!(
                "BaseVersionMismatch: identity version `{}` was expected, `{}` was given",
                self.wanted.identity, message.base_version
            );
            return Err(violation(&text, socket));
        }
        let backend = Arc::clone(&self.shared.backend);
        let verified = match message.token {
            Token::None => Ok(Identity::Anonymous),
            Token::Admin { key, acting_as } => backend.admin(&key, acting_as.as_ref()),
            Token::User(token) => {
                let token: Arc<str> = token.into();
                let verifying = Arc::clone(&token);
                let mut verify = async move { backend.user(&verifying).await }.boxed();
                return match (&mut verify).now_or_never() {
                    Some(answer) => self.verified(token, answer, socket),
                    None => {
                        let verifying = Verifying { answer: Arc::default(), signal: Arc::clone(&self.signal) };
                        let answer = Arc::clone(&verifying.answer);
                        self.verification = Some(Verification { token, answer });
                        self.shared.env.spawn("verification", async move {
                            let answer = verify.await;
                            verifying.answer.get_or_init(|| answer);
                        });
                        Ok(())
                    }
                };
            }
        };
        match verified {
            Ok(identity) => {
                self.change_identity(identity, None, None);
                Ok(())
            }
            Err(error) => Err(self.refuse(&error, true, socket)),
        }
    }

    /// Takes note of what became of a token.
    pub(super) fn end_verification<W: Wire>(&mut self, socket: &mut W) -> Result<(), End> {
        let Some(answer) = self.verification.as_ref().and_then(|under_way| under_way.answer.get().cloned()) else {
            return Ok(());
        };
        match self.verification.take() {
            Some(Verification { token, .. }) => self.verified(token, answer, socket),
            None => Ok(()),
        }
    }

    fn verified<W: Wire>(&mut self, token: Arc<str>, answer: Answer, socket: &mut W) -> Result<(), End> {
        match answer {
            Ok(VerifiedUser { user, expires_ns }) => {
                self.change_identity(Identity::User(user), Some(expires_ns), Some(token));
                Ok(())
            }
            Err(CallFailure::Auth(error)) if !error.is_transient() => Err(self.refuse(&error, true, socket)),
            // Not the fault of the token: the client comes again with the same one.
            Err(failure) => {
                tracing::warn!(session = self.session_id.as_deref(), %failure, "a token can't be verified");
                Err(end_of(&failure))
            }
        }
    }

    fn change_identity(&mut self, identity: Identity, expires_ns: Option<u64>, token: Option<Arc<str>>) {
        self.wanted.identity += 1;
        self.assembly = None;
        self.queries.change_identity(&self.shared.cache, &identity, &self.signal);
        self.identity = identity;
        self.expires_ns = expires_ns;
        self.peer.info.auth_token = token;
    }

    /// Ends the session once the token of its user is not good any more: looked at when something is asked for or shown.
    pub(super) fn check_expiry<W: Wire>(&self, socket: &mut W) -> Result<(), End> {
        match self.expires_ns {
            Some(expires) if self.shared.env.now_ns() >= expires => {
                Err(self.refuse(&AuthError::TokenExpired, false, socket))
            }
            _ => Ok(()),
        }
    }

    /// Tells the client that its token is not good; `attempted` says whether it is one that it has just sent.
    fn refuse<W: Wire>(&self, error: &AuthError, attempted: bool, socket: &mut W) -> End {
        // The client looks at the last version it was told of, not at the one it asked for.
        socket.send(auth_error(&error.to_string(), self.sent.identity, attempted));
        End::Told
    }
}
