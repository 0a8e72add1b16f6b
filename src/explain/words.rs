//! A note of a trace in words, and who rules what it says.

use super::scene::Scene;
use crate::switch::fdb::Learn;
use crate::switch::ipvlan::{Inward, Outward};
use crate::switch::macvlan::Origin;
use crate::switch::trace::{Flooded, Found, Kept, Meant, Note, VlanBy, Way};
use crate::switch::vxlan::Learned;
use crate::switch::{NetdevId, PacketType, Side, TrapKind};
use crate::time::Duration;
use crate::wire::{Tag, Vid};

/// What a note says: what kind of note it is, in words, and the clause or kernel function behind it.
pub(super) struct Words {
    pub(super) what: &'static str,
    pub(super) text: String,
    pub(super) rule: &'static str,
}

/// Puts a note into words. What an end of a copy says is in `ruling.rs`.
pub(super) fn words(scene: &Scene<'_>, note: &Note) -> Words {
    let name = |id: NetdevId| scene.name(id);
    let (what, text, rule) = match *note {
        Note::Left {
            attachment,
            kind,
            tag,
            octets,
        } => {
            let info = &scene.network.attachments()[attachment.index()];
            let how = match info.side {
                Side::Wire => format!("leaves by the wire of {}", name(info.netdev)),
                Side::Stack => format!("up to the stack on {}", name(info.netdev)),
                Side::Device => format!("to whoever uses the macvtap {}", name(info.netdev)),
                Side::Underlay(_) => format!("leaves by a socket of the host ({})", info.name),
            };
            let stranger = match (info.side, kind) {
                (Side::Stack, PacketType::OtherHost) => ", which is not the one it is for",
                _ => "",
            };
            let tag = tag.map_or(String::new(), |tag| format!(", with {}", tag_words(tag)));
            let text = format!("{how}{stranger}{tag}, {octets} octets");
            ("left", text, "")
        }
        Note::Trapped { kind } => {
            let (text, rule) = trapped(kind);
            ("trapped", text.to_owned(), rule)
        }
        Note::Refused(reason) | Note::Lost { reason, .. } => {
            let text = format!("dropped: {reason}: {}", reason.sentence());
            ("dropped", text, super::rule(reason))
        }
        Note::State { port, state } => {
            let text = format!("{} is {}", name(port), state.name());
            ("state", text, "IEEE 802.1Q 8.6.1")
        }
        Note::Vlan { vid, by } => {
            let by = match by {
                VlanBy::Tag => "by its tag".to_owned(),
                VlanBy::Pvid => format!(
                    "by the PVID of {}, for it has no tag",
                    name(scene.ingress())
                ),
                VlanBy::PriorityTag => format!(
                    "by the PVID of {}, for its tag has a priority and no VID",
                    name(scene.ingress())
                ),
            };
            let text = format!("VLAN {vid}, {by}");
            ("vlan", text, "__allowed_ingress; IEEE 802.1Q 6.9")
        }
        Note::Egress { vid, untagged } => {
            let how = if untagged { "untagged" } else { "tagged" };
            let text = format!("a member of VLAN {vid}, {how}");
            ("egress", text, "br_handle_vlan; IEEE 802.1Q 8.6.4")
        }
        Note::Learned {
            mac,
            vid,
            port,
            outcome,
            before,
            age,
        } => {
            let station = format!("{mac}{}", in_vlan(vid));
            let ago = age.map_or(String::new(), |age| format!(", seen {} ago", seconds(age)));
            let port = name(port);
            let text = match outcome {
                Learn::Known => format!("learns: {station} is behind {port}, as known{ago}"),
                Learn::New if age.is_some() => {
                    format!("learns: {station} is behind {port}; what was known was too old{ago}")
                }
                Learn::New => format!("learns: {station} is behind {port}, which is new"),
                Learn::Moved { .. } => {
                    let before = before.map_or("elsewhere".to_owned(), name);
                    format!("learns: {station} has moved from {before} to {port}{ago}")
                }
                Learn::Local => format!("learns nothing: {station} is an address of its own"),
                Learn::Full => format!("learns nothing of {station}: the table is full"),
                Learn::Off => "learns nothing: ageing_time is 0".to_owned(),
            };
            ("learned", text, "br_fdb_update; IEEE 802.1Q 8.7")
        }
        Note::LearningOff => {
            let text = format!(
                "learns nothing: learning is off at {}",
                name(scene.ingress())
            );
            ("learned", text, "br_handle_frame_finish (BR_LEARNING)")
        }
        Note::Reserved => {
            let text = "to a reserved address: for protocols of the link, never relayed \
                        (group_fwd_mask may except some)";
            let rule = "br_handle_frame; IEEE 802.1D-2004 table 7-10";
            ("reserved", text.to_owned(), rule)
        }
        Note::Lookup { mac, vid, found } => {
            let station = format!("{mac}{}", in_vlan(vid));
            let text = match found {
                Found::Own => format!("FDB: {station} is an address of the bridge itself"),
                Found::Behind { port, flags, age } => {
                    let port = port.map_or("a port that is gone".to_owned(), name);
                    let age = match () {
                        () if flags.external => "extern_learn".to_owned(),
                        () if flags.fixed => "static".to_owned(),
                        () => format!("seen {} ago", seconds(age)),
                    };
                    format!("FDB: {station} is behind {port} ({age})")
                }
                Found::Nothing => format!("FDB: {station} is not known"),
                Found::Expired { age } => {
                    format!(
                        "FDB: {station} is no longer known: seen {} ago",
                        seconds(age)
                    )
                }
            };
            ("lookup", text, "br_fdb_find_rcu; IEEE 802.1Q 8.8")
        }
        Note::Backup { port } => {
            let text = format!("that port has no carrier: its backup is {}", name(port));
            ("backup", text, "br_forward (backup_port)")
        }
        Note::Flooded { kind } => {
            let text = match kind {
                Flooded::Unknown => "floods: to every port but where it came in",
                Flooded::Multicast => "floods: nobody is known to be a member of the group",
                Flooded::Broadcast => "floods: to all",
            };
            ("flooded", text.to_owned(), "br_flood; IEEE 802.1Q 8.6.1")
        }
        Note::Kept { port, why } => {
            let why = match why {
                Kept::Ingress => "it came in there, and hairpin is off".to_owned(),
                Kept::Isolated => format!("it and {} are isolated", name(scene.ingress())),
                Kept::Private => {
                    format!("private VLANs keep it and {} apart", name(scene.ingress()))
                }
                Kept::State(state) => format!("it is {}", state.name()),
                Kept::Vlan => match scene.vid() {
                    Some(vid) => format!("it is no forwarding member of VLAN {vid}"),
                    None => "it is no forwarding member of the VLAN".to_owned(),
                },
                Kept::FloodOff => "it is told not to flood this kind of frame".to_owned(),
                Kept::Answered => "the question has been answered".to_owned(),
                Kept::Untrusted => "no DHCP server is trusted there".to_owned(),
                Kept::Others => "and others behind it".to_owned(),
            };
            let text = format!("not to {}: {why}", name(port));
            ("kept", text, "should_deliver, br_flood")
        }
        Note::Members { ports, host } => {
            let host = if host { ", and the bridge itself" } else { "" };
            let ports = count(ports, "port");
            let text = format!("members of the group and routers are behind {ports}{host}");
            ("members", text, "br_multicast_flood; RFC 4541")
        }
        Note::Answered { mac } => {
            let text = format!("answers the question itself: {mac}");
            (
                "answered",
                text,
                "br_do_proxy_suppress_arp, br_do_suppress_nd, arp_reduce",
            )
        }
        Note::TagOff(tag) => {
            let text = format!("takes {} off", tag_words(tag));
            ("tag_off", text, "vlan_do_receive")
        }
        Note::TagOn(tag) => {
            let text = format!("puts {} on", tag_words(tag));
            ("tag_on", text, "vlan_dev_hard_start_xmit")
        }
        Note::Readdressed(mac) => {
            let text = format!("is sent to {mac} instead");
            (
                "readdressed",
                text,
                "maybe_deliver_addr, route_shortcircuit",
            )
        }
        Note::MacvlanChild { child, passthru } => {
            let why = match passthru {
                true => "which has the netdev for itself (passthru)",
                false => "whose address it is for",
            };
            let text = format!("to the macvlan {}, {why}", name(child));
            ("macvlan", text, "macvlan_handle_frame")
        }
        Note::MacvlanNobody => {
            let text = "no macvlan here has the destination address: for the netdev's own stack";
            ("macvlan", text.to_owned(), "macvlan_handle_frame")
        }
        Note::MacvlanSource { child } => {
            let text = format!("{} asks for frames of this source: a copy", name(child));
            ("macvlan", text, "macvlan_forward_source")
        }
        Note::MacvlanGroup { origin, reached } => {
            let from = match origin {
                Origin::External => "from outside".to_owned(),
                Origin::Sibling(mode) => format!("from a macvlan in mode {}", mode.name()),
                Origin::Reflected(mode) => {
                    format!(
                        "that somebody sent back to a macvlan in mode {}",
                        mode.name()
                    )
                }
            };
            let macvlans = count(reached, "macvlan");
            let text = format!("to a group, {from}: copies for {macvlans}");
            ("macvlan", text, "macvlan_multicast_rx, macvlan_broadcast")
        }
        Note::MacvlanSibling { sibling } => {
            let text = format!("both are in mode bridge: straight to {}", name(sibling));
            ("macvlan", text, "macvlan_queue_xmit")
        }
        Note::MacvlanOut { mode, meant } => {
            let lower = name(scene.lower());
            let mode = mode.name();
            let text = match meant {
                None => format!("mode {mode}: out by {lower}"),
                Some(Meant::Parent) => format!(
                    "it is for {lower} itself, and macvlans and the stack of the netdev below never \
                     reach each other here: out by {lower}; to talk to this host give it a macvlan in \
                     mode bridge of its own (ip link add link {} name shim type macvlan mode bridge)",
                    scene.bare(scene.lower())
                ),
                Some(Meant::Sibling(other)) => format!(
                    "it is for {}, and only macvlans in mode bridge reach each other here: out by \
                     {lower}; a switch there may send it back",
                    name(other)
                ),
            };
            ("macvlan", text, "macvlan_queue_xmit")
        }
        Note::IpvlanIn { mode, address, to } => {
            let about = address.map_or("no address".to_owned(), |address| address.to_string());
            let text = match to {
                Inward::Child(child) => format!("{about} is an address of {}", name(child)),
                Inward::Lower => {
                    format!("{about} is no ipvlan device's: for the netdev's own stack")
                }
                Inward::Spread => {
                    "to a group: to all that hear it, and the netdev's own stack".to_owned()
                }
            };
            let text = format!("ipvlan in mode {}: {text}", mode.name());
            ("ipvlan", text, "ipvlan_handle_frame, ipvlan_addr_lookup")
        }
        Note::IpvlanOut {
            mode,
            flag,
            address,
            to,
        } => {
            let lower = name(scene.lower());
            let about = address.map_or("it".to_owned(), |address| address.to_string());
            let text = match to {
                Outward::Child(child) => format!("{about} is an address of {}", name(child)),
                Outward::Lower => format!("from a station to itself: in at {lower}"),
                Outward::Spread => {
                    format!("to a group: to the siblings that hear it, and out by {lower}")
                }
                Outward::Wire => format!("out by {lower}"),
                Outward::Route => format!("the stack below is to route {about} by {lower}"),
                Outward::Lost(_) => "this flag or mode does not let it go on".to_owned(),
            };
            let text = format!("ipvlan in mode {} {}: {text}", mode.name(), flag.name());
            ("ipvlan", text, "ipvlan_queue_xmit")
        }
        Note::Routed { station } => {
            let text = format!("the neighbour is {station}");
            ("routed", text, "ip_route_output_flow, neigh_resolve_output")
        }
        Note::VxlanTo { mac, remote, idle } => {
            let which = match mac.is_zero() {
                true => "for all that it does not know".to_owned(),
                false => format!("{mac} is there"),
            };
            let idle = idle.map_or(String::new(), |idle| {
                format!(", last sent there {} ago", seconds(idle))
            });
            let text = format!("endpoint {}: {which}{idle}", remote.ip);
            ("endpoint", text, "vxlan_find_mac_tx; RFC 7348 section 4.1")
        }
        Note::VxlanPutIn {
            vni,
            source,
            destination,
            port,
        } => {
            let text = format!("puts it into UDP: VNI {vni}, {source} > {destination} port {port}");
            ("put_in", text, "vxlan_build_skb; RFC 7348 section 5")
        }
        Note::VxlanTakenOut { vni, source } => {
            let text = format!("takes a frame of VNI {vni} out, which {source} sent");
            ("taken_out", text, "vxlan_rcv; RFC 7348 section 4.1")
        }
        Note::VxlanLearned { mac, ip, outcome } => {
            let text = match outcome {
                Learned::Known => format!("learns: {mac} is behind endpoint {ip}, as known"),
                Learned::New => format!("learns: {mac} is behind endpoint {ip}, which is new"),
                Learned::Moved => format!("learns: {mac} has moved to endpoint {ip}"),
                Learned::Full => format!("learns nothing of {mac}: the table is full"),
                Learned::Elsewhere => format!("a static entry says that {mac} is not behind {ip}"),
            };
            ("learned", text, "vxlan_snoop")
        }
        Note::TooBig { mtu } => {
            let text =
                format!("too big for its way: is answered so, with MTU {mtu}, and goes no further");
            ("too_big", text, "skb_tunnel_check_pmtu")
        }
        Note::Vni { vni, .. } => ("vni", format!("a VXLAN packet with VNI {vni}"), "vxlan_rcv"),
    };
    Words { what, text, rule }
}

