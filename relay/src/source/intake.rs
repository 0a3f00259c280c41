//! From the socket to gulps: a buffer that is filled in large reads and cut at message ends.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Error;
use super::gulp::{COPY_DATA_TAG, Frame, frame_bytes, split_frame};

/// The most that one gulp takes, unless a single message is larger. At 1 ms between reads a
/// walsender at full speed delivers 200 to 400 KB.
pub(super) const GULP_BYTES_MAX: usize = 512 * 1024;

/// Below this much room the buffer is renewed rather than filled up with ever smaller reads.
const ROOM_BYTES_MIN: usize = 64 * 1024;

/// Bytes that were read and not yet handed on.
#[derive(Debug, Default)]
pub(super) struct Intake {
    buffer: BytesMut,
    /// Everything before this is whole frames of copy data.
    whole: usize,
}

/// What a fill ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filled {
    /// Bytes that came; 0 only with `socket_empty`.
    pub(super) bytes: usize,
    /// The socket had no more.
    pub(super) socket_empty: bool,
    /// The server closed the connection after these bytes.
    pub(super) closed: bool,
}

impl Intake {
    pub(super) fn new(read_ahead: BytesMut) -> Self {
        Self {
            buffer: read_ahead,
            whole: 0,
        }
    }

    /// Reads until the buffer is full or the socket is empty. Waits for the first byte, unless
    /// `at_once`: then it also returns when the socket has none.
    ///
    /// Cancellation-safe: bytes enter the buffer in the same poll that ends the wait.
    pub(super) async fn fill<R>(&mut self, reader: &mut R, at_once: bool) -> io::Result<Filled>
    where
        R: AsyncRead + Unpin,
    {
        self.make_room();
        poll_fn(|cx| self.poll_fill(cx, reader, at_once)).await
    }

    /// Makes room for the rest of the message at the end, or for a gulp.
    fn make_room(&mut self) {
        let incomplete = self.buffer.len() - self.whole;
        let wanted = match frame_bytes(&self.buffer[self.whole..]) {
            Ok(Some(total)) if total > GULP_BYTES_MAX => total - incomplete,
            // A bad length is reported when the frame is looked at.
            Ok(_) | Err(_) => ROOM_BYTES_MIN,
        };
        let room = self.buffer.capacity() - self.buffer.len();
        if room < wanted {
            self.buffer.reserve(wanted.max(GULP_BYTES_MAX));
        }
    }

    fn poll_fill<R>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        at_once: bool,
    ) -> Poll<io::Result<Filled>>
    where
        R: AsyncRead + Unpin,
    {
        let mut bytes = 0;
        loop {
            if self.buffer.len() == self.buffer.capacity() {
                return Poll::Ready(Ok(Filled {
                    bytes,
                    socket_empty: false,
                    closed: false,
                }));
            }
            match poll_read(cx, reader, &mut self.buffer) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Ok(Filled {
                        bytes,
                        socket_empty: true,
                        closed: true,
                    }));
                }
                Poll::Ready(Ok(count)) => bytes += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if bytes > 0 || at_once => {
                    return Poll::Ready(Ok(Filled {
                        bytes,
                        socket_empty: true,
                        closed: false,
                    }));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Looks at the next whole frame that was not looked at before. Copy data stays in the buffer
    /// for the next [`Intake::take_gulp`]; any other frame must be taken out with
    /// [`Intake::take_control`] before the next call.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let Some((frame, rest)) = split_frame(&self.buffer[self.whole..])? else {
            return Ok(None);
        };
        if frame.tag == COPY_DATA_TAG {
            self.whole = self.buffer.len() - rest.len();
        }
        Ok(Some(frame))
    }

    /// Takes the copy data that was looked at.
    pub(super) fn take_gulp(&mut self) -> BytesMut {
        self.buffer.split_to(std::mem::take(&mut self.whole))
    }

    /// Takes the frame after the copy data that was looked at, which must have been taken.
    pub(super) fn take_control(&mut self) -> Result<BytesMut, Error> {
        assert_eq!(
            self.whole, 0,
            "the gulp before a control message is taken first"
        );
        let total = frame_bytes(&self.buffer)?.unwrap_or_default();
        Ok(self.buffer.split_to(total.min(self.buffer.len())))
    }

    /// Whether the end of the buffer is the beginning of a message.
    pub(super) fn has_partial_message(&self) -> bool {
        self.buffer.len() > self.whole
    }

    /// How many bytes were read and not handed on.
    pub(super) fn bytes(&self) -> usize {
        self.buffer.len()
    }
}

/// One read into the spare capacity. `read_buf` keeps nothing between polls, so a new future for
/// each poll loses nothing.
fn poll_read<R>(
    cx: &mut Context<'_>,
    reader: &mut R,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>>
where
    R: AsyncRead + Unpin,
{
    pin!(reader.read_buf(buffer)).poll(cx)
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
