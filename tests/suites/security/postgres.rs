//! PostgreSQL lets the relay in over TLS only, with a certificate that names its role, and a
//! password.

use anyhow::Result;
use e2e::{HOST, POSTGRES_PASSWORD, USER, secured_stack, write_identity};

use super::{WRONG_PASSWORD, assert_refused, assert_says, text};

/// The parameters of the URL, except what a test puts in place of one.
struct Parameters {
    values: [(&'static str, String); 4],
}

impl Parameters {
    fn with(&self, name: &str, value: &str) -> String {
        let values = self.values.iter().map(|(known, own)| {
            let value = if *known == name { value } else { own };
            (*known, value.to_owned())
        });
        let values = values.filter(|(_, value)| !value.is_empty());
        let values = values.map(|(name, value)| format!("{name}={value}"));
        values.collect::<Vec<_>>().join("&")
    }
}

#[tokio::test]
async fn a_connection_to_postgres_without_what_it_asks_for_says_what_is_missing() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("postgres_tls").await?;
    let (certificate, key) = write_identity(&scenario, "client", &secured.authority.client(USER)?)?;
    let ca = scenario.write("ca.pem", &secured.authority.pem())?;
    let foreign_ca = text(&scenario.write("foreign.pem", &secured.stranger.pem())?);
    let parameters = Parameters {
        values: [
            ("sslmode", "verify-full".to_owned()),
            ("sslrootcert", text(&ca)),
            ("sslcert", text(&certificate)),
            ("sslkey", text(&key)),
        ],
    };
    let own = parameters.with("", "");
    let no_certificate = format!("sslmode=verify-full&sslrootcert={}", ca.display());
    let plain = "sslmode=disable".to_owned();
    let trusting = "is signed by sslrootcert and names this host";
    let showing = "a client certificate with sslcert and sslkey";

    let refused = [
        (
            HOST,
            parameters.with("sslrootcert", &foreign_ca),
            "the TLS handshake with",
            trusting,
        ),
        ("127.0.0.1", own.clone(), "not valid for", trusting),
        (
            HOST,
            no_certificate,
            "connection requires a valid client certificate",
            showing,
        ),
        (HOST, plain, "no encryption", "TLS with sslmode=verify-full"),
    ];
    for (host, parameters, what, remedy) in refused {
        scenario.set(
            "postgres.url",
            secured.postgres_url(&scenario, host, &parameters),
        );
        assert_refused(&scenario, "migrate", &[what, remedy]).await?;
    }

    let (certificate, key) = write_identity(&scenario, "foreign", &secured.stranger.client(USER)?)?;
    let foreign = format!(
        "sslmode=verify-full&sslrootcert={}&sslcert={}&sslkey={}",
        ca.display(),
        certificate.display(),
        key.display()
    );
    scenario.set(
        "postgres.url",
        secured.postgres_url(&scenario, HOST, &foreign),
    );
    let says = [
        "the TLS handshake with",
        "ssl_ca_file of the server must hold its authority",
    ];
    assert_refused(&scenario, "migrate", &says).await?;

    scenario.write("postgres.password", WRONG_PASSWORD)?;
    scenario.set("postgres.url", secured.postgres_url(&scenario, HOST, &own));
    let says = ["the server refuses the login", "check the password of role"];
    assert_refused(&scenario, "migrate", &says).await?;
    scenario.write("postgres.password", POSTGRES_PASSWORD)?;

    for (name, value, says) in [
        (
            "sslrootcert",
            "/nowhere/ca.pem",
            "cannot use /nowhere/ca.pem as sslrootcert",
        ),
        (
            "sslcert",
            "/dev/null",
            "cannot use /dev/null as sslcert: it holds no certificate",
        ),
        (
            "sslkey",
            "/dev/null",
            "cannot use /dev/null as sslkey: it holds no private key",
        ),
        ("sslkey", "", "sslcert and sslkey go together"),
    ] {
        let parameters = parameters.with(name, value);
        scenario.set(
            "postgres.url",
            secured.postgres_url(&scenario, HOST, &parameters),
        );
        assert_refused(&scenario, "migrate", &[says]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_modes_below_verify_full_check_as_much_as_libpq_does() -> Result<()> {
    let secured = secured_stack().await?;
    let mut scenario = secured.scenario("sslmode").await?;
    let (certificate, key) = write_identity(&scenario, "client", &secured.authority.client(USER)?)?;
    let ca = scenario.write("ca.pem", &secured.authority.pem())?;
    let foreign_ca = scenario.write("foreign.pem", &secured.stranger.pem())?;
    let own = format!("sslcert={}&sslkey={}", certificate.display(), key.display());
    // The certificate does not name this address.
    let address = "127.0.0.1";
    for parameters in [
        format!("sslmode=require&{own}"),
        format!("sslmode=prefer&{own}"),
        format!("sslmode=allow&{own}"),
        format!("sslmode=require&sslrootcert={}&{own}", ca.display()),
        format!("sslmode=verify-ca&sslrootcert={}&{own}", ca.display()),
    ] {
        scenario.set(
            "postgres.url",
            secured.postgres_url(&scenario, address, &parameters),
        );
        let output = scenario.command(&["migrate"])?.run().await?;
        assert!(output.status.success(), "{parameters}: {}", output.stderr);
    }
    // Where an authority is named, it counts in the weaker modes too.
    for mode in ["require", "verify-ca"] {
        let foreign = format!("sslmode={mode}&sslrootcert={}&{own}", foreign_ca.display());
        scenario.set(
            "postgres.url",
            secured.postgres_url(&scenario, address, &foreign),
        );
        let says = ["the TLS handshake with 127.0.0.1"];
        assert_says(scenario.command(&["migrate"])?, 2, &says).await?;
    }
    Ok(())
}
