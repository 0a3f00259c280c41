//! The `postrider` binary: parse, run, exit code.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    postrider::cli::run(std::env::vars().collect()).await
}
