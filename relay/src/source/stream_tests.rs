//! The stream over a connection in memory.

use tokio::io::{AsyncReadExt as _, DuplexStream};

use super::*;
use crate::runtime::Watchdog;

fn subscription() -> Subscription {
    Subscription {
        slot: "postrider_orders".to_owned(),
        publication: "postrider".to_owned(),
    }
}

fn shutdown() -> Shutdown {
    Shutdown::new("postgres://postrider@127.0.0.1/orders".parse().unwrap())
}

/// An `ErrorResponse` as a walsender sends it when a publication is missing.
fn publication_missing() -> BytesMut {
    let fields = b"SERROR\0C42704\0Mpublication \"postrider\" does not exist\0\0";
    let length = i32::try_from(fields.len() + 4).unwrap();
    let mut message = BytesMut::from(&b"E"[..]);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(fields);
    message
}

#[tokio::test]
async fn an_error_that_came_with_the_answer_to_the_start_is_heard_at_once() {
    let (client, _server) = tokio::io::duplex(1024);
    let wal = WalStream::new(
        Box::new(client),
        publication_missing(),
        subscription(),
        Lsn::INVALID,
        shutdown(),
    );
    let (gulps, _taken) = mpsc::channel(1);
    let (_confirmed, reader) = watch::channel(Lsn::INVALID);
    let heart = Watchdog::default().heart("source");
    let result = stream(wal, gulps, reader, CancellationToken::new(), heart).await;
    assert!(
        matches!(result, Err(Error::PublicationMissing { .. })),
        "{result:?}"
    );
}

/// A keepalive at `wal_end`, as copy data.
fn keepalive(wal_end: u64, reply_requested: bool) -> Vec<u8> {
    let mut bytes = vec![b'd', 0, 0, 0, 22, b'k'];
    bytes.extend(wal_end.to_be_bytes());
    bytes.extend([0; 8]);
    bytes.push(u8::from(reply_requested));
    bytes
}

/// What the watchdog says long after a stream was left by itself for half a second.
async fn stuck_after(server_says: &[u8], gulps: mpsc::Sender<Gulp>) -> Option<&'static str> {
    let (client, mut server) = tokio::io::duplex(1024);
    let wal = WalStream::new(
        Box::new(client),
        BytesMut::new(),
        subscription(),
        Lsn::INVALID,
        shutdown(),
    );
    server.write_all(server_says).await.unwrap();
    let (_confirmed, reader) = watch::channel(Lsn::INVALID);
    let watchdog = Watchdog::default();
    let heart = watchdog.heart("source");
    let stream = stream(wal, gulps, reader, CancellationToken::new(), heart);
    let limit = Duration::from_millis(500);
    timeout(limit, stream).await.unwrap_err();
    watchdog.grow_old();
    watchdog.stuck()
}

#[tokio::test]
async fn a_stream_that_turns_no_more_is_stuck() {
    let (gulps, _taken) = mpsc::channel(1);
    assert_eq!(stuck_after(&[], gulps).await, Some("source"));
}

#[tokio::test]
async fn a_stream_that_has_ended_may_wait_for_the_pipeline() {
    let (gulps, _taken) = mpsc::channel(1);
    gulps
        .try_send(Gulp::new(bytes::Bytes::new(), true))
        .unwrap();
    let said = [keepalive(0, false), publication_missing().to_vec()].concat();
    assert_eq!(stuck_after(&said, gulps).await, None);
}

/// What the next status update says was received and flushed.
async fn status_update(server: &mut DuplexStream) -> (u64, u64) {
    let mut message = [0; 39];
    server.read_exact(&mut message).await.unwrap();
    assert_eq!(message[..6], [b'd', 0, 0, 0, 38, b'r']);
    let position = |at: usize| u64::from_be_bytes(message[at..at + 8].try_into().unwrap());
    (position(6), position(14))
}

#[tokio::test]
async fn a_keepalive_that_asks_is_answered_at_once_while_the_pipeline_is_busy() {
    let (client, mut server) = tokio::io::duplex(1024);
    let wal = WalStream::new(
        Box::new(client),
        BytesMut::new(),
        subscription(),
        Lsn::INVALID,
        shutdown(),
    );
    // It takes nothing.
    let (gulps, _taken) = mpsc::channel(4);
    let (confirmed, reader) = watch::channel(Lsn::INVALID);
    let heart = Watchdog::default().heart("source");
    let stop = CancellationToken::new();
    let stream = stream(wal, gulps, reader, stop, heart);
    let walsender = async {
        server.write_all(&keepalive(150, false)).await.unwrap();
        confirmed.send_replace(Lsn::new(100));
        while status_update(&mut server).await != (150, 100) {}
        server.write_all(&keepalive(200, true)).await.unwrap();
        let asked = Instant::now();
        assert_eq!(status_update(&mut server).await, (200, 100));
        assert!(asked.elapsed() < Duration::from_secs(1));
    };
    tokio::select! {
        result = stream => panic!("the stream ended: {result:?}"),
        () = walsender => {}
    }
}
