//! Spanning trees of many bridges in virtual time: how long they take, and what they send.
//!
//! A network is a topology script like any other ([`topology::script`]), run by the engine of replays, so that
//! everything is in it that a live bridge does: commands, the plan, trapped BPDUs, Control. BPDUs take
//! a time on each link that is drawn once from the seed, between one and two times [`Spec::latency`]; so the seed
//! decides in which order things happen.
//!
//! A network has converged when no port has changed its state for longer than any timer of its protocol could
//! still wait; how long it took is up to the last of these changes.

pub mod topology;

use std::io;

use crate::iproute::script::{Script, ScriptError};
use crate::netdev::{Kind, NetdevId, Network};
use crate::replay::{Engine, Event, Sink};
use crate::stp::rstp::Role;
use crate::switch::plan::PortState;
use crate::time::{Duration, Instant};
pub use topology::Topology;

/// Which protocol bridges speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 802.1D-1998, as Linux speaks it.
    Stp,
    /// RSTP.
    Rstp,
}

impl Mode {
    /// Returns the word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stp => "stp",
            Self::Rstp => "rstp",
        }
    }

    /// How long nothing must happen: longer than information lives and ports wait, with the times given.
    fn quiet(self, max_age: Duration) -> Duration {
        let second = Duration::from_secs(1);
        match self {
            Self::Stp => max_age * 2 + second * 22,
            Self::Rstp => second * 10,
        }
    }
}

/// What network to make, and what to do with it.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// How it is joined.
    pub topology: Topology,
    /// Bridges, 2 to [`MAX_BRIDGES`].
    pub bridges: u16,
    /// Links in all; `None` for those that make the topology.
    pub links: Option<u32>,
    /// What bridges speak.
    pub mode: Mode,
    /// `max_age`, with the shortest forward delay that goes with it, at least 15 s; `None` for Linux's 20 s.
    pub max_age: Option<Duration>,
    /// What numbers drawn at random begin with.
    pub seed: u64,
    /// The shortest time that a BPDU travels.
    pub latency: Duration,
}

/// Bridges that a network may have.
pub const MAX_BRIDGES: u16 = 10_000;

/// Virtual time after which a network that has not converged is given up.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why there is no such network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Too few or too many bridges.
    #[error("{0} bridges: expected 2 to {MAX_BRIDGES}")]
    Bridges(u16),
    /// The number of links is out of range.
    #[error("{links} links: expected {min} to {max} for this topology and number of bridges")]
    Links {
        /// As many as asked for.
        links: usize,
        /// As many as make the topology.
        min: usize,
        /// One for each pair of bridges.
        max: usize,
    },
    /// A bridge would have too many ports.
    #[error("b{0} would have more than 1,023 ports")]
    Ports(usize),
    /// Max age is out of range.
    #[error("max age {0:?}: expected 6 s to 40 s")]
    MaxAge(Duration),
    /// The script is not understood, which is a mistake of this module.
    #[error("the topology script: {0}")]
    Script(#[from] ScriptError),
}

/// What happened up to convergence.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Phase {
    /// Whether no port changed its state any more.
    pub converged: bool,
    /// Virtual time until the last port had its state, in seconds.
    pub seconds: f64,
    /// Virtual time that some path of forwarding ports was a loop, in seconds.
    pub loop_seconds: f64,
    /// BPDUs sent until then.
    pub bpdus: u64,
    /// Times that a port changed its state.
    pub changes: u64,
    /// Bridges that others take for the root: 1, if all agree.
    pub roots: usize,
    /// Links that forward at both ends: one less than there are bridges, if they are a tree.
    pub tree_links: usize,
    /// Whether it has converged, and the links that forward are a spanning tree of the network.
    pub spanning_tree: bool,
}

/// A network that runs.
#[derive(Debug)]
pub struct Simulation {
    engine: Engine,
    links: Vec<[NetdevId; 2]>,
    bridges: Vec<NetdevId>,
    quiet: Duration,
}

/// Says where a network is in its script, and which command failed.
struct Failures(Option<String>);

