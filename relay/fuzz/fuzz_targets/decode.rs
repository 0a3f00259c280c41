//! A stream of pgoutput messages. Each is a 16-bit length and so many bytes: a decoder remembers the
//! descriptions that came before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::decode::Decoder;

fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (message, next) = after.split_at(length);
        let _decoded = decoder.decode(message);
        rest = next;
    }
});
