//! The rules, by the model's own calls. What commands print, and every refusal, is in control's goldens.

use super::rules::{Joining, MemberOptions, VlanOption};
use super::*;
use crate::netdev::bridge_options::BridgeOption;
use crate::netdev::link::NewLink;
use crate::netdev::{Errno, Kind, NamespaceId, NetdevId, Network};
use crate::switch::fdb::Flags;
use crate::switch::{Entry, Key};
use crate::time::Instant;
use crate::wire::MacAddr;

const NOW: Instant = Instant::ZERO;

const PLAIN: Joining = Joining {
    pvid: false,
    untagged: false,
};

/// A bridge with an address, and ports.
struct Lab {
    network: Network,
    bridge: NetdevId,
    ports: Vec<NetdevId>,
}

impl Lab {
    fn new(ports: u16) -> Self {
        let mut network = Network::default();
        let link = |name: String, mac: [u8; 6]| NewLink {
            ns: NamespaceId::OWN,
            name: Some(name),
            mac: Some(MacAddr::new(mac)),
            ..NewLink::default()
        };
        let mac = [2, 0, 0, 0, 0, 0xb0];
        let bridge = network
            .add_bridge(NOW, link("br0".to_owned(), mac))
            .unwrap();
        let ports = (1..=ports)
            .map(|number| {
                let [high, low] = number.to_be_bytes();
                let mac = [2, 0, 0, 1, high, low];
                let id = network.add_dummy(link(format!("p{number}"), mac)).unwrap();
                network.set_master(NOW, id, Some(bridge)).unwrap();
                id
            })
            .collect();
        Self {
            network,
            bridge,
            ports,
        }
    }

    fn bridge(&self) -> &Bridge {
        self.network.netdev(self.bridge).bridge().unwrap()
    }

    fn join(&mut self, id: NetdevId, first: u16, last: u16, how: Joining) {
        self.network
            .join_vlans(NOW, id, vids(first, last), how)
            .unwrap();
    }

    fn leave(&mut self, id: NetdevId, first: u16, last: u16) {
        self.network
            .leave_vlans(NOW, id, vids(first, last))
            .unwrap();
    }

    fn option(&mut self, option: VlanOption) -> Result<(), Errno> {
        let option = BridgeOption::Vlan(option);
        let done = self.network.set_bridge_option(NOW, self.bridge, option);
        done.map_err(|refusal| refusal.errno)
    }

    fn default_pvid(&mut self, pvid: u16) {
        self.option(VlanOption::DefaultPvid(Vid::new(pvid)))
            .unwrap();
    }

