//! A worker thread: polls its attachments and gives each that is ready its turns.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token, Waker};

use super::patience::{Patience, Polling};
use super::profile::{Profile, Stopwatch};
use super::turn::{Ingress, Turn};
use super::wiring::{Shared, Wiring};
use crate::attach::Attachment;
use crate::switch::{AttachmentId, Counters, Trap};
use crate::time::{Duration, Instant};

/// Rounds between two looks at the poll while some attachment always has frames: a system call saved,
/// and nobody waits long.
const ROUNDS_PER_POLL: u32 = 16;

const WAKER: Token = Token(usize::MAX);

/// What a worker tells the control thread and must not be lost.
#[derive(Debug)]
pub enum Event {
    /// An attachment has vanished: (which, which generation of it).
    Gone(AttachmentId, u64),
    /// A worker cannot go on.
    Failed(io::Error),
}

/// A frame for control, and its octets.
pub type Trapped = (Trap, Vec<u8>);

/// Where a worker talks to.
#[derive(Clone, Debug)]
pub struct Outlets {
    /// At most one event for each attachment and worker.
    pub events: Sender<Event>,
    /// Bounded: when control cannot keep up, frames for it are lost.
    pub traps: Sender<Trapped>,
}

#[derive(Debug)]
enum Request {
    Counters(Sender<Counters>),
    Profile(Sender<Profile>),
    Stop,
}

/// A running worker, as the control thread holds it.
#[derive(Debug)]
pub struct Handle {
    requests: Sender<Request>,
    waker: Waker,
    thread: JoinHandle<()>,
}

impl Handle {
    /// Starts the worker with a number; it receives from the links dealt to that number.
    ///
    /// # Errors
    ///
    /// When there are no descriptors or threads left.
    pub fn start(
        index: usize,
        polling: Polling,
        shared: Arc<Shared>,
        outlets: Outlets,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (requests, inbox) = unbounded();
        let worker = Worker {
            index,
            poll,
            inbox,
            outlets,
            own: Vec::new(),
            ready: Vec::new(),
            followed: Arc::default(),
            turn: Turn::new(index),
            patience: Patience::new(polling),
            dry_since: None,
            shared,
        };
        let thread = thread::Builder::new()
            .name(format!("worker {index}"))
            .spawn(move || worker.run())?;
        Ok(Self {
            requests,
            waker,
            thread,
        })
    }

    /// Makes the worker look at the wiring and its requests.
    pub fn wake(&self) {
        // It fails only when the worker is gone, which has told so itself.
        let _ = self.waker.wake();
    }

    /// Asks what the worker has counted; the answer comes when it comes to it.
    pub fn ask_counters(&self) -> Receiver<Counters> {
        let (answer, counters) = crossbeam_channel::bounded(1);
        let _ = self.requests.send(Request::Counters(answer));
        self.wake();
        counters
    }

    /// Asks what the worker's time went into, likewise.
    pub fn ask_profile(&self) -> Receiver<Profile> {
        let (answer, profile) = crossbeam_channel::bounded(1);
        let _ = self.requests.send(Request::Profile(answer));
        self.wake();
        profile
    }

    /// Ends the worker and waits for it.
    pub fn stop(self) {
        let _ = self.requests.send(Request::Stop);
        self.wake();
        let _ = self.thread.join();
    }
}

/// An attachment that this worker receives from.
#[derive(Debug)]
struct Own {
    generation: u64,
    attachment: Arc<dyn Attachment>,
    /// It stands in the list of those that may have frames.
    ready: bool,
}

struct Worker {
    index: usize,
    poll: Poll,
    inbox: Receiver<Request>,
    outlets: Outlets,
    /// By [`AttachmentId`].
    own: Vec<Option<Own>>,
    /// Those that may have frames: mio tells once, so it is remembered until one was found dry.
    ready: Vec<AttachmentId>,
    /// The wiring that `own` was made from.
    followed: Arc<Wiring>,
    turn: Turn,
    patience: Patience,
    /// Since when no attachment has had frames.
    dry_since: Option<Instant>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(mut self) {
        if let Err(error) = self.rounds() {
            let _ = self.outlets.events.send(Event::Failed(error));
        }
    }

    fn rounds(&mut self) -> io::Result<()> {
        let mut events = mio::Events::with_capacity(256);
        let mut rounds = 0;
        loop {
            self.measure();
            let polled = if self.ready.is_empty() {
                self.await_frames(&mut events)?;
                true
            } else {
                rounds += 1;
                let due = rounds >= ROUNDS_PER_POLL;
                if due {
                    self.look(&mut events, Some(Duration::ZERO))?;
                }
                due
            };
            if polled {
                rounds = 0;
                if self.answer() {
                    return Ok(());
                }
            }
            self.round();
        }
    }

    /// Measures from now on, or no longer, as the run wants it.
    fn measure(&mut self) {
        let wanted = self.shared.profile.load(Ordering::Relaxed);
        if wanted != self.turn.watch.runs() {
            self.turn.watch = match wanted {
                true => Stopwatch::start(self.shared.clock),
                false => Stopwatch::default(),
            };
        }
    }

