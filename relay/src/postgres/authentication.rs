//! Logging in: trust, password, MD5, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS
//! (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>).
//!
//! SCRAM works both ways: the server proves that it knows the password too. So an
//! `AuthenticationOk` before the exchange is complete is a forgery, not a success.

use std::io;

use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use super::target::{ChannelBinding, Target};
use super::wire::{Received, Wire};
use super::{Error, Place, ServerError};

/// Answers the server's request to log in, up to its `AuthenticationOk`.
pub(super) async fn log_in(
    wire: &mut Wire,
    target: &Target,
    at: &Place,
    server_end_point: Option<Vec<u8>>,
) -> Result<(), Error> {
    let login = Login { target, at };
    match login.receive(wire).await? {
        Message::AuthenticationOk => return login.binding_may_be_missing(),
        Message::AuthenticationCleartextPassword => {
            login.binding_may_be_missing()?;
            login
                .send_password(wire, login.password()?.as_bytes())
                .await?;
        }
        Message::AuthenticationMd5Password(body) => {
            login.binding_may_be_missing()?;
            let password = login.password()?;
            let hash = md5_hash(target.user.as_bytes(), password.as_bytes(), body.salt());
            login.send_password(wire, hash.as_bytes()).await?;
        }
        Message::AuthenticationSasl(body) => login.scram(wire, &body, server_end_point).await?,
        _ => {
            return Err(
                login.unsupported("this method (GSSAPI, SSPI and Kerberos are not built in)")
            );
        }
    }
    match login.receive(wire).await? {
        Message::AuthenticationOk => Ok(()),
        _ => Err(login.lost(unexpected())),
    }
}

struct Login<'a> {
    target: &'a Target,
    at: &'a Place,
}

impl Login<'_> {
    async fn scram(
        &self,
        wire: &mut Wire,
        offer: &AuthenticationSaslBody,
        server_end_point: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let password = self.password()?;
        let password = password.as_bytes();
        let mechanisms: Vec<&str> = offer
            .mechanisms()
            .collect()
            .map_err(|source| self.lost(source))?;
        let has_plain = mechanisms.contains(&sasl::SCRAM_SHA_256);
        let has_plus = mechanisms.contains(&sasl::SCRAM_SHA_256_PLUS);
        let end_point =
            server_end_point.filter(|_| self.target.channel_binding != ChannelBinding::Disable);

        let (binding, mechanism) = match end_point {
            Some(hash) if has_plus => (
                sasl::ChannelBinding::tls_server_end_point(hash),
                sasl::SCRAM_SHA_256_PLUS,
            ),
            // "We could, and the server does not offer it": the server detects a removed offer.
            Some(_) if has_plain => (sasl::ChannelBinding::unrequested(), sasl::SCRAM_SHA_256),
            None if has_plain => (sasl::ChannelBinding::unsupported(), sasl::SCRAM_SHA_256),
            Some(_) | None => return Err(self.unsupported("any offered SASL mechanism")),
        };
        if mechanism == sasl::SCRAM_SHA_256 {
            self.binding_may_be_missing()?;
        }

        let mut scram = sasl::ScramSha256::new(password, binding);
        self.send(wire, |out| {
            frontend::sasl_initial_response(mechanism, scram.message(), out)
        })
        .await?;
        let Message::AuthenticationSaslContinue(challenge) = self.receive(wire).await? else {
            return Err(self.not_authentic(unexpected()));
        };
        scram
            .update(challenge.data())
            .map_err(|source| self.not_authentic(source))?;
        self.send(wire, |out| frontend::sasl_response(scram.message(), out))
            .await?;
        let Message::AuthenticationSaslFinal(proof) = self.receive(wire).await? else {
            return Err(self.not_authentic(unexpected()));
        };
        scram
            .finish(proof.data())
            .map_err(|source| self.not_authentic(source))
    }

    /// The next message of the exchange; an error of the server is the login's error.
    async fn receive(&self, wire: &mut Wire) -> Result<Message, Error> {
        loop {
            return match wire.receive().await.map_err(|source| self.lost(source))? {
                Received::Message(Message::ErrorResponse(body)) => Err(Error::from_start_up(
                    self.at.clone(),
                    ServerError::from_fields(body.fields()),
                )),
                Received::Message(Message::NoticeResponse(_)) => continue,
                Received::Message(message) => Ok(message),
                Received::CopyBoth => Err(self.lost(unexpected())),
            };
        }
    }

    async fn send_password(&self, wire: &mut Wire, password: &[u8]) -> Result<(), Error> {
        self.send(wire, |out| frontend::password_message(password, out))
            .await
    }

    async fn send(
        &self,
        wire: &mut Wire,
        write: impl FnOnce(&mut bytes::BytesMut) -> io::Result<()>,
    ) -> Result<(), Error> {
        wire.send(write).await.map_err(|source| self.lost(source))
    }

    fn password(&self) -> Result<String, Error> {
        let missing = || Error::PasswordMissing {
            at: self.at.clone(),
        };
        self.target.password().ok_or_else(missing)
    }

    fn binding_may_be_missing(&self) -> Result<(), Error> {
        if self.target.channel_binding == ChannelBinding::Require {
            return Err(self.unsupported("SCRAM with channel binding, which the URL requires"));
        }
        Ok(())
    }

    fn unsupported(&self, method: &'static str) -> Error {
        Error::AuthenticationMethod {
            at: self.at.clone(),
            method,
        }
    }

    fn not_authentic(&self, source: io::Error) -> Error {
        Error::ServerNotAuthentic {
            at: self.at.clone(),
            source,
        }
    }

    fn lost(&self, source: io::Error) -> Error {
        Error::lost(self.at.clone(), source)
    }
}

fn unexpected() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the server's answer is out of order",
    )
}
