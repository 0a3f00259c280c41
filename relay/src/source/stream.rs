//! The running stream: reads gulps, hands them on, and keeps the walsender informed.
//!
//! One task does all of it, so that the positions have one owner. Its choices, in order:
//!
//! 1. stop: the last word to the server is the committed position;
//! 2. a status update that is due, also while the pipeline takes nothing: the walsender ends a
//!    connection that is silent for `wal_sender_timeout`, and Kafka may be down for longer;
//! 3. news of what is committed;
//! 4. handing a gulp on. Until the pipeline has taken it nothing more is read, so the socket fills
//!    and the walsender waits: backpressure without memory;
//! 5. reading;
//! 6. a server that shuts down and waits in vain ([`super::shutdown`]);
//! 7. silence: a server whose machine vanished sends no FIN. A status update that follows on
//!    nothing heard asks for an answer, so a living walsender is never silent for long.
//!
//! The watchdog ends a process whose pipeline is stuck: this task alone would keep a dead pipeline's
//! slot occupied for ever. This task has a heart as well: without it a session would never end.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::feedback::Feedback;
use super::gulp::{COPY_DATA_TAG, WalMessage};
use super::intake::{Filled, Intake};
use super::pace::{PAUSE, Pace};
use super::shutdown::Shutdown;
use super::slot::Subscription;
use super::{Error, Gulp, WAL_SENDER_TIMEOUT, notice};
use crate::failpoints::{self, Failpoint, Sabotage, sabotaged};
use crate::lsn::Lsn;
use crate::postgres::{Io, ServerError};
use crate::runtime::{Heart, clock};

/// The longest time between two status updates. The walsender asks for one after half its timeout
/// and gives up after the whole.
const STATUS_INTERVAL_MAX: Duration = WAL_SENDER_TIMEOUT.checked_div(3).expect("3 is not 0");

/// The shortest time between two status updates. Each wakes the walsender, and one that shuts down
/// answers each with a new question, so without a limit both would spin.
const STATUS_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// A walsender that lives has answered by then, twice over.
const SILENCE_MAX: Duration = WAL_SENDER_TIMEOUT.saturating_add(Duration::from_secs(5));

/// How long a stop waits for the server's goodbye. It cannot come while the walsender is inside a
/// large transaction; then the connection is cut, which releases the slot as well.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// A replication stream that has started and is not read yet.
pub struct WalStream {
    io: Box<dyn Io>,
    intake: Intake,
    subscription: Subscription,
    start: Lsn,
    shutdown: Shutdown,
}

impl WalStream {
    pub(super) fn new(
        io: Box<dyn Io>,
        read_ahead: BytesMut,
        subscription: Subscription,
        start: Lsn,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            io,
            intake: Intake::new(read_ahead),
            subscription,
            start,
            shutdown,
        }
    }
}

/// Runs the stream until `stop` is cancelled (or nobody takes gulps any more) or it breaks.
///
/// `confirmed` is the committed position; [`Lsn::INVALID`] until it is known. A clean end has told
/// the server the position that was committed then.
pub async fn stream(
    wal: WalStream,
    gulps: mpsc::Sender<Gulp>,
    mut confirmed: watch::Receiver<Lsn>,
    stop: CancellationToken,
    heart: Heart,
) -> Result<(), Error> {
    let mut link = Link::new(wal);
    let ended = link.run(&gulps, &mut confirmed, &stop, &heart).await;
    heart.rest();
    ended?;
    let committed = *confirmed.borrow();
    if let Err(error) = timeout(FINISH_TIMEOUT, link.finish(committed))
        .await
        .unwrap_or(Ok(()))
    {
        tracing::debug!(%error, "the replication connection broke while it was being closed");
    }
    Ok(())
}

struct Link {
    io: Box<dyn Io>,
    intake: Intake,
    subscription: Subscription,
    feedback: Feedback,
    pace: Pace,
    /// Gulps that the pipeline has not taken yet; nothing is read while there are any.
    waiting: VecDeque<Gulp>,
    /// The last gulp did not say that the socket was drained.
    owes_drained: bool,
    paused_until: Option<Instant>,
    status_sent: Instant,
    status_wanted: bool,
    heard_since_status: bool,
    listening_since: Instant,
    shutdown: Shutdown,
}