    /// `1PU` is VLAN 1, PVID and untagged.
    fn shown(&self, id: NetdevId) -> String {
        let port = self.network.netdev(id).port.map(|(_, number)| number);
        let words = self.bridge().memberships(port).map(|it| {
            let flag = |on, letter| if on { letter } else { "" };
            format!("{}{}{}", it.vid, flag(it.pvid, "P"), flag(it.untagged, "U"))
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn local(&self, mac: [u8; 6], vid: u16) -> Option<Entry> {
        let entry = self
            .bridge()
            .fdb
            .get(Key::new(MacAddr::new(mac), Vid::new(vid)));
        entry.filter(|entry| entry.flags.local)
    }
}

fn vids(first: u16, last: u16) -> Vids {
    Vids::new(first, last).unwrap()
}

#[test]
fn rows_and_sets_of_vids() {
    assert_eq!(Vids::new(0, 5), None);
    assert_eq!(Vids::new(5, 4095), None);
    assert_eq!(Vids::new(6, 5), None);
    let row = vids(4093, 4094);
    assert!(row.is_range() && !vids(7, 7).is_range());
    let set: VidSet = row.iter().chain([Vid::DEFAULT]).collect();
    let numbers: Vec<_> = set.iter().map(Vid::get).collect();
    assert_eq!(numbers, [1, 4093, 4094]);
    assert!(VidSet::from_iter([]).is_empty() && !set.is_empty());
}

#[test]
fn a_pvid_is_moved_by_another_and_cleared_by_its_own_vlan() {
    let mut lab = Lab::new(1);
    let p1 = lab.ports[0];
    let pvid = Joining {
        pvid: true,
        ..PLAIN
    };
    for (first, last, how, want) in [
        (10, 10, PLAIN, "1PU 10"),
        (
            20,
            20,
            Joining {
                untagged: true,
                ..pvid
            },
            "1U 10 20PU",
        ),
        (
            20,
            20,
            Joining {
                untagged: true,
                ..PLAIN
            },
            "1U 10 20U",
        ),
        (10, 10, pvid, "1U 10P 20U"),
        (9, 11, PLAIN, "1U 9 10 11 20U"),
    ] {
        lab.join(p1, first, last, how);
        assert_eq!(lab.shown(p1), want);
    }
    lab.leave(p1, 1, 10);
    assert_eq!(lab.shown(p1), "11 20U");
    assert_eq!(lab.shown(lab.bridge), "1PU");
}

#[test]
fn a_vlan_lives_as_long_as_somebody_is_in_it() {
    let mut lab = Lab::new(2);
    let (br0, p1) = (lab.bridge, lab.ports[0]);
    let known = |lab: &Lab, vid| lab.bridge().vlans.get(Vid::new(vid).unwrap()).is_some();
    lab.join(p1, 10, 10, PLAIN);
    assert_eq!(
        lab.shown(br0),
        "1PU",
        "of a port's VLAN the bridge is no member"
    );
    let options = MemberOptions {
        state: Some(2),
        ..MemberOptions::default()
    };
    let absent = lab
        .network
        .set_member_options(NOW, br0, vids(10, 10), options);
    assert_eq!(absent.unwrap_err().errno, Errno::NoEntry);
    lab.join(br0, 10, 10, PLAIN);
    lab.network
        .set_member_options(NOW, br0, vids(10, 10), options)
        .unwrap();
    let state = |lab: &Lab| {
        let vlan = lab.bridge().vlans.get(Vid::new(10).unwrap()).unwrap();
        vlan.member(None).state
    };
    // While a port is there the bridge's own part is remembered.
    lab.leave(br0, 10, 10);
    lab.join(br0, 10, 10, PLAIN);
    assert_eq!(state(&lab), PortState::Learning);
    lab.leave(br0, 10, 10);
    lab.leave(p1, 10, 10);
    assert!(!known(&lab, 10));
    lab.join(br0, 10, 10, PLAIN);
    assert_eq!(state(&lab), PortState::Forwarding);
    lab.network.set_master(NOW, p1, None).unwrap();
    assert!(known(&lab, 1), "p2 is still in it");
}

#[test]
fn who_follows_the_default_pvid() {
    let mut lab = Lab::new(3);
    let (br0, [p1, p2, p3]) = (lab.bridge, [lab.ports[0], lab.ports[1], lab.ports[2]]);
    lab.join(
        p2,
        7,
        7,
        Joining {
            pvid: true,
            untagged: true,
        },
    );
    lab.join(
        p3,
        1,
        1,
        Joining {
            pvid: true,
            untagged: false,
        },
    );
    let all = |lab: &Lab| [br0, p1, p2, p3].map(|id| lab.shown(id));
    lab.default_pvid(5);
    assert_eq!(
        all(&lab),
        ["5PU", "5PU", "1U 7PU", "1P"],
        "those who used the old one"
    );
    lab.join(p1, 6, 6, PLAIN);
    lab.default_pvid(6);
    assert_eq!(
        all(&lab),
        ["6PU", "5PU 6", "1U 7PU", "1P"],
        "who is in it already does not"
    );
    lab.default_pvid(0);
    assert_eq!(all(&lab), ["", "5PU 6", "1U 7PU", "1P"]);
    lab.default_pvid(8);
    assert_eq!(
        all(&lab),
        ["8PU", "5U 6 8PU", "1U 7U 8PU", "1 8PU"],
        "from none, everybody does"
    );
    let (p4, _) = {
        let link = NewLink {
            name: Some("p4".to_owned()),
            ..NewLink::default()
        };
        (lab.network.add_dummy(link).unwrap(), ())
    };
    lab.network.set_master(NOW, p4, Some(br0)).unwrap();
    assert_eq!(lab.shown(p4), "8PU");
}

#[test]
fn a_bridge_without_address_joins_nothing() {
    let mut network = Network::default();
    let bridge = network.add_bridge(NOW, NewLink::default()).unwrap();
    let port = network.add_dummy(NewLink::default()).unwrap();
    network.set_master(NOW, port, Some(bridge)).unwrap();
    network.set_master(NOW, port, None).unwrap();
    let mut join = |vid| network.join_vlans(NOW, bridge, vids(vid, vid), PLAIN);
    assert_eq!(join(10).unwrap_err().errno, Errno::Invalid);
    join(1).expect("it is in VLAN 1");
    let Kind::Bridge(bridge) = &network.netdev(bridge).kind else {
        panic!("it is a bridge");
    };
    assert!(bridge.vlans.get(Vid::new(10).unwrap()).is_none());
}

#[test]
fn own_addresses_are_in_each_vlan_and_inherited_only_there() {
    let mut lab = Lab::new(2);
    let (br0, [p1, p2]) = (lab.bridge, [lab.ports[0], lab.ports[1]]);
    let mac = [2, 0, 0, 1, 0, 1];
    lab.network.set_address(NOW, p2, MacAddr::new(mac)).unwrap();
    lab.join(p1, 10, 11, PLAIN);
    lab.join(p2, 11, 12, PLAIN);
    lab.join(br0, 10, 12, PLAIN);
    let port = |lab: &Lab, mac, vid| lab.local(mac, vid).map(|entry| entry.port.map(PortNo::get));
    assert_eq!(
        [10, 11, 12].map(|vid| port(&lab, mac, vid)),
        [Some(Some(1)), Some(Some(1)), Some(Some(2))]
    );
    lab.leave(p1, 10, 12);
    assert_eq!(
        [10, 11, 12].map(|vid| port(&lab, mac, vid)),
        [None, Some(Some(2)), Some(Some(2))]
    );
    // The bridge inherits where it is a member, and only there.
    lab.network
        .set_address(NOW, br0, MacAddr::new(mac))
        .unwrap();
    lab.leave(br0, 12, 12);
    lab.leave(p2, 11, 12);
    assert_eq!(
        [10, 11, 12].map(|vid| port(&lab, mac, vid)),
        [Some(None), Some(None), None]
    );
}

#[test]
fn leaving_a_vlan_forgets_what_ages_there() {
    let mut lab = Lab::new(2);
    let (p1, p2) = (lab.ports[0], lab.ports[1]);
    let at = |id: NetdevId| lab.network.netdev(id).port.map(|(_, number)| number);
    let (one, two) = (at(p1), at(p2));
    lab.join(p1, 10, 11, PLAIN);
    lab.join(p2, 10, 10, PLAIN);
    let learned = Flags::default();
    let fixed = Flags {
        fixed: true,
        by_user: true,
        ..learned
    };
    let external = Flags {
        external: true,
        by_user: true,
        ..learned
    };
    let by_hand = Flags {
        by_user: true,
        ..learned
    };
    let rows = [
        (1, one, 10, learned, false),
        (2, one, 10, by_hand, false),
        (3, one, 10, fixed, true),
        (4, one, 10, external, true),
        (5, two, 10, learned, true),
        (6, one, 11, learned, true),
        (7, one, 0, learned, true),
    ];
    let key = |last: u8, vid| Key::new(MacAddr::new([2, 0, 0, 2, 0, last]), Vid::new(vid));
    for (last, port, vid, flags, _) in rows {
        let entry = Entry {
            port,
            flags,
            updated: NOW,
            used: NOW,
        };
        let put = |_| crate::switch::fdb::Edit::Put(entry);
        lab.bridge().fdb.edit(key(last, vid), put).unwrap();
    }
    lab.leave(p1, 10, 10);
    for (last, _, vid, flags, stays) in rows {
        let there = lab.bridge().fdb.get(key(last, vid)).is_some();
        assert_eq!(there, stays, "{last}: {flags:?}");
    }
}

#[test]
fn the_plan_shows_who_is_in_which_vlan_and_how() {
    let mut lab = Lab::new(3);
    let (br0, [p1, p2, p3]) = (lab.bridge, [lab.ports[0], lab.ports[1], lab.ports[2]]);
    assert!(lab.network.plan().bridges[0].vlans.is_none());
    lab.option(VlanOption::Filtering(true)).unwrap();
    lab.option(VlanOption::Protocol(TagType::Dot1Ad)).unwrap();
    for (id, how) in [
        (p1, PLAIN),
        (
            p2,
            Joining {
                pvid: true,
                untagged: true,
            },
        ),
        (p3, PLAIN),
    ] {
        lab.join(id, 10, 10, how);
    }
    lab.join(
        br0,
        10,
        10,
        Joining {
            pvid: true,
            untagged: true,
        },
    );
    let mut state = |id, state| {
        let options = MemberOptions {
            state: Some(state),
            ..MemberOptions::default()
        };
        lab.network
            .set_member_options(NOW, id, vids(10, 10), options)
            .unwrap();
    };
    state(p1, 2);
    state(p3, 4);
    state(br0, 1);
    let plan = lab.network.plan();
    let bridge = &plan.bridges[0];
    let vlans = bridge.vlans.as_ref().unwrap();
    assert_eq!(vlans.protocol, TagType::Dot1Ad);
    assert_eq!(vlans.host_pvid, Vid::new(10));
    // Customers' BPDUs and the like pass a provider's bridge.
    assert_eq!(bridge.group_fwd_mask, 0xb801);
    let pvids: Vec<_> = bridge
        .ports
        .iter()
        .flatten()
        .map(|port| port.pvid.map(Vid::get))
        .collect();
    assert_eq!(pvids, [Some(1), Some(10), Some(1)]);
    let vlan = vlans.get(Vid::new(10).unwrap()).unwrap();
    let numbers = |set: &PortSet| set.iter().map(PortNo::get).collect::<Vec<_>>();
    assert_eq!(numbers(&vlan.members), [1, 2, 3]);
    assert_eq!(numbers(&vlan.ingress), [1, 2]);
    assert_eq!(numbers(&vlan.egress), [2]);
    assert_eq!(numbers(&vlan.untagged), [2]);
    assert_eq!(
        vlan.host,
        Some(HostVlan {
            untagged: true,
            state: PortState::Listening
        })
    );
    assert!(vlan.stats.is_none());
    // What did not change is shared with the plan before.
    let again = lab.network.plan();
    assert!(Arc::ptr_eq(vlans, again.bridges[0].vlans.as_ref().unwrap()));
    lab.leave(p1, 10, 10);
    let after = lab.network.plan();
    assert!(!Arc::ptr_eq(
        vlans,
        after.bridges[0].vlans.as_ref().unwrap()
    ));
}

#[test]
fn membership_without_filtering_is_no_change_of_the_plan() {
    let mut lab = Lab::new(1);
    let before = lab.network.revision();
    lab.join(lab.ports[0], 10, 20, PLAIN);
    lab.leave(lab.ports[0], 10, 20);
    assert_eq!(lab.network.revision(), before);
    lab.option(VlanOption::Filtering(true)).unwrap();
    assert_ne!(lab.network.revision(), before);
}

#[test]
fn counters_are_numbered_once_they_count_and_never_twice() {
    let mut lab = Lab::new(2);
    let (br0, p1) = (lab.bridge, lab.ports[0]);
    let counters = |lab: &Lab| -> Vec<Option<u32>> {
        let bridge = lab.bridge();
        let ports = bridge.ports.iter().map(|port| Some(port.number));
        let all = [None].into_iter().chain(ports);
        all.flat_map(|port| bridge.memberships(port))
            .map(|it| it.counter)
            .collect()
    };
    assert_eq!(counters(&lab), [None; 3]);
    assert_eq!(lab.option(VlanOption::Stats(2)), Err(Errno::Invalid));
    assert_eq!(lab.option(VlanOption::StatsPerPort(1)), Err(Errno::Busy));
    lab.option(VlanOption::Stats(1)).unwrap();
    assert_eq!(counters(&lab), [Some(0); 3], "one for all");
    // Switched off, it keeps what was counted.
    lab.option(VlanOption::Stats(0)).unwrap();
    assert_eq!(counters(&lab), [Some(0); 3]);
    for port in lab.ports.clone() {
        lab.network.set_master(NOW, port, None).unwrap();
    }
    assert_eq!(lab.option(VlanOption::StatsPerPort(3)), Err(Errno::Invalid));
    lab.option(VlanOption::StatsPerPort(1)).unwrap();
    lab.option(VlanOption::Stats(1)).unwrap();
    lab.option(VlanOption::Filtering(true)).unwrap();
    for port in lab.ports.clone() {
        lab.network.set_master(NOW, port, Some(br0)).unwrap();
    }
    lab.join(p1, 2, 2, PLAIN);
    // The bridge, then the newest port.
    assert_eq!(counters(&lab), [Some(0), Some(2), Some(1), Some(4)]);
    lab.leave(p1, 2, 2);
    lab.join(p1, 2, 2, PLAIN);
    assert_eq!(counters(&lab), [Some(0), Some(2), Some(1), Some(6)]);
    let plan = lab.network.plan();
    assert_eq!(plan.vlan_counters, 7);
    let vlans = plan.bridges[0].vlans.as_ref().unwrap();
    let of = |vid| {
        vlans
            .get(Vid::new(vid).unwrap())
            .unwrap()
            .stats
            .clone()
            .unwrap()
    };
    let port = |number| PortNo::new(number);
    assert_eq!(
        [None, port(1), port(2)].map(|port| of(1).of(port)),
        [0, 1, 2]
    );
    assert_eq!(
        [None, port(1), port(2)].map(|port| of(2).of(port)),
        [5, 6, 5]
    );
}

#[test]
fn every_vlan_on_64_ports_is_bounded_work() {
    let mut lab = Lab::new(64);
    lab.option(VlanOption::Filtering(true)).unwrap();
    for port in lab.ports.clone() {
        lab.join(port, 1, 4094, PLAIN);
    }
    let plan = lab.network.plan();
    let vlans = plan.bridges[0].vlans.as_ref().unwrap();
    let members = |vid| {
        vlans
            .get(Vid::new(vid).unwrap())
            .unwrap()
            .members
            .iter()
            .count()
    };
    assert_eq!([1, 2, 4094].map(members), [64; 3]);
    // An address in no VLAN and in each, of each port; the bridge's own in no VLAN and in its default one.
    let entries = |lab: &Lab| lab.bridge().fdb.dump(NOW, lab.bridge().hold()).len();
    assert_eq!(entries(&lab), 64 * 4_095 + 2);
    for port in lab.ports.split_off(62) {
        lab.leave(port, 1, 4094);
    }
    assert_eq!(entries(&lab), 62 * 4_095 + 2 + 2);
}
