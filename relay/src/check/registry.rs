//! The registry: it answers, and has the schemas of the events.

use super::needs::{Needs, Schema};
use super::{Finding, Severity, System};
use crate::encode::{self, Resolver};
use crate::pipeline::Settings;

pub(super) async fn examine(settings: &Settings, needs: &Needs) -> Vec<Finding> {
    if let Err(error) = settings.registry().ping().await {
        return vec![Finding::failure(System::Registry, &error)];
    }
    let mut findings = Vec::new();
    let mut resolver = settings.resolver();
    for schema in &needs.schemas {
        let Err(error) = find(&mut resolver, schema).await else {
            continue;
        };
        let finding = Finding::failure(System::Registry, &error).if_ahead(schema.kind.is_ahead);
        let is_lost = finding.severity > Severity::Problem;
        findings.push(finding);
        if is_lost {
            break;
        }
    }
    findings
}

/// As a session does at the first such event.
async fn find(resolver: &mut Resolver, schema: &Schema) -> Result<(), encode::Error> {
    let Schema { subject, kind } = schema;
    let event_id = kind.event_id;
    let text = kind.schema_ref.as_deref();
    let schema_ref = text.map(str::parse).transpose();
    let schema_ref = schema_ref.map_err(|source| encode::Error::SchemaRef { event_id, source })?;
    let found = resolver.fetch(subject, text, schema_ref).await;
    let found = found.map_err(|source| encode::Error::Schema {
        event_id,
        event_type: kind.event_type.clone(),
        source: Box::new(source),
    });
    found.map(drop)
}
