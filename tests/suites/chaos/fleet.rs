//! The relays of a round: one that is active, one that waits for its place.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use e2e::{RelayProcess, Scenario};

use super::plan::{Fate, Fates};

/// Whatever happens, somebody publishes again within this.
const LIMIT: Duration = Duration::from_secs(90);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

const SIGKILL: i32 = 9;

/// What a relay says while servers and links fail around it.
const EXPECTED: [&str; 4] = [
    "session ended",
    "canary could not be written",
    "schema registry",
    "slot could not be looked at",
];

#[derive(Debug)]
struct Member {
    number: usize,
    relay: RelayProcess,
    fate: Fate,
}

/// Relays of one name that die and are replaced.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    scenario: &'a Scenario,
    fates: Fates,
    /// Where relays note the window that kills them.
    windows_hit: PathBuf,
    members: Vec<Member>,
    started: usize,
    size: usize,
    /// Relays that died while they were active, or might have been.
    pub(super) kills: u64,
    /// Relays that died while another one was active.
    pub(super) standby_kills: u64,
}

/// How much each relay has published, by its number.
type Published = BTreeMap<usize, u64>;

impl<'a> Fleet<'a> {
    /// Starts `size` relays.
    pub(super) fn start(
        scenario: &'a Scenario,
        fates: Fates,
        windows_hit: PathBuf,
        size: usize,
    ) -> Result<Self> {
        let mut fleet = Self {
            scenario,
            fates,
            windows_hit,
            members: Vec::new(),
            started: 0,
            size,
            kills: 0,
            standby_kills: 0,
        };
        fleet.fill()?;
        Ok(fleet)
    }

    fn fill(&mut self) -> Result<()> {
        while self.members.len() < self.size {
            let fate = self.fates.next().context("fates have no end")?;
            self.add(fate)?;
        }
        Ok(())
    }

    fn add(&mut self, fate: Fate) -> Result<()> {
        let mut relay = match fate {
            Fate::After(_) => self.scenario.start_relay()?,
            Fate::At(window, passes) => {
                let failpoint = format!("{}={passes}", window.name());
                let log = self.windows_hit.to_str();
                let variables = [
                    ("POSTRIDER_FAILPOINTS", failpoint.as_str()),
                    ("POSTRIDER_FAILPOINT_LOG", log.context("a plain name")?),
                ];
                self.scenario.start_relay_with(&[], &variables)?
            }
        };
        for text in EXPECTED {
            relay.expect_log(text);
        }
        self.started += 1;
        self.members.push(Member {
            number: self.started,
            relay,
            fate,
        });
        Ok(())
    }

    /// Replaces who has died in a window of its own; nobody else may end.
    fn tend(&mut self) -> Result<()> {
        let mut index = 0;
        while let Some(member) = self.members.get_mut(index) {
            match member.relay.process().exit_status()? {
                None => index += 1,
                Some(status) => {
                    let member = self.members.remove(index);
                    member.assert_died_in_its_window(status)?;
                    self.kills += 1;
                }
            }
        }
        self.fill()
    }

    /// The relay that says it is active, if one does. A deposed one learns that only by trying.
    async fn active(&self) -> Option<usize> {
        for (index, member) in self.members.iter().enumerate() {
            if let Ok(status) = member.relay.status().await
                && status["state"] == "active"
            {
                return Some(index);
            }
        }
        None
    }

    /// Lets the active relay die as its fate says, and gives the time until another one has
    /// published.
    pub(super) async fn active_dies(&mut self) -> Result<Duration> {
        let deadline = Instant::now() + LIMIT;
        let index = loop {
            ensure!(Instant::now() < deadline, "no active relay died");
            self.tend()?;
            match self.active().await {
                Some(index) if self.dies(index, deadline).await? => break index,
                _ => tokio::time::sleep(PAUSE).await,
            }
        };
        let died = Instant::now();
        self.kills += 1;
        self.members.remove(index);
        self.fill()?;
        self.until_published().await?;
        Ok(died.elapsed())
    }

    /// Whether this active relay died. One that had been deposed passes no window any more.
    async fn dies(&mut self, index: usize, deadline: Instant) -> Result<bool> {
        let member = &mut self.members[index];
        let Fate::After(time) = member.fate else {
            while Instant::now() < deadline {
                if let Some(status) = member.relay.process().exit_status()? {
                    member.assert_died_in_its_window(status)?;
                    return Ok(true);
                }
                let status = member.relay.status().await;
                if status.is_ok_and(|status| status["state"] == "standby") {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            return Ok(false);
        };
        // The moment is what is random here; nothing is waited for.
        tokio::time::sleep(time).await;
        member.relay.kill()?;
        Ok(true)
    }

    /// Kills the active relay at once, or any if none is, while a server is down.
    pub(super) async fn kill_one(&mut self) -> Result<()> {
        self.tend()?;
        let index = self.active().await.unwrap_or_default();
        self.members[index].relay.kill()?;
        self.members.remove(index);
        self.kills += 1;
        self.fill()
    }

    /// Kills a relay that is not active, and its replacement so long after its start.
    pub(super) async fn standby_dies_twice(&mut self, after: Duration) -> Result<()> {
        self.kill_a_standby().await?;
        // The moment is what is random here; nothing is waited for.
        tokio::time::sleep(after).await;
        self.kill_a_standby().await
    }

    async fn kill_a_standby(&mut self) -> Result<()> {
        self.tend()?;
        let active = self.active().await;
        let youngest = (0..self.members.len()).rfind(|index| Some(*index) != active);
        let index = youngest.context("there is no standby")?;
        self.members[index].relay.kill()?;
        self.members.remove(index);
        self.standby_kills += 1;
        self.fill()
    }

    async fn published(&self) -> Published {
        let mut published = Published::new();
        for member in &self.members {
            if let Ok(status) = member.relay.status().await
                && let Some(count) = status["events_published"].as_u64()
            {
                published.insert(member.number, count);
            }
        }
        published
    }

    /// Waits until some relay has published more than it had.
    pub(super) async fn until_published(&mut self) -> Result<()> {
        let began = Instant::now();
        let mut before = self.published().await;
        loop {
            self.tend()?;
            let now = self.published().await;
            for (number, count) in now {
                if count > *before.entry(number).or_default() {
                    return Ok(());
                }
            }
            if began.elapsed() > LIMIT {
                bail!("nothing was published for {LIMIT:?}: {}", self.logs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends everybody but one relay that has no fate, which publishes what is left.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.tend()?;
        self.members.clear();
        self.add(Fate::After(Duration::MAX))
    }

    fn logs(&mut self) -> String {
        let tails = self.members.iter_mut().map(|member| {
            let number = member.number;
            format!("relay {number}:\n{}\n", member.relay.process().log_tail())
        });
        tails.collect()
    }
}

impl Member {
    fn assert_died_in_its_window(&self, status: ExitStatus) -> Result<()> {
        let is_fate = matches!(self.fate, Fate::At(..));
        ensure!(
            is_fate && status.signal() == Some(SIGKILL),
            "relay {} of fate {:?} ended: {status}; {:#?}",
            self.number,
            self.fate,
            self.relay.log_lines()
        );
        Ok(())
    }
}