impl Link {
    fn new(wal: WalStream) -> Self {
        let now = Instant::now();
        Self {
            io: wal.io,
            intake: wal.intake,
            subscription: wal.subscription,
            feedback: Feedback::new(wal.start),
            pace: Pace::new(now),
            waiting: VecDeque::new(),
            owes_drained: false,
            paused_until: None,
            status_sent: now,
            // The first update makes the server answer with where it stands.
            status_wanted: true,
            heard_since_status: false,
            listening_since: now,
            shutdown: wal.shutdown,
        }
    }

    async fn run(
        &mut self,
        gulps: &mpsc::Sender<Gulp>,
        confirmed: &mut watch::Receiver<Lsn>,
        stop: &CancellationToken,
        heart: &Heart,
    ) -> Result<(), Error> {
        let mut ack_is_alive = true;
        // What came together with the answer to START_REPLICATION. It may be the last that comes for
        // a long time: a walsender that fails at once waits for the next command.
        let read_ahead = Filled {
            bytes: self.intake.bytes(),
            socket_empty: false,
            closed: false,
        };
        self.take_in(read_ahead)?;
        loop {
            heart.beat();
            let is_listening = self.waiting.is_empty() && self.paused_until.is_none();
            // An incomplete message means that more is on its way.
            let at_once = self.owes_drained && !self.intake.has_partial_message();
            let pause_end = self.paused_until.unwrap_or(self.listening_since);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = sleep_until(self.status_due()) => {
                    let committed = *confirmed.borrow_and_update();
                    self.send_status(committed).await?;
                }
                news = confirmed.changed(), if ack_is_alive => match news {
                    Ok(()) => self.status_wanted = true,
                    Err(_) => ack_is_alive = false,
                },
                permit = gulps.reserve(), if !self.waiting.is_empty() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    permit.send(self.waiting.pop_front().expect("a gulp is waiting"));
                    self.listening_since = Instant::now();
                    // It moves: what still waits has waited from now on.
                    self.shutdown.waits(false);
                    self.shutdown.waits(!self.waiting.is_empty());
                }
                () = sleep_until(pause_end), if self.waiting.is_empty() && !is_listening => {
                    self.paused_until = None;
                }
                filled = self.intake.fill(&mut self.io, at_once), if is_listening => {
                    let taken = filled.map_err(Error::Lost).and_then(|filled| self.take_in(filled));
                    if let Err(error) = taken {
                        // The pipeline may have to wait for a registry before it takes the rest.
                        heart.rest();
                        self.hand_over(gulps, stop).await;
                        return Err(error);
                    }
                    if sabotaged(Sabotage::ConfirmEarly) {
                        self.send_status(Lsn::INVALID).await?;
                    }
                    self.status_wanted |= self.feedback.would_advance(*confirmed.borrow());
                }
                () = self.shutdown.is_blocked() => return Err(Error::ServerStopping),
                () = sleep_until(self.listening_since + SILENCE_MAX), if is_listening => {
                    return Err(Error::Silent { after: SILENCE_MAX });
                }
            }
        }
    }

    fn status_due(&self) -> Instant {
        let interval = if self.status_wanted {
            STATUS_INTERVAL_MIN
        } else {
            STATUS_INTERVAL_MAX
        };
        self.status_sent + interval
    }

    async fn send_status(&mut self, committed: Lsn) -> Result<(), Error> {
        let advances = self.feedback.would_advance(committed);
        if sabotaged(Sabotage::ConfirmEarly) {
            self.feedback.confirm_received();
        } else {
            self.feedback.confirm(committed);
        }
        let message = self
            .feedback
            .status_update(clock::now_micros(), !self.heard_since_status);
        let sent = async {
            self.io.write_all(&message).await?;
            self.io.flush().await
        };
        timeout(WAL_SENDER_TIMEOUT, sent)
            .await
            .map_err(|_| Error::Silent {
                after: WAL_SENDER_TIMEOUT,
            })?
            .map_err(Error::Lost)?;
        if advances || self.feedback.is_complete() {
            self.shutdown.asks(false);
        }
        if advances {
            failpoints::hit(Failpoint::AfterFeedback);
        }
        self.status_sent = Instant::now();
        self.status_wanted = false;
        self.heard_since_status = false;
        Ok(())
    }

    /// Looks through what was read and cuts it into gulps.
    fn take_in(&mut self, filled: Filled) -> Result<(), Error> {
        let now = Instant::now();
        if filled.bytes > 0 {
            self.listening_since = now;
            self.heard_since_status = true;
        }
        while let Some(frame) = self.intake.next_frame()? {
            if frame.tag != COPY_DATA_TAG {
                self.hand_on(false);
                let control = self.intake.take_control()?;
                self.heed(control)?;
                continue;
            }
            let message = frame.wal_message()?;
            self.feedback.observe(message.position());
            if let WalMessage::Keepalive {
                reply_requested: true,
                ..
            } = message
            {
                self.status_wanted = true;
                self.shutdown.asks(true);
            }
        }
        if filled.closed {
            return Err(Error::ServerClosed { source: None });
        }
        let is_behind = self.pace.is_behind_after(filled.bytes, now);
        if is_behind && filled.socket_empty {
            self.paused_until = Some(now + PAUSE);
        }
        let drained = filled.socket_empty && !is_behind && !self.intake.has_partial_message();
        self.shutdown.is_behind(!drained);
        self.hand_on(drained);
        Ok(())
    }

    /// Queues the copy data that was looked at, if there is any or the pipeline waits to hear that
    /// there is no more.
    fn hand_on(&mut self, drained: bool) {
        let bytes = self.intake.take_gulp();
        if !bytes.is_empty() || (drained && self.owes_drained) {
            self.waiting.push_back(Gulp::new(bytes.freeze(), drained));
            self.shutdown.waits(true);
            self.owes_drained = !drained;
        }
    }

    /// What came before the end of the stream is whole, so the pipeline gets it.
    async fn hand_over(&mut self, gulps: &mpsc::Sender<Gulp>, stop: &CancellationToken) {
        for gulp in self.waiting.drain(..) {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                sent = gulps.send(gulp) => if sent.is_err() { return },
            }
        }
    }

    /// Acts on a message that is not copy data.
    fn heed(&self, mut frame: BytesMut) -> Result<(), Error> {
        let message = Message::parse(&mut frame).map_err(Error::Lost)?;
        match message {
            Some(Message::NoticeResponse(body)) => notice::observe(&body),
            Some(Message::ErrorResponse(body)) => Err(self
                .subscription
                .stream_error(ServerError::from_fields(body.fields()))),
            // A setting was reloaded.
            Some(Message::ParameterStatus(_)) => Ok(()),
            Some(Message::CopyDone) => Err(Error::ServerClosed { source: None }),
            Some(_) | None => Err(Error::Malformed {
                problem: "a message that does not belong to the stream",
            }),
        }
    }

    /// Says goodbye: the last position, the end of the copy, and the end of the connection once the
    /// server has released the slot.
    async fn finish(&mut self, committed: Lsn) -> Result<(), Error> {
        self.send_status(committed).await?;
        let mut goodbye = BytesMut::new();
        frontend::copy_done(&mut goodbye);
        self.io.write_all(&goodbye).await.map_err(Error::Lost)?;
        self.io.flush().await.map_err(Error::Lost)?;
        while !self.is_released().await? {}
        let mut farewell = BytesMut::new();
        frontend::terminate(&mut farewell);
        self.io.write_all(&farewell).await.map_err(Error::Lost)?;
        self.io.shutdown().await.map_err(Error::Lost)
    }

    /// Reads on, dropping copy data; true once the server is ready for a command again.
    async fn is_released(&mut self) -> Result<bool, Error> {
        let filled = self
            .intake
            .fill(&mut self.io, false)
            .await
            .map_err(Error::Lost)?;
        if filled.closed {
            return Err(Error::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        while let Some(frame) = self.intake.next_frame()? {
            let is_control = frame.tag != COPY_DATA_TAG;
            self.intake.take_gulp();
            if is_control {
                let mut control = self.intake.take_control()?;
                if let Ok(Some(Message::ReadyForQuery(_))) = Message::parse(&mut control) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
