//! The frontend/backend protocol, one message at a time: start-up, login and commands.
//!
//! The replication stream itself takes the bytes over ([`Wire::into_parts`]) and reads them in
//! gulps. A length that the server claims is checked before anything is allocated for it.

use std::io;

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::socket::Io;

/// Far above any answer to a command; a server that claims more is not one.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A step of reading; answers to commands are small.
const READ_BYTES: usize = 8 * 1024;

/// `CopyBothResponse`, which `postgres-protocol` does not know.
const COPY_BOTH_RESPONSE_TAG: u8 = b'W';

/// A connection that speaks whole messages.
pub(crate) struct Wire {
    io: Box<dyn Io>,
    input: BytesMut,
}

/// A message from the server.
pub(crate) enum Received {
    /// A message that every PostgreSQL client knows.
    Message(Message),
    /// The answer to `START_REPLICATION`: from here on both sides send copy data.
    CopyBoth,
}

impl Wire {
    pub(crate) fn new(io: Box<dyn Io>) -> Self {
        Self {
            io,
            input: BytesMut::new(),
        }
    }

    /// Sends what `write` puts into the buffer.
    pub(crate) async fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut output = BytesMut::new();
        write(&mut output)?;
        self.io.write_all(&output).await?;
        self.io.flush().await
    }

    /// The next message. Not cancellation-safe for the protocol's state, but no byte is lost.
    pub(crate) async fn receive(&mut self) -> io::Result<Received> {
        loop {
            if let Some(header) = Header::parse(&self.input)? {
                let length = usize::try_from(header.len()).expect("the header is positive");
                if length > MESSAGE_BYTES_MAX {
                    return Err(invalid(format!("a message claims {length} bytes")));
                }
                if self.input.len() > length {
                    return self.parse(header.tag(), length + 1);
                }
            }
            self.input.reserve(READ_BYTES);
            if self.io.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn parse(&mut self, tag: u8, length: usize) -> io::Result<Received> {
        let mut frame = self.input.split_to(length);
        if tag == COPY_BOTH_RESPONSE_TAG {
            return Ok(Received::CopyBoth);
        }
        match Message::parse(&mut frame)? {
            Some(message) => Ok(Received::Message(message)),
            None => Err(invalid("a message ends too early".to_owned())),
        }
    }

    /// The connection and the bytes that were read ahead.
    pub(crate) fn into_parts(self) -> (Box<dyn Io>, BytesMut) {
        (self.io, self.input)
    }
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
