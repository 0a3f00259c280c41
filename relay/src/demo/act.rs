//! The demo from the first server to the verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::live::Live;
use super::reader::Reader;
use super::writers::{self, Quota};
use super::{Audience, DemoOptions, Error, Look, Proof, RelayState, Scenario, awkward, orders};
use crate::failpoints::{self, Sabotage};
use crate::local::{self, process::Process};
use crate::local::{Folder, IMPATIENT, Relay, Stack, StackOptions, http_client};
use crate::verify::{BrokerLog, Registry, Report, VerifyOptions, verify};

const DATABASE: &str = "shop";
const PARTITIONS: i32 = 3;
const WRITERS: u32 = 4;

/// One event in twenty is written and rolled back.
const ROLLED_BACK_SHARE: u32 = 20;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The verdict is asked for when nothing has happened for so long.
const PATIENCE: Duration = Duration::from_secs(15);

/// The pass of its failpoint at which a relay that is wrong on purpose dies: in the middle.
const FATAL_PASS: u32 = 5;

/// Runs the demo. Cancelling it ends everything that it started.
pub async fn run(options: DemoOptions, audience: &impl Audience) -> Result<Proof, Error> {
    if !local::has_kafka() {
        audience.note("fetching Apache Kafka through Maven, this once: 150 MB");
    }
    audience.note("starting PostgreSQL, Apache Kafka and a schema registry");
    let began = Instant::now();
    let folder = Folder::create()?;
    let stack = Stack::start(StackOptions::default()).await?;
    let took = began.elapsed().as_secs_f64();
    audience.note(&format!("started in {took:.1} s"));

    let relay = set_up(&stack, options.scenario, &folder).await?;
    audience.note("made the outbox: schema, publication, replication slot, progress topic");

    if options.scenario == Scenario::Awkward {
        audience.note(awkward::CONTENT);
    }
    let live = Arc::new(Live::default());
    let servers = stack.kafka.bootstrap_servers();
    let topic = topic(options.scenario);
    let _reader =
        Reader::start(&servers, topic, PARTITIONS, Arc::clone(&live)).map_err(Error::Consume)?;
    let writers = start_writers(&stack, options, &live).await?;
    let mut show = Show::open(options, audience, &relay, &live)?;
    let relay_ended = show.play(writers).await?;

    audience.note("comparing the outbox with the topics, record by record");
    audience.note("p50 and p99 are from COMMIT to the consumer, and include the relay's death");
    let (written, rolled_back, _) = live.counts();
    let latencies = live.latencies();
    Ok(Proof {
        report: judge(&stack, options.scenario).await?,
        written,
        rolled_back,
        p50: Proof::percentile(&latencies, 50),
        p99: Proof::percentile(&latencies, 99),
        was_killed_in_the_middle: show.died_in_the_middle,
        relay_ended,
    })
}

fn topic(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Orders => orders::AGGREGATE_TYPE,
        Scenario::Awkward => awkward::AGGREGATE_TYPE,
    }
}

/// Database, topic, contracts and outbox.
async fn set_up(stack: &Stack, scenario: Scenario, folder: &Folder) -> Result<Relay, Error> {
    stack.postgres.create_database(DATABASE).await?;
    stack.postgres.execute(DATABASE, writers::TABLE).await?;
    let topic = topic(scenario);
    stack.kafka.create_topic(topic, PARTITIONS, &[]).await?;
    let contracts = match scenario {
        Scenario::Orders => orders::contracts().to_vec(),
        Scenario::Awkward => awkward::CONTRACTS.to_vec(),
    };
    for (subject, schema) in contracts {
        stack.registry.register(subject, schema).await?;
    }
    let relay = Relay::configure(DATABASE, &stack.addresses(DATABASE), &[], folder.path())?;
    relay.init(&[]).await?;
    Ok(relay)
}

type Writers = JoinSet<Result<(), Error>>;

async fn start_writers(
    stack: &Stack,
    options: DemoOptions,
    live: &Arc<Live>,
) -> Result<Writers, Error> {
    let url = stack.postgres.superuser_url(DATABASE);
    let mut writers = JoinSet::new();
    if options.scenario == Scenario::Awkward {
        let mut client = writers::connect(&url).await?;
        let live = Arc::clone(live);
        writers.spawn(async move { awkward::write(&mut client, &live).await });
        return Ok(writers);
    }
    for writer in 0..WRITERS {
        let share = |all: u32| u64::from(all / WRITERS + u32::from(writer < all % WRITERS));
        let quota = Quota {
            committed: share(options.events),
            rolled_back: share(options.events / ROLLED_BACK_SHARE),
            pause: Duration::from_secs(1) * WRITERS / options.rate,
            seed: u64::from(writer),
        };
        let client = writers::connect(&url).await?;
        let live = Arc::clone(live);
        writers.spawn(async move { writers::write(client, quota, &live).await });
    }
    Ok(writers)
}

/// Events that will be committed.
fn planned(options: DemoOptions) -> u64 {
    match options.scenario {
        Scenario::Orders => options.events.into(),
        Scenario::Awkward => awkward::EVENTS,
    }
}

