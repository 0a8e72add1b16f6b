//! What guards a port, whichever machine runs.

use super::{Machine, Tree, both, taken};
use crate::stp::seam::Refused;
use crate::switch::PortNo;
use crate::time::{Duration, Instant};

impl Tree {
    /// Sets `guard` (BPDU guard): the next BPDU shuts the port.
    pub fn set_guard(&mut self, now: Instant, no: PortNo, on: bool) {
        let Some(index) = self.index(no) else {
            return;
        };
        self.ports[index].bpdu_guard = on;
        match &mut self.machine {
            Machine::Classic(classic) => classic.set_guard(no, on),
            Machine::Rapid(rapid) => taken(rapid.set_bpdu_guard(now, no, on)),
        }
    }

    /// Checks [`Self::set_root_block`].
    ///
    /// # Errors
    /// [`Refused::Exclusive`] with loop guard.
    pub fn check_root_block(&self, no: PortNo, on: bool) -> Result<(), Refused> {
        let port = self.ports.iter().find(|port| port.no == no);
        match port {
            Some(port) if on && port.loop_guard => Err(Refused::Exclusive),
            _ => Ok(()),
        }
    }

    /// Sets `root_block` (root guard): the port never leads to the root.
    ///
    /// # Errors
    /// [`Refused::Exclusive`] with loop guard, [`Refused::NoPort`].
    pub fn set_root_block(&mut self, now: Instant, no: PortNo, on: bool) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        self.check_root_block(no, on)?;
        self.ports[index].root_guard = on;
        match &mut self.machine {
            Machine::Classic(classic) => classic.set_root_block(no, on),
            Machine::Rapid(rapid) => taken(rapid.set_root_block(now, no, on)),
        }
        Ok(())
    }

    /// Sets loop guard: a port that was kept from forwarding by its neighbour's BPDUs, or was the root
    /// port, and hears no more of them stays out of use until it does.
    ///
    /// # Errors
    /// [`Refused::Exclusive`] with `root_block`, [`Refused::NoPort`].
    pub fn set_loop_guard(&mut self, now: Instant, no: PortNo, on: bool) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        both!(&mut self.machine, it => it.set_loop_guard(now, no, on))?;
        self.ports[index].loop_guard = on;
        Ok(())
    }

    /// Sets BPDU filter: the port neither sends nor hears BPDUs.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_bpdu_filter(&mut self, now: Instant, no: PortNo, on: bool) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        self.ports[index].bpdu_filter = on;
        self.ports[index].filters = false;
        match &mut self.machine {
            Machine::Classic(classic) => classic.set_bpdu_filter(no, on),
            Machine::Rapid(rapid) => rapid.set_bpdu_filter(now, no, on),
        }
    }

    /// Sets TC guard: topology changes that the neighbour tells of stay where they are.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_tc_guard(&mut self, no: PortNo, on: bool) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        self.ports[index].tc_guard = on;
        both!(&mut self.machine, it => it.set_tc_guard(no, on))
    }

    /// Sets how long BPDU guard shuts a port for; `None`: until its link comes back. Counts from the next
    /// time on.
    ///
    /// # Errors
    /// [`Refused::NoPort`].
    pub fn set_recovery(&mut self, no: PortNo, time: Option<Duration>) -> Result<(), Refused> {
        let index = self.index(no).ok_or(Refused::NoPort(no))?;
        self.ports[index].recovery = time;
        both!(&mut self.machine, it => it.set_recovery(no, time))
    }
}
