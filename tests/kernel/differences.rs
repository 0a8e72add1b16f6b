//! Differences from the kernel that are there on purpose.

use crate::record::{Answer, Copy, Record};
use crate::scenario::{Scenario, Step};
use crate::vxlan;

/// One such difference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Why it is there.
    pub(crate) reason: &'static str,
    /// The shortest scenario that shows it.
    pub(crate) scenario: fn() -> String,
    /// Whether only kernels built without VLAN filtering differ, and all others agree.
    pub(crate) without_vlan_filtering: bool,
    /// Whether only full kernels have the devices that it is about.
    pub(crate) only_full_kernels: bool,
    /// Whether it explains why the kernel and we answer a step differently.
    pub(crate) explains: fn(&Scenario, &Record, &Record, usize) -> bool,
}

/// All of them.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        reason: "a macvlan hears groups that it is no member of when the kernel's hash, whose key is an address \
             in the kernel's memory, has them in one of its 256 buckets with one that it is a member of",
        scenario: some_group_leaks,
        without_vlan_filtering: false,
        only_full_kernels: false,
        explains: a_group_leaked_to_macvlans,
    },
    Known {
        reason: "a kernel without VLAN filtering has one entry per station; others add one per VLAN, of \
             which those in a VLAN stay when the station's untagged frames come from elsewhere, and are \
             still there to be deleted, or in the way of new ones",
        scenario: || {
            "ip link add br0 address 02:00:00:00:00:b0 type bridge mcast_snooping 0
        ip tuntap add p1 mode tap
        ip link set p1 address 02:00:00:00:01:01 master br0 up
        ip tuntap add p2 mode tap
        ip link set p2 address 02:00:00:00:01:02 master br0 up
        ip link set br0 up
        bridge fdb replace 02:00:00:00:00:01 dev p2 master dynamic extern_learn
        p1: h1 > h9
        bridge fdb del 02:00:00:00:00:01 dev p2 master"
                .to_owned()
        },
        without_vlan_filtering: true,
        only_full_kernels: false,
        explains: only_the_entries_in_vlans_were_there,
    },
    Known {
        reason: "in mode l3s the kernel has the stack below take a packet in before it is the child's, which no \
             packet socket on the child sees; here the child gets it with the frame around it",
        scenario: || {
            "ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip link add link p1 name c1 type ipvlan mode l3s
            ip addr add 10.0.0.1/24 dev c1
            ip link set c1 up
            p1: h9 > p1 ip 10.0.0.9 10.0.0.1"
                .to_owned()
        },
        without_vlan_filtering: false,
        only_full_kernels: true,
        explains: the_stack_below_took_it_in,
    },
    Known {
        reason: "where no tunnel takes a datagram it goes up to the stack of its netdev, and what that answers \
             (\"port unreachable\", as often as the kernel's limits let it) is the stack's: in a play there is \
             none, live it is the kernel's own",
        scenario: || {
            "ip tuntap add p1 mode tap
            ip link set p1 address 02:00:00:00:01:01 up
            ip addr add 192.0.2.1/24 dev p1
            ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev p1
            ip link add vx1 address 02:00:00:00:02:01 type vxlan id 42 dstport 4789
            ip link set vx1 up
            p1: h2 > p1 in 192.0.2.2 192.0.2.1 42 port=4790 : h5 > all"
                .to_owned()
        },
        without_vlan_filtering: false,
        only_full_kernels: false,
        explains: vxlan::says_unreachable,
    },
];

/// A child in sixteen groups, and thirty-two others. In the hash the last octet is the most significant one: whatever
/// the key, sixteen and sixteen that differ there as these do have every bucket's difference once, and so one
/// bucket in common.
fn some_group_leaks() -> String {
    let mut text = "ip tuntap add p1 mode tap
        ip link set p1 up
        ip link add link p1 name c1 address 02:00:00:00:00:01 up type macvlan\n"
        .to_owned();
    for group in 0..16 {
        text += &format!("bridge fdb add 01:00:5e:00:02:{group:x}0 dev c1 self\n");
    }
    for group in 0..32 {
        text += &format!("p1: h9 > 01:00:5e:00:03:{group:02x}\n");
    }
    text
}

/// Whether the same copies came out, only elsewhere, where some child is in mode l3s.
fn the_stack_below_took_it_in(
    scenario: &Scenario,
    kernel: &Record,
    ours: &Record,
    step: usize,
) -> bool {
    let (Some(theirs), Some(mine)) = (kernel.copies.get(&step), ours.copies.get(&step)) else {
        return false;
    };
    let what = |copies: &[Copy]| {
        let copies = copies.iter();
        let mut what: Vec<_> = copies
            .map(|copy| (copy.kind, copy.octets.clone()))
            .collect();
        what.sort();
        what
    };
    let mut before = scenario.lines[..step].iter();
    before.any(|line| line.contains("mode l3s")) && what(theirs) == what(mine)
}

/// Whether a frame is to a group and all that the kernel has and we have not are copies for macvlans, or for
/// ipvlan devices, whose hash has a key drawn at boot.
fn a_group_leaked_to_macvlans(
    scenario: &Scenario,
    kernel: &Record,
    ours: &Record,
    step: usize,
) -> bool {
    let Step::Frame { octets, .. } = &scenario.steps[step] else {
        return false;
    };
    let group = octets[0] & 1 == 1 && octets[..6] != [0xff; 6];
    let (Some(theirs), Some(mine)) = (kernel.copies.get(&step), ours.copies.get(&step)) else {
        return false;
    };
    let is_child = |line: &str| line.contains(" type macv") || line.contains(" type ipvlan");
    let made = |at: &str| {
        let mut lines = scenario.lines.iter();
        lines.any(|line| line.contains(&format!(" name {at} ")) && is_child(line))
    };
    let mut left = mine.clone();
    let leaked = |copy: &&Copy| match left.iter().position(|it| it == *copy) {
        Some(at) => {
            left.remove(at);
            false
        }
        None => true,
    };
    let leaked: Vec<&Copy> = theirs.iter().filter(leaked).collect();
    group && left.is_empty() && leaked.iter().all(|copy| made(&copy.at))
}

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
