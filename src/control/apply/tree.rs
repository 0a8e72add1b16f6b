//! Spanning trees beyond what Linux has words for: `tapswitch bridge set`, and part of `tapswitch port set`.

use super::{Apply, Done, Failure};
use crate::iproute::command::{Admin, GuardOptions, StpMode, TreeOptions};
use crate::netdev::tree::TreeSetting;
use crate::stp::{self, rstp};
use crate::time::Duration;

impl Apply<'_> {
    pub(super) fn tree_set(&mut self, dev: &str, options: TreeOptions) -> Done {
        let Some(id) = self.network.find(self.ns, dev) else {
            let text = format!("tapswitch: there is no netdev \"{dev}\"\n");
            return Err(Failure::Said(text, 1));
        };
        let mode = options.mode.map(|mode| match mode {
            StpMode::Stp => stp::Mode::Stp,
            StpMode::Rstp => stp::Mode::Rstp,
        });
        if mode.is_some() || options.tx_hold_count.is_some() {
            // Either is refused before anything is done.
            self.check_loops(id, options.loops)?;
            self.network
                .set_tree(self.now, id, mode, options.tx_hold_count)?;
        }
        self.loops_set(id, options.loops)
    }
}

/// Translates what `tapswitch port set` says about the spanning tree.
pub(super) fn settings(options: &GuardOptions) -> impl Iterator<Item = TreeSetting> {
    use TreeSetting as Set;
    let tree = &options.tree;
    let seconds = |after: Option<u32>| after.map(|it| Duration::from_secs(it.into()));
    let settings = [
        tree.p2p.map(admin).map(Set::PointToPoint),
        tree.edge.map(admin).map(Set::Edge),
        tree.speed.map(Set::Speed),
        options.recovery.map(seconds).map(Set::Recovery),
        tree.bpdu_guard.map(Set::BpduGuard),
        tree.bpdu_filter.map(Set::BpduFilter),
        tree.loop_guard.map(Set::LoopGuard),
        tree.tc_guard.map(Set::TcGuard),
    ];
    settings.into_iter().flatten()
}

const fn admin(admin: Admin) -> rstp::Admin {
    match admin {
        Admin::Auto => rstp::Admin::Auto,
        Admin::On => rstp::Admin::On,
        Admin::Off => rstp::Admin::Off,
    }
}
