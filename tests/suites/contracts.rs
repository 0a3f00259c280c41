//! `postrider contracts` beside a registry of the test's own.

use std::path::Path;

use anyhow::Result;
use e2e::OneShot;
use postrider::local::process::Output;
use postrider::local::{Registry, RegistryOptions, http_client};
use serde_json::{Value, json};
use tempfile::TempDir;

const FIELD: &str = r#"{"name": "note", "type": "string"}"#;
const WITH_DEFAULT: &str = r#"{"name": "note", "type": "string", "default": ""}"#;

fn record(name: &str, fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "{name}", "doc": "A test.", "fields": [{fields}]}}"#)
}

fn write(folder: &TempDir, file: &str, schema: &str) -> Result<()> {
    let path = folder.path().join(file);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
    Ok(std::fs::write(path, schema)?)
}

/// `postrider contracts register FOLDER …`, without any configuration but the registry's URL.
async fn register(url: &str, folder: &TempDir, more: &[&str]) -> Result<Output> {
    let folder = folder.path().to_string_lossy().into_owned();
    let arguments = [&["contracts", "register", &folder][..], more].concat();
    let call = OneShot::new(&arguments).variable("SCHEMA_REGISTRY_URL", url);
    call.run().await
}

/// The columns of each line of a table, but the fingerprint.
fn rows(table: &str) -> Vec<String> {
    let rows = table.lines().skip(1).map(|line| {
        let cells = line.split_whitespace();
        let cells = cells.filter(|cell| !cell.starts_with("sha256:"));
        cells.collect::<Vec<_>>().join(" ")
    });
    rows.collect()
}

async fn versions(registry: &Registry, subject: &str) -> Result<Value> {
    let url = format!("{}/subjects/{subject}/versions", registry.url());
    Ok(http_client()?.get(url).send().await?.json().await?)
}

#[tokio::test]
async fn contracts_are_registered_in_order_once_and_not_at_all_in_a_dry_run() -> Result<()> {
    let registry = Registry::start(RegistryOptions::default()).await?;
    let folder = tempfile::tempdir()?;
    write(&folder, "shop.Paid/1.avsc", &record("shop.Paid", ""))?;
    write(
        &folder,
        "shop.Paid/2.avsc",
        &record("shop.Paid", WITH_DEFAULT),
    )?;
    write(&folder, "lone.avsc", &record("shop.Lone", ""))?;

    let output = register(&registry.url(), &folder, &["--dry-run"]).await?;
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let expected = [
        "shop.Lone - - would be registered",
        "shop.Paid - - would be registered",
        "shop.Paid - - would be registered",
    ];
    assert_eq!(rows(&output.stdout), expected, "{}", output.stdout);
    let subjects = http_client()?.get(format!("{}/subjects", registry.url()));
    let subjects: Value = subjects.send().await?.json().await?;
    assert_eq!(subjects, json!([]));

    let output = register(&registry.url(), &folder, &[]).await?;
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let expected = [
        "shop.Lone 1 1 registered",
        "shop.Paid 1 2 registered",
        "shop.Paid 2 3 registered",
    ];
    assert_eq!(rows(&output.stdout), expected, "{}", output.stdout);
    assert_eq!(versions(&registry, "shop.Paid").await?, json!([1, 2]));

    // Another comment is no other schema: the relay could not tell the two versions apart.
    let documented = record("shop.Paid", "").replace("A test.", "Another comment.");
    write(&folder, "shop.Paid/1.avsc", &documented)?;
    let output = register(&registry.url(), &folder, &["--json"]).await?;
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    let report: Value = serde_json::from_str(&output.stdout)?;
    assert_eq!(report["ok"], true, "{report}");
    for contract in report["contracts"].as_array().expect("a list") {
        assert_eq!(contract["result"], "already_there", "{report}");
    }
    assert_eq!(versions(&registry, "shop.Paid").await?, json!([1, 2]));

    let folder = folder.path().to_string_lossy().into_owned();
    let listed = OneShot::new(&["contracts", "list", &folder])
        .succeed()
        .await?;
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert!(listed.contains("shop.Paid/2.avsc"), "{listed}");
    Ok(())
}

