//! One connection through the proxy: two pumps, and the rules between reading and writing.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::requests::Asked;
use super::{Answers, End, Requests, Rules, Shared, Way};

/// What is read at a time.
const PIECE_BYTES: usize = 16 << 10;

/// So much of what a client says first is remembered, for [`super::Cut::of`].
const SAID_BYTES_MAX: usize = 1024;

pub(super) struct Connection {
    number: usize,
    shared: Arc<Shared>,
    said: Mutex<Vec<u8>>,
}

impl Connection {
    pub(super) fn new(number: usize, shared: Arc<Shared>) -> Self {
        Self {
            number,
            shared,
            said: Mutex::default(),
        }
    }

    pub(super) async fn run(self, mut client: TcpStream, mut server: TcpStream) {
        // A piece leaves as it is.
        for stream in [&client, &server] {
            let _unless_closed = stream.set_nodelay(true);
        }
        let ended = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            tokio::try_join!(
                self.pump(Way::ToServer, from_client, to_server),
                self.pump(Way::ToClient, from_server, to_client),
            )
        };
        match ended {
            Ok(_) => {}
            Err(End::Reset) => {
                for stream in [&client, &server] {
                    let _unless_closed = stream.set_zero_linger();
                }
            }
            Err(End::Finish) => {
                tokio::join!(finish(&mut client), finish(&mut server));
            }
        }
    }

    /// Forwards one way, until its reader has said all.
    async fn pump(
        &self,
        way: Way,
        mut reader: ReadHalf<'_>,
        mut writer: WriteHalf<'_>,
    ) -> Result<(), End> {
        let mut rules = self.shared.rules.subscribe();
        let mut piece = vec![0; PIECE_BYTES];
        let mut has_lost = false;
        loop {
            let now = self.until_open(way, &mut rules, has_lost).await?;
            if way == Way::ToClient && now.hangs_up && self.is_held(&now) {
                return writer.shutdown().await.map_err(|_| End::Reset);
            }
            let count = tokio::select! {
                read = reader.read(&mut piece) => read.map_err(|_| End::Reset)?,
                _ = rules.changed() => continue,
            };
            if count == 0 {
                // What is held is held at its end too.
                self.until_open(way, &mut rules, has_lost).await?;
                return writer.shutdown().await.map_err(|_| End::Reset);
            }
            self.listen(way, &piece[..count]);
            self.refuse(way, &mut piece[..count]);
            let slice = now.slice.unwrap_or(PIECE_BYTES);
            for part in piece[..count].chunks(slice) {
                let now = self.until_open(way, &mut rules, has_lost).await?;
                // Even a sleep of nothing lasts a millisecond.
                if !now.delay.is_zero() {
                    tokio::time::sleep(now.delay).await;
                }
                if way == Way::ToClient && matches!(now.answers, Answers::Drop) {
                    has_lost = true;
                    continue;
                }
                self.write(way, part, &mut writer).await?;
            }
        }
    }

    /// Waits while everything is held back; an end if the rules want one.
    async fn until_open(
        &self,
        way: Way,
        rules: &mut tokio::sync::watch::Receiver<Rules>,
        has_lost: bool,
    ) -> Result<Rules, End> {
        let is_open = |rules: &Rules| {
            let is_held = way == Way::ToServer && self.is_held(rules);
            self.number >= rules.held_below && !is_held || self.number < rules.reset_below
        };
        let now = rules.wait_for(is_open).await.map_err(|_| End::Reset)?;
        let is_healed = has_lost && !matches!(now.answers, Answers::Drop);
        if self.number < now.reset_below || is_healed {
            return Err(End::Reset);
        }
        Ok(now.clone())
    }

    /// Whether a request of this connection is held.
    fn is_held(&self, rules: &Rules) -> bool {
        matches!(rules.requests, Requests::Hold(number) if number == self.number)
    }

    async fn write(&self, way: Way, part: &[u8], writer: &mut WriteHalf<'_>) -> Result<(), End> {
        let said = self.said().clone();
        let (passes, end) = self.shared.pass(way, &said, part.len());
        let written = writer.write_all(&part[..passes]).await;
        written.map_err(|_| End::Reset)?;
        end.map_or(Ok(()), Err)
    }

    /// Looks at what the client says: for who it is, for the request whose answer is dropped, and for
    /// the one that is held.
    fn listen(&self, way: Way, piece: &[u8]) {
        if way == Way::ToClient {
            return;
        }
        let mut said = self.said();
        let room = SAID_BYTES_MAX - said.len();
        said.extend_from_slice(&piece[..piece.len().min(room)]);
        self.shared
            .rules
            .send_if_modified(|rules| match rules.answers {
                Answers::DropFrom(is_it) if is_it(piece) => {
                    rules.answers = Answers::Drop;
                    true
                }
                Answers::Refuse(error) => {
                    let asked = Asked::to_write(self.number, piece);
                    rules.answers = asked.map_or(rules.answers, |it| Answers::RefuseTo(it, error));
                    asked.is_some()
                }
                _ => false,
            });
        self.shared
            .rules
            .send_if_modified(|rules| match rules.requests {
                Requests::HoldFrom(is_it) if is_it(piece) => {
                    rules.requests = Requests::Hold(self.number);
                    true
                }
                _ => false,
            });
    }

    /// Changes the answer to the request that is refused, if it is in `piece`.
    fn refuse(&self, way: Way, piece: &mut [u8]) {
        if way == Way::ToServer {
            return;
        }
        self.shared
            .rules
            .send_if_modified(|rules| match rules.answers {
                Answers::RefuseTo(asked, error) if asked.refuse(self.number, piece, error) => {
                    rules.answers = Answers::Pass;
                    true
                }
                _ => false,
            });
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says goodbye and waits for the other's. What comes meanwhile is read: unread it would turn the
/// close into a reset.
async fn finish(stream: &mut TcpStream) {
    if stream.shutdown().await.is_ok() {
        let _until_closed = tokio::io::copy(stream, &mut tokio::io::sink()).await;
    }
}