/// The part that people watch: the relay lives, dies in the middle, and lives again.
struct Show<'a, A> {
    audience: &'a A,
    relay: &'a Relay,
    live: &'a Live,
    planned: u64,
    began: Instant,
    process: Process,
    starts: u32,
    has_died: bool,
    died_in_the_middle: bool,
    is_first_record_told: bool,
}

impl<'a, A: Audience> Show<'a, A> {
    fn open(
        options: DemoOptions,
        audience: &'a A,
        relay: &'a Relay,
        live: &'a Live,
    ) -> Result<Self, Error> {
        let fault = failpoints::sabotage();
        if let Some(fault) = fault {
            let name = fault.name();
            audience.note(&format!("this relay is wrong on purpose: {name}"));
        }
        let death = fault.and_then(Sabotage::window);
        let death = death.map(|window| format!("{}={FATAL_PASS}", window.name()));
        Ok(Self {
            audience,
            relay,
            live,
            planned: planned(options),
            began: Instant::now(),
            process: start(relay, fault, death.as_deref())?,
            starts: 1,
            has_died: false,
            died_in_the_middle: false,
            is_first_record_told: false,
        })
    }

    /// Goes on until everything has arrived, or nothing happens any more. Gives the last words of a
    /// relay that ended by itself.
    async fn play(&mut self, mut writers: Writers) -> Result<Option<String>, Error> {
        let mut seen = self.live.counts();
        let mut happened = Instant::now();
        loop {
            tokio::time::sleep(PAUSE).await;
            while let Some(ended) = writers.try_join_next() {
                ended.map_err(Error::Writer)??;
            }
            let counts = self.live.counts();
            if counts != seen {
                (seen, happened) = (counts, Instant::now());
            }
            self.tell();
            let (committed, _, on_kafka) = counts;
            if let Some(last_words) = self.look_after_the_relay(committed, on_kafka)? {
                return Ok(Some(last_words));
            }
            let is_over = writers.is_empty() && on_kafka >= committed && self.has_died;
            if is_over || happened.elapsed() > PATIENCE {
                return Ok(None);
            }
        }
    }

    fn tell(&mut self) {
        if !self.is_first_record_told
            && let Some(first) = self.live.first_record()
        {
            self.is_first_record_told = true;
            let after = first.duration_since(self.began).as_secs_f64();
            self.audience.note(&format!(
                "first event on Kafka {after:.2} s after the relay's start"
            ));
        }
        let (committed, rolled_back, on_kafka) = self.live.counts();
        self.audience.look(Look {
            elapsed: self.began.elapsed(),
            planned: self.planned,
            committed,
            rolled_back,
            on_kafka,
            relay: RelayState {
                pid: self.process.pid(),
                starts: self.starts,
            },
        });
    }

    /// Kills it in the middle, unless it is to die of a failpoint, and starts it again after that.
    fn look_after_the_relay(
        &mut self,
        committed: u64,
        on_kafka: u64,
    ) -> Result<Option<String>, Error> {
        let fault = failpoints::sabotage();
        let dies_by_itself = fault.and_then(Sabotage::window).is_some();
        if !self.has_died && !dies_by_itself && committed >= self.planned / 2 {
            self.process.kill()?;
        }
        if self.process.exit_status()?.is_none() {
            return Ok(None);
        }
        let pid = self.process.pid();
        if self.has_died || self.process.ended_by_itself()? {
            return Ok(Some(self.process.log_tail()));
        }
        self.has_died = true;
        self.died_in_the_middle = on_kafka < self.planned;
        self.process = start(self.relay, fault, None)?;
        self.starts += 1;
        self.audience.note(&format!(
            "killed the relay (SIGKILL, process {pid}) and started it again"
        ));
        Ok(None)
    }
}

/// Starts a relay, which commits `fault` and dies at a failpoint where they are given.
fn start(relay: &Relay, fault: Option<Sabotage>, death: Option<&str>) -> Result<Process, Error> {
    let fault = fault.map(|fault| (failpoints::SABOTAGE_VARIABLE, fault.name()));
    let death = death.map(|death| (failpoints::FAILPOINTS_VARIABLE, death));
    let variables: Vec<_> = fault.into_iter().chain(death).collect();
    Ok(relay.start(&IMPATIENT, &variables)?)
}

async fn judge(stack: &Stack, scenario: Scenario) -> Result<Report, Error> {
    let client = writers::connect(&stack.postgres.superuser_url(DATABASE)).await?;
    let kafka = (
        "bootstrap.servers".to_owned(),
        stack.kafka.bootstrap_servers(),
    );
    let registry = Registry::new(&stack.registry.url(), http_client()?, None);
    let topics = vec![topic(scenario).to_owned()];
    let mut options = VerifyOptions::new(vec![kafka], topics, registry);
    // Whoever waited for the events has waited already.
    options.patience = Duration::from_secs(2);
    options.rules.order_field = match scenario {
        Scenario::Orders => Some(orders::ORDER_FIELD.to_owned()),
        Scenario::Awkward => Some(awkward::ORDER_FIELD.to_owned()),
    };
    let log = BrokerLog::of(&stack.kafka);
    Ok(verify(&client, options, Some(log)).await?)
}
