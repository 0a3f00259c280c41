//! What the derive makes: schemas, keys, and payloads that fit them.

mod contracts;
mod events;
mod everything;
mod payloads;
mod schemas;
