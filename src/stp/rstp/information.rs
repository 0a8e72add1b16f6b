//! Port Information (17.27): what the port knows of the tree, from whom, and for how long.

use super::super::seam::{Event, Output};
use super::super::vector::Vector;
use super::timers::Timer;
use super::{Bridge, InfoIs, Times};
use crate::time::{Duration, Instant};
use crate::wire::{Bpdu, Config, Rapid, RapidRole};

/// The smallest hello time that is believed (17.13.6 knows 1 s to 2 s): what a neighbour says must not
/// let information die before it can be repeated.
const MIN_HELLO_TIME: Duration = Duration::from_secs(1);

/// What a message means to the port (17.21.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RcvdInfo {
    SuperiorDesignated,
    RepeatedDesignated,
    InferiorDesignated,
    InferiorRootAlternate,
    Other,
}

impl From<&Config> for Times {
    fn from(config: &Config) -> Self {
        Self {
            message_age: config.message_age,
            max_age: config.max_age,
            hello_time: config.hello_time.max(MIN_HELLO_TIME),
            forward_delay: config.forward_delay,
        }
    }
}

impl Times {
    /// How old the information is one bridge further on: a second more, in whole seconds (17.21.23).
    pub(super) fn next_age(&self) -> Duration {
        let next = self.message_age + Duration::from_secs(1);
        Duration::from_secs((next + Duration::from_millis(500)).as_secs())
    }
}

impl Bridge {
    /// 17.27. Goes on until roles have to be selected: what is too old when it comes is no way to the root
    /// for a moment.
    pub(super) fn port_information(&mut self, now: Instant, index: usize) -> bool {
        let mut changed = false;
        while self.port_information_once(now, index) {
            changed = true;
        }
        changed
    }

    fn port_information_once(&mut self, now: Instant, index: usize) -> bool {
        let port = &mut self.ports[index];
        if !port.port_enabled && port.info_is != InfoIs::Disabled {
            port.rcvd_msg = None;
            port.proposing = false;
            port.proposed = false;
            port.agree = false;
            port.agreed = false;
            port.rcvd_info_while = Timer::Zero;
            port.info_is = InfoIs::Disabled;
            port.selected = false;
            self.reselect = true;
            return true;
        }
        match port.info_is {
            InfoIs::Disabled => {
                let enabled = port.port_enabled;
                if enabled {
                    self.aged(index);
                }
                enabled
            }
            InfoIs::Aged | InfoIs::Mine | InfoIs::Received if port.updt_info => {
                let update = port.selected;
                if update {
                    self.update(index);
                }
                update
            }
            InfoIs::Aged => false,
            InfoIs::Mine | InfoIs::Received => {
                if let Some(bpdu) = port.rcvd_msg.take() {
                    self.message(now, index, &bpdu);
                    true
                } else if port.info_is == InfoIs::Received && port.rcvd_info_while.is_zero() {
                    self.aged(index);
                    true
                } else {
                    false
                }
            }
        }
    }

    /// State AGED.
    pub(super) fn aged(&mut self, index: usize) {
        let port = &mut self.ports[index];
        port.info_is = InfoIs::Aged;
        port.selected = false;
        self.reselect = true;
    }

    /// State UPDATE: what the port says is what the bridge knows.
    fn update(&mut self, index: usize) {
        let designated = self.designated_priority(index);
        let times = self.designated_times();
        let port = &mut self.ports[index];
        port.proposing = false;
        port.proposed = false;
        // 17.21.1, betterorsameInfo(Mine).
        port.agreed &= port.info_is == InfoIs::Mine && designated <= port.port_priority;
        port.synced &= port.agreed;
        // Beyond the standard, which would go on forwarding: see the module's deviations.
        port.sync |= !port.agreed && port.rapid_peer && port.oper_point_to_point();
        port.port_priority = designated;
        port.port_times = times;
        port.updt_info = false;
        port.said = false;
        port.info_is = InfoIs::Mine;
        port.new_info = true;
    }

    /// State RECEIVE, and those it leads to.
    fn message(&mut self, now: Instant, index: usize, bpdu: &Bpdu) {
        match self.rcv_info(index, bpdu) {
            RcvdInfo::SuperiorDesignated => self.superior_designated(now, index, bpdu),
            RcvdInfo::RepeatedDesignated => {
                self.record_proposal(index, bpdu);
                self.set_tc_flags(index, bpdu);
                self.updt_rcvd_info_while(now, index);
            }
            RcvdInfo::InferiorDesignated => self.record_dispute(index, bpdu),
            RcvdInfo::InferiorRootAlternate => {
                self.record_agreement(index, bpdu);
                self.set_tc_flags(index, bpdu);
            }
            // 802.1Q-2005 13.26.6; 17.21.17 alone would never be reached with a notification.
            RcvdInfo::Other if *bpdu == Bpdu::TopologyChange => self.set_tc_flags(index, bpdu),
            RcvdInfo::Other => {}
        }
    }

