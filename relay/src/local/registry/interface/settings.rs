//! `/config` and `/mode`: the registry's, and a subject's own.

use axum::http::Method;
use outbox_contract::compatibility::Level;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::refusal::Refusal;
use super::super::store::{Mode, Setting, Store};
use super::Request;

#[derive(Deserialize)]
struct LevelBody {
    compatibility: String,
}

#[derive(Deserialize)]
struct ModeBody {
    mode: String,
}

/// `/config` and `/config/{subject}`
pub(super) fn level(
    store: &mut Store,
    request: &Request,
    method: &Method,
    subject: Option<&str>,
) -> Result<Value, Refusal> {
    let shown = |level: Level| json!({ "compatibilityLevel": level.to_string() });
    match *method {
        Method::GET => {
            let none = |subject| Refusal::NoLevel { subject };
            value(&store.levels, request, subject, none).map(shown)
        }
        Method::PUT => {
            let body: LevelBody = request.body()?;
            let level = body
                .compatibility
                .parse()
                .map_err(|_| Refusal::InvalidLevel)?;
            store.levels.set(subject, level);
            Ok(json!({ "compatibility": level.to_string() }))
        }
        Method::DELETE => remove(&mut store.levels, subject).map(shown),
        _ => Err(Refusal::MethodNotAllowed),
    }
}

/// `/mode` and `/mode/{subject}`
pub(super) fn mode(
    store: &mut Store,
    request: &Request,
    method: &Method,
    subject: Option<&str>,
) -> Result<Value, Refusal> {
    let shown = |mode: Mode| json!({ "mode": mode.name() });
    match *method {
        Method::GET => {
            let none = |subject| Refusal::NoMode { subject };
            value(&store.modes, request, subject, none).map(shown)
        }
        Method::PUT => {
            let body: ModeBody = request.body()?;
            let mode = body.mode.parse().map_err(|()| Refusal::InvalidMode)?;
            store.modes.set(subject, mode);
            Ok(shown(mode))
        }
        Method::DELETE => remove(&mut store.modes, subject).map(shown),
        _ => Err(Refusal::MethodNotAllowed),
    }
}

/// A subject's own value; the one for all only if that is asked for.
fn value<T: Copy + Default>(
    setting: &Setting<T>,
    request: &Request,
    subject: Option<&str>,
    none: impl FnOnce(String) -> Refusal,
) -> Result<T, Refusal> {
    match subject {
        None => Ok(setting.global()),
        Some(subject) if request.asks("defaultToGlobal") => Ok(setting.for_subject(subject)),
        Some(subject) => {
            let own = setting.of_subject(subject);
            own.ok_or_else(|| none(subject.to_owned()))
        }
    }
}

fn remove<T: Copy + Default>(
    setting: &mut Setting<T>,
    subject: Option<&str>,
) -> Result<T, Refusal> {
    let Some(subject) = subject else {
        return Ok(setting.reset());
    };
    let removed = setting.remove(subject);
    removed.ok_or_else(|| Refusal::NoSubject {
        subject: subject.to_owned(),
    })
}
