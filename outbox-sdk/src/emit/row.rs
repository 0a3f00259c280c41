//! An event as the columns of its row, checked.

use std::borrow::Cow;
use std::cell::RefCell;

use outbox_contract::transcode::Transcoder;
use outbox_contract::{columns, limits};

use super::{EmitError, EmitOptions, options};
use crate::{Context, Event, EventId};

/// What the events of one type have in common when they are emitted together.
pub(crate) struct Shared {
    pub(crate) aggregate_type: &'static str,
    pub(crate) event_type: &'static str,
    pub(crate) schema_ref: String,
    pub(crate) correlation_id: Option<String>,
    pub(crate) causation_id: Option<String>,
    pub(crate) headers: String,
    pub(crate) is_public: bool,
}

impl Shared {
    pub(super) fn new<E: Event>(context: &Context) -> Result<Self, EmitError> {
        let event_type = E::EVENT_TYPE;
        let limit = |why| EmitError::Limit { event_type, why };
        let serialize = |why| EmitError::Serialize { event_type, why };
        let schema = E::schema()
            .compiled()
            .map_err(|source| EmitError::Schema { event_type, source })?;
        limits::check_event_type(event_type).map_err(limit)?;
        limits::check_aggregate_type(E::AGGREGATE_TYPE).map_err(limit)?;
        for (column, text) in [
            (columns::CORRELATION_ID, &context.correlation_id),
            (columns::CAUSATION_ID, &context.causation_id),
        ] {
            if let Some(text) = text {
                limits::check_text(column, text).map_err(limit)?;
            }
        }
        limits::check_header_names(context.headers.keys().map(String::as_str)).map_err(limit)?;
        let headers = serde_json::to_string(&context.headers).map_err(serialize)?;
        limits::check_headers(&headers).map_err(limit)?;
        Ok(Self {
            aggregate_type: E::AGGREGATE_TYPE,
            event_type,
            schema_ref: schema.fingerprint().to_string(),
            correlation_id: context.correlation_id.clone(),
            causation_id: context.causation_id.clone(),
            headers,
            is_public: E::PUBLIC,
        })
    }
}

/// What is an event's own.
pub(crate) struct Row {
    pub(crate) id: EventId,
    pub(crate) aggregate_id: String,
    pub(crate) key: Option<String>,
    pub(crate) payload: String,
    /// Microseconds since 1970; the time of the transaction where there is none.
    pub(crate) occurred_at: Option<i64>,
}

impl Row {
    pub(super) fn new<E: Event + ?Sized>(
        event: &E,
        options: &EmitOptions,
    ) -> Result<Self, EmitError> {
        let event_type = E::EVENT_TYPE;
        let limit = |why| EmitError::Limit { event_type, why };
        let aggregate_id = event.aggregate_id().into_owned();
        limits::check_text(columns::AGGREGATE_ID, &aggregate_id).map_err(limit)?;
        let own_key = || event.key().map(Cow::into_owned);
        let key = options.key.clone().or_else(own_key);
        if let Some(key) = &key {
            limits::check_text(columns::KEY, key).map_err(limit)?;
        }
        let occurred_at = options.occurred_at.map(options::microseconds);
        let occurred_at = occurred_at.transpose().map_err(limit)?;
        let payload =
            serde_json::to_string(event).map_err(|why| EmitError::Serialize { event_type, why })?;
        limits::check_payload(&payload).map_err(limit)?;
        check_fits::<E>(&payload)?;
        Ok(Self {
            id: options.event_id.unwrap_or_else(EventId::new),
            aggregate_id,
            key,
            payload,
            occurred_at,
        })
    }
}

thread_local! {
    /// What the relay will do with the payload is done here first, with memory that is kept.
    static CHECK: RefCell<(Transcoder, Vec<u8>)> = RefCell::default();
}

fn check_fits<E: Event + ?Sized>(payload: &str) -> Result<(), EmitError> {
    let event_type = E::EVENT_TYPE;
    let schema = E::schema()
        .compiled()
        .map_err(|source| EmitError::Schema { event_type, source })?;
    CHECK.with_borrow_mut(|(transcoder, avro)| {
        avro.clear();
        transcoder
            .transcode(payload, schema, avro)
            .map_err(|why| EmitError::Payload { event_type, why })
    })
}
