//! A worker thread: polls its attachments and gives each that is ready its turns.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token, Waker};

use super::turn::{Ingress, Turn};
use super::wiring::{Shared, Wiring};
use crate::attach::Attachment;
use crate::switch::{AttachmentId, Counters, Trap};
use crate::time::Duration;

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
    pub fn start(index: usize, shared: Arc<Shared>, outlets: Outlets) -> io::Result<Self> {
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
            let busy = !self.ready.is_empty();
            rounds = if busy { rounds + 1 } else { ROUNDS_PER_POLL };
            if rounds >= ROUNDS_PER_POLL {
                rounds = 0;
                match self.poll.poll(&mut events, busy.then_some(Duration::ZERO)) {
                    Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                    _ => {}
                }
                for event in &events {
                    self.mark_ready(event.token());
                }
                if self.answer() {
                    return Ok(());
                }
            }
            self.round();
        }
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
