//! The start-up of a connection that speaks the protocol itself: replication.

use std::io;

use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::authentication::log_in;
use super::dial::Attempt;
use super::target::Target;
use super::wire::{Received, Wire};
use super::{Error, ServerError};

/// Sends the start-up message, logs in and waits until the server is ready for commands.
///
/// `settings` are server settings (`-c name=value`) and come after those of the URL, so that they
/// win; `parameters` are further fields of the start-up message.
pub(crate) async fn start_up(
    attempt: Attempt,
    target: &Target,
    parameters: &[(&str, &str)],
    settings: &[(&str, &str)],
) -> Result<Wire, Error> {
    let limit = attempt.limit();
    Attempt::within(limit, converse(attempt, target, parameters, settings)).await
}

async fn converse(
    attempt: Attempt,
    target: &Target,
    parameters: &[(&str, &str)],
    settings: &[(&str, &str)],
) -> Result<Wire, Error> {
    let Attempt {
        io,
        at,
        server_end_point,
        ..
    } = attempt;
    let lost = |source| Error::lost(at.clone(), source);

    let mut options = target.options.clone().unwrap_or_default();
    for (name, value) in settings {
        for part in [" -c ", name, "=", value] {
            options.push_str(part);
        }
    }
    let fields = [
        ("user", target.user.as_str()),
        ("database", target.database.as_str()),
        ("application_name", target.application_name.as_str()),
        ("client_encoding", "UTF8"),
        ("options", options.trim()),
    ];
    let mut wire = Wire::new(io);
    wire.send(|out| frontend::startup_message(fields.iter().chain(parameters).copied(), out))
        .await
        .map_err(lost)?;
    log_in(&mut wire, target, &at, server_end_point).await?;

    let mut is_standby = false;
    loop {
        match wire.receive().await.map_err(lost)? {
            // Reported by every server from version 14 on.
            Received::Message(Message::ParameterStatus(body)) => {
                if body.name().map_err(lost)? == "in_hot_standby" {
                    is_standby = body.value().map_err(lost)? == "on";
                }
            }
            Received::Message(Message::BackendKeyData(_) | Message::NoticeResponse(_)) => {}
            Received::Message(Message::ReadyForQuery(_)) if is_standby => {
                return Err(Error::Standby { at });
            }
            Received::Message(Message::ReadyForQuery(_)) => return Ok(wire),
            Received::Message(Message::ErrorResponse(body)) => {
                return Err(Error::from_start_up(
                    at,
                    ServerError::from_fields(body.fields()),
                ));
            }
            Received::Message(_) | Received::CopyBoth => {
                let problem = "a message that does not belong to the start-up";
                return Err(lost(io::Error::new(io::ErrorKind::InvalidData, problem)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What a server, or something that is none, may say: messages that look right, lengths that are
    /// not, and anything.
    fn answer() -> impl Strategy<Value = Vec<u8>> {
        let tag = prop::sample::select(b"RSKZENA1C\0".to_vec());
        let length = prop_oneof![
            4 => Just(None),
            1 => any::<i32>().prop_map(Some),
        ];
        let body = prop_oneof![
            Just(b"\0\0\0\x0aSCRAM-SHA-256\0\0".to_vec()),
            Just(b"\0\0\0\x0br=nonce,s=c2FsdA==,i=4096".to_vec()),
            Just(b"in_hot_standby\0on\0".to_vec()),
            Just(b"SFATAL\0C57P03\0Mshutting down\0\0".to_vec()),
            Just(vec![0; 4]),
            prop::collection::vec(any::<u8>(), 0..40),
        ];
        let message = (tag, length, body).prop_map(|(tag, length, body)| {
            let whole = i32::try_from(body.len() + 4).expect("a short body");
            let mut message = vec![tag];
            message.extend_from_slice(&length.unwrap_or(whole).to_be_bytes());
            message.extend(body);
            message
        });
        prop::collection::vec(message, 0..6).prop_map(|messages| messages.concat())
    }

    fn start_up_with(answer: &[u8]) -> Result<Wire, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let (client, mut server) = tokio::io::duplex(1 << 16);
            server.write_all(answer).await.unwrap();
            server.shutdown().await.unwrap();
            let target: Target = "postgres://relay:secret@db/shop".parse().unwrap();
            start_up(Attempt::over(Box::new(client)), &target, &[], &[]).await
        })
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_wait(answer in answer()) {
            let _connected = start_up_with(&answer);
        }

        #[test]
        fn no_bytes_make_it_panic_or_wait(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(start_up_with(&bytes).is_err());
        }
    }

    #[test]
    fn a_server_that_asks_for_nothing_is_ready() {
        let answer = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
        assert!(start_up_with(answer).is_ok());
    }
}
