//! A transaction that nobody ends.

use anyhow::{Context as _, Result, ensure};
use e2e::{AGGREGATE_TYPE, open_transaction, shared_stack};

use crate::links::{LIMIT, ready, write};

const TRANSACTIONS: &str = "org.apache.kafka.tools.TransactionsCommand";

/// Another producer dies in a transaction that may last for 15 minutes. The relay publishes behind
/// it, and nobody who reads committed records sees that: so `check` tells, with the command that ends
/// it.
#[tokio::test]
async fn a_transaction_that_somebody_left_open_is_shown_with_what_ends_it() -> Result<()> {
    let stack = shared_stack().await?;
    let scenario = ready(stack, "hanging").await?;
    let topic = scenario.topic(AGGREGATE_TYPE);
    let relay = scenario.start_relay()?;
    let before = write(&scenario, Some(5)).await?.finish().await?;
    scenario.command(&["verify"])?.succeed().await?;
    let said = scenario.command(&["check"])?.succeed().await?;
    assert!(!said.contains("a transaction is open"), "{said}");

    let stranger = open_transaction(scenario.bootstrap_servers(), "stranger", &topic, ("k", "v"))?;
    // Gone without a word to Kafka, as after SIGKILL.
    drop(stranger);
    let mut written = write(&scenario, Some(10)).await?.finish().await?;
    written.committed += before.committed;
    let said = scenario.command(&["check"])?.succeed().await?;
    let hidden = format!("kafka (hint): topic {topic:?} hides what lies behind offset ");
    let hints: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with(&hidden))
        .collect();
    ensure!(hints.len() == 1, "{said}");

    // Word by word, but for the address.
    let (_, remedy) = hints[0].split_once("end it: … ").context("a remedy")?;
    let mut arguments = vec!["--bootstrap-server", scenario.bootstrap_servers()];
    arguments.extend(remedy.split(' '));
    let ended = stack.kafka.tool(TRANSACTIONS, &arguments, LIMIT).await?;
    ensure!(ended.status.success(), "{arguments:?}: {ended:?}");
    let said = scenario.command(&["check"])?.succeed().await?;
    assert!(!said.contains("a transaction is open"), "{said}");
    drop(relay);
    // Without the broker's log, in which no decision explains the end that the tool wrote.
    let proof = scenario.command(&["verify"])?.succeed().await?;
    let count = written.committed;
    let clean = format!("committed {count}   on Kafka {count}   lost 0   doubled 0");
    ensure!(
        proof.replace(',', "").contains(&clean),
        "{clean} in {proof}"
    );
    Ok(())
}
