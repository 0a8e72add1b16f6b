//! Commands applied: what iproute2 resolves before it asks the kernel, then what the kernel does, in
//! the kernel's order.

mod addr;
mod bridge;
mod cable;
mod fdb;
mod guard;
mod link;
mod loops;
mod mdb;
mod neigh;
mod tree;
mod vlan;
mod vxlan;

use super::Reply;
use super::show::Show;
use crate::iproute::command::{LinkAddKind, NetCommand, Verb};
use crate::netdev::{NamespaceId, NetdevId, Network, Refusal};
use crate::switch::Counters;
use crate::time::Instant;

/// Why a command failed.
pub(super) enum Failure {
    /// The kernel refused.
    Refused(Refusal),
    /// iproute2 itself gave up: its words and its exit status.
    Said(String, u8),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

type Done = Result<(), Failure>;

/// Applies one command and answers as `ip` or `bridge` would.
pub(super) fn execute(
    network: &mut Network,
    now: Instant,
    command: &NetCommand,
    counters: &Counters,
) -> Reply {
    let mut reply = Reply::default();
    match apply(network, now, command, counters, &mut reply) {
        Ok(()) => reply,
        Err(Failure::Said(text, status)) => Reply {
            stderr: reply.stderr + &text,
            status,
            stdout: reply.stdout,
        },
        Err(Failure::Refused(refusal)) => Reply {
            stderr: format!(
                "{}{}\ntapswitch: {}\n",
                reply.stderr,
                refusal.answer(),
                refusal.note
            ),
            status: refused_status(&command.verb),
            stdout: reply.stdout,
        },
    }
}

/// The exit status of a command that the kernel refused: `ip` exits with 2, `bridge` with its
/// handler's −1 or (`fdb get`) −2.
const fn refused_status(verb: &Verb) -> u8 {
    match verb {
        Verb::BridgeLinkSet(..)
        | Verb::BridgeLinkShow(_)
        | Verb::FdbAdd(..)
        | Verb::FdbDel(_)
        | Verb::FdbShow(_)
        | Verb::FdbFlush(_)
        | Verb::VlanAdd(_)
        | Verb::VlanDel(_)
        | Verb::VlanSet(_)
        | Verb::VlanShow(_)
        | Verb::VlanGlobalSet(_)
        | Verb::VlanGlobalShow(_)
        | Verb::MdbAdd(..)
        | Verb::MdbDel(_)
        | Verb::MdbShow(_) => 255,
        Verb::FdbGet(_) => 254,
        _ => 2,
    }
}

fn apply(
    network: &mut Network,
    now: Instant,
    command: &NetCommand,
    counters: &Counters,
    reply: &mut Reply,
) -> Done {
    let ns = match &command.ns {
        None => NamespaceId::OWN,
        Some(name) => network.find_namespace(name).ok_or_else(|| {
            let text =
                format!("Cannot open network namespace \"{name}\": No such file or directory\n");
            Failure::Said(text, 255)
        })?,
    };
    let mut apply = Apply { network, now, ns };
    match &command.verb {
        Verb::NetnsAdd(name) => apply.netns_add(name),
        Verb::NetnsDel(name) => apply.netns_del(name),
        Verb::LinkAdd(link) => {
            if let LinkAddKind::Vxlan(options) = &link.kind {
                options.warning().clone_into(&mut reply.stderr);
            }
            apply.link_add(link)
        }
        Verb::LinkSet(set) => apply.link_set(set),
        Verb::LinkDel(dev) => apply.link_del(dev),
        Verb::TuntapAdd(name) => apply.tuntap_add(name),
        Verb::TuntapDel(name) => apply.tuntap_del(name),
        Verb::AddrAdd(addr) => apply.addr_add(addr, false),
        Verb::AddrReplace(addr) => apply.addr_add(addr, true),
        Verb::AddrDel(addr) => apply.addr_del(addr, reply),
        Verb::AddrFlush(flush) => apply.addr_flush(flush, command.format.statistics, reply),
        Verb::BridgeLinkSet(dev, options) => apply.bridge_link_set(dev, options),
        Verb::FdbAdd(how, spec) => apply.fdb_add(*how, spec),
        Verb::FdbDel(spec) => apply.fdb_del(spec),
        Verb::FdbFlush(flush) => apply.fdb_flush(flush),
        Verb::VlanAdd(spec) => apply.vlan_add(spec),
        Verb::VlanDel(spec) => apply.vlan_del(spec),
        Verb::VlanSet(set) => apply.vlan_set(set),
        Verb::VlanGlobalSet(set) => apply.vlan_global_set(set),
        Verb::MdbAdd(how, spec) => apply.mdb_add(*how, spec),
        Verb::MdbDel(spec) => apply.mdb_del(spec),
        Verb::NeighAdd(how, spec) => apply.neigh_add(*how, spec),
        Verb::NeighDel(spec) => apply.neigh_del(spec),
        Verb::NeighFlush(filter) => apply.neigh_flush(filter, command.format, reply),
        Verb::CableAdd(dev, peer) => apply.cable_add(dev, peer),
        Verb::CableDel(dev) => apply.cable_del(dev),
        Verb::GuardSet(dev, options) => apply.guard_set(dev, options),
        Verb::TreeSet(dev, options) => apply.tree_set(dev, *options),
        Verb::StackReports(settings) => {
            for (family, on) in settings {
                apply.network.set_reports(now, ns, *family, *on);
            }
            Ok(())
        }
        Verb::NetnsList
        | Verb::LinkShow(_)
        | Verb::LinkXstats(_)
        | Verb::TuntapShow
        | Verb::AddrShow(_)
        | Verb::GuardShow(_)
        | Verb::TreeShow(_)
        | Verb::StpShow(_)
        | Verb::CableShow(_)
        | Verb::NeighShow(_)
        | Verb::NeighGet(_)
        | Verb::BridgeLinkShow(_)
        | Verb::FdbShow(_)
        | Verb::FdbGet(_)
        | Verb::VlanShow(_)
        | Verb::VlanGlobalShow(_)
        | Verb::MdbShow(_) => {
            let show = Show {
                network: apply.network,
                now,
                ns,
                counters,
            };
            reply.stdout = show.run(command)?;
            Ok(())
        }
    }
}

/// One command on its way.
struct Apply<'a> {
    network: &'a mut Network,
    now: Instant,
    /// The namespace it runs in.
    ns: NamespaceId,
}

impl Apply<'_> {
    /// Finds a netdev that `ip` or `bridge fdb` names.
    fn device(&self, name: &str, status: u8) -> Result<NetdevId, Failure> {
        self.network
            .find(self.ns, name)
            .ok_or_else(|| Failure::Said(format!("Cannot find device \"{name}\"\n"), status))
    }

    /// Finds a netdev that `bridge link set` or `bridge fdb flush` names.
    fn bridge_device(&self, name: &str) -> Result<NetdevId, Failure> {
        self.network
            .find(self.ns, name)
            .ok_or_else(|| Failure::Said(format!("Cannot find bridge device \"{name}\"\n"), 255))
    }
}
