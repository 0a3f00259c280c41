//! The registry lets the relay in over TLS only, with a certificate and a password.

use anyhow::Result;
use e2e::{DOWNGRADE, HOST, REGISTRY_PASSWORD, USER, secured_stack, write_identity};

use super::{WRONG_PASSWORD, assert_says, text};

#[tokio::test]
async fn a_connection_to_the_registry_without_what_it_asks_for_says_what_is_missing() -> Result<()>
{
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("registry_tls").await?;
    let handshake = "the TLS handshake with the schema registry";

    scenario.write("registry.password", WRONG_PASSWORD)?;
    let says = [
        "refuses the relay (401",
        "correct registry.user and registry.password_file",
    ];
    assert_says(scenario.command(&["init"])?, 2, &says).await?;
    scenario.write("registry.password", REGISTRY_PASSWORD)?;

    let trusting = "set registry.tls.ca to the authority of the registry's certificate";
    scenario.set("registry.url", secured.registry_url("127.0.0.1", ""));
    assert_says(
        scenario.command(&["init"])?,
        2,
        &[handshake, "not valid for", trusting],
    )
    .await?;
    secured.secure_registry(&mut scenario)?;

    let foreign = scenario.write("foreign.pem", &secured.stranger.pem())?;
    scenario.set("registry.tls.ca", text(&foreign));
    assert_says(scenario.command(&["init"])?, 2, &[handshake, trusting]).await?;
    secured.secure_registry(&mut scenario)?;

    let showing = "set registry.tls.certificate and registry.tls.key to a certificate that";
    let (certificate, key) = write_identity(&scenario, "foreign", &secured.stranger.client(USER)?)?;
    scenario.set("registry.tls.certificate", text(&certificate));
    scenario.set("registry.tls.key", text(&key));
    assert_says(scenario.command(&["init"])?, 2, &[handshake, showing]).await?;
    scenario.unset("registry.tls.certificate");
    scenario.unset("registry.tls.key");
    assert_says(scenario.command(&["init"])?, 2, &[handshake, showing]).await
}

#[tokio::test]
async fn every_file_of_registry_tls_that_cannot_be_used_is_named() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("registry_files").await?;
    let other = secured.authority.client(USER)?;
    let (_, other_key) = write_identity(&scenario, "other", &other)?;
    scenario.set("registry.tls.key", text(&other_key));
    let says = [
        "registry.tls.key: ",
        "is not the key of registry.tls.certificate",
    ];
    assert_says(scenario.command(&["check"])?, 2, &says).await?;

    scenario.set("registry.tls.ca", "/nowhere/ca.pem");
    scenario.set("registry.tls.certificate", "/dev/null");
    scenario.unset("registry.tls.key");
    scenario.set("registry.url", secured.stack.registry.url());
    let says = [
        "registry.tls.ca: cannot use /nowhere/ca.pem: it cannot be read: No such file",
        "registry.tls.certificate: cannot use /dev/null: it holds no certificate in PEM form",
        "registry.tls: certificate and key go together",
        "registry.url: must begin with https:// for registry.tls to have an effect",
    ];
    assert_says(scenario.command(&["check"])?, 2, &says).await
}

#[tokio::test]
async fn a_registry_cannot_lead_its_client_out_of_tls() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("registry_downgrade").await?;
    scenario.set("registry.url", secured.registry_url(HOST, DOWNGRADE));
    let says = ["does not answer", "URL scheme is not allowed"];
    assert_says(scenario.command(&["init"])?, 5, &says).await
}
