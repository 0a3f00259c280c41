//! Named places where a test can stop the process, and named faults it can be made to commit.
//!
//! Without the cargo features `failpoints` and `sabotage` every call here is an empty inline
//! function; a release build has neither.
//!
//! `POSTRIDER_FAILPOINTS=after_read=3` kills the process with SIGKILL when it passes `after_read`
//! for the third time; `after_read=3:freeze` and the other deeds (`armed::Deed`) do something else
//! there. Before that the name is appended to the file `POSTRIDER_FAILPOINT_LOG`, so that a chaos run
//! can count which windows were really hit.
//! `POSTRIDER_SABOTAGE=drop_event` makes the relay wrong on purpose: the oracle must notice.

/// Names the failpoint at which a process dies.
pub const FAILPOINTS_VARIABLE: &str = "POSTRIDER_FAILPOINTS";
/// Names the fault that a relay commits.
pub const SABOTAGE_VARIABLE: &str = "POSTRIDER_SABOTAGE";

/// A window in which a crash must lose, double and reorder nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// Bytes were read from the stream, nothing was produced.
    AfterRead,
    /// A batch is complete and encoded, no transaction is open.
    BeforeProduce,
    /// Every event of the batch is acknowledged, its progress record is not produced.
    AckedNoProgress,
    /// The progress record is acknowledged, the transaction is not committed.
    ProgressNoEndTxn,
    /// The transaction is committed, PostgreSQL has not been told.
    AfterEndTxn,
    /// PostgreSQL was told the new position.
    AfterFeedback,
    /// `init`: schema and publication exist, nothing is on Kafka.
    InitSchemaDone,
    /// `init`: the progress topic exists and is empty.
    InitTopicDone,
    /// `init`: the record "initialising" is written, there is no slot.
    InitMarked,
    /// `init`: the slot exists, the full progress record does not.
    InitSlotDone,
    /// `init`: everything is done, the command has not returned.
    InitRecorded,
}

impl Failpoint {
    /// Every failpoint of a running relay, in the order in which a batch passes them.
    pub const RUN: [Self; 6] = [
        Self::AfterRead,
        Self::BeforeProduce,
        Self::AckedNoProgress,
        Self::ProgressNoEndTxn,
        Self::AfterEndTxn,
        Self::AfterFeedback,
    ];

    /// Every failpoint of `init`, in order.
    pub const INIT: [Self; 5] = [
        Self::InitSchemaDone,
        Self::InitTopicDone,
        Self::InitMarked,
        Self::InitSlotDone,
        Self::InitRecorded,
    ];

    /// The name used in `POSTRIDER_FAILPOINTS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AfterRead => "after_read",
            Self::BeforeProduce => "before_produce",
            Self::AckedNoProgress => "acked_no_progress",
            Self::ProgressNoEndTxn => "progress_no_end_txn",
            Self::AfterEndTxn => "after_end_txn",
            Self::AfterFeedback => "after_feedback",
            Self::InitSchemaDone => "init_schema_done",
            Self::InitTopicDone => "init_topic_done",
            Self::InitMarked => "init_marked",
            Self::InitSlotDone => "init_slot_done",
            Self::InitRecorded => "init_recorded",
        }
    }
}

/// A way to be wrong that the oracle must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Leave one event out of a batch.
    DropEvent,
    /// Produce one event twice.
    DoubleEvent,
    /// Swap two events of one key.
    SwapEvents,
    /// Confirm the received position instead of the committed one.
    ConfirmEarly,
    /// Write the progress record in a transaction of its own, before the events.
    ProgressBeforeEvents,
    /// Record `commit_lsn` where `end_lsn` belongs.
    AcknowledgeCommitLsn,
    /// After a reconnect, begin after the first transaction that arrives.
    SkipOnReconnect,
    /// Close a batch in the middle of a database transaction.
    TearTransaction,
    /// Begin where PostgreSQL's slot stands, whatever the progress record says.
    IgnoreProgress,
    /// Begin an open transaction anew, whatever of it is published.
    ForgetSlice,
    /// Map keys over the partitions that a topic has now.
    RemapKeys,
    /// Count a record as acknowledged that Kafka refused.
    IgnoreRefusal,
    /// Begin without comparing the progress record with the server.
    SkipComparison,
    /// Take the producer over before the slot is ours.
    TakeProducerFirst,
}

impl Sabotage {
    /// Those that show on every outbox, for the demo.
    pub const EVERYWHERE: [Self; 9] = [
        Self::DropEvent,
        Self::DoubleEvent,
        Self::SwapEvents,
        Self::ConfirmEarly,
        Self::ProgressBeforeEvents,
        Self::AcknowledgeCommitLsn,
        Self::SkipOnReconnect,
        Self::TearTransaction,
        Self::IgnoreProgress,
    ];

    /// Those that need circumstances of their own.
    pub const SOMEWHERE: [Self; 5] = [
        Self::ForgetSlice,
        Self::RemapKeys,
        Self::IgnoreRefusal,
        Self::SkipComparison,
        Self::TakeProducerFirst,
    ];

