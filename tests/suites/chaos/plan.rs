//! What a round does, drawn from its seed: the same seed draws the same round. What happens inside
//! the processes is up to them, so a round that failed once may have to be repeated often.

use std::time::Duration;

use postrider::failpoints::Failpoint;
use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// How often each thing happens in a round.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) relays: usize,
    pub(super) standbys: usize,
    pub(super) brokers: usize,
    pub(super) postgres: usize,
    pub(super) registries: usize,
    pub(super) links: usize,
    pub(super) huge: usize,
    pub(super) topics: usize,
}

impl Counts {
    /// A round of `make chaos`.
    pub(super) const LONG: Self = Self {
        relays: 40,
        standbys: 3,
        brokers: 5,
        postgres: 5,
        registries: 1,
        links: 4,
        huge: 2,
        topics: 2,
    };

    /// A round for every day.
    pub(super) const SHORT: Self = Self {
        relays: 2 * Failpoint::RUN.len(),
        standbys: 1,
        brokers: 1,
        postgres: 2,
        registries: 1,
        links: 2,
        huge: 1,
        topics: 1,
    };
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The active relay dies, as its [`Fate`] says.
    RelayDies,
    /// The relay that waits for the slot dies, and the next one so long after its start.
    StandbyDies { after: Duration },
    /// The broker is killed and started again.
    BrokerDies { with_relay: bool },
    /// PostgreSQL ends without a checkpoint and is started again.
    PostgresDies { how: Death, with_relay: bool },
    /// The registry is away for a moment, while a relay dies and another one begins.
    RegistryRestarts,
    /// The link to a server fails.
    LinkFails { server: Server, how: Failure },
    /// A transaction that is far larger than a batch.
    Huge { events: i32, kept: bool },
    /// A topic gets another partition, to which no key may move.
    TopicGrows,
}

/// How PostgreSQL ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// SIGKILL for every process of it.
    Crash,
    /// `pg_ctl stop -m immediate`.
    Immediate,
}

/// One end of a link; the other is the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Postgres,
    Kafka,
}

/// How a link fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Every connection is reset.
    Reset,
    /// One is cut after so many bytes of what the server says.
    CutAfter(usize),
    /// Every connection falls silent; what opens later works.
    Silence,
}

/// How a relay will die while it is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// By its own hand, when it passes a window for the n-th time.
    At(Failpoint, u32),
    /// Killed so long after it was seen to be active.
    After(Duration),
}

/// The fates of the relays, in the order of their starts: half of them or all die in one of the
/// windows, which take turns.
#[derive(Debug)]
pub(super) struct Fates {
    rng: StdRng,
    windows: Vec<Failpoint>,
    windows_only: bool,
}

impl Fates {
    pub(super) fn new(seed: u64, windows_only: bool) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            windows: Vec::new(),
            windows_only,
        }
    }
}

impl Iterator for Fates {
    type Item = Fate;

    fn next(&mut self) -> Option<Fate> {
        let rng = &mut self.rng;
        if !self.windows_only && rng.random_bool(0.5) {
            return Some(Fate::After(millis(rng, 1_000)));
        }
        if self.windows.is_empty() {
            self.windows = Failpoint::RUN.to_vec();
            self.windows.shuffle(rng);
        }
        let window = self.windows.pop()?;
        Some(Fate::At(window, rng.random_range(1..=12)))
    }
}

/// The steps of a round.
pub(super) fn steps(counts: Counts, seed: u64) -> Vec<Step> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut steps = vec![Step::RelayDies; counts.relays];
    let mut add = |count, draw: &mut dyn FnMut(usize) -> Step| steps.extend((0..count).map(draw));
    add(counts.standbys, &mut |_| Step::StandbyDies {
        after: millis(rng, 1_500),
    });
    add(counts.brokers, &mut |_| Step::BrokerDies {
        with_relay: rng.random_ratio(1, 4),
    });
    add(counts.postgres, &mut |number| Step::PostgresDies {
        how: [Death::Crash, Death::Immediate][number % 2],
        with_relay: rng.random_ratio(1, 4),
    });
    add(counts.registries, &mut |_| Step::RegistryRestarts);
    add(counts.links, &mut |number| Step::LinkFails {
        server: [Server::Postgres, Server::Kafka][number % 2],
        how: match rng.random_range(0..5) {
            0..2 => Failure::Reset,
            2..4 => Failure::CutAfter(rng.random_range(1..200_000)),
            _ => Failure::Silence,
        },
    });
    add(counts.huge, &mut |number| Step::Huge {
        events: rng.random_range(3_000..12_000),
        kept: number % 2 == 0,
    });
    add(counts.topics, &mut |_| Step::TopicGrows);
    steps.shuffle(rng);
    steps
}

fn millis(rng: &mut StdRng, most: u64) -> Duration {
    Duration::from_millis(rng.random_range(0..most))
}

#[test]
fn a_seed_draws_the_same_round_again_and_another_seed_another() {
    let round = |seed| {
        let fates: Vec<_> = Fates::new(seed, false).take(50).collect();
        (steps(Counts::LONG, seed), fates)
    };
    assert_eq!(round(7), round(7));
    assert_ne!(round(7).0, round(8).0);
    assert_ne!(round(7).1, round(8).1);
}

#[test]
fn every_window_comes_as_often_as_the_others() {
    let fates = Fates::new(1, false).filter_map(|fate| match fate {
        Fate::At(window, _) => Some(window),
        Fate::After(_) => None,
    });
    let windows: Vec<_> = fates.take(10 * Failpoint::RUN.len()).collect();
    for window in Failpoint::RUN {
        let count = windows.iter().filter(|it| **it == window).count();
        assert_eq!(count, 10, "{window:?}");
    }
}
