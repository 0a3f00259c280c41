//! What was measured, as people and as scripts read it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::Counted;
use crate::figures::thousands;

/// What every reader of these numbers has to know.
const CAVEAT: &str = "One run on one machine that PostgreSQL, Kafka and the relay share: \
    compare within a round, and repeat it.";

/// One drain of the whole backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// From the moment the server streamed until the end was confirmed.
    pub took: Duration,
    /// From the start of the process until the server streamed; not part of [`Drain::took`].
    pub start_up: Duration,
    /// User and system time of the process, its start-up included.
    pub cpu: Duration,
    /// The most resident memory of the process, in bytes.
    pub memory_peak_bytes: u64,
    /// User and system time of the walsender that served it.
    pub walsender_cpu: Duration,
    /// User and system time of the broker meanwhile; `None` where it had no part.
    pub broker_cpu: Option<Duration>,
}

/// Both drains of the same backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// By `pg_recvlogical`.
    pub reader: Drain,
    /// By the relay.
    pub relay: Drain,
    /// What the relay's topic held afterwards.
    pub counted: Counted,
}

/// A whole measurement. `Display` is a table, [`Report::to_json`] the same for scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Events in the backlog.
    pub events: u32,
    /// Events in each database transaction.
    pub per_transaction: u32,
    /// The mean payload, in bytes of JSON.
    pub payload_bytes: u32,
    /// Processors that were available.
    pub processors: u32,
    /// In the order they ran; at least one.
    pub rounds: Vec<Round>,
}

/// The figures of one drain, or the median of each figure over the rounds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Figures {
    events_per_second: f64,
    cpu_micros_per_event: f64,
    memory_peak_mib: f64,
    walsender_cpu_micros_per_event: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker_cpu_micros_per_event: Option<f64>,
    start_up_seconds: f64,
}

impl Figures {
    fn new(drain: &Drain, events: u32) -> Self {
        let events = f64::from(events);
        let per_event = |cpu: Duration| hundredths(cpu.as_secs_f64() * 1e6 / events);
        let memory_kib = u32::try_from(drain.memory_peak_bytes / 1024).unwrap_or(u32::MAX);
        Self {
            events_per_second: (events / drain.took.as_secs_f64()).round(),
            cpu_micros_per_event: per_event(drain.cpu),
            memory_peak_mib: hundredths(f64::from(memory_kib) / 1024.0),
            walsender_cpu_micros_per_event: per_event(drain.walsender_cpu),
            broker_cpu_micros_per_event: drain.broker_cpu.map(per_event),
            start_up_seconds: hundredths(drain.start_up.as_secs_f64()),
        }
    }

    fn median(of: &[Self]) -> Self {
        let median = |figure: fn(&Self) -> f64| median(of.iter().map(figure).collect());
        let broker = of
            .iter()
            .filter_map(|figures| figures.broker_cpu_micros_per_event);
        let broker: Vec<f64> = broker.collect();
        Self {
            events_per_second: median(|figures| figures.events_per_second).round(),
            cpu_micros_per_event: median(|figures| figures.cpu_micros_per_event),
            memory_peak_mib: median(|figures| figures.memory_peak_mib),
            walsender_cpu_micros_per_event: median(|figures| {
                figures.walsender_cpu_micros_per_event
            }),
            broker_cpu_micros_per_event: (!broker.is_empty()).then(|| self::median(broker)),
            start_up_seconds: median(|figures| figures.start_up_seconds),
        }
    }
}

impl Report {
    /// How many times as fast as `pg_recvlogical` the relay was: the median of the rounds' ratios.
    pub fn ratio(&self) -> f64 {
        let ratios = self.rounds.iter().map(ratio);
        median(ratios.collect())
    }

    /// The report as JSON: `events`, `per_transaction`, `payload_bytes`, `processors`, `rounds`
    /// (each with `pg_recvlogical`, `relay`, `ratio`, `records`), `median`, `ratio`.
    pub fn to_json(&self) -> Value {
        let rounds = self.rounds.iter().map(|round| {
            json!({
                "pg_recvlogical": Figures::new(&round.reader, self.events),
                "relay": Figures::new(&round.relay, self.events),
                "ratio": hundredths(ratio(round)),
                "records": round.counted.records,
            })
        });
        let [reader, relay] = self.medians();
        json!({
            "events": self.events,
            "per_transaction": self.per_transaction,
            "payload_bytes": self.payload_bytes,
            "processors": self.processors,
            "rounds": rounds.collect::<Vec<_>>(),
            "median": { "pg_recvlogical": reader, "relay": relay },
            "ratio": hundredths(self.ratio()),
        })
    }