    /// The name used in `POSTRIDER_SABOTAGE`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DropEvent => "drop_event",
            Self::DoubleEvent => "double_event",
            Self::SwapEvents => "swap_events",
            Self::ConfirmEarly => "confirm_early",
            Self::ProgressBeforeEvents => "progress_before_events",
            Self::AcknowledgeCommitLsn => "acknowledge_commit_lsn",
            Self::SkipOnReconnect => "skip_on_reconnect",
            Self::TearTransaction => "tear_transaction",
            Self::IgnoreProgress => "ignore_progress",
            Self::ForgetSlice => "forget_slice",
            Self::RemapKeys => "remap_keys",
            Self::IgnoreRefusal => "ignore_refusal",
            Self::SkipComparison => "skip_comparison",
            Self::TakeProducerFirst => "take_producer_first",
        }
    }

    /// Where the relay has to die for the fault to show; none for those that show by themselves.
    pub const fn window(self) -> Option<Failpoint> {
        match self {
            Self::DropEvent
            | Self::DoubleEvent
            | Self::SwapEvents
            | Self::TearTransaction
            | Self::RemapKeys
            | Self::IgnoreRefusal
            | Self::SkipComparison
            | Self::TakeProducerFirst => None,
            Self::ConfirmEarly | Self::ProgressBeforeEvents => Some(Failpoint::AckedNoProgress),
            Self::AcknowledgeCommitLsn | Self::IgnoreProgress | Self::ForgetSlice => {
                Some(Failpoint::AfterEndTxn)
            }
            Self::SkipOnReconnect => Some(Failpoint::BeforeProduce),
        }
    }
}

/// Passes a failpoint; the process may end here.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn hit(_failpoint: Failpoint) {}

/// Whether the relay shall commit this fault.
#[cfg(not(feature = "sabotage"))]
#[inline]
pub const fn sabotaged(_fault: Sabotage) -> bool {
    false
}

/// The fault that this process shall commit, or have a relay commit.
#[cfg(not(feature = "sabotage"))]
pub const fn sabotage() -> Option<Sabotage> {
    None
}

#[cfg(feature = "failpoints")]
pub use armed::hit;

#[cfg(feature = "sabotage")]
pub use armed_sabotage::{sabotage, sabotaged};

#[cfg(feature = "failpoints")]
mod armed {
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use rustix::process::Signal;

    use super::Failpoint;

    struct Armed {
        name: String,
        passes_left: AtomicU64,
        deed: Deed,
    }

    /// What happens at a failpoint.
    #[derive(Debug, Clone, Copy)]
    enum Deed {
        /// The process dies (SIGKILL).
        Kill,
        /// The process stands still until somebody continues it (SIGSTOP).
        Freeze,
        /// The task or thread panics.
        Panic,
        /// The task or thread goes on no more, and the others do.
        Hang,
    }

    impl Deed {
        fn named(name: &str) -> Self {
            match name {
                "kill" => Self::Kill,
                "freeze" => Self::Freeze,
                "panic" => Self::Panic,
                "hang" => Self::Hang,
                _ => panic!("{name:?} is no deed of a failpoint"),
            }
        }

        fn happen(self) {
            match self {
                Self::Kill => signal(Signal::KILL),
                Self::Freeze => {
                    signal(Signal::STOP);
                    // Another thread may be the one that obeys; meanwhile this one goes nowhere.
                    std::thread::sleep(Duration::from_millis(100));
                }
                Self::Panic => panic!("a failpoint"),
                Self::Hang => loop {
                    std::thread::park();
                },
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "failpoints are set from the environment"
    )]
    static ARMED: LazyLock<Vec<Armed>> = LazyLock::new(|| {
        let spec = std::env::var(super::FAILPOINTS_VARIABLE).unwrap_or_default();
        let entries = spec.split(',').filter(|entry| !entry.is_empty());
        entries
            .map(|entry| {
                let (entry, deed) = entry.split_once(':').unwrap_or((entry, "kill"));
                let (name, passes) = entry.split_once('=').unwrap_or((entry, "1"));
                let passes = passes.parse().expect("a failpoint is given as name=passes");
                Armed {
                    name: name.to_owned(),
                    passes_left: AtomicU64::new(passes),
                    deed: Deed::named(deed),
                }
            })
            .collect()
    });

    /// Passes a failpoint; the process may end or stand still here.
    pub fn hit(failpoint: Failpoint) {
        for armed in ARMED.iter().filter(|armed| armed.name == failpoint.name()) {
            if armed.passes_left.fetch_sub(1, Ordering::SeqCst) == 1 {
                record(failpoint);
                armed.deed.happen();
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "failpoints are set from the environment"
    )]
    fn record(failpoint: Failpoint) {
        if let Ok(path) = std::env::var("POSTRIDER_FAILPOINT_LOG") {
            let log = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path);
            let mut log = log.expect("the failpoint log can be opened");
            writeln!(log, "{}", failpoint.name()).expect("the failpoint log can be written");
        }
    }

    /// To this process.
    fn signal(signal: Signal) {
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, signal).expect("a process may signal itself");
    }
}

#[cfg(feature = "sabotage")]
mod armed_sabotage {
    use std::sync::LazyLock;

    use super::Sabotage;

    #[expect(
        clippy::disallowed_methods,
        reason = "sabotage is set from the environment"
    )]
    static CHOSEN: LazyLock<Option<Sabotage>> = LazyLock::new(|| {
        let name = std::env::var(super::SABOTAGE_VARIABLE).unwrap_or_default();
        if name.is_empty() {
            return None;
        }
        let mut all = Sabotage::EVERYWHERE.into_iter().chain(Sabotage::SOMEWHERE);
        let fault = all.find(|fault| fault.name() == name);
        Some(fault.expect("POSTRIDER_SABOTAGE names a fault"))
    });

    /// The fault that this process shall commit, or have a relay commit.
    pub fn sabotage() -> Option<Sabotage> {
        *CHOSEN
    }

    /// Whether the relay shall commit this fault.
    pub fn sabotaged(fault: Sabotage) -> bool {
        *CHOSEN == Some(fault)
    }
}
