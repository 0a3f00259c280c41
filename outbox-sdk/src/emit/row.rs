//! An event as the columns of its row, checked.

use std::cell::RefCell;

use outbox_contract::transcode::Transcoder;
use outbox_contract::{columns, limits};

use super::EmitError;
use crate::{Context, Event, EventId};

/// What the events of one type have in common when they are emitted together.
pub(super) struct Shared {
    pub(super) aggregate_type: &'static str,
    pub(super) event_type: &'static str,
    pub(super) schema_ref: String,
    pub(super) correlation_id: Option<String>,
    pub(super) causation_id: Option<String>,
    pub(super) headers: String,
    pub(super) is_public: bool,
}

impl Shared {
    pub(super) fn new<E: Event>(context: &Context) -> Result<Self, EmitError> {
        let event_type = E::EVENT_TYPE;
        let limit = |source| EmitError::Limit { event_type, source };
        let serialize = |source| EmitError::Serialize { event_type, source };
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
pub(super) struct Row {
    pub(super) id: EventId,
    pub(super) aggregate_id: String,
    pub(super) key: Option<String>,
    pub(super) payload: String,
}

impl Row {
    pub(super) fn new<E: Event + ?Sized>(event: &E) -> Result<Self, EmitError> {
        let event_type = E::EVENT_TYPE;
        let limit = |source| EmitError::Limit { event_type, source };
        let aggregate_id = event.aggregate_id().into_owned();
        limits::check_text(columns::AGGREGATE_ID, &aggregate_id).map_err(limit)?;
        let key = event.key().map(std::borrow::Cow::into_owned);
        if let Some(key) = &key {
            limits::check_text(columns::KEY, key).map_err(limit)?;
        }
        let payload = serde_json::to_string(event)
            .map_err(|source| EmitError::Serialize { event_type, source })?;
        limits::check_payload(&payload).map_err(limit)?;
        check_fits::<E>(&payload)?;
        Ok(Self {
            id: EventId::new(),
            aggregate_id,
            key,
            payload,
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
            .map_err(|source| EmitError::Payload { event_type, source })
    })
}