#[tokio::test]
async fn one_contract_that_does_not_fit_holds_all_of_them_back() -> Result<()> {
    let registry = Registry::start(RegistryOptions::default()).await?;
    registry
        .register("shop.Paid", &record("shop.Paid", ""))
        .await?;
    let folder = tempfile::tempdir()?;
    write(&folder, "shop.Lone/1.avsc", &record("shop.Lone", ""))?;
    write(&folder, "shop.Paid/1.avsc", &record("shop.Paid", ""))?;
    write(&folder, "shop.Paid/2.avsc", &record("shop.Paid", FIELD))?;
    // Nothing is registered of this type yet; still its second version must fit its first.
    write(&folder, "shop.Sent/1.avsc", &record("shop.Sent", ""))?;
    write(&folder, "shop.Sent/2.avsc", &record("shop.Sent", FIELD))?;
    for more in [&["--dry-run"][..], &[]] {
        let output = register(&registry.url(), &folder, more).await?;
        assert_eq!(output.status.code(), Some(1), "{}", output.stdout);
        let left_out = if more.is_empty() {
            "held back"
        } else {
            "would be registered"
        };
        let expected = [
            format!("shop.Lone - - {left_out}"),
            "shop.Paid 1 1 already there".to_owned(),
            "shop.Paid - - incompatible".to_owned(),
            format!("shop.Sent - - {left_out}"),
            "shop.Sent - - incompatible".to_owned(),
        ];
        assert_eq!(rows(&output.stdout), expected, "{}", output.stdout);
        for text in [
            "shop.Paid/2.avsc: shop.Paid\n    the new version cannot read events of version 1: \
             note: the field was not written, and has no default to be read instead",
            "shop.Sent/2.avsc: shop.Sent",
            "the compatibility level is BACKWARD",
            "remedy: ",
        ] {
            assert!(
                output.stderr.contains(text),
                "{text:?} in {}",
                output.stderr
            );
        }
    }
    let lone = versions(&registry, "shop.Lone").await?;
    assert_eq!(lone["error_code"], 40401);
    Ok(())
}

#[tokio::test]
async fn what_is_odd_and_no_error_is_noted() -> Result<()> {
    let registry = Registry::start(RegistryOptions::default()).await?;
    let folder = tempfile::tempdir()?;
    let amount = |scale: u32| {
        let decimal = format!(
            r#"{{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": {scale}}}"#
        );
        record(
            "shop.Paid",
            &format!(r#"{{"name": "amount", "type": {decimal}}}"#),
        )
    };
    registry.register("shop.Paid", &amount(2)).await?;
    write(&folder, "shop.Paid/1.avsc", &amount(4))?;
    let output = register(&registry.url(), &folder, &[]).await?;
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    for note in [
        "amount: decimal(9, 2) was written, and read as decimal(9, 4) it is another value",
        "it is version 2 in the registry, not 1",
    ] {
        assert!(
            output.stderr.contains(note),
            "{note:?} in {}",
            output.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn each_failure_has_its_exit_code_and_names_what_to_do() -> Result<()> {
    let registry = Registry::start(RegistryOptions::default()).await?;
    let folder = tempfile::tempdir()?;
    let output = register(&registry.url(), &folder, &[]).await?;
    assert_failed(&output, 2, "has no contracts");
    write(&folder, "shop.Paid/1.avsc", "{")?;
    let output = register(&registry.url(), &folder, &[]).await?;
    assert_failed(&output, 2, "shop.Paid/1.avsc is no Avro schema");
    write(&folder, "shop.Paid/1.avsc", &record("shop.Paid", ""))?;
    let output = register("http://127.0.0.1:1", &folder, &[]).await?;
    assert_failed(
        &output,
        5,
        "the schema registry at http://127.0.0.1:1 does not answer",
    );
    let by_topic = ["--set", "contracts.subject=TopicNameStrategy"];
    let output = register(&registry.url(), &folder, &by_topic).await?;
    assert_failed(&output, 2, "contracts.subject");
    let read_only = http_client()?.put(format!("{}/mode", registry.url()));
    read_only
        .json(&json!({ "mode": "READONLY" }))
        .send()
        .await?;
    let output = register(&registry.url(), &folder, &[]).await?;
    assert_failed(&output, 2, "read-only mode");
    let missing = Path::new("nowhere").display().to_string();
    let output = OneShot::new(&["contracts", "list", &missing]).run().await?;
    assert_failed(&output, 2, "cannot read the folder nowhere");
    Ok(())
}

fn assert_failed(output: &Output, code: i32, text: &str) {
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    assert_eq!(status.code(), Some(code), "{stdout}{stderr}");
    assert!(stderr.contains(text), "{text:?} in {stderr}");
    assert!(stderr.contains("  remedy: "), "{stderr}");
    assert_eq!(stdout, "");
}
