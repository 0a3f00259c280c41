//! What a newcomer reads when a type cannot be an event: each error, where it stands.
//!
//! After a change that is meant, `TRYBUILD=overwrite` writes what the compiler says now.

use std::fs;
use std::path::Path;

#[test]
fn each_error_says_what_is_wrong_and_what_to_write_instead() {
    // Schema files are found from the folder of Cargo.toml, and trybuild has one of its own.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests");
    let contracts = target.join("trybuild/outbox-derive/contracts");
    fs::create_dir_all(&contracts).expect("the target folder is ours");
    for entry in fs::read_dir("tests/compile_fail/contracts").expect("it is there") {
        let path = entry.expect("it is readable").path();
        let name = path.file_name().expect("a file has a name");
        fs::copy(&path, contracts.join(name)).expect("the target folder is ours");
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
