//! End-to-end tests, one module per failure family.

mod harness;
