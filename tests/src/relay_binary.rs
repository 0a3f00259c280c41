//! What is built for the tests: the relay's binary, with failpoints and sabotage compiled in, and the
//! lessons of the SDK.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// Names a binary to test instead of the one that the workspace builds.
const BINARY_VARIABLE: &str = "POSTRIDER_BIN";

/// The path of the `postrider` binary, built on the first call unless `POSTRIDER_BIN` names one.
///
/// # Errors
///
/// The build failed; cargo has printed why.
pub fn relay_binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let binary = BINARY.get_or_init(|| provide().map_err(|error| format!("{error:#}")));
    binary.as_deref().map_err(|error| anyhow!("{error}"))
}

/// The path of a lesson, such as `01_emit`, built on each call.
///
/// # Errors
///
/// The build failed; cargo has printed why.
pub fn lesson(name: &str) -> Result<PathBuf> {
    let arguments = [&BUILD[..], &["--example", name]].concat();
    build(&arguments, name)
}

fn provide() -> Result<PathBuf> {
    match std::env::var_os(BINARY_VARIABLE) {
        Some(binary) => Ok(PathBuf::from(binary)),
        None => build(&BUILD, "postrider"),
    }
}

/// Runs cargo and gives the path of the executable called `name`.
fn build(arguments: &[&str], name: &str) -> Result<PathBuf> {
    let target = target_folder()?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(arguments)
        .env("CARGO_TARGET_DIR", target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo tells a test of its package is an input of some build scripts (that of `ring`),
    // which would then be built again, now and at the next call of cargo.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_about_the_test_package) {
            cargo.env_remove(name);
        }
    }
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("cargo could not build {name}");
    }
    executable(&String::from_utf8_lossy(&output.stdout), name)
        .with_context(|| format!("cargo built no {name}"))
}

fn is_about_the_test_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "OUT_DIR"
}

/// Asks for the binary together with the tests, so that cargo computes the same features for every
/// dependency as `cargo test --workspace` did, and compiles none of them again.
const BUILD: [&str; 9] = [
    "build",
    "--workspace",
    "--bin",
    "postrider",
    "--test",
    "suites",
    "--features",
    "postrider/failpoints,postrider/sabotage",
    "--message-format=json-render-diagnostics",
];

/// The target folder that this test binary was built into: it lies in `<target>/<profile>/deps`.
fn target_folder() -> Result<PathBuf> {
    let binary = std::env::current_exe()?;
    let target = binary
        .ancestors()
        .nth(3)
        .context("the test binary lies in no target folder")?;
    Ok(target.to_owned())
}

/// The path of the executable called `name` in cargo's messages, a JSON object a line.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"suites"},"executable":"/t/suites"}
{"reason":"compiler-artifact","target":{"name":"postrider"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"postrider"},"executable":"/t/postrider"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable(messages, "postrider"),
            Some(PathBuf::from("/t/postrider"))
        );
    }
}
