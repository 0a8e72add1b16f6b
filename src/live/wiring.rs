//! What the control thread publishes: the plan, and a descriptor for each of its attachments.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time;

use arc_swap::ArcSwap;

use crate::attach::Attachment;
use crate::switch::{AttachmentId, Plan};
use crate::time::{Duration, Instant};

/// The plan and the attachments it speaks of. Immutable; loaded once per turn.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// What to do with frames.
    pub plan: Arc<Plan>,
    /// By [`AttachmentId`]; `None` where nothing real is attached: what goes there goes nowhere.
    pub links: Vec<Option<Link>>,
}

/// One attachment that is really there.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where frames come from and go to: one queue, or one for each worker.
    pub queues: Arc<[Arc<dyn Attachment>]>,
    /// The one worker that receives from an only queue.
    pub worker: usize,
    /// Tells it from another that was there before under the same id.
    pub generation: u64,
}

impl Link {
    /// Returns the queue that a worker sends to: its own, or the only one.
    #[inline]
    #[must_use]
    pub fn sends(&self, worker: usize) -> &dyn Attachment {
        &*self.queues[worker % self.queues.len()]
    }

    /// Returns the queue that a worker receives from, if it does.
    #[must_use]
    pub fn receives(&self, worker: usize) -> Option<&Arc<dyn Attachment>> {
        match &*self.queues {
            [only] => (worker == self.worker).then_some(only),
            queues => queues.get(worker),
        }
    }
}

impl Wiring {
    /// Returns what is attached at an id.
    #[must_use]
    pub fn link(&self, id: AttachmentId) -> Option<&Link> {
        self.links.get(id.index())?.as_ref()
    }

    /// Returns everything that is attached, by id.
    pub fn all(&self) -> impl Iterator<Item = (AttachmentId, &Link)> {
        (0u32..)
            .zip(&self.links)
            .filter_map(|(id, link)| Some((AttachmentId(id), link.as_ref()?)))
    }
}

/// What the threads of a run share.
#[derive(Debug)]
pub struct Shared {
    /// The wiring in force.
    pub wiring: ArcSwap<Wiring>,
    /// The run's clock.
    pub clock: Clock,
    /// Workers measure what their time goes into.
    pub profile: AtomicBool,
}

/// The run's clock: monotonic, zero at its start.
#[derive(Clone, Copy, Debug)]
pub struct Clock(time::Instant);

impl Clock {
    /// Starts a clock.
    #[must_use]
    pub fn start() -> Self {
        Self(time::Instant::now())
    }

    /// Reads it.
    #[must_use]
    pub fn now(self) -> Instant {
        Instant::ZERO + self.0.elapsed()
    }

    /// Reads it in whole milliseconds, Linux's jiffy at 1000 Hz: that an FDB entry was used is
    /// then written at most once in a millisecond, however many frames refresh it.
    #[must_use]
    pub fn jiffy(self) -> Instant {
        const JIFFY: u64 = 1_000_000;
        let nanos = self.now().as_nanos();
        Instant::from_nanos(nanos - nanos % JIFFY)
    }

    /// Returns how long it is until an instant, zero when it has passed.
    #[must_use]
    pub fn until(self, then: Instant) -> Duration {
        then - self.now()
    }
}
