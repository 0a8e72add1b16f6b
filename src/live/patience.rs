//! How long a worker without frames looks for more before it sleeps.
//!
//! To be woken costs tens of microseconds, on another CPU more than that. So a worker that has just had
//! frames looks again and again for a while, as KVM does before it halts a guest's CPU
//! (`grow_halt_poll_ns`), and what it finds teaches it whether to: frames that come soon make it look the
//! whole [`WINDOW`] the next time, frames that let it sleep make it sleep at once. An idle worker sleeps;
//! one whose frames come further apart than the window looks in vain once.

use crate::time::Duration;

/// The longest look.
pub const WINDOW: Duration = Duration::from_micros(50);

/// When workers look for frames instead of sleeping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polling {
    /// While frames come close to each other.
    #[default]
    Adaptive,
    /// Always: a CPU for each worker.
    Always,
    /// Never: every frame after a pause wakes the worker.
    Never,
}

/// One worker's patience.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    polling: Polling,
    window: Duration,
}

impl Patience {
    /// Starts out as one that has to learn.
    #[must_use]
    pub const fn new(polling: Polling) -> Self {
        Self {
            polling,
            window: Duration::ZERO,
        }
    }

    /// Returns how long to look before sleeping.
    #[must_use]
    pub const fn window(&self) -> Duration {
        match self.polling {
            Polling::Adaptive => self.window,
            Polling::Always => Duration::MAX,
            Polling::Never => Duration::ZERO,
        }
    }

    /// Learns that frames came after so long without.
    pub fn learn(&mut self, pause: Duration) {
        self.window = match pause <= WINDOW {
            true => WINDOW,
            false => Duration::ZERO,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_as_long_as_that_pays() {
        let mut patience = Patience::new(Polling::Adaptive);
        assert_eq!(patience.window(), Duration::ZERO);
        patience.learn(WINDOW);
        assert_eq!(patience.window(), WINDOW);
        patience.learn(WINDOW + Duration::from_nanos(1));
        assert_eq!(patience.window(), Duration::ZERO);
    }

    #[test]
    fn it_does_as_it_is_told() {
        for (polling, window) in [
            (Polling::Always, Duration::MAX),
            (Polling::Never, Duration::ZERO),
        ] {
            let mut patience = Patience::new(polling);
            for pause in [Duration::ZERO, Duration::from_secs(1)] {
                patience.learn(pause);
                assert_eq!(patience.window(), window);
            }
        }
    }
}
