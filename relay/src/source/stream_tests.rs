//! The stream over a connection in memory.

use super::*;

fn subscription() -> Subscription {
    Subscription {
        slot: "postrider_orders".to_owned(),
        publication: "postrider".to_owned(),
    }
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
        Shutdown::new("postgres://postrider@127.0.0.1/orders".parse().unwrap()),
    );
    let (gulps, _taken) = mpsc::channel(1);
    let (_confirmed, reader) = watch::channel(Lsn::INVALID);
    let result = stream(wal, gulps, reader, CancellationToken::new()).await;
    assert!(
        matches!(result, Err(Error::PublicationMissing { .. })),
        "{result:?}"
    );
}