    /// Looks for something to do as long as patience lasts, then sleeps until there is.
    fn await_frames(&mut self, events: &mut mio::Events) -> io::Result<()> {
        let clock = self.shared.clock;
        let since = *self.dry_since.get_or_insert_with(|| clock.now());
        let window = self.patience.window();
        if window > Duration::ZERO {
            let end = since + window;
            loop {
                self.look(events, Some(Duration::ZERO))?;
                let now = clock.now();
                if !self.ready.is_empty() {
                    self.learn(now);
                }
                // Whoever is to send the next frame may need this CPU for it.
                if events.is_empty() && now < end {
                    thread::yield_now();
                    continue;
                }
                self.turn.watch.lap(&mut self.turn.profile.times.look);
                if !events.is_empty() {
                    return Ok(());
                }
                break;
            }
        }
        self.turn.profile.sleeps += 1;
        self.look(events, None)?;
        self.turn.watch.lap(&mut self.turn.profile.times.sleep);
        if !self.ready.is_empty() {
            self.learn(clock.now());
        }
        Ok(())
    }

    /// Learns from how long there were no frames.
    fn learn(&mut self, now: Instant) {
        if let Some(since) = self.dry_since.take() {
            self.patience.learn(now - since);
        }
    }

    /// Asks which attachments have frames, and waits for some if need be.
    fn look(&mut self, events: &mut mio::Events, wait: Option<Duration>) -> io::Result<()> {
        self.turn.profile.polls += 1;
        match self.poll.poll(events, wait) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &*events {
            self.mark_ready(event.token());
        }
        Ok(())
    }

    fn mark_ready(&mut self, token: Token) {
        let Some(Some(own)) = self.own.get_mut(token.0) else {
            return;
        };
        if let Ok(id) = u32::try_from(token.0)
            && !own.ready
        {
            own.ready = true;
            self.ready.push(AttachmentId(id));
        }
    }

    /// Answers requests; true when the worker is to end.
    fn answer(&mut self) -> bool {
        for request in self.inbox.try_iter() {
            match request {
                Request::Counters(answer) => {
                    let _ = answer.send(self.turn.counters.clone());
                }
                Request::Profile(answer) => {
                    let _ = answer.send(self.turn.profile.clone());
                }
                Request::Stop => return true,
            }
        }
        false
    }

    /// One turn for each attachment that is ready.
    fn round(&mut self) {
        let shared = Arc::clone(&self.shared);
        let wiring = shared.wiring.load();
        if !Arc::ptr_eq(&wiring, &self.followed) {
            self.follow(Arc::clone(&wiring));
        }
        let now = shared.clock.jiffy();
        self.turn.watch.lap(&mut self.turn.profile.times.rest);
        let Self {
            own,
            ready,
            turn,
            outlets,
            ..
        } = self;
        ready.retain(|id| {
            let Some(Some(own)) = own.get_mut(id.index()) else {
                return false;
            };
            let ingress = turn.run(&wiring, now, *id, &*own.attachment);
            if ingress == Ingress::Gone {
                let _ = outlets.events.send(Event::Gone(*id, own.generation));
            }
            own.ready = ingress == Ingress::More;
            own.ready
        });
        for (id, generation) in self.turn.take_gone() {
            let _ = self.outlets.events.send(Event::Gone(id, generation));
        }
        // Full: control cannot keep up, and waiting for it would stop all other frames.
        let Self { turn, outlets, .. } = self;
        turn.offer_traps(|trap| outlets.traps.try_send(trap).is_ok());
    }

    /// Stops receiving from what is no longer ours, starts with what is new.
    fn follow(&mut self, wiring: Arc<Wiring>) {
        let registry = self.poll.registry();
        for (id, slot) in (0u32..).zip(&mut self.own) {
            let link = wiring.link(AttachmentId(id));
            let left = slot.take_if(|own| link.is_none_or(|l| l.generation != own.generation));
            if let Some(fd) = left.and_then(|own| raw(&*own.attachment)) {
                // A descriptor that epoll does not know any more is what we want.
                let _ = registry.deregister(&mut SourceFd(&fd));
            }
        }
        self.own
            .resize_with(self.own.len().max(wiring.links.len()), || None);
        for (id, link) in wiring.all() {
            let slot = &mut self.own[id.index()];
            let (None, Some(attachment)) = (&slot, link.receives(self.index)) else {
                continue;
            };
            if let Some(fd) = raw(&**attachment) {
                let token = Token(id.index());
                if let Err(error) = registry.register(&mut SourceFd(&fd), token, Interest::READABLE)
                {
                    let _ = self.outlets.events.send(Event::Failed(error));
                    continue;
                }
            }
            *slot = Some(Own {
                generation: link.generation,
                attachment: Arc::clone(attachment),
                ready: true,
            });
            // What came before the registration is not announced.
            self.ready.push(id);
        }
        self.followed = wiring;
    }
}

fn raw(attachment: &dyn Attachment) -> Option<RawFd> {
    attachment.fd().map(|fd| fd.as_raw_fd())
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
