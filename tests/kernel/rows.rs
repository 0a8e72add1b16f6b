//! Which case shows which row: of the tables of behaviour that a user would check, and of the kernel's
//! behaviours that are easily got wrong. A row without a case is a line here that fails.

use std::collections::BTreeSet;

use crate::cases::Case;
use crate::{
    acceptance, behaviours, multicast, neighbours, port_features, refusals, topologies,
    vlan_devices, vlans,
};

/// Where a row is shown.
#[derive(Clone, Copy, Debug)]
enum Shown {
    /// By these cases.
    By(&'static [&'static str]),
    /// The kernel has nothing like it, or no frame tells: who else shows it, and why not here.
    Elsewhere(&'static str),
}

use Shown::{By, Elsewhere};

/// Bridges and switches (B), VLANs and bindings (V), frames that are accepted (A), behaviours by number.
const ROWS: &[(&str, Shown)] = &[
    // Bridge, switch, hub.
    (
        "B1 an unknown destination is flooded",
        By(&["10 unknown unicast is not for the host, unless it is promiscuous"]),
    ),
    (
        "B2 a source is learned, then point to point",
        By(&[
            "source equal to destination: learned, and not sent back",
            "two bridges joined by a veth pair",
        ]),
    ),
    (
        "B3 a hub is a bridge with ageing time 0",
        By(&["11 lowering ageing_time acts at once, 0 learns nothing, static entries stay"]),
    ),
    (
        "B4 a loop forwards for ever",
        Elsewhere(
            "tests/spanning_tree.rs and the hop limit of switch::path: the kernel's loop has no end to compare",
        ),
    ),
    (
        "B5 one topology per network",
        Elsewhere("tests/spanning_tree.rs, against recordings of kernel bridges"),
    ),
    (
        "B6 an address on a port is not reachable, one on the bridge is",
        By(&[
            "8 every port's address is the bridge's",
            "9 the host is not learned from; a port's own stack is not bridged",
        ]),
    ),
    (
        "B7 one question, copies for all",
        By(&["hosts behind veth pairs"]),
    ),
    (
        "B8 churn",
        Elsewhere("random reconfiguration, and tests/abuse.rs"),
    ),
    (
        "B9 spanning tree takes time",
        Elsewhere("tests/spanning_tree.rs"),
    ),
    (
        "B10 hairpin",
        By(&["22 hairpin: back out of the ingress port, but not frames to the bridge"]),
    ),
    (
        "B11 bridged segments are one",
        By(&["two bridges joined by a veth pair"]),
    ),
    (
        "B12 several subnets on one segment",
        By(&["78 the flag on another port: no answer, but the flood is kept from it"]),
    ),
    (
        "B13 proxy ARP",
        By(&["21 proxy_arp answers at the port of the question, and stops all flooding to it"]),
    ),
    ("B14 bridge and switch are one", Elsewhere("a word")),
    (
        "B15 endpoints come and go",
        By(&[
            "ports that leave and come back lose flags and entries",
            "a port moves from one bridge to another",
            "the bridge is deleted",
        ]),
    ),
    (
        "B16 drivers of container networks",
        Elsewhere("a script: tests/suite"),
    ),
    ("B17 localhost", Elsewhere("no frame reaches a bridge")),
    // VLANs.
    (
        "V1 one VLAN, one broadcast domain",
        By(&["V1 to V6: access ports, a trunk, a router on a stick"]),
    ),
    (
        "V2 access and trunk",
        By(&["V1 to V6: access ports, a trunk, a router on a stick"]),
    ),
    (
        "V3 VIDs 0 and 4095",
        By(&[
            "38 VIDs at the ends of the range",
            "35 a priority tag gives way to the PVID's, with PCP and DEI",
        ]),
    ),
    (
        "V4 one subnet in two VLANs",
        By(&["V1 to V6: access ports, a trunk, a router on a stick"]),
    ),
    (
        "V5 a router on a stick",
        By(&["V1 to V6: access ports, a trunk, a router on a stick"]),
    ),
    (
        "V6 PVID and native VLAN",
        By(&["V1 to V6: access ports, a trunk, a router on a stick"]),
    ),
    (
        "V7 VLANs by station",
        Elsewhere("tests/guards.rs: our extension"),
    ),
    (
        "V8 bindings of address, station and port",
        Elsewhere("tests/guards.rs: our extension"),
    ),
    (
        "V9 more than one binding a port",
        Elsewhere("tests/guards.rs: our extension"),
    ),
    (
        "V10 a full table floods",
        Elsewhere("tests/abuse.rs: the kernel's has no end"),
    ),
    ("V11 layer 3", Elsewhere("no layer 2")),
    // Acceptance.
    (
        "A reserved addresses without spanning tree",
        By(&[
            "reserved addresses, spanning tree off: 00 is forwarded, 01 to 0f are not, 10 and up are",
        ]),
    ),
    (
        "A reserved addresses with it",
        By(&["reserved addresses, spanning tree on: none is forwarded"]),
    ),
    (
        "A the bridge's mask",
        By(&["group_fwd_mask of the bridge: bits 0 to 2 are refused"]),
    ),
    (
        "A a port's mask",
        By(&["group_fwd_mask of a port: bit 1 is refused, LACP can cross"]),
    ),
    (
        "A pause",
        By(&["pause frames are dropped, whoever sends them"]),
    ),
    (
        "A group and zero sources",
        By(&["group and zero sources are dropped"]),
    ),
    (
        "A source equal to destination",
        By(&["source equal to destination: learned, and not sent back"]),
    ),
    (
        "A a port's address as source",
        By(&["the bridge's own addresses as source are forwarded, and not learned"]),
    ),
    ("A 14 and 20 octets", By(&["runts are forwarded unpadded"])),
    ("A 802.3 length", By(&["802.3 lengths are forwarded"])),
    (
        "A tags without VLAN filtering",
        By(&["tags pass unchanged"]),
    ),
    ("A sizes at MTU 1500", By(&["sizes at MTU 1500"])),
    // Behaviours.
    (
        "16",
        By(&[
            "16 blocking by hand turns into forwarding; 0, 1, 2 stick",
            "16 under spanning tree a state cannot be set",
        ]),
    ),
    (
        "17",
        By(&["17 a state does not flush; learning learns from what it drops"]),
    ),
    (
        "18",
        By(&["18 a port that does not forward gives the host nothing but link-local frames"]),
    ),
    (
        "19",
        By(&["19 spanning tree switched on leaves forwarding ports forwarding"]),
    ),
    (
        "20",
        By(&[
            "20 flood flags are of the egress, and only `flood` holds for the host",
            "20 22 flood flags, isolation and hairpin in VLANs",
        ]),
    ),
    (
        "21",
        By(&[
            "21 proxy_arp stops all flooding to a port",
            "21 proxy_arp_wifi answers for stations behind the port",
        ]),
    ),
    (
        "22",
        By(&[
            "22 hairpin: back out of the ingress port, but not frames to the bridge",
            "22 isolated ports do not see each other, nor themselves",
        ]),
    ),
    (
        "23",
        By(&[
            "23 locked: only sources with an entry on that very port",
            "23 with learning on, a link-local frame unlocks the port",
            "23 mab: who is not let in gets a locked entry, which attracts traffic",
        ]),
    ),
    (
        "24",
        By(&["24 known unicast goes to the backup port while there is no carrier"]),
    ),
    (
        "25",
        By(&[
            "reserved addresses, spanning tree off: 00 is forwarded, 01 to 0f are not, 10 and up are",
            "reserved addresses, spanning tree on: none is forwarded",
        ]),
    ),
    (
        "26",
        By(&["26 link-local frames are learned from, unless no_linklocal_learn"]),
    ),
    (
        "27",
        By(&[
            "27 a port's mask lets 00 through even while spanning tree runs",
            "group_fwd_mask of the bridge: bits 0 to 2 are refused",
        ]),
    ),
    (
        "28",
        By(&["28 group_address does not change which addresses are reserved"]),
    ),
    (
        "29",
        By(&["29 link-local frames of the host are flooded, pause too"]),
    ),
    (
        "30",
        By(&[
            "30 link-local frames pass the filter to the port, and teach only where they would have passed",
        ]),
    ),
    (
        "31",
        By(&["31 a provider's bridge forwards the reserved addresses of customers"]),
    ),
    (
        "32",
        By(&[
            "32 the limit of a port is its MTU + 18, a tag set aside does not count",
            "32 the bridge's own MTU limits only what it sends",
        ]),
    ),
    (
        "33",
        By(&["33 short frames pass unpadded, short tagged ones are dropped, not the host's"]),
    ),
    ("34", By(&["34 malformed IP is forwarded"])),
    (
        "35",
        By(&["35 a priority tag gives way to the PVID's, with PCP and DEI"]),
    ),
    ("36", By(&["36 a tag of the other type is payload"])),
    (
        "37",
        By(&["37 only the outermost tag counts, and the inner one comes to light"]),
    ),
    ("38", By(&["38 VIDs at the ends of the range"])),
    (
        "39",
        By(&["39 a VLAN added again without pvid is none, a new PVID leaves the old VLAN"]),
    ),
    (
        "40",
        By(&["40 the bridge's addresses in a VLAN that it is not in"]),
    ),
    (
        "41",
        By(&["41 entries wait while the filter is off, and those without VLAN while it is on"]),
    ),
    (
        "42",
        By(&["42 an entry without VLAN is one in each VLAN of the port, and goes with it"]),
    ),
    (
        "43",
        By(&["43 a new default PVID moves the ports that had the old one"]),
    ),
    (
        "44",
        By(&["44 what the filter refuses teaches nothing, a VLAN that learns does"]),
    ),
    (
        "45",
        By(&["45 the bridge's own membership says how frames reach its stack"]),
    ),
    (
        "46",
        By(&[
            "46 a VLAN device takes its VLAN before the bridge",
            "46 without a bridge a priority tag does not hide the next one",
        ]),
    ),
    (
        "47",
        By(&["47 a device that is down drops, an unknown VLAN goes up on the lower"]),
    ),
    (
        "48",
        By(&["48 tags of both types, and priority tags at every place"]),
    ),
    (
        "49",
        By(&[
            "49 without reorder_hdr the tag stays in the frame",
            "49 a bridge port without reorder_hdr gives no tag to its bridge",
        ]),
    ),
    (
        "75",
        By(&[
            "without a querier everything floods, members or not",
            "with a querier members get what is theirs, after its response time",
            "static groups: permanent, temporary, of a source, of layer 2",
        ]),
    ),
    (
        "76",
        Elsewhere("differences.rs: a bridge's stack reports that it is a member of all snoopers"),
    ),
    (
        "77",
        By(&["mcast_to_unicast: a copy for every member, none for oneself"]),
    ),
    (
        "78",
        By(&[
            "78 neigh_suppress on the target's port: an answer, and no flood to ports with the flag",
            "78 announcements are kept from ports with the flag, replies are not",
            "78 ARP probes and questions to one station are answered",
            "78 neigh_vlan_suppress: the VLAN's own flag decides",
        ]),
    ),
];

