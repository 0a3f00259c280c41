//! The metrics, from what a scrape gets.

use super::row;
use crate::telemetry::{self, OpenTransaction, SlotPosition, State, Status, Vitals};

/// A table of every metric.
pub(super) fn page() -> String {
    let vitals = Vitals::new("orders", "postrider_orders", "postrider");
    let slot = SlotPosition {
        retained_bytes: Some(0),
        budget_bytes: Some(1),
        held_back_by: Some(OpenTransaction {
            xid: 0,
            pid: None,
            application_name: None,
            gid: None,
            database: None,
            age_seconds: None,
        }),
        ..SlotPosition::default()
    };
    // A halted relay shows all of them.
    let status = Status {
        state: State::Halted,
        reason: Some(String::new()),
        ..vitals.status(Some(slot))
    };
    let scrape = telemetry::render(&status, vitals.commit_to_kafka());
    let mut page = String::from(
        "# Metrics\n\nMade by `postrider reference metrics`. Served at `/metrics` of `http.listen` as \
         OpenMetrics text. Alert on `postrider_oldest_unpublished_seconds`, \
         `postrider_slot_retained_wal_bytes` or, where there is a limit, \
         `postrider_slot_wal_budget_ratio`, and `postrider_halted`.\n\n",
    );
    page += &row(["metric", "type", "meaning"]);
    page += &row(["---"; 3]);
    let lines: Vec<_> = scrape.lines().collect();
    for help in &lines {
        let Some((name, meaning)) = help
            .strip_prefix("# HELP ")
            .and_then(|help| help.split_once(' '))
        else {
            continue;
        };
        let type_of = format!("# TYPE {name} ");
        let kind = lines.iter().find_map(|line| line.strip_prefix(&type_of));
        let kind = kind.unwrap_or_default();
        // What a query has to name.
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        page += &row([&format!("`{name}{suffix}`"), kind, meaning]);
    }
    page
}
