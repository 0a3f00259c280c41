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
