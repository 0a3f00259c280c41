//! Emit domain events inside your database transaction.
