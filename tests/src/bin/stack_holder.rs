//! Starts a stack, prints the folders and the process ids of its servers as JSON, and waits to be
//! killed: the parent in the test that servers die with their parent.

use std::io::Write;

use anyhow::Result;
use e2e::own_stack;
use postrider::local::process::Process;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<()> {
    let stack = own_stack().await?;
    let servers = [stack.postgres.process(), stack.kafka.process()];
    let folders = servers.map(|server| server.log().parent().map(ToOwned::to_owned));
    let pids = servers.map(Process::pid);
    writeln!(
        std::io::stdout(),
        "{}",
        json!({ "folders": folders, "pids": pids })
    )?;
    std::future::pending().await
}
