//! The lessons of the SDK run, and what they emit reaches Kafka: they are what a newcomer copies.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Observed, Scenario, lesson, shared_stack, wait_until};
use postrider::local::process::{Output, Process, run};
use postrider::local::{http_client, port};

const LIMIT: Duration = Duration::from_mins(1);

fn contracts() -> String {
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../outbox-sdk/examples/contracts"
    )
    .to_owned()
}

/// Runs a lesson to its end.
async fn learn(name: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(lesson(name)?);
    command.args(arguments);
    let Output {
        status,
        stdout,
        stderr,
    } = run(command, LIMIT).await?;
    ensure!(status.success(), "{name}: {status}\n{stdout}\n{stderr}");
    Ok(stdout)
}

#[tokio::test]
async fn the_lessons_run_and_their_events_reach_kafka() -> Result<()> {
    shared_stack().await?;
    let scenario = Scenario::new("lessons").await?;
    let topic = scenario.create_topic("order", 3).await?;
    scenario.init().await?;
    let register = ["contracts", "register", &contracts()];
    scenario.command(&register)?.succeed().await?;
    let relay = scenario.start_relay()?;
    let url = scenario.database_url();

    let said = learn("01_emit", &[url]).await?;
    assert!(said.contains("order 3 was refused"), "{said}");
    let said = learn("02_once", &[url]).await?;
    assert!(said.contains("order 42 was placed once"), "{said}");
    let said = learn("03_recorder", &[]).await?;
    assert!(said.contains("refused: "), "{said}");
    learn("04_http", &[]).await?;
    take_an_order(url).await?;

    let proof = scenario
        .command(&["verify", "--topic", &topic])?
        .succeed()
        .await?;
    assert!(
        proof.starts_with("committed 6   on Kafka 6   lost 0"),
        "{proof}"
    );
    drop(relay);
    Ok(())
}

/// Lesson 5 is a service: it gets an order.
async fn take_an_order(database_url: &str) -> Result<()> {
    let address = format!("127.0.0.1:{}", port::free()?);
    let logs = tempfile::tempdir()?;
    let mut command = Command::new(lesson("05_service")?);
    command.args([database_url, &address]);
    let mut service = Process::spawn("05_service", command, &logs.path().join("log"))?;
    let client = http_client()?;
    let placed = wait_until("the order is taken", LIMIT, async || {
        let order = serde_json::json!({ "total": "12.30" });
        let request = client.post(format!("http://{address}/orders")).json(&order);
        match request.send().await {
            Ok(answer) => Observed::Reached(answer.status()),
            Err(error) => Observed::NotYet(error.to_string()),
        }
    })
    .await;
    assert_eq!(placed, 201, "{}", service.log_tail());
    service.kill()?;
    Ok(())
}

/// The committed files are what the types say.
#[tokio::test]
async fn the_contracts_of_the_lessons_are_those_of_their_types() -> Result<()> {
    let written = tempfile::tempdir()?;
    let folder = written
        .path()
        .to_str()
        .expect("a temporary folder's name is ASCII");
    learn("01_emit", &["contracts", folder]).await?;
    learn("05_service", &["contracts", folder]).await?;
    for event_type in ["shop.OrderPlaced", "shop.OrderReceived"] {
        let read = |root: &Path| std::fs::read_to_string(root.join(event_type).join("1.avsc"));
        assert_eq!(read(written.path())?, read(Path::new(&contracts()))?);
    }
    Ok(())
}
