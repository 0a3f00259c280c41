//! Whether a server takes new sessions.

use postgres_protocol::message::frontend;

use super::{Attempts, Error, Target, start_up};

/// Whether a server of `target` refuses new sessions because it shuts down.
///
/// It says so before any login, with SQLSTATE 57P03, as it does while it starts
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>). One that cannot be reached,
/// or refuses for another reason, is not known to shut down; nor is one of several hosts, while
/// another takes sessions, as after a failover.
pub(crate) async fn is_shutting_down(target: &Target) -> bool {
    let Ok(mut attempts) = Attempts::new(target) else {
        return false;
    };
    let mut is_refused = false;
    loop {
        let Ok(attempt) = attempts.next().await else {
            return is_refused;
        };
        match start_up(attempt, target, &[], &[]).await {
            Ok(mut wire) => {
                let farewell = wire.send(|out| {
                    frontend::terminate(out);
                    Ok(())
                });
                drop(farewell.await);
                return false;
            }
            Err(error) => {
                is_refused |=
                    matches!(&error, Error::NotReady { source, .. } if source.code == "57P03");
                if attempts.failed(error).is_err() {
                    return is_refused;
                }
            }
        }
    }
}
