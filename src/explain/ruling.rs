//! Why frames go nowhere: who rules so, and what to change to make them pass.
//!
//! Both matches have an arm for every [`DropReason`], so that a new one does not compile without. Kernel
//! functions are Linux 6.12's; "ours" is what its bridge lacks (`tapswitch port`, `tapswitch bridge`) or what
//! follows from a bound of ours.

use super::scene::Scene;
use crate::netdev::Kind;
use crate::switch::DropReason;
use crate::switch::trace::{Kept, Note};

/// Returns the clause or the kernel function that rules a reason.
#[must_use]
pub const fn rule(reason: DropReason) -> &'static str {
    use DropReason as R;
    match reason {
        R::OffloadChecksum => "virtio_net_hdr_to_skb, skb_partial_csum_set; virtio 1.2, 5.1.6",
        R::OffloadSegments => "virtio_net_hdr_to_skb; virtio 1.2, 5.1.6",
        R::OffloadHeaders => "tcp_gso_segment, __udp_gso_segment",
        R::Cut => "recvmsg (MSG_TRUNC)",
        R::Runt => "eth_type_trans, tun_get_user",
        R::TruncatedTag => "skb_vlan_untag",
        R::SenderOversize => "packet_snd (EMSGSIZE), packet_extra_vlan_len_allowed",
        R::NetdevDown => "__dev_queue_xmit, netif_rx (IFF_UP)",
        R::NoCarrier => "noop_enqueue, dev_deactivate",
        R::VlanDeviceDown => "vlan_do_receive",
        R::MacvlanDown => "macvlan_handle_frame",
        R::MacvlanNodst => "macvlan_forward_source (MACVLAN_FLAG_NODST)",
        R::MacvlanQueueFull => "macvlan_broadcast_enqueue",
        R::MacvlanOversize | R::LowerOversize | R::PeerOversize | R::IpvlanOversize => {
            "____dev_forward_skb, is_skb_forwardable"
        }
        R::LowerDown => "____dev_forward_skb (IFF_UP)",
        R::PeerDown => "veth_xmit, ____dev_forward_skb (IFF_UP)",
        R::IpvlanPrivate => "ipvlan_xmit_mode_l2, ipvlan_xmit_mode_l3 (ipvlan_is_private)",
        R::IpvlanPause => "ipvlan_multicast_enqueue",
        R::IpvlanGroup | R::IpvlanNotIp => "ipvlan_process_outbound",
        R::IpvlanIpv4Malformed => "ipvlan_process_v4_outbound",
        R::IpvlanIpv6Malformed => "ipvlan_process_v6_outbound",
        R::IpvlanNoRoute => "ip_route_output_flow, ip6_route_output",
        R::IpvlanNoNeighbour => "neigh_resolve_output",
        R::IpvlanFragments => "ip_fragment; here nothing is cut into fragments",
        R::DummyTransmit => "dummy_xmit",
        R::SourceGroup | R::SourceZero => "br_handle_frame (is_valid_ether_addr)",
        R::MacControl => "br_handle_frame; IEEE 802.1D-2004 table 7-10",
        R::IngressPortState => "br_handle_frame; IEEE 802.1Q 8.6.1, 802.1D-2004 7.12.6",
        R::IngressLearning => "br_handle_frame_finish; IEEE 802.1Q 8.6.1",
        R::VlanIngress => "__allowed_ingress; IEEE 802.1Q 8.6.2",
        R::VidReserved => "__allowed_ingress, br_vlan_find; IEEE 802.1Q clause 9",
        R::NoPvid => "__allowed_ingress; IEEE 802.1Q 6.9",
        R::VlanIngressState => "__allowed_ingress (br_vlan_state_allowed); IEEE 802.1Q 8.6.1",
        R::PortShut | R::PortSecurity => "ours: port security (tapswitch port set)",
        R::LoopBlocked => "ours: loop guard (tapswitch bridge set)",
        R::DhcpMalformed | R::DhcpServer | R::DhcpSpoofed | R::DhcpUntrusted => {
            "ours: DHCP snooping (tapswitch port set); RFC 2131"
        }
        R::Unbound => "ours: IP binding (tapswitch port set)",
        R::StormBroadcast | R::StormMulticast | R::StormUnknown => {
            "ours: storm control (tapswitch port set)"
        }
        R::Locked => "br_handle_frame_finish (BR_PORT_LOCKED); IEEE 802.1X",
        R::Ipv4Malformed => "br_multicast_ipv4_rcv, ip_mc_check_iphdr",
        R::IgmpMalformed => "br_multicast_ipv4_rcv, ip_mc_check_igmp; RFC 3376",
        R::Ipv6Malformed => "br_multicast_ipv6_rcv, ipv6_mc_check_ip6hdr",
        R::MldMalformed => "br_multicast_ipv6_rcv, ipv6_mc_check_mld; RFC 3810",
        R::ReportTruncated => "br_ip4_multicast_igmp3_report, br_ip6_multicast_mld2_report",
        R::GroupLimit => "br_multicast_new_group (mcast_hash_max)",
        R::PortGroupLimit => "br_multicast_port_ngroups_inc (mcast_max_groups)",
        R::SamePort => "should_deliver (BR_HAIRPIN_MODE); IEEE 802.1Q 8.6.1",
        R::Isolated => "should_deliver, br_skb_isolated",
        R::PrivateVlan => "ours: private VLANs (tapswitch port set); RFC 5517",
        R::EgressPortState => "should_deliver; IEEE 802.1Q 8.6.1",
        R::VlanEgress => "should_deliver, br_allowed_egress; IEEE 802.1Q 8.6.4",
        R::VlanHost => "br_pass_frame_up, br_allowed_egress",
        R::NoEgressPort => "br_flood, br_multicast_flood",
        R::ToSelf => "br_dev_xmit, br_forward",
        R::EgressOversize => "br_dev_queue_push_xmit, is_skb_forwardable",
        R::VxlanNoRemote => "vxlan_xmit, vxlan_xmit_one",
        R::VxlanProxied => "arp_reduce, neigh_reduce",
        R::VxlanInnerIp => "skb_vlan_inet_prepare, pskb_inet_may_pull",
        R::VxlanNobodyHere => "encap_bypass_if_local",
        R::TunnelNoRoute => "udp_tunnel_dst_lookup, udp_tunnel6_dst_lookup (ENETUNREACH)",
        R::TunnelLoop => "vxlan_xmit_one (ELOOP), IP_TUNNEL_RECURSION_LIMIT",
        R::TunnelOversize => "ip_fragment, ip6_fragment (EMSGSIZE)",
        R::TunnelIp => "ip_rcv_core, ip6_rcv_core",
        R::TunnelUdp => "__udp4_lib_rcv, __udp6_lib_rcv; RFC 768",
        R::TunnelChecksum => "udp4_csum_init, udp6_csum_init; RFC 6936",
        R::TunnelSource => "fib_validate_source, ip_route_input_slow",
        R::VxlanTruncated | R::VxlanFlags => "vxlan_rcv; RFC 7348 section 5",
        R::VxlanVni => "vxlan_rcv, vxlan_vs_find_vni",
        R::VxlanRunt => "vxlan_rcv (__iptunnel_pull_header)",
        R::VxlanReserved => "vxlan_rcv (unparsed bits)",
        R::VxlanOwnSource => "vxlan_set_mac",
        R::VxlanSource | R::VxlanElsewhere => "vxlan_set_mac, vxlan_snoop",
        R::VxlanCongestion => "IP_ECN_decapsulate; RFC 6040 section 4.2",
        R::HopLimit => {
            "ours: a bound on copies; the kernel goes on for ever. IEEE 802.1D has no hop count"
        }
    }
}

