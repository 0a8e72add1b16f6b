//! Cables: `tapswitch cable`.
//!
//! What is refused is refused in our own words: no kernel has these commands.

use super::{Apply, Done, Failure};
use crate::netdev::NetdevId;

impl Apply<'_> {
    pub(super) fn cable_add(&mut self, dev: &str, peer: &str) -> Done {
        let ends = [self.cable_end(dev)?, self.cable_end(peer)?];
        let laid = self.network.add_cable(ends);
        laid.map_err(|refusal| said(&refusal.note))
    }

    pub(super) fn cable_del(&mut self, dev: &str) -> Done {
        let id = self.cable_end(dev)?;
        let gone = self.network.delete_cable(id);
        gone.map_err(|refusal| said(&refusal.note))
    }

    fn cable_end(&self, dev: &str) -> Result<NetdevId, Failure> {
        let found = self.network.find(self.ns, dev);
        found.ok_or_else(|| said(&format!("there is no netdev \"{dev}\"")))
    }
}

fn said(note: &str) -> Failure {
    Failure::Said(format!("tapswitch: {note}\n"), 1)
}
