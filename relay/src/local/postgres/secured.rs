//! A server that asks for TLS, and lets in whom the caller's rules admit.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::path::Path;

use super::installation::Account;
use super::{SUPERUSER, file_error};
use crate::local::error::Error;
use crate::local::tls::ServerTls;

/// Writes the files of `tls` into the data folder; gives the settings that name them.
pub(super) fn write_tls(
    data: &Path,
    account: Option<Account>,
    tls: &ServerTls,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut settings = vec![("ssl", "on".to_owned())];
    for (setting, name, pem) in [
        ("ssl_cert_file", "server.pem", &tls.certificate),
        ("ssl_key_file", "server.key", &tls.key),
        ("ssl_ca_file", "clients.pem", &tls.client_authority),
    ] {
        let path = data.join(name);
        // The server refuses a key that others may read.
        let mut file = std::fs::File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(file_error(&path))?;
        file.write_all(pem.as_bytes()).map_err(file_error(&path))?;
        if let Some(Account { user, group }) = account {
            chown(&path, Some(user), Some(group)).map_err(file_error(&path))?;
        }
        settings.push((setting, name.to_owned()));
    }
    Ok(settings)
}

/// Replaces `pg_hba.conf`: the superuser as ever, everybody else by `rules`.
pub(super) fn write_host_rules(data: &Path, rules: &[String]) -> Result<(), Error> {
    let mut text =
        format!("local all all trust\nhost all {SUPERUSER} 127.0.0.1/32 scram-sha-256\n");
    for rule in rules {
        text.push_str(rule);
        text.push('\n');
    }
    let path = data.join("pg_hba.conf");
    std::fs::write(&path, text).map_err(file_error(path))
}