/// Says what to change so that the frame is not stopped there.
pub(super) fn advice(reason: DropReason, scene: &Scene<'_>) -> String {
    use DropReason as R;
    let at = scene.at;
    let (destination, source) = scene.addresses();
    let up = |id| {
        let name = scene.bare(id);
        scene.command("ip", id, &format!("link set {name} up"))
    };
    let port_option = |id, option: &str| {
        let name = scene.bare(id);
        scene.command("bridge", id, &format!("link set dev {name} {option}"))
    };
    let guard = |option: &str| {
        let name = scene.bare(scene.ingress());
        scene.command(
            "tapswitch",
            scene.ingress(),
            &format!("port set dev {name} {option}"),
        )
    };
    let member = |id| scene.admit(id);
    let bridge_option = |option: &str| {
        let bridge = scene.bridge();
        let name = scene.bare(bridge);
        scene.command(
            "ip",
            bridge,
            &format!("link set {name} type bridge {option}"),
        )
    };
    let sender = |what: &str| format!("the sender has to {what}; no setting lets it pass");
    match reason {
        R::OffloadChecksum | R::OffloadSegments | R::OffloadHeaders => {
            sender("fill in its virtio-net header")
        }
        R::Cut => sender("send less: no frame has more than 65,600 octets live, headers included"),
        R::Runt => sender("send at least 14 octets"),
        R::TruncatedTag => sender("send what belongs behind the tag"),
        R::SenderOversize => scene.raise_mtu(at),
        R::NetdevDown => up(at),
        R::NoCarrier => match &scene.network.netdev(at).kind {
            Kind::Veth { peer } => up(*peer),
            Kind::Bridge(_) => format!(
                "give {} a port that forwards: ip link set DEV master {0} up",
                scene.bare(at)
            ),
            Kind::Tap { .. } | Kind::Outside { .. } => {
                format!("plug something into {}", scene.name(at))
            }
            _ => up(scene.lower()),
        },
        R::VlanDeviceDown | R::LowerDown => up(at),
        R::MacvlanDown => up(scene.macvlan().unwrap_or(at)),
        R::MacvlanNodst => up(scene.silent_source().unwrap_or(at)),
        R::MacvlanQueueFull => format!(
            "let frames to groups wait: {} type macvlan bcqueuelen 1000",
            scene.command("ip", at, "link set MACVLAN")
        ),
        R::MacvlanOversize
        | R::LowerOversize
        | R::IpvlanOversize
        | R::EgressOversize
        | R::IpvlanFragments => scene.raise_mtu(match reason {
            R::IpvlanFragments => scene.lower(),
            _ => at,
        }),
        R::PeerDown | R::PeerOversize => match &scene.network.netdev(at).kind {
            Kind::Veth { peer } if reason == R::PeerDown => up(*peer),
            Kind::Veth { peer } => scene.raise_mtu(*peer),
            _ => up(at),
        },
        R::IpvlanPrivate => format!(
            "let children reach each other: {}",
            scene.command(
                "ip",
                at,
                &format!("link set {} type ipvlan bridge", scene.bare(at))
            )
        ),
        R::IpvlanPause => sender("keep MAC control to its own link"),
        R::IpvlanGroup | R::IpvlanNotIp => format!(
            "give the children layer 2: {}",
            scene.command(
                "ip",
                at,
                &format!("link set {} type ipvlan mode l2", scene.bare(at))
            )
        ),
        R::IpvlanIpv4Malformed | R::IpvlanIpv6Malformed => sender("send a whole IP header"),
        R::IpvlanNoRoute => {
            let lower = scene.lower();
            let name = scene.bare(lower);
            format!(
                "an address of that subnet below: {}",
                scene.command("ip", lower, &format!("addr add ADDRESS/PREFIX dev {name}"))
            )
        }
        R::IpvlanNoNeighbour => {
            let lower = scene.lower();
            let name = scene.bare(lower);
            scene.command(
                "ip",
                lower,
                &format!("neigh add ADDRESS lladdr MAC dev {name}"),
            )
        }
        R::DummyTransmit => format!(
            "use a netdev that leads somewhere in place of {}: a veth pair, a TAP, a NIC",
            scene.name(at)
        ),
        R::SourceGroup | R::SourceZero => sender("have an address of its own as its source"),
        R::MacControl => sender("keep pause frames to its own link"),
        R::IngressPortState | R::IngressLearning => scene.open(scene.ingress()),
        R::VlanIngress => member(scene.ingress()),
        R::VidReserved => sender("use a VID from 1 to 4094"),
        R::NoPvid => {
            let (id, bridge) = (scene.ingress(), scene.bridge());
            let own = if id == bridge { " self" } else { "" };
            let name = scene.bare(id);
            scene.command(
                "bridge",
                id,
                &format!("vlan add dev {name} vid VID pvid untagged{own}"),
            )
        }
        R::VlanIngressState => {
            let id = scene.ingress();
            let (name, vid) = (scene.bare(id), scene.vid_words());
            scene.command("bridge", id, &format!("vlan set dev {name}{vid} state 3"))
        }
        R::PortShut => format!(
            "open the port again: {}, then {}; or let it open by itself: {}",
            scene.command(
                "ip",
                scene.ingress(),
                &format!("link set {} down", scene.bare(scene.ingress()))
            ),
            up(scene.ingress()),
            guard("recovery 300")
        ),
        R::LoopBlocked => format!(
            "take a cable of the loop out, or let a spanning tree do it: {}",
            bridge_option("stp_state 1")
        ),
        R::PortSecurity => format!(
            "{} or {}",
            guard(&format!("secure_mac {source}{}", scene.vlan_words())),
            guard("max_macs off")
        ),
        R::DhcpMalformed | R::DhcpServer | R::DhcpSpoofed => {
            format!(
                "if servers or relays may be there: {}",
                guard("dhcp_trusted on")
            )
        }
        R::DhcpUntrusted => {
            let name = scene.bare(scene.egress());
            format!(
                "if servers may be there: {}",
                scene.command(
                    "tapswitch",
                    scene.egress(),
                    &format!("port set dev {name} dhcp_trusted on")
                )
            )
        }
        R::Unbound => guard(&format!("bind ADDRESS {source}{}", scene.vlan_words())),
        R::StormBroadcast => guard("storm_broadcast off"),
        R::StormMulticast => guard("storm_multicast off"),
        R::StormUnknown => guard("storm_unknown off"),
        R::Locked => {
            let id = scene.ingress();
            let (name, vlan) = (scene.bare(id), scene.vlan_words());
            scene.command(
                "bridge",
                id,
                &format!("fdb replace {source} dev {name} master static{vlan}"),
            )
        }
        R::Ipv4Malformed
        | R::IgmpMalformed
        | R::Ipv6Malformed
        | R::MldMalformed
        | R::ReportTruncated => {
            format!("do not look: {}", bridge_option("mcast_snooping 0"))
        }
        R::GroupLimit => bridge_option("mcast_hash_max 65536"),
        R::PortGroupLimit => port_option(scene.ingress(), "mcast_max_groups 0"),
        R::SamePort => {
            let port = scene.ingress();
            format!(
                "if what is behind {} does not deliver it itself: {}",
                scene.name(port),
                port_option(port, "hairpin on")
            )
        }
        R::Isolated => {
            let port = scene.egress();
            port_option(port, "isolated off")
        }
        R::PrivateVlan => {
            let port = scene.egress();
            let name = scene.bare(port);
            scene.command(
                "tapswitch",
                port,
                &format!("port set dev {name} private promiscuous"),
            )
        }
        R::EgressPortState => scene.open(scene.egress()),
        R::VlanEgress => member(scene.egress()),
        R::VlanHost => member(scene.bridge()),
        R::NoEgressPort => for_a_flood(scene),
        R::ToSelf => {
            format!("{destination} is the bridge itself: a host does not send to itself by layer 2")
        }
        R::VxlanNoRemote => {
            let name = scene.bare(at);
            format!(
                "{}, or for all others 00:00:00:00:00:00",
                scene.command(
                    "bridge",
                    at,
                    &format!("fdb append {destination} dev {name} dst ENDPOINT")
                )
            )
        }
        R::VxlanProxied => {
            let name = scene.bare(at);
            format!(
                "tell it the answer: {}",
                scene.command(
                    "ip",
                    at,
                    &format!("neigh add ADDRESS lladdr MAC dev {name}")
                )
            )
        }
        R::VxlanInnerIp => sender("send a whole IP header"),
        R::VxlanNobodyHere => format!(
            "the endpoint is an address of this host: use that of another, or add a VXLAN device with id {} here",
            scene
                .vni()
                .map_or("VNI".to_owned(), |(vni, _)| vni.to_string())
        ),
        R::TunnelNoRoute => scene.command(
            "ip",
            at,
            "addr add ADDRESS/PREFIX dev DEV, in a subnet that has the endpoint",
        ),
        R::TunnelLoop => format!(
            "let the endpoint be reached by another netdev than {}",
            scene.name(at)
        ),
        R::TunnelOversize => format!(
            "raise the MTU of the way by 50 octets (70 with IPv6), or lower that of the hosts: {}",
            scene.command("ip", at, "link set DEV mtu 1450")
        ),
        R::TunnelIp | R::TunnelUdp => sender("make whole IP and UDP headers"),
        R::TunnelChecksum => format!(
            "{}, or let the sender sum up",
            scene.command("ip", at, "link add … type vxlan … udp6zerocsumrx")
        ),
        R::TunnelSource => sender("send from an address of its own"),
        R::VxlanTruncated | R::VxlanFlags | R::VxlanRunt => {
            sender("put a frame behind a whole VXLAN header with the I flag")
        }
        R::VxlanVni => {
            let (vni, port) = scene.vni().map_or(("VNI".to_owned(), 4789), |(vni, port)| {
                (vni.to_string(), port)
            });
            scene.command(
                "ip",
                at,
                &format!("link add DEV up type vxlan id {vni} dstport {port}"),
            )
        }
        R::VxlanReserved => format!(
            "send without extensions, or, if it is a group policy: {}",
            scene.command("ip", at, "link add … type vxlan … gbp")
        ),
        R::VxlanOwnSource => {
            "look for the loop that brings the device's own frames back".to_owned()
        }
        R::VxlanSource => sender("have an address of its own as its source"),
        R::VxlanElsewhere => scene.command("bridge", at, &format!("fdb del {source} dev VXLAN")),
        R::VxlanCongestion => {
            "relieve the congested router, or let the hosts inside use ECN".to_owned()
        }
        R::HopLimit => format!(
            "cut the loop: take a cable out, or {}",
            bridge_option("stp_state 1")
        ),
    }
}

