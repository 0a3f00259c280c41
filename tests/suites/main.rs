//! End-to-end tests, one module per failure family.

mod bad_input;
mod bench;
mod chaos;
mod commands;
mod first_contact;
mod harness;
mod init;
mod large;
mod milestone;
mod outages;
mod probes;
mod sabotage;
mod security;
mod sql;
