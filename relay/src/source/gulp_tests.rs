//! What the bytes of a gulp mean, and what they may not be.

use proptest::prelude::*;

use super::*;

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

fn keepalive(wal_end: u64, reply_requested: u8) -> Vec<u8> {
    let end = wal_end.to_be_bytes();
    frame(
        b'd',
        &[b"k", &end[..], &[0; 8], &[reply_requested]].concat(),
    )
}

fn data(wal_start: u64, wal_end: u64, payload: &[u8]) -> Vec<u8> {
    let (start, end) = (wal_start.to_be_bytes(), wal_end.to_be_bytes());
    frame(b'd', &[b"w", &start[..], &end, &[0; 8], payload].concat())
}

fn gulp(bytes: Vec<u8>) -> Gulp {
    Gulp::new(bytes.into(), true)
}

#[test]
fn messages_come_in_the_servers_order() {
    let gulp = gulp([data(1, 2, b"B"), keepalive(3, 1), data(4, 5, b"")].concat());
    let messages: Vec<_> = gulp.messages().map(Result::unwrap).collect();
    let expected = [
        WalMessage::Data {
            wal_start: Lsn::new(1),
            wal_end: Lsn::new(2),
            payload: b"B",
        },
        WalMessage::Keepalive {
            wal_end: Lsn::new(3),
            reply_requested: true,
        },
        WalMessage::Data {
            wal_start: Lsn::new(4),
            wal_end: Lsn::new(5),
            payload: b"",
        },
    ];
    assert_eq!(messages, expected);
}

#[test]
fn nothing_is_read_after_an_error() {
    let gulp = gulp([frame(b'd', b"x"), keepalive(3, 0)].concat());
    let mut messages = gulp.messages();
    assert!(messages.next().unwrap().is_err());
    assert!(messages.next().is_none());
}

#[test]
fn a_claimed_length_is_checked_before_anybody_allocates() {
    for length in [0_u32, 3, u32::MAX] {
        let header = [&b"d"[..], &length.to_be_bytes()].concat();
        assert!(frame_bytes(&header).is_err(), "{length}");
    }
    assert!(matches!(frame_bytes(b"d\0\0\0"), Ok(None)));
    assert!(matches!(frame_bytes(b"d\0\0\0\x04"), Ok(Some(5))));
}

#[test]
fn copy_data_of_another_form_is_an_error() {
    for body in [&b""[..], b"w", b"k\0\0", b"z123"] {
        let gulp = gulp(frame(b'd', body));
        assert!(gulp.messages().next().unwrap().is_err(), "{body:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for message in gulp(bytes).messages() {
            let _read = message;
        }
    }
}
