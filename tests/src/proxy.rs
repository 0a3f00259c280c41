//! A link that fails as networks do: a TCP proxy between the relay and one server.
//!
//! Its rules change while it runs and hold for the connections there are and for those to come. A
//! byte that a rule holds back is kept, as TCP would send it again; only answers that are dropped
//! are gone, and their connection cannot be healed.

mod cut;
mod pump;
mod requests;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use postrider::local::port;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use cut::{Cut, End};
use pump::Connection;
pub use requests::{ends_transaction, produces};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What the relay says.
    ToServer,
    /// What the server answers.
    ToClient,
}

/// What happens to every byte.
#[derive(Debug, Clone, Default)]
struct Rules {
    /// Connections with a smaller number get nothing through, either way.
    held_below: usize,
    /// Connections with a smaller number are reset.
    reset_below: usize,
    slice: Option<usize>,
    delay: Duration,
    answers: Answers,
    requests: Requests,
    /// Who waits for the answer to the held request is told that none will come.
    hangs_up: bool,
}

/// What becomes of what a server says.
#[derive(Debug, Clone, Copy, Default)]
enum Answers {
    #[default]
    Pass,
    Drop,
    /// Dropped from the request on for which this is true.
    DropFrom(fn(&[u8]) -> bool),
    /// The next request to write records to Kafka is answered with this error.
    Refuse(i16),
    /// The answer to this request is.
    RefuseTo(requests::Asked, i16),
}

/// What becomes of what a client says.
#[derive(Debug, Clone, Copy, Default)]
enum Requests {
    #[default]
    Pass,
    /// The first for which this is true is held, with all that follows it on its connection.
    HoldFrom(fn(&[u8]) -> bool),
    /// The connection of this number holds its requests.
    Hold(usize),
}

#[derive(Debug)]
struct Shared {
    rules: watch::Sender<Rules>,
    cut: Mutex<Option<Cut>>,
    cuts: AtomicUsize,
    connections: AtomicUsize,
}

/// The proxy; it goes when it is dropped, with all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    _alive: watch::Sender<()>,
}

impl Proxy {
    /// Opens a way to `server`, a port of 127.0.0.1 where somebody listens now or later.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start(server: u16) -> Result<Self> {
        let port = port::free()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            rules: watch::channel(Rules::default()).0,
            cut: Mutex::new(None),
            cuts: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        });
        let (alive, dropped) = watch::channel(());
        // A runtime of its own, so that a test that blocks its own blocks no link.
        std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || serve(listener, server, &shared, dropped)
        });
        Ok(Self {
            port,
            shared,
            _alive: alive,
        })
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `url` of the server, on the way through this proxy.
    pub fn lead(&self, url: &str, server: u16) -> String {
        url.replacen(&format!(":{server}"), &format!(":{}", self.port), 1)
    }

    /// Connections since the start.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Cuts that were carried out.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// Cuts one connection, once; what opens later lives.
    pub fn cut(&self, cut: Cut) {
        *self.shared.plan() = Some(cut);
    }

    /// Resets every connection there is.
    pub fn reset(&self) {
        let count = self.connections();
        self.change(|rules| rules.reset_below = count);
    }

    /// Lets nothing through any more, either way, and says so to nobody. Who connects is accepted.
    pub fn black_hole(&self) {
        self.change(|rules| rules.held_below = usize::MAX);
    }

    /// As [`Proxy::black_hole`] for the connections there are; a new one works.
    pub fn strand(&self) {
        let count = self.connections();
        self.change(|rules| rules.held_below = count);
    }

    /// Forwards in pieces of at most `bytes`.
    pub fn slice(&self, bytes: usize) {
        self.change(|rules| rules.slice = Some(bytes));
    }

    /// Lets every piece wait.
    pub fn delay(&self, each: Duration) {
        self.change(|rules| rules.delay = each);
    }

    /// Drops what the server answers from now on. The server hears and obeys.
    pub fn drop_answers(&self) {
        self.change(|rules| rules.answers = Answers::Drop);
    }

    /// As [`Proxy::drop_answers`], from the request on for which `is_it` is true of a piece as it
    /// was read. The request itself arrives.
    pub fn drop_answers_from(&self, is_it: fn(&[u8]) -> bool) {
        self.change(|rules| rules.answers = Answers::DropFrom(is_it));
    }

    /// Puts an error of Kafka in the answer to the next request to write records. The broker has
    /// written them; what it would answer without a reason is not to be had otherwise.
    pub fn refuse_records(&self, error: i16) {
        self.change(|rules| rules.answers = Answers::Refuse(error));
    }

    /// Whether the answer of [`Proxy::refuse_records`] is still to be given.
    pub fn refuses_records(&self) -> bool {
        let answers = self.shared.rules.borrow().answers;
        matches!(answers, Answers::Refuse(_) | Answers::RefuseTo(..))
    }

    /// Whether answers are dropped at this moment.
    pub fn drops_answers(&self) -> bool {
        matches!(self.shared.rules.borrow().answers, Answers::Drop)
    }

    /// Holds the next request for which `is_it` is true, as a network does that delivers late. Other
    /// connections, and what the server says, pass. If the client gives its connection up, the server
    /// hears the request all the same: in [`Proxy::deliver`].
    pub fn hold_from(&self, is_it: fn(&[u8]) -> bool) {
        self.change(|rules| rules.requests = Requests::HoldFrom(is_it));
    }

    /// Whether a request is held at this moment.
    pub fn holds_request(&self) -> bool {
        matches!(self.shared.rules.borrow().requests, Requests::Hold(_))
    }

    /// Tells the client of the held request that its connection is gone. The server hears nothing of
    /// that.
    pub fn hang_up(&self) {
        self.change(|rules| rules.hangs_up = true);
    }

    /// Lets the held request go on to the server.
    pub fn deliver(&self) {
        self.change(|rules| rules.requests = Requests::Pass);
    }

    /// Forwards everything again. A connection that has lost bytes is reset.
    pub fn heal(&self) {
        self.change(|rules| {
            *rules = Rules {
                reset_below: rules.reset_below,
                ..Rules::default()
            };
        });
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        self.shared.rules.send_modify(change);
    }
}

impl Shared {
    fn plan(&self) -> std::sync::MutexGuard<'_, Option<Cut>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(
    listener: std::net::TcpListener,
    server: u16,
    shared: &Arc<Shared>,
    mut dropped: watch::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs nothing special");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("it was made for this");
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = dropped.changed() => return,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => if let Ok((client, _)) = accepted {
                    let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                    connections.spawn(forward(client, server, number, Arc::clone(shared)));
                },
            }
        }
    });
}

/// A server that is away, or a side that goes away, is no failure of the link.
async fn forward(client: TcpStream, server: u16, number: usize, shared: Arc<Shared>) {
    let mut rules = shared.rules.subscribe();
    // Nobody learns in a black hole that there is a server.
    if rules
        .wait_for(|rules| number >= rules.held_below)
        .await
        .is_err()
    {
        return;
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else {
        return;
    };
    Connection::new(number, shared).run(client, server).await;
}

#[cfg(test)]
mod tests;
