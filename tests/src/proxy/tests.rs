use std::io::ErrorKind;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Long enough that what may pass has passed on this machine; only what must not come is awaited so.
const MOMENT: Duration = Duration::from_millis(200);

/// A server that repeats what it hears, and a proxy before it.
fn echo() -> Proxy {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    Proxy::start(port).unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port()));
    stream.await.unwrap()
}

/// Says a word and hears it again.
async fn say(stream: &mut TcpStream, word: &str) {
    stream.write_all(word.as_bytes()).await.unwrap();
    assert_eq!(hear(stream, word.len()).await, word);
}

async fn hear(stream: &mut TcpStream, bytes: usize) -> String {
    let mut heard = vec![0; bytes];
    let heard_all = timeout(LIMIT, stream.read_exact(&mut heard)).await;
    heard_all.expect("it comes in time").unwrap();
    String::from_utf8(heard).unwrap()
}

async fn assert_silent(stream: &mut TcpStream) {
    let heard = timeout(MOMENT, stream.read_u8()).await;
    assert!(heard.is_err(), "{heard:?}");
}

async fn end_of(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut heard = Vec::new();
    let end = timeout(LIMIT, stream.read_to_end(&mut heard)).await;
    (heard, end.expect("it ends").err().map(|error| error.kind()))
}

#[tokio::test]
async fn a_cut_lets_so_many_bytes_pass_and_ends_as_it_was_told() {
    let proxy = echo();
    for (end, kind) in [
        (End::Finish, None),
        (End::Reset, Some(ErrorKind::ConnectionReset)),
    ] {
        let (mut other, mut stream) = (connect(&proxy).await, connect(&proxy).await);
        say(&mut other, "somebody").await;
        say(&mut stream, "replication").await;
        let (way, of) = (Way::ToClient, "replication");
        proxy.cut(Cut {
            way,
            after: 3,
            end,
            of,
        });
        say(&mut other, "is not meant").await;
        stream.write_all(b"is meant").await.unwrap();
        let (heard, how) = end_of(&mut stream).await;
        assert_eq!(how, kind);
        // A reset may overtake what was on its way.
        assert!(end == End::Reset || heard == b"is ", "{heard:?}");
        say(&mut connect(&proxy).await, "replication").await;
    }
    assert_eq!((proxy.cuts(), proxy.connections()), (2, 6));
}

#[tokio::test]
async fn a_reset_ends_every_connection_there_is_and_none_to_come() {
    let proxy = echo();
    let mut stream = connect(&proxy).await;
    say(&mut stream, "before").await;
    proxy.reset();
    assert_eq!(
        end_of(&mut stream).await.1,
        Some(ErrorKind::ConnectionReset)
    );
    say(&mut connect(&proxy).await, "after").await;
}

#[tokio::test]
async fn a_black_hole_accepts_and_holds_everything_until_it_is_healed() {
    let proxy = echo();
    let mut old = connect(&proxy).await;
    say(&mut old, "before").await;
    proxy.black_hole();
    let mut new = connect(&proxy).await;
    for stream in [&mut old, &mut new] {
        stream.write_all(b"held").await.unwrap();
        assert_silent(stream).await;
    }
    proxy.heal();
    for stream in [&mut old, &mut new] {
        assert_eq!(hear(stream, 4).await, "held");
    }
}

#[tokio::test]
async fn a_stranded_connection_is_silent_and_a_new_one_works() {
    let proxy = echo();
    let mut old = connect(&proxy).await;
    say(&mut old, "before").await;
    proxy.strand();
    old.write_all(b"held").await.unwrap();
    say(&mut connect(&proxy).await, "new").await;
    assert_silent(&mut old).await;
}

#[tokio::test]
async fn slices_and_delays_change_no_byte() {
    let proxy = echo();
    proxy.slice(1);
    let mut stream = connect(&proxy).await;
    say(&mut stream, "one by one").await;
    proxy.delay(Duration::from_millis(20));
    let begun = std::time::Instant::now();
    say(&mut stream, "slowly").await;
    assert!(begun.elapsed() >= Duration::from_millis(6 * 20));
}

#[tokio::test]
async fn a_dropped_answer_is_gone_and_its_connection_with_it() {
    let proxy = echo();
    proxy.drop_answers_from(|piece| piece == b"commit");
    let mut stream = connect(&proxy).await;
    say(&mut stream, "begin").await;
    assert!(!proxy.drops_answers());
    stream.write_all(b"commit").await.unwrap();
    assert_silent(&mut stream).await;
    assert!(proxy.drops_answers());
    proxy.heal();
    assert_eq!(
        end_of(&mut stream).await,
        (Vec::new(), Some(ErrorKind::ConnectionReset))
    );
    say(&mut connect(&proxy).await, "again").await;
}

#[tokio::test]
async fn a_held_request_arrives_when_it_is_delivered_although_its_client_has_gone() {
    let heard = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(heard.local_addr().unwrap().port()).unwrap();
    let mut stream = connect(&proxy).await;
    let (server, _) = heard.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    let mut server = TcpStream::from_std(server).unwrap();
    stream.write_all(b"begin").await.unwrap();
    assert_eq!(hear(&mut server, 5).await, "begin");

    proxy.hold_from(|piece| piece == b"commit");
    stream.write_all(b"commit").await.unwrap();
    assert_silent(&mut server).await;
    assert!(proxy.holds_request());
    proxy.hang_up();
    assert_eq!(end_of(&mut stream).await, (Vec::new(), None));
    drop(stream);
    assert_silent(&mut server).await;
    proxy.deliver();
    assert_eq!(hear(&mut server, 6).await, "commit");
    assert!(!proxy.holds_request());
}
