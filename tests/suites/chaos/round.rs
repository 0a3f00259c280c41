//! One round: a scenario of its own, writers that never pause, the steps of a plan, the oracle.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::{
    AGGREGATE_TYPE, Proxy, Scenario, Workload, WorkloadOptions, Written, add_partitions,
    judge_with, register_contract, write_huge,
};
use postrider::config::DeliveryMode;
use postrider::local::{Stack, StopMode};
use postrider::verify::Report;

use super::fleet::Fleet;
use super::plan::{self, Counts, Death, Failure, Fates, Server, Step};

/// From the last record on; the last relay has to catch up first.
const PATIENCE: Duration = Duration::from_secs(30);

/// An immediate stop of PostgreSQL waits for nothing.
const STOP_LIMIT: Duration = Duration::from_secs(30);

const PARTITIONS: usize = 6;

/// Small enough that the largest transactions of the writers are alone, and large enough to hold
/// them; the huge ones go in slices.
const BATCH_BYTES_MAX: u64 = 256 << 10;

/// What there is to break.
pub(super) struct Ground {
    pub(super) stack: Stack,
    /// On the relays' way to the broker.
    pub(super) to_kafka: Proxy,
}

/// What kind of round it is.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) counts: Counts,
    pub(super) mode: DeliveryMode,
    /// Relays side by side.
    pub(super) fleet: usize,
    /// Relays die only in the windows where a crash is most likely to do harm.
    pub(super) windows_only: bool,
    pub(super) workload: WorkloadOptions,
}

/// What was done, and how long things took.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) relay_kills: u64,
    pub(super) standby_kills: u64,
    pub(super) broker_kills: u64,
    pub(super) postgres_kills: u64,
    /// Registry restarts, links that failed, topics that grew.
    pub(super) others: u64,
    /// From the death of the active relay to the first event of another one.
    pub(super) takeovers: Vec<Duration>,
    /// From the return of the broker to the next event.
    pub(super) broker_recoveries: Vec<Duration>,
    /// From the return of PostgreSQL to the next event.
    pub(super) postgres_recoveries: Vec<Duration>,
    /// How often each window killed a relay.
    pub(super) windows: BTreeMap<String, usize>,
}

/// Carries out `plan`, and gives the oracle's verdict.
pub(super) async fn run(ground: &mut Ground, name: &str, plan: &Plan) -> Result<(Done, Report)> {
    let seed = plan.seed;
    let (scenario, to_postgres) = prepare(ground, name, plan).await?;
    let windows_hit = scenario.write("windows", "")?;
    let options = WorkloadOptions {
        outages: true,
        seed,
        ..plan.workload.clone()
    };
    let workload = Workload::start(&scenario.pool().await?, options).await?;
    let fates = Fates::new(seed, plan.windows_only);
    let mut fleet = Fleet::start(&scenario, fates, windows_hit.clone(), plan.fleet)?;
    let mut round = Round {
        ground,
        scenario: &scenario,
        to_postgres: &to_postgres,
        done: Done::default(),
        partitions: PARTITIONS,
        huge: 0,
    };
    // A topic that grew before its first event would be mapped as it is then.
    fleet.until_published().await?;
    for (number, step) in plan::steps(plan.counts, seed).into_iter().enumerate() {
        let carried_out = round.carry_out(&mut fleet, step).await;
        carried_out.with_context(|| format!("step {number}, {step:?}"))?;
    }
    fleet.until_published().await?;
    let Round { done, huge, .. } = round;
    let written = workload.stop().await?;
    fleet.settle()?;
    let report = judge_with(&ground.stack, &scenario, PATIENCE, |options| {
        let rules = &mut options.rules;
        rules.duplicates_allowed = plan.mode == DeliveryMode::AtLeastOnce;
        rules.split_bytes_min = Some(BATCH_BYTES_MAX);
        let partitions = u32::try_from(PARTITIONS).expect("a few");
        rules.partition_counts = [(scenario.topic(AGGREGATE_TYPE), partitions)].into();
    })
    .await?;
    assert_complete(&report, written, huge)?;
    let done = Done {
        relay_kills: fleet.kills,
        standby_kills: fleet.standby_kills,
        windows: count(&windows_hit)?,
        ..done
    };
    Ok((done, report))
}