/// What a netdev does with a copy: a stable word, and a sentence.
pub(super) fn does(scene: &Scene<'_>, way: Way) -> (&'static str, String) {
    match way {
        Way::Enters(side) => {
            let how = match side {
                Side::Wire => "receives it from its wire",
                Side::Stack => "sends it, from its stack",
                Side::Device => "sends it, from the user of the macvtap",
                Side::Underlay(_) => "receives it by a socket of the host",
            };
            ("enters", how.to_owned())
        }
        Way::Receives => ("receives", "receives it".to_owned()),
        Way::Relays { port } => {
            let port = scene.name(port);
            (
                "relays",
                format!("relays it, which came in by its port {port}"),
            )
        }
        Way::Transmits => ("transmits", "sends it".to_owned()),
    }
}

const fn trapped(kind: TrapKind) -> (&'static str, &'static str) {
    match kind {
        TrapKind::Bpdu => (
            "taken by the spanning tree",
            "br_stp_rcv; IEEE 802.1D-2004 table 7-10",
        ),
        TrapKind::Dhcp => ("a copy for DHCP snooping", "ours: DHCP snooping"),
        TrapKind::Security => (
            "a violation of port security: the port is shut",
            "ours: port security",
        ),
        TrapKind::Multicast => (
            "a copy for multicast snooping: it says something about groups",
            "br_multicast_rcv; RFC 4541",
        ),
        TrapKind::Loop => (
            "it went round a loop: the alarm is told",
            "ours: loop alarm",
        ),
        TrapKind::Unresolved => (
            "waits until it is known which station the endpoint is",
            "neigh_event_send",
        ),
        TrapKind::Neighbour => (
            "a copy for the neighbour table of the network below tunnels",
            "arp_process, ndisc_rcv",
        ),
        TrapKind::Fragment => ("a fragment, to be put together with others", "ip_defrag"),
    }
}

/// Returns `tag 802.1Q VLAN 10 priority 3`.
pub(super) fn tag_words(tag: Tag) -> String {
    let priority = match tag.pcp() {
        0 => String::new(),
        pcp => format!(" priority {pcp}"),
    };
    format!("tag {} VLAN {}{priority}", tag.tag_type.name(), tag.vid())
}

fn in_vlan(vid: Option<Vid>) -> String {
    vid.map_or(String::new(), |vid| format!(" in VLAN {vid}"))
}

fn count(number: u32, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// Returns seconds to the microsecond, without zeros behind.
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} s")
}
