//! The options of a bridge (`br_changelink`), one at a time.

use super::link::not_a_bridge;
use super::multicast::MulticastOption;
use super::tree::refusal;
use super::vlan::rules::VlanOption;
use super::{Errno, Network, Refusal};
use crate::mcast::Scope;
use crate::stp;
use crate::switch::NetdevId;
use crate::time::{Duration, Instant};
use crate::wire::MacAddr;

/// One option of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeOption {
    /// `forward_delay`, `hello_time` and `max_age`.
    Times(stp::Times),
    /// `ageing_time`.
    AgeingTime(Duration),
    /// `stp_state`.
    Stp(bool),
    /// `priority`.
    Priority(u16),
    /// `group_fwd_mask`.
    GroupFwdMask(u16),
    /// `group_address`.
    GroupAddress(MacAddr),
    /// `no_linklocal_learn`.
    NoLinklocalLearn(bool),
    /// What is about multicast.
    Multicast(MulticastOption),
    /// `fdb_max_learned`; 0 for the default bound.
    FdbMaxLearned(u32),
    /// What is about VLANs.
    Vlan(VlanOption),
    /// `fdb_flush`: everything that is not static.
    FdbFlush,
}

impl Network {
    /// Sets one option of a bridge (`br_changelink`, one step of it).
    ///
    /// # Errors
    /// `ERANGE` or `EINVAL` as the kernel gives them; `EOPNOTSUPP` if the netdev is no bridge.
    pub fn set_bridge_option(
        &mut self,
        now: Instant,
        id: NetdevId,
        option: BridgeOption,
    ) -> Result<(), Refusal> {
        let Some(bridge) = self.bridge_mut(id) else {
            return Err(not_a_bridge(&self.netdev(id).name));
        };
        match option {
            BridgeOption::Times(times) => {
                let set = self.with_tree(now, id, false, |tree| tree.set_times(now, times));
                // Linux keeps the times before the one that it refuses.
                self.touch();
                return set.map_or(Ok(()), |set| set.map_err(|refused| refusal(&refused)));
            }
            BridgeOption::AgeingTime(time) => {
                bridge.tree.set_ageing_time(time);
                // The kernel sweeps at once, so what expires now does not come back with a longer
                // time set later.
                bridge.fdb.sweep(now, bridge.hold());
            }
            BridgeOption::Stp(on) => {
                self.with_tree(now, id, on, |tree| tree.set_stp(now, on));
                self.touch();
                return Ok(());
            }
            BridgeOption::Priority(priority) => {
                let set = |tree: &mut stp::Tree| tree.set_priority(now, priority);
                let set = self.with_tree(now, id, true, set);
                return set.map_or(Ok(()), |set| set.map_err(|refused| refusal(&refused)));
            }
            BridgeOption::GroupFwdMask(mask) => {
                if mask & 0b111 != 0 {
                    return Err(Refusal::new(
                        Errno::Invalid,
                        "bits 0 to 2 (BPDUs, pause, LACP) cannot be let through bridge-wide; a port's own group_fwd_mask refuses only bit 1",
                    ));
                }
                bridge.group_fwd_mask = mask;
            }
            BridgeOption::GroupAddress(mac) => {
                if mac.reserved().is_none_or(|last| (1..=3).contains(&last)) {
                    return Err(Refusal::new(
                        Errno::Invalid,
                        "the group address is 01:80:c2:00:00:0X, where X is not 1, 2 or 3",
                    ));
                }
                bridge.tree.set_group_address(mac);
                bridge.group_address_set = true;
            }
            BridgeOption::Vlan(option) => self.set_vlan_option(now, id, option)?,
            BridgeOption::NoLinklocalLearn(on) => bridge.no_linklocal_learn = on,
            BridgeOption::Multicast(option) => {
                return self.set_multicast_option(now, id, Scope::Bridge, option);
            }
            BridgeOption::FdbMaxLearned(max) => {
                bridge.fdb_max_learned = max;
                bridge.fdb.set_max_learned(max);
            }
            BridgeOption::FdbFlush => {
                bridge.fdb.flush(|_, entry| !entry.flags.fixed);
            }
        }
        self.with_tree(now, id, false, |_| ());
        self.touch();
        Ok(())
    }
}
