//! The value of a record in the progress topic. What is read is written again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::publish::Progress;

fuzz_target!(|data: &[u8]| {
    if let Ok(progress) = Progress::from_json("progress", data) {
        let again = Progress::from_json("progress", &progress.to_json());
        assert_eq!(again.expect("what was written can be read"), progress);
    }
});