/// What would give a flood a port to go to, by what keeps the frame from those there are.
fn for_a_flood(scene: &Scene<'_>) -> String {
    // Back to where it came from only if there is nobody else.
    let others = |why: Kept| why != Kept::Ingress;
    let wanted = |which: fn(Kept) -> bool| {
        let kept = scene.kept().filter_map(move |note| match note {
            Note::Kept { port, why } if which(*why) => Some(for_a_port(scene, *port, *why)),
            _ => None,
        });
        kept.take(4).collect::<Vec<_>>()
    };
    let mut ways = wanted(others);
    if ways.is_empty() {
        ways = wanted(|_| true);
    }
    match ways.as_slice() {
        [] => format!(
            "give {} another port: ip link set DEV master {} up",
            scene.name(scene.bridge()),
            scene.bare(scene.bridge())
        ),
        ways => ways.join("; or "),
    }
}

/// What would let a flood out of a port.
pub(super) fn for_a_port(scene: &Scene<'_>, port: crate::switch::NetdevId, why: Kept) -> String {
    let name = scene.bare(port);
    let link =
        |option: &str| scene.command("bridge", port, &format!("link set dev {name} {option}"));
    match why {
        Kept::Ingress => link("hairpin on"),
        Kept::Isolated => link("isolated off"),
        Kept::Private => scene.command(
            "tapswitch",
            port,
            &format!("port set dev {name} private promiscuous"),
        ),
        Kept::State(_) => scene.open(port),
        Kept::Vlan => scene.admit(port),
        Kept::FloodOff => {
            let (destination, _) = scene.addresses();
            let option = match destination {
                _ if destination.is_broadcast() => "bcast_flood on",
                _ if destination.is_group() => "mcast_flood on",
                _ => "flood on",
            };
            link(option)
        }
        Kept::Answered => link("neigh_suppress off"),
        Kept::Untrusted => scene.command(
            "tapswitch",
            port,
            &format!("port set dev {name} dhcp_trusted on"),
        ),
        Kept::Others => "and so on for the ports beyond".to_owned(),
    }
}
