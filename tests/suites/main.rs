//! End-to-end tests, one module per failure family.

mod bad_input;
mod bench;
mod chaos;
mod commands;
mod contracts;
mod delivery_modes;
mod doctor;
mod faults;
mod first_contact;
mod guardian;
mod harness;
mod init;
mod large;
mod lessons;
mod links;
mod milestone;
mod outages;
mod poison;
mod probes;
mod recipes;
mod registry;
mod sabotage;
mod security;
mod sql;
mod traces;