impl Sink for Failures {
    fn event(&mut self, _: Instant, _: &Network, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Command { item, reply } if reply.status != 0 => {
                let text = format!("{}: {}", item.text, reply.stderr);
                self.0.get_or_insert(text);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Checks what is asked for, and returns its topology script.
///
/// # Errors
/// [`SpecError`].
pub fn script(spec: &Spec) -> Result<String, SpecError> {
    if !(2..=MAX_BRIDGES).contains(&spec.bridges) {
        return Err(SpecError::Bridges(spec.bridges));
    }
    if let Some(max_age) = spec.max_age
        && !(6..=40).contains(&max_age.as_secs())
    {
        return Err(SpecError::MaxAge(max_age));
    }
    Ok(topology::script(spec, &topology::links(spec)?))
}

impl Simulation {
    /// Makes the network of a script that [`script`] made, all bridges up at t = 0.
    ///
    /// # Errors
    /// What a command of the script that failed has said.
    pub fn new(spec: &Spec, script: &Script) -> Result<Self, String> {
        let mut engine = Engine::new(script);
        engine.set_latency(spec.latency, spec.seed);
        let mut failures = Failures(None);
        _ = engine.run_setup(&mut failures);
        if let Some(failed) = failures.0 {
            return Err(failed);
        }
        let max_age = spec.max_age.unwrap_or(Duration::from_secs(20));
        let netdevs = engine.network().netdevs();
        let bridges = netdevs.iter().filter(|netdev| netdev.bridge().is_some());
        let links = netdevs.iter().filter_map(|netdev| match netdev.kind {
            Kind::Veth { peer } if netdev.id < peer => Some([netdev.id, peer]),
            _ => None,
        });
        Ok(Self {
            bridges: bridges.map(|netdev| netdev.id).collect(),
            links: links.collect(),
            quiet: spec.mode.quiet(max_age),
            engine,
        })
    }

    /// Returns the network, as far as it has come.
    #[must_use]
    pub fn network(&self) -> &Network {
        self.engine.network()
    }

    /// Lets time pass until no port changes its state any more, or for ten minutes.
    pub fn converge(&mut self) -> Phase {
        let start = self.engine.now();
        let (sent, changed) = (self.engine.originated(), self.network().tree_changes());
        let (mut last, mut seen, mut bpdus) = (start, changed, sent);
        let (mut looping, mut loop_time) = (self.has_loop(), Duration::ZERO);
        let mut converged = false;
        while let Some(at) = self.engine.next_due() {
            if at >= last + self.quiet {
                converged = true;
                break;
            }
            if at >= start + PATIENCE {
                break;
            }
            if looping {
                loop_time += at - self.engine.now();
            }
            _ = self.engine.advance_to(at, &mut ());
            let changes = self.network().tree_changes();
            if changes != seen {
                (last, seen, bpdus) = (at, changes, self.engine.originated());
                looping = self.has_loop();
            }
        }
        let forwarding = self.forwarding();
        let tree_links = forwarding.iter().filter(|forwards| **forwards).count();
        let roots = self.roots();
        let converged = converged || self.engine.next_due().is_none();
        let tree = roots == 1 && !self.has_loop() && tree_links + 1 == self.bridges.len();
        Phase {
            converged,
            seconds: (last - start).as_secs_f64(),
            loop_seconds: loop_time.as_secs_f64(),
            bpdus: bpdus - sent,
            changes: seen - changed,
            roots,
            tree_links,
            spanning_tree: converged && tree,
        }
    }

    /// Cuts the link by which the first of the root's neighbours reaches it, at the root's end; returns its name.
    pub fn cut_root_link(&mut self) -> Option<String> {
        let id = self.root_link()?;
        let name = self.network().netdev(id).name.clone();
        _ = self.engine.set_link(id, false, &mut ());
        Some(name)
    }

    /// The root's end of the first link that leads to it.
    fn root_link(&self) -> Option<NetdevId> {
        let ends = self.links.iter().flat_map(|[a, b]| [(*a, *b), (*b, *a)]);
        let mut to_root = ends.filter(|(near, far)| {
            let role = |id| Some(self.port(id)?.0);
            let root = self.network().netdev(*near).master();
            let is_root = root
                .and_then(|id| self.network().netdev(id).bridge())
                .is_some_and(|it| it.tree.info(self.engine.now()).root_port.is_none());
            is_root && role(*far) == Some(Role::Root)
        });
        to_root.next().map(|(near, _)| near)
    }

    fn port(&self, id: NetdevId) -> Option<(Role, PortState)> {
        let (bridge, port) = self.network().port(id)?;
        let tree = &self.network().netdev(bridge).bridge()?.tree;
        let status = tree.port_status(self.engine.now(), port.number)?;
        Some((status.role, status.state))
    }

    /// Whether each link forwards at both ends.
    fn forwarding(&self) -> Vec<bool> {
        let network = self.network();
        let forwards = |id: NetdevId| {
            let port = network.port(id);
            port.is_some_and(|(_, port)| port.state == PortState::Forwarding)
        };
        let links = self.links.iter();
        links.map(|[a, b]| forwards(*a) && forwards(*b)).collect()
    }

    /// Whether some path of forwarding links leads back to where it began.
    #[must_use]
    pub fn has_loop(&self) -> bool {
        let network = self.network();
        let mut parts: Vec<usize> = (0..network.netdevs().len()).collect();
        fn part(parts: &mut [usize], mut of: usize) -> usize {
            while parts[of] != of {
                parts[of] = parts[parts[of]];
                of = parts[of];
            }
            of
        }
        for (link, forwards) in self.links.iter().zip(self.forwarding()) {
            let [Some(a), Some(b)] = link.map(|end| network.netdev(end).master()) else {
                continue;
            };
            if !forwards {
                continue;
            }
            let (a, b) = (part(&mut parts, a.index()), part(&mut parts, b.index()));
            if a == b {
                return true;
            }
            parts[a] = b;
        }
        false
    }

    /// How many bridges are taken for the root.
    fn roots(&self) -> usize {
        let now = self.engine.now();
        let trees = self
            .bridges
            .iter()
            .filter_map(|id| self.network().netdev(*id).bridge());
        let roots: std::collections::BTreeSet<_> =
            trees.map(|it| it.tree.info(now).root_id).collect();
        roots.len()
    }
}