    /// 17.21.8, rcvInfo.
    fn rcv_info(&self, index: usize, bpdu: &Bpdu) -> RcvdInfo {
        let port = &self.ports[index];
        let (config, designated) = match bpdu {
            Bpdu::TopologyChange => return RcvdInfo::Other,
            // A Configuration BPDU conveys the role of a designated port.
            Bpdu::Config(config) => (config, true),
            Bpdu::Rapid(rapid) => (&rapid.config, rapid.role == RapidRole::Designated),
        };
        let message = Vector::from(config);
        let stored = &port.port_priority;
        if !designated {
            return if message >= *stored {
                RcvdInfo::InferiorRootAlternate
            } else {
                RcvdInfo::Other
            };
        }
        if message == *stored {
            return if port.port_times == Times::from(config) {
                RcvdInfo::RepeatedDesignated
            } else {
                RcvdInfo::SuperiorDesignated
            };
        }
        // 17.6: better, or whatever the same sender says now.
        if message < *stored || message.same_sender(stored) {
            RcvdInfo::SuperiorDesignated
        } else {
            RcvdInfo::InferiorDesignated
        }
    }

    /// State SUPERIOR_DESIGNATED.
    fn superior_designated(&mut self, now: Instant, index: usize, bpdu: &Bpdu) {
        let (Bpdu::Config(config) | Bpdu::Rapid(Rapid { config, .. })) = bpdu else {
            return;
        };
        let message = Vector::from(config);
        let port = &mut self.ports[index];
        port.agreed = false;
        port.proposing = false;
        // 17.21.1, betterorsameInfo(Received).
        port.agree &= port.info_is == InfoIs::Received && message <= port.port_priority;
        port.port_priority = message;
        port.port_times = Times::from(config);
        port.info_is = InfoIs::Received;
        port.selected = false;
        self.reselect = true;
        self.record_proposal(index, bpdu);
        self.set_tc_flags(index, bpdu);
        self.updt_rcvd_info_while(now, index);
    }

    /// 17.21.9, recordAgreement. One that was on its way when we changed our mind does not count: what we
    /// say now must have been sent, who agrees to it knows the same root, and what a root port has heard
    /// from us has aged. Nor does that of another port of ours, which says nothing about anybody else.
    fn record_agreement(&mut self, index: usize, bpdu: &Bpdu) {
        let own = self.bridge_identifier.address;
        let port = &mut self.ports[index];
        match bpdu {
            Bpdu::Rapid(rapid) if rapid.config.bridge.address == own => {}
            Bpdu::Rapid(rapid) if rapid.agreement && port.oper_point_to_point() => {
                let same_root = rapid.config.root == port.port_priority.root;
                let older = rapid.config.message_age > port.port_times.message_age;
                if port.said && same_root && (older || rapid.role != RapidRole::Root) {
                    port.agreed = true;
                    port.proposing = false;
                }
            }
            _ => port.agreed = false,
        }
    }

    /// 17.21.10, recordDispute: somebody who does not hear us takes the segment for his own.
    fn record_dispute(&mut self, index: usize, bpdu: &Bpdu) {
        if matches!(bpdu, Bpdu::Rapid(rapid) if rapid.learning) {
            let port = &mut self.ports[index];
            port.disputed = true;
            port.agreed = false;
        }
    }

    /// 17.21.11, recordProposal.
    fn record_proposal(&mut self, index: usize, bpdu: &Bpdu) {
        let proposal = |rapid: &Rapid| rapid.role == RapidRole::Designated && rapid.proposal;
        self.ports[index].proposed |= matches!(bpdu, Bpdu::Rapid(rapid) if proposal(rapid));
    }

    /// 17.21.17, setTcFlags.
    fn set_tc_flags(&mut self, index: usize, bpdu: &Bpdu) {
        let port = &mut self.ports[index];
        let (Bpdu::Config(config) | Bpdu::Rapid(Rapid { config, .. })) = bpdu else {
            port.rcvd_tcn = true;
            return;
        };
        port.rcvd_tc |= config.topology_change;
        port.rcvd_tc_ack |= config.topology_change_ack;
    }

    /// 17.21.23, updtRcvdInfoWhile: for three hello times, unless it has come too far.
    fn updt_rcvd_info_while(&mut self, now: Instant, index: usize) {
        let port = &mut self.ports[index];
        port.rcvd_info_while = if port.port_times.next_age() <= port.port_times.max_age {
            Timer::start(now, port.port_times.hello_time.saturating_mul(3))
        } else {
            Timer::Zero
        };
    }

    /// TC guard: whether a change that was heard of at this port stays there. A neighbour repeats itself
    /// for a hello time and a second; only after that it is another change.
    pub(super) fn ignores_change(&mut self, now: Instant, index: usize) -> bool {
        let repeats = self.designated_times().hello_time + Duration::from_secs(1);
        let port = &mut self.ports[index];
        if !port.guards.tc {
            return false;
        }
        let last = port.guards.ignored_at.replace(now);
        if last.is_none_or(|last| now.saturating_since(last) > repeats) {
            port.guards.changes_ignored += 1;
            self.outputs
                .push_back(Output::Event(port.no, Event::ChangeIgnored));
        }
        true
    }
}
