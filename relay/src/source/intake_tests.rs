//! How bytes that arrive in any pieces become gulps.

use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::*;

fn frame(tag: u8, body_bytes: usize) -> Vec<u8> {
    let length = u32::try_from(body_bytes + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], &vec![7; body_bytes]].concat()
}

/// The gulps of a stream that arrives in `pieces`: each is what was whole after one piece.
async fn gulps(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut server, mut client) = tokio::io::duplex(1 << 20);
    let mut intake = Intake::default();
    let mut gulps = Vec::new();
    for piece in pieces {
        server.write_all(piece).await.unwrap();
        loop {
            let filled = intake.fill(&mut client, true).await.unwrap();
            while intake.next_frame().unwrap().is_some() {}
            if filled.socket_empty {
                break;
            }
        }
        gulps.push(intake.take_gulp().to_vec());
    }
    gulps
}

#[tokio::test]
async fn a_gulp_holds_whole_messages() {
    let (one, two) = (frame(b'd', 10), frame(b'd', 20));
    let stream = [one.clone(), two.clone()].concat();
    for cut in 0..=stream.len() {
        let (first, second) = stream.split_at(cut);
        let gulps = gulps(&[first, second]).await;
        let whole = match cut {
            0..15 => 0,
            15..40 => one.len(),
            _ => stream.len(),
        };
        assert_eq!(gulps, [&stream[..whole], &stream[whole..]], "cut at {cut}");
    }
}

#[tokio::test]
async fn a_message_larger_than_a_gulp_arrives() {
    let large = frame(b'd', GULP_BYTES_MAX * 2);
    let pieces: Vec<&[u8]> = large.chunks(100_000).collect();
    let gulps = gulps(&pieces).await;
    assert_eq!(gulps.concat(), large);
    assert_eq!(gulps.last().unwrap().len(), large.len());
}

#[tokio::test]
async fn a_control_message_is_taken_apart_from_the_data_around_it() {
    let stream = [frame(b'd', 3), frame(b'E', 5), frame(b'd', 2)].concat();
    let mut intake = Intake::new(BytesMut::from(&stream[..]));
    assert_eq!(intake.next_frame().unwrap().unwrap().tag, b'd');
    assert_eq!(intake.next_frame().unwrap().unwrap().tag, b'E');
    assert_eq!(intake.take_gulp(), frame(b'd', 3));
    assert_eq!(intake.take_control().unwrap(), frame(b'E', 5));
    assert_eq!(intake.next_frame().unwrap().unwrap().tag, b'd');
    assert!(!intake.has_partial_message());
}

#[tokio::test]
async fn an_end_of_the_connection_is_told_with_what_came_before() {
    let (mut server, mut client) = tokio::io::duplex(64);
    server.write_all(&frame(b'd', 1)).await.unwrap();
    drop(server);
    let mut intake = Intake::default();
    let filled = intake.fill(&mut client, false).await.unwrap();
    assert_eq!((filled.bytes, filled.closed), (6, true));
    assert!(intake.next_frame().unwrap().is_some());
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_bytes(
        sizes in prop::collection::vec(0_usize..300, 1..20),
        cuts in prop::collection::vec(1_usize..200, 1..20),
    ) {
        let stream: Vec<u8> = sizes.iter().flat_map(|size| frame(b'd', *size)).collect();
        let (mut pieces, mut rest) = (Vec::new(), &stream[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert_eq!(runtime.block_on(gulps(&pieces)).concat(), stream);
    }
}
