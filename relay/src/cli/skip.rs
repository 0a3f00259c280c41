//! `postrider skip`

use std::process::ExitCode;
use std::time::Duration;

use uuid::Uuid;

use super::exit::fail_classified;
use crate::pipeline::Settings;
use crate::rescue::skip::{self, Error, Gap, GivenUp, Letter};

/// Give up one event at which the relay halts: it becomes a dead letter, and the relay goes on.
///
/// First see with --dry-run what it means: where the event goes, and which events of its key overtake
/// it. Then give a --reason. The wish is a row of `outbox.skip` with who, why and when; the relay
/// finds it at its next look, at most 10 seconds later, or after its next start. An event that can be
/// published is published all the same. Exit code 5 when no relay puts the event aside in time; the
/// wish stays.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  postrider skip 01890a5d-ac96-774b-bcce-b302099a8057 --dry-run\n  \
                  postrider skip 01890a5d-ac96-774b-bcce-b302099a8057 --reason 'a test order'"
)]
pub(super) struct Options {
    /// The event's id, as the halt names it.
    event_id: Uuid,
    /// Show what it means, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Why the event may be missing on its topic.
    #[arg(long, required_unless_present = "dry_run", value_name = "TEXT")]
    reason: Option<String>,
    /// Who gives it up; the name of the user of this machine without it.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// How many seconds to wait until the relay has put the event aside.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Shows the gap; then, unless it is a dry run, gives the event up and waits for its dead letter.
pub(super) async fn run(settings: &Settings, options: &Options, user: Option<&str>) -> ExitCode {
    match skip(settings, options, user).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail_classified(&error),
    }
}

async fn skip(settings: &Settings, options: &Options, user: Option<&str>) -> Result<(), Error> {
    let gap = skip::show(settings, options.event_id).await?;
    if !options.json {
        print!("{}", table(&gap));
    }
    let mut letter = None;
    let mut given_up = gap.event.given_up.clone();
    if let (false, Some(reason)) = (options.dry_run, &options.reason) {
        let by = options.by.as_deref().or(user);
        let wish = skip::request(settings, options.event_id, reason, by).await?;
        if wish.reason != *reason {
            tracing::warn!("it was given up before; that reason stays on record");
        }
        tracing::info!("waiting for the relay, which looks again within 10 s");
        let limit = Duration::from_secs(options.timeout);
        letter = Some(skip::wait(settings, &gap, &wish, limit).await?);
        given_up = Some(wish);
    }
    if options.json {
        println!("{}", json(&gap, given_up.as_ref(), letter.as_ref()));
    } else if let Some(letter) = letter {
        let Letter {
            topic,
            partition,
            offset,
        } = letter;
        println!("put aside     {topic}[{partition}]@{offset}");
    } else {
        tracing::info!("nothing was changed; give a --reason to do it");
    }
    Ok(())
}

fn json(gap: &Gap, given_up: Option<&GivenUp>, letter: Option<&Letter>) -> serde_json::Value {
    let mut shown = serde_json::to_value(gap).expect("a gap has only texts and numbers");
    shown["given_up"] = serde_json::json!(given_up);
    shown["dead_letter"] = serde_json::json!(letter);
    shown
}

fn table(gap: &Gap) -> String {
    let event = &gap.event;
    let version = event.schema_ref.as_deref().unwrap_or("no schema version");
    let at = event.occurred_at.as_deref().unwrap_or("no time");
    let topic = gap.topic.as_deref().unwrap_or("no topic: it has no route");
    let overtakers = event.overtakers();
    let given_up = event.given_up.as_ref().map_or_else(String::new, given_up);
    format!(
        "event         {} {} {version}\n\
         of            {} {}, {at}\n\
         meant for     {topic}\n\
         goes to       {}, as the JSON that was written\n\
         overtaken by  {overtakers} of key {:?}\n\
         {given_up}",
        event.event_id,
        event.event_type,
        event.aggregate_type,
        event.aggregate_id,
        gap.dead_letter_topic,
        event.key,
    )
}

fn given_up(given_up: &GivenUp) -> String {
    let GivenUp {
        requested_by,
        reason,
        requested_at,
        ..
    } = given_up;
    let at = requested_at.as_deref().unwrap_or("no time");
    let (who, why) = (printable(requested_by), printable(reason));
    format!("given up      by {who}, {at}: {why}\n")
}

/// Without what could move or colour a terminal: anybody may have written it.
fn printable(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { '\u{fffd}' } else { it })
        .collect()
}
