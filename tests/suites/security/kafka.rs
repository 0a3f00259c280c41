//! Kafka lets the relay in over TLS only, with a password or with a certificate.

use anyhow::Result;
use e2e::{HOST, KAFKA_PASSWORD, USER, secured_stack, write_identity};

use super::{LIMIT, WRONG_PASSWORD, assert_refused, printed, text};

#[tokio::test]
async fn kafka_is_reached_by_every_mechanism_and_by_a_certificate() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("kafka_sasl").await?;
    printed(&scenario, &["init"]).await?;
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        secured.secure_kafka(&mut scenario, mechanism)?;
        printed(&scenario, &["check"]).await?;
    }
    scenario.unset("kafka.sasl");
    let (certificate, key) = write_identity(&scenario, "kafka", &secured.authority.client(USER)?)?;
    scenario.set(
        "kafka.bootstrap_servers",
        format!("{HOST}:{}", secured.mutual_tls_port),
    );
    scenario.set("kafka.tls.certificate", text(&certificate));
    scenario.set("kafka.tls.key", text(&key));
    printed(&scenario, &["check"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_connection_to_kafka_without_what_it_asks_for_says_what_is_missing() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("kafka_refused").await?;
    printed(&scenario, &["init"]).await?;
    let remedy = "remedy: correct kafka.sasl and kafka.tls";
    let refused = "refuses the connection: ";

    scenario.write("kafka.password", WRONG_PASSWORD)?;
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        scenario.set("kafka.sasl.mechanism", mechanism);
        let says = [refused, "uthentication failed", remedy];
        assert_refused(&scenario, "verify", &says).await?;
    }
    scenario.write("kafka.password", KAFKA_PASSWORD)?;

    let foreign = scenario.write("foreign.pem", &secured.stranger.pem())?;
    scenario.set("kafka.tls.ca", text(&foreign));
    let says = [refused, "certificate verify failed", remedy];
    assert_refused(&scenario, "verify", &says).await?;

    secured.secure_kafka(&mut scenario, "PLAIN")?;
    let address = format!("127.0.0.1:{}", secured.sasl_port);
    scenario.set("kafka.bootstrap_servers", address);
    assert_refused(&scenario, "verify", &says).await?;

    scenario.unset("kafka.sasl");
    scenario.set(
        "kafka.bootstrap_servers",
        format!("{HOST}:{}", secured.mutual_tls_port),
    );
    assert_refused(&scenario, "verify", &[refused, "certificate", remedy]).await?;

    scenario.set("kafka.tls.certificate", "/nowhere/client.pem");
    let says = [
        "kafka.tls: certificate and key go together",
        "kafka.tls.certificate: cannot use /nowhere/client.pem: No such file",
    ];
    assert_refused(&scenario, "verify", &says).await?;
    let nothing = scenario.write("nothing.pem", "")?;
    scenario.set("kafka.tls.certificate", text(&nothing));
    scenario.set("kafka.tls.key", text(&nothing));
    let says = ["ssl.certificate.location failed", "remedy: correct [kafka]"];
    assert_refused(&scenario, "verify", &says).await
}

#[tokio::test]
async fn checks_that_are_switched_off_are_not_passed_over() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("kafka_unchecked").await?;
    printed(&scenario, &["init"]).await?;
    let any_host = "kafka.options.\"ssl.endpoint.identification.algorithm\"";
    scenario.set(any_host, "none");
    let address = format!("127.0.0.1:{}", secured.sasl_port);
    scenario.set("kafka.bootstrap_servers", address);
    let said = printed(&scenario, &["check"]).await?;
    assert!(
        said.contains("kafka (hint): the certificates of the brokers may name"),
        "{said}"
    );

    scenario.unset(any_host);
    let foreign = scenario.write("foreign.pem", &secured.stranger.pem())?;
    scenario.set("kafka.tls.ca", text(&foreign));
    scenario.set(
        "kafka.options.\"enable.ssl.certificate.verification\"",
        false,
    );
    let warning = "the certificates of the brokers are not checked";
    let said = printed(&scenario, &["check"]).await?;
    assert!(said.contains(warning), "{said}");
    let mut relay = scenario.start_relay()?;
    relay.expect_log(warning);
    relay.wait_for_state("active", LIMIT).await?;
    assert!(relay.log_lines()?.join("").contains(warning));
    Ok(())
}

#[tokio::test]
async fn an_option_with_a_misspelt_name_does_not_show_its_value() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("kafka_option").await?;
    scenario.set("kafka.options.\"sasl.pasword\"", WRONG_PASSWORD);
    for command in ["init", "check", "verify", "run"] {
        let says = "kafka.options.sasl.pasword: is no option of librdkafka";
        super::assert_says(scenario.command(&[command])?, 2, &[says]).await?;
    }
    let config = scenario.command(&["config", "show"])?;
    super::assert_says(config, 2, &["kafka.options.sasl.pasword"]).await
}

#[tokio::test]
async fn a_file_that_is_no_toml_does_not_show_its_line() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("damaged_file").await?;
    scenario.append(&format!(
        "postgres.url = \"postgres://me:{WRONG_PASSWORD}@db/orders"
    ));
    for command in ["init", "check", "run"] {
        let says = "is not valid TOML: line ";
        super::assert_says(scenario.command(&[command])?, 2, &[says]).await?;
    }
    Ok(())
}
