//! Differences from the kernel that are there on purpose.

use crate::record::{Answer, Record};
use crate::scenario::{Scenario, Step};

/// One such difference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Why it is there.
    pub(crate) reason: &'static str,
    /// The shortest scenario that shows it.
    pub(crate) scenario: &'static str,
    /// Whether only kernels built without VLAN filtering differ, and all others agree.
    pub(crate) without_vlan_filtering: bool,
    /// Whether it explains why the kernel and we answer a step differently.
    pub(crate) explains: fn(&Scenario, &Record, &Record, usize) -> bool,
}

/// All of them.
pub(crate) const KNOWN: &[Known] = &[Known {
    reason: "a kernel without VLAN filtering has one entry per station; others add one per VLAN, of \
             which those in a VLAN stay when the station's untagged frames come from elsewhere, and are \
             still there to be deleted, or in the way of new ones",
    scenario: "ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0
        ip tuntap add p1 mode tap
        ip link set p1 address 02:00:00:00:01:01 master br0 up
        ip tuntap add p2 mode tap
        ip link set p2 address 02:00:00:00:01:02 master br0 up
        ip link set br0 up
        bridge fdb replace 02:00:00:00:00:01 dev p2 master dynamic extern_learn
        p1: h1 > h9
        bridge fdb del 02:00:00:00:00:01 dev p2 master",
    without_vlan_filtering: true,
    explains: only_the_entries_in_vlans_were_there,
}];

/// Whether a step deletes an FDB entry of any VLAN that the kernel did not find, or adds one that the
/// kernel did not have, while we had it in VLANs only.
fn only_the_entries_in_vlans_were_there(
    scenario: &Scenario,
    kernel: &Record,
    ours: &Record,
    step: usize,
) -> bool {
    let Step::Command(command) = &scenario.steps[step] else {
        return false;
    };
    let says = |answer: &Answer, error: &str| answer.status != 0 && answer.stderr.contains(error);
    let (kernel, answer) = (&kernel.answers[&step], &ours.answers[&step]);
    let differs = match command.split(' ').nth(2) {
        Some("del") => says(kernel, "No such file or directory") && answer.status == 0,
        _ => kernel.status == 0 && says(answer, "File exists"),
    };
    names_an_entry(command) && differs && ours.in_vlans_only.contains(&step)
}

/// Whether a command is `bridge fdb del MAC dev DEV master`, of any VLAN, or adds such an entry.
pub(crate) fn names_an_entry(command: &str) -> bool {
    let words: Vec<&str> = command.split(' ').collect();
    matches!(words[..], ["bridge", "fdb", "del", _, "dev", _, "master"])
        || matches!(
            words[..],
            ["bridge", "fdb", "add", _, "dev", _, "master", ..]
        )
}