    /// The medians of `pg_recvlogical` and of the relay.
    fn medians(&self) -> [Figures; 2] {
        let figures = |drain: fn(&Round) -> &Drain| {
            let all = self
                .rounds
                .iter()
                .map(|round| Figures::new(drain(round), self.events));
            Figures::median(&all.collect::<Vec<_>>())
        };
        [
            figures(|round| &round.reader),
            figures(|round| &round.relay),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} events in transactions of {}, {} bytes of JSON each, on {} processors.\n",
            thousands(self.events.into()),
            thousands(self.per_transaction.into()),
            self.payload_bytes,
            self.processors
        )?;
        writeln!(
            f,
            "{:<16}{:>7}{:>12}{:>14}{:>10}{:>20}{:>17}{:>12}",
            "drain",
            "round",
            "events/s",
            "CPU us/event",
            "peak MiB",
            "walsender us/event",
            "broker us/event",
            "start-up s"
        )?;
        for (index, round) in self.rounds.iter().enumerate() {
            let number = (index + 1).to_string();
            let [reader, relay] =
                [&round.reader, &round.relay].map(|drain| Figures::new(drain, self.events));
            write_row(f, "pg_recvlogical", &number, &reader)?;
            write_row(f, "relay", &number, &relay)?;
        }
        if self.rounds.len() > 1 {
            let [reader, relay] = self.medians();
            write_row(f, "pg_recvlogical", "median", &reader)?;
            write_row(f, "relay", "median", &relay)?;
        }
        writeln!(f, "\nrelay / pg_recvlogical: {:.2}", self.ratio())?;
        writeln!(
            f,
            "A read_committed consumer found every event on Kafka, once. The relay's start-up is \
             not in its rate."
        )?;
        f.write_str(CAVEAT)
    }
}

fn write_row(
    f: &mut fmt::Formatter<'_>,
    drain: &str,
    round: &str,
    figures: &Figures,
) -> fmt::Result {
    let broker = figures.broker_cpu_micros_per_event;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and far below 2^64"
    )]
    let rate = thousands(figures.events_per_second as u64);
    writeln!(
        f,
        "{drain:<16}{round:>7}{rate:>12}{:>14.2}{:>10.0}{:>20.2}{:>17}{:>12.2}",
        figures.cpu_micros_per_event,
        figures.memory_peak_mib,
        figures.walsender_cpu_micros_per_event,
        broker.map_or_else(|| "-".to_owned(), |broker| format!("{broker:.2}")),
        figures.start_up_seconds
    )
}

fn ratio(round: &Round) -> f64 {
    round.reader.took.as_secs_f64() / round.relay.took.as_secs_f64()
}

/// The middle value, or the mean of the two in the middle; of at least one value.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(took_millis: u64, cpu_millis: u64, broker_millis: Option<u64>) -> Drain {
        Drain {
            took: Duration::from_millis(took_millis),
            start_up: Duration::from_millis(40),
            cpu: Duration::from_millis(cpu_millis),
            memory_peak_bytes: 96 << 20,
            walsender_cpu: Duration::from_millis(2_700),
            broker_cpu: broker_millis.map(Duration::from_millis),
        }
    }

    fn report(rounds: &[(u64, u64)]) -> Report {
        let counted = Counted {
            records: 1_000_000,
            events: 1_000_000,
        };
        let rounds = rounds.iter().map(|(reader, relay)| Round {
            reader: drain(*reader, 2_300, None),
            relay: drain(*relay, 3_500, Some(1_200)),
            counted,
        });
        Report {
            events: 1_000_000,
            per_transaction: 10,
            payload_bytes: 250,
            processors: 2,
            rounds: rounds.collect(),
        }
    }

    #[test]
    fn one_round_is_a_table_without_medians() {
        insta::assert_snapshot!(report(&[(5_000, 4_000)]));
    }

    #[test]
    fn several_rounds_end_with_the_medians() {
        insta::assert_snapshot!(report(&[(5_000, 4_000), (6_000, 3_000), (5_500, 2_500)]));
    }

    #[test]
    fn scripts_read_the_same_figures() {
        insta::assert_json_snapshot!(report(&[(5_000, 4_000), (6_000, 3_000)]).to_json());
    }

    #[test]
    fn the_ratio_compares_drains_of_one_round() {
        let twice_as_fast = report(&[(4_000, 2_000)]).ratio();
        assert!((twice_as_fast - 2.0).abs() < 1e-9);
        let median = report(&[(4_000, 4_000), (9_000, 3_000), (8_000, 4_000)]).ratio();
        assert!((median - 2.0).abs() < 1e-9);
    }

    #[test]
    fn processor_time_is_given_per_event() {
        let figures = Figures::new(&drain(2_000, 3_500, None), 1_000_000);
        assert!((figures.cpu_micros_per_event - 3.5).abs() < 1e-9);
        assert!((figures.events_per_second - 500_000.0).abs() < 1e-9);
        assert!((figures.memory_peak_mib - 96.0).abs() < 1e-9);
    }
}
