//! Subjects, versions, schemas and compatibility, as JSON.

use serde_json::{Map, Value, json};

use super::super::refusal::Refusal;
use super::super::store::{Found, Registration, Store, Stored, Wanted};
use super::Request;

/// `GET /subjects`
pub(super) fn subjects(store: &Store, request: &Request) -> Value {
    let prefix = request.parameter("subjectPrefix").unwrap_or_default();
    let (also_deleted, only_deleted) = (request.asks("deleted"), request.asks("deletedOnly"));
    let mut subjects = store.subjects(|is_deleted| {
        if is_deleted {
            also_deleted || only_deleted
        } else {
            !only_deleted
        }
    });
    subjects.retain(|subject| subject.starts_with(prefix));
    json!(subjects)
}

/// `GET /subjects/{subject}/versions`
pub(super) fn versions(store: &Store, request: &Request, subject: &str) -> Result<Value, Refusal> {
    let versions = store.versions(subject, request.asks("deleted"))?;
    let numbers: Vec<u32> = versions.iter().map(|found| found.version).collect();
    Ok(json!(numbers))
}

/// `GET /subjects/{subject}/versions/{version}`
pub(super) fn version(
    store: &Store,
    request: &Request,
    subject: &str,
    wanted: Wanted,
) -> Result<Value, Refusal> {
    let found = store.version(subject, wanted, request.asks("deleted"))?;
    Ok(shown(subject, found))
}

/// `POST /subjects/{subject}`
pub(super) fn look_up(store: &Store, request: &Request, subject: &str) -> Result<Value, Refusal> {
    let also_deleted = request.asks("deleted");
    store.versions(subject, also_deleted)?;
    let normalize = request.asks("normalize");
    let draft = store.draft(&request.body()?, normalize)?;
    let found = store.look_up(subject, &draft, normalize, also_deleted)?;
    Ok(shown(subject, found))
}

/// `POST /subjects/{subject}/versions`
pub(super) fn register(
    store: &mut Store,
    request: &Request,
    subject: &str,
) -> Result<Value, Refusal> {
    let normalize = request.asks("normalize");
    let draft = store.draft(&request.body()?, normalize)?;
    let id = store.register(subject, draft, normalize)?;
    Ok(json!({ "id": id }))
}

/// `GET /schemas/ids/{id}`
pub(super) fn schema(store: &Store, id: u32) -> Result<Value, Refusal> {
    let mut answer = Map::new();
    add_schema(&mut answer, store.schema(id)?);
    Ok(Value::Object(answer))
}

/// `GET /schemas/ids/{id}/subjects` and `/versions`
pub(super) fn uses(
    store: &Store,
    request: &Request,
    id: u32,
    what: &str,
) -> Result<Value, Refusal> {
    let uses = store.uses(id, request.asks("deleted"))?;
    if what == "versions" {
        let versions = uses
            .iter()
            .map(|(subject, version)| json!({ "subject": subject, "version": version }));
        return Ok(versions.collect());
    }
    let mut subjects: Vec<&str> = uses.iter().map(|(subject, _)| *subject).collect();
    subjects.dedup();
    Ok(json!(subjects))
}

/// `POST /compatibility/subjects/{subject}/versions` and `/{version}`
pub(super) fn compatibility(
    store: &Store,
    request: &Request,
    subject: &str,
    wanted: Option<Wanted>,
) -> Result<Value, Refusal> {
    let registration: Registration = request.body()?;
    let draft = store.draft(&registration, request.asks("normalize"))?;
    let earlier = match wanted {
        None => store.versions(subject, false).unwrap_or_default(),
        // A first version fits whatever is there: nothing.
        Some(Wanted::Latest) => {
            let latest = store.version(subject, Wanted::Latest, false);
            latest.into_iter().collect()
        }
        Some(wanted) => vec![store.version(subject, wanted, false)?],
    };
    let violations = store.violations(subject, &draft, &earlier);
    let mut answer = json!({ "is_compatible": violations.is_empty() });
    if request.asks("verbose") {
        let messages: Vec<String> = violations.iter().map(ToString::to_string).collect();
        answer["messages"] = json!(messages);
    }
    Ok(answer)
}

fn shown(subject: &str, found: Found<'_>) -> Value {
    let mut answer = Map::new();
    answer.insert("subject".to_owned(), json!(subject));
    answer.insert("version".to_owned(), json!(found.version));
    answer.insert("id".to_owned(), json!(found.id));
    add_schema(&mut answer, found.stored);
    Value::Object(answer)
}

/// Avro is the type that is not named.
fn add_schema(answer: &mut Map<String, Value>, stored: &Stored) {
    answer.insert("schema".to_owned(), json!(stored.text));
    if !stored.references.is_empty() {
        answer.insert("references".to_owned(), json!(stored.references));
    }
}