/// All cases written by hand.
const CASES: &[&[Case]] = &[
    acceptance::CASES,
    behaviours::FDB,
    behaviours::STATES,
    behaviours::FLAGS,
    behaviours::LINK_LOCAL_AND_SIZES,
    topologies::CASES,
    refusals::CASES,
    port_features::CASES,
    port_features::VLAN_CASES,
    neighbours::CASES,
    neighbours::FULL,
    vlan_devices::CASES,
    vlans::CASES,
    multicast::IGMP,
    multicast::SOURCES,
    multicast::MLD,
    multicast::COMMANDS,
    multicast::VLANS,
];

#[test]
fn every_row_has_a_case() {
    let all: Vec<&str> = CASES
        .iter()
        .copied()
        .flatten()
        .map(|case| case.name)
        .collect();
    let names: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), names.len(), "each name is that of one case");
    for (row, shown) in ROWS {
        match shown {
            By(cases) => {
                assert!(!cases.is_empty(), "{row}");
                for case in *cases {
                    assert!(names.contains(case), "{row}: no case is called \"{case}\"");
                }
            }
            Elsewhere(why) => assert!(!why.is_empty(), "{row}"),
        }
    }
    let first = |row: &str| row.split(' ').next().unwrap_or_default().to_owned();
    let rows: BTreeSet<String> = ROWS.iter().map(|(row, _)| first(row)).collect();
    let wanted = (1..=17)
        .map(|n| format!("B{n}"))
        .chain((1..=11).map(|n| format!("V{n}")));
    let wanted = wanted.chain((16..=49).chain(75..=78).map(|n| n.to_string()));
    for row in wanted {
        assert!(rows.contains(&row), "row {row} is missing");
    }
}