async fn prepare(ground: &Ground, name: &str, plan: &Plan) -> Result<(Scenario, Proxy)> {
    let stack = &ground.stack;
    let mut scenario = Scenario::on(stack, name).await?;
    scenario.set("batch.bytes_max", format!("{BATCH_BYTES_MAX}B"));
    scenario.set("delivery.mode", serde_json::to_value(plan.mode)?);
    scenario
        .create_topic(AGGREGATE_TYPE, i32::try_from(PARTITIONS)?)
        .await?;
    register_contract(&stack.registry).await?;
    scenario.init().await?;
    let server = stack.postgres.port();
    let to_postgres = Proxy::start(server)?;
    let url = to_postgres.lead(scenario.database_url(), server);
    scenario.set("postgres.url", url);
    let servers = format!("127.0.0.1:{}", ground.to_kafka.port());
    scenario.set("kafka.bootstrap_servers", servers);
    Ok((scenario, to_postgres))
}

struct Round<'a> {
    ground: &'a mut Ground,
    scenario: &'a Scenario,
    to_postgres: &'a Proxy,
    done: Done,
    partitions: usize,
    /// Events of huge transactions that were committed.
    huge: u64,
}

impl Round<'_> {
    async fn carry_out(&mut self, fleet: &mut Fleet<'_>, step: Step) -> Result<()> {
        let stack = &mut self.ground.stack;
        match step {
            Step::RelayDies => self.done.takeovers.push(fleet.active_dies().await?),
            Step::StandbyDies { after } => fleet.standby_dies_twice(after).await?,
            Step::BrokerDies { with_relay } => {
                stack.kafka.kill()?;
                if with_relay {
                    fleet.kill_one().await?;
                }
                stack.kafka.restart().await?;
                self.done.broker_kills += 1;
                let back = Instant::now();
                fleet.until_published().await?;
                self.done.broker_recoveries.push(back.elapsed());
            }
            Step::PostgresDies { how, with_relay } => {
                match how {
                    Death::Crash => stack.postgres.crash()?,
                    Death::Immediate => {
                        stack.postgres.stop(StopMode::Immediate, STOP_LIMIT).await?;
                    }
                }
                if with_relay {
                    fleet.kill_one().await?;
                }
                stack.postgres.restart().await?;
                self.done.postgres_kills += 1;
                let back = Instant::now();
                fleet.until_published().await?;
                self.done.postgres_recoveries.push(back.elapsed());
            }
            Step::RegistryRestarts => {
                // Who begins meanwhile knows no schema, and waits.
                stack.registry.stop();
                fleet.kill_one().await?;
                stack.registry.restart().await?;
                fleet.until_published().await?;
                self.done.others += 1;
            }
            Step::LinkFails { server, how } => self.link_fails(fleet, server, how).await?,
            Step::Huge { events, kept } => self.write_huge(events, kept).await?,
            Step::TopicGrows => {
                self.partitions += 1;
                let topic = self.scenario.topic(AGGREGATE_TYPE);
                let servers = self.scenario.bootstrap_servers();
                add_partitions(servers, &topic, self.partitions).await?;
                self.done.others += 1;
            }
        }
        Ok(())
    }

    async fn link_fails(
        &mut self,
        fleet: &mut Fleet<'_>,
        server: Server,
        how: Failure,
    ) -> Result<()> {
        let link = match server {
            Server::Postgres => self.to_postgres,
            Server::Kafka => &self.ground.to_kafka,
        };
        match how {
            Failure::Reset => link.reset(),
            Failure::Silence => link.strand(),
            Failure::CutAfter(bytes) => link.cut(e2e::Cut {
                way: e2e::Way::ToClient,
                after: bytes,
                end: e2e::End::Reset,
                of: "",
            }),
        }
        self.done.others += 1;
        fleet.until_published().await?;
        link.heal();
        Ok(())
    }

    async fn write_huge(&mut self, events: i32, kept: bool) -> Result<()> {
        let order = format!("huge-{}-{kept}", self.huge);
        let mut client = self.scenario.client().await?;
        write_huge(&mut client, &order, events, kept).await?;
        if kept {
            self.huge += u64::try_from(events)?;
        }
        Ok(())
    }
}

/// What the writers know to be committed is in the table, and nothing that they do not know of.
fn assert_complete(report: &Report, written: Written, huge: u64) -> Result<()> {
    let least = written.committed + huge;
    let most = least + written.uncertain;
    ensure!(
        (least..=most).contains(&report.committed),
        "{least} to {most} events were written; {report}"
    );
    Ok(())
}

/// How often each window is named.
fn count(windows_hit: &Path) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(windows_hit)?.lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    Ok(counts)
}
