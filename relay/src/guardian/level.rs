//! When a share of the budget is worth a line, and when the next one is.

/// From these shares of the budget on. Below them by [`SLACK`] it is over, so that a share that goes
/// up and down around one of them is said once.
const WARNING: f64 = 0.5;
const ALARM: f64 = 0.8;
const SLACK: f64 = 0.1;

/// How near the end of the budget is. Ordered: a worse one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Calm,
    Warning,
    Alarm,
}

impl Level {
    /// What this level becomes at `share` of the budget.
    pub(super) fn at(self, share: f64) -> Self {
        let level = Self::of(share);
        if level < self {
            self.min(Self::of(share + SLACK))
        } else {
            level
        }
    }

    fn of(share: f64) -> Self {
        match share {
            share if share >= ALARM => Self::Alarm,
            share if share >= WARNING => Self::Warning,
            _ => Self::Calm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_budget_warns_and_four_fifths_alarm() {
        let level = |share| Level::Calm.at(share);
        assert_eq!(level(0.49), Level::Calm);
        assert_eq!(level(0.5), Level::Warning);
        assert_eq!(level(0.79), Level::Warning);
        assert_eq!(level(0.8), Level::Alarm);
        assert_eq!(level(7.0), Level::Alarm);
    }

    #[test]
    fn a_share_around_a_limit_is_one_rise() {
        let mut level = Level::Calm;
        let mut rises = 0;
        for share in [0.49, 0.51, 0.45, 0.55, 0.79, 0.81, 0.75, 0.85, 0.71] {
            let next = level.at(share);
            rises += usize::from(next > level);
            level = next;
        }
        assert_eq!((level, rises), (Level::Alarm, 2));
        assert_eq!(level.at(0.69), Level::Warning);
        assert_eq!(level.at(0.3), Level::Calm);
    }
}
