//! Notices from the walsender: logged, all of them, and one kind ends the session.

use postgres_protocol::message::backend::NoticeResponseBody;

use super::Error;
use crate::postgres::ServerError;

/// `object_not_in_prerequisite_state`.
const NOT_IN_PREREQUISITE_STATE: &str = "55000";

/// Takes note of a notice. PostgreSQL 18 answers a publication that does not exist at this point of
/// the log with a warning and drops the changes ("skipped loading publication", `LoadPublications`
/// in `pgoutput.c`), which would lose events without an error.
///
/// Messages are translated, so the SQLSTATE decides: no other warning of a walsender has it.
pub(super) fn observe(body: &NoticeResponseBody) -> Result<(), Error> {
    let notice = ServerError::from_fields(body.fields());
    if notice.severity == "WARNING" && notice.code == NOT_IN_PREREQUISITE_STATE {
        return Err(Error::PublicationSkipped { source: notice });
    }
    if notice.severity == "WARNING" {
        tracing::warn!(%notice, "warning from the walsender");
    } else {
        tracing::info!(%notice, "notice from the walsender");
    }
    Ok(())
}
