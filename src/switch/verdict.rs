//! What becomes of a frame, and why.

use std::fmt;

use crate::wire::offload::OffloadError;

/// The outcome of one frame. A frame has exactly one: it is *forwarded* when at least one copy left
/// by an attachment, else *trapped* when control took it, else *dropped*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// At least one copy left by an attachment.
    Forwarded,
    /// Handed to control: a BPDU for this bridge, say.
    Trapped,
    /// Nothing left; the first reason met.
    Dropped(DropReason),
}

/// Linux's packet type: for whom a frame is, as the netdev that received it sees it (`eth_type_trans`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketType {
    /// Unicast to the netdev's own address (`PACKET_HOST`).
    Host,
    /// To all (`PACKET_BROADCAST`).
    Broadcast,
    /// To a group (`PACKET_MULTICAST`).
    Multicast,
    /// Unicast to somebody else, seen because the netdev is promiscuous (`PACKET_OTHERHOST`).
    OtherHost,
}

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $sentence:literal;)+) => {
        /// Why a frame, or one copy of it, went nowhere. There is no "other": an exit without a reason
        /// of its own does not exist.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl DropReason {
            /// Every reason, in the order of the path.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the stable name, as counters and captures print it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Returns the reason in a sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }
        }
    };
}

drop_reasons! {
    /// The checksum that a virtio-net header leaves to do lies outside the frame (live only).
    OffloadChecksum = "offload_checksum", "the virtio-net header puts the checksum outside the frame";
    /// A virtio-net header asks for segments that nobody could make (live only).
    OffloadSegments = "offload_segments", "the virtio-net header asks for segments of an unknown kind, of no size or too many, or without a checksum";
    /// A super-frame's headers are not what its virtio-net header says (live only).
    OffloadHeaders = "offload_headers", "the headers of the super-frame are not those that its virtio-net header tells of";
    /// Longer than what was received of it: its beginning came, and for the rest there was no room (live only).
    Cut = "cut", "there was no room to receive all of the frame";
    /// Shorter than an Ethernet header.
    Runt = "runt", "the frame is shorter than its 14-octet header";
    /// A tag is announced but cut off (`skb_vlan_untag`).
    TruncatedTag = "truncated_tag", "the frame announces a VLAN tag but ends before the type behind it (20 octets)";
    /// A stack sent more than its netdev's MTU allows (`packet_snd`: EMSGSIZE).
    SenderOversize = "sender_oversize", "the sender's netdev has a smaller MTU";
    /// The netdev the frame arrived at is administratively down.
    NetdevDown = "netdev_down", "the netdev is administratively down";
    /// A netdev without carrier discards what it is to send (`noop_enqueue`).
    NoCarrier = "no_carrier", "the netdev that is to send has no carrier (a bridge: no port forwards)";
    /// The VLAN device that takes the frame is down (`vlan_do_receive`).
    VlanDeviceDown = "vlan_device_down", "the VLAN device of the frame's VLAN is administratively down";
    /// The one child of a netdev in passthru mode is down (`macvlan_handle_frame`).
    MacvlanDown = "macvlan_down", "the macvlan that has the netdev for itself (passthru) is administratively down";
    /// A child with `nodst` asks for the frame's source, and is down (`macvlan_forward_source`).
    MacvlanNodst = "macvlan_nodst", "a macvlan that takes what comes from this source (nodst) is administratively down";
    /// The queue for groups has no room (`macvlan_broadcast_enqueue`).
    MacvlanQueueFull = "macvlan_queue_full", "the macvlans of the netdev want no queue for frames to groups (bcqueuelen 0)";
    /// Longer than a sibling in bridge mode takes (`is_skb_forwardable`).
    MacvlanOversize = "macvlan_oversize", "the frame is longer than the sibling takes (MTU + 18)";
    /// The netdev by way of which siblings in bridge mode talk is down (`dev_forward_skb`).
    LowerDown = "lower_down", "the netdev by way of which siblings talk to each other is administratively down";
    /// Longer than the netdev takes by way of which siblings in bridge mode talk (`is_skb_forwardable`).
    LowerOversize = "lower_oversize", "the frame is longer than the netdev takes by way of which siblings talk (MTU + 18)";
    /// The far end of the veth pair is down (`__dev_forward_skb`).
    PeerDown = "peer_down", "the far end of the veth pair is down";
    /// Longer than the far end of the veth pair takes (`is_skb_forwardable`).
    PeerOversize = "peer_oversize", "the frame is longer than the far end of the veth pair takes (MTU + 18)";
    /// Longer than the sibling takes (`dev_forward_skb`).
    IpvlanOversize = "ipvlan_oversize", "the frame is longer than the sibling takes (MTU + 18)";
    /// Unicast from one child of a private ipvlan for another (`ipvlan_xmit_mode_l2`).
    IpvlanPrivate = "ipvlan_private", "children of a private ipvlan reach no other child";
    /// MAC control from a child (`ipvlan_multicast_enqueue`).
    IpvlanPause = "ipvlan_pause", "an ipvlan device sends no MAC control (pause) frames to groups";
    /// A child in mode l3 or l3s sends to a group (`ipvlan_process_outbound`).
    IpvlanGroup = "ipvlan_group", "in mode l3 or l3s an ipvlan device sends nothing to groups";
    /// A child in mode l3 or l3s sends what is neither IPv4 nor IPv6 (`ipvlan_process_outbound`).
    IpvlanNotIp = "ipvlan_not_ip", "in mode l3 or l3s an ipvlan device sends only IPv4 and IPv6 packets";
    /// A child in mode l3 or l3s sends IPv4 without a whole header.
    IpvlanIpv4Malformed = "ipvlan_ipv4_malformed", "the packet to route has no whole IPv4 header";
    /// A child in mode l3 or l3s sends IPv6 without a whole header.
    IpvlanIpv6Malformed = "ipvlan_ipv6_malformed", "the packet to route has no whole IPv6 header";
    /// The stack below a child in mode l3 or l3s sends no packet with these addresses.
    IpvlanNoRoute = "ipvlan_no_route", "the stack below the ipvlan device routes no packet with these addresses";
    /// The stack below a child in mode l3 or l3s does not know the next hop.
    IpvlanNoNeighbour = "ipvlan_no_neighbour", "the netdev below the ipvlan device does not know the destination (ip neigh add … dev LOWER)";
    /// A packet of a child in mode l3 or l3s would have to be cut into fragments.
    IpvlanFragments = "ipvlan_fragments", "the packet is longer than the MTU of the netdev below the ipvlan device";
    /// A dummy discards whatever it transmits.
    DummyTransmit = "dummy_transmit", "a dummy netdev discards what it transmits";
    /// The source is a group address (`br_handle_frame`).
    SourceGroup = "source_group", "the source is a group address, which no station can have";
    /// The source is all-zero (`br_handle_frame`).
    SourceZero = "source_zero", "the source address is all-zero";
    /// To 01:80:c2:00:00:01, IEEE MAC control (`br_handle_frame`).
    MacControl = "mac_control", "a MAC control (pause) frame never passes a bridge";
    /// The ingress port neither learns nor forwards: disabled, listening or blocking.
    IngressPortState = "ingress_port_state", "the ingress port is disabled, listening or blocking";
    /// The ingress port is learning: the source was noted, the frame goes no further.
    IngressLearning = "ingress_learning", "the ingress port is learning and does not forward yet";
    /// The VLAN filter: the ingress port is no member of the frame's VLAN (`__allowed_ingress`).
    VlanIngress = "vlan_ingress", "the ingress port is not a member of the frame's VLAN";
    /// The VLAN filter: VID 4095 is reserved, nobody can be a member.
    VidReserved = "vid_reserved", "VID 4095 is reserved and belongs to no VLAN";
    /// The VLAN filter: an untagged or priority-tagged frame, and the ingress port has no PVID.
    NoPvid = "no_pvid", "the frame has no VID and the ingress port has no PVID";
    /// The VLAN filter: the state of the ingress port in this VLAN is neither learning nor forwarding.
    VlanIngressState = "vlan_ingress_state", "the ingress port is disabled, listening or blocking in this VLAN";
    /// A violation of port security closed the ingress port.
    PortShut = "port_shut", "a violation of port security closed the ingress port";
    /// The loop guard of the bridge has blocked the ingress port.
    LoopBlocked = "loop_blocked", "the ingress port closes a loop, and the loop guard of its bridge has blocked it";
    /// Port security: this station may not be behind this port.
    PortSecurity = "port_security", "port security: the source may not be behind this port";
    /// DHCP snooping: the message is malformed.
    DhcpMalformed = "dhcp_malformed", "a malformed DHCP message came in by a port that is not trusted";
    /// DHCP snooping: a server's message where there may be none.
    DhcpServer = "dhcp_server", "a DHCP server's message came in by a port that is not trusted";
    /// DHCP snooping: a client speaks for another, or as a relay.
    DhcpSpoofed = "dhcp_spoofed", "the DHCP message speaks for another client than the one that sent it";
    /// DHCP snooping: a client's message, and the destination is behind a port that is not trusted.
    DhcpUntrusted = "dhcp_untrusted", "the DHCP client speaks to a station behind a port that is not trusted";
    /// IP binding: the address does not belong to this station behind this port.
    Unbound = "unbound", "the sender's IP address is not bound to this station and port";
    /// Storm control: too many broadcast frames.
    StormBroadcast = "storm_broadcast", "storm control: more broadcast frames than the ingress port takes in";
    /// Storm control: too many multicast frames.
    StormMulticast = "storm_multicast", "storm control: more multicast frames than the ingress port takes in";
    /// Storm control: too many frames to unknown stations.
    StormUnknown = "storm_unknown", "storm control: more frames to unknown stations than the ingress port takes in";
    /// The ingress port is locked and the source is not admitted on it.
    Locked = "locked", "the ingress port is locked and has no FDB entry that admits this source";
    /// Snooping found the IPv4 header of a frame to a group malformed (`ip_mc_check_iphdr`).
    Ipv4Malformed = "ipv4_malformed", "the IPv4 header of a frame to a group is malformed, and the bridge snoops";
    /// Snooping found an IGMP message malformed (`ip_mc_check_igmp`).
    IgmpMalformed = "igmp_malformed", "an IGMP message is malformed, and the bridge snoops";
    /// Snooping found the IPv6 headers of a frame to a group malformed (`ipv6_mc_check_ip6hdr`).
    Ipv6Malformed = "ipv6_malformed", "the IPv6 headers of a frame to a group are malformed, and the bridge snoops";
    /// Snooping found an ICMPv6 message behind hop-by-hop options malformed (`ipv6_mc_check_mld`).
    MldMalformed = "mld_malformed", "an MLD message is malformed, and the bridge snoops";
    /// An IGMPv3 or MLDv2 report announces more records than it has.
    ReportTruncated = "report_truncated", "a membership report ends before its last record, and the bridge snoops";
    /// A report asks for one group more than there may be (`mcast_hash_max`).
    GroupLimit = "group_limit", "the bridge has as many multicast groups as it may (mcast_hash_max)";
    /// A report asks for one group more than the ingress port may be in (`mcast_max_groups`).
    PortGroupLimit = "port_group_limit", "the ingress port is in as many multicast groups as it may be (mcast_max_groups)";
    /// The FDB says the destination is behind the port the frame came from, which has no hairpin.
    SamePort = "same_port", "the destination is behind the port the frame came from (hairpin is off)";
    /// Ingress and egress port are both isolated.
    Isolated = "isolated", "the ingress port and the port of the destination are both isolated";
    /// Ingress and egress port exchange no frames in private VLANs.
    PrivateVlan = "private_vlan", "the ingress port and the port of the destination exchange no frames in private VLANs";
    /// The port of the destination does not forward.
    EgressPortState = "egress_port_state", "the port of the destination is not forwarding";
    /// The VLAN filter: the port of the destination is no member, or does not forward in this VLAN
    /// (`br_allowed_egress`).
    VlanEgress = "vlan_egress", "the port of the destination is not a forwarding member of the frame's VLAN";
    /// The VLAN filter: the bridge itself is no member of the VLAN of a frame for it
    /// (`br_pass_frame_up`).
    VlanHost = "vlan_host", "the bridge itself is not a member of the frame's VLAN (bridge vlan add … self)";
    /// The flood set is empty.
    NoEgressPort = "no_egress_port", "no other port floods this kind of frame";
    /// The bridge's own stack sent to the bridge's own address.
    ToSelf = "to_self", "the bridge's stack sent to the bridge's own address";
    /// Longer than the egress port takes (`is_skb_forwardable`).
    EgressOversize = "egress_oversize", "the frame is longer than the egress port takes (MTU + 18)";
    /// A VXLAN device has no entry for the destination, and none for all others (`vxlan_xmit`).
    VxlanNoRemote = "vxlan_no_remote", "the VXLAN device knows no endpoint for the destination, and has no default one";
    /// A VXLAN device with `proxy` sends no questions (`arp_reduce`, `neigh_reduce`).
    VxlanProxied = "vxlan_proxied", "the VXLAN device answers ARP and neighbour solicitations itself (proxy), and has no answer";
    /// An IP packet on its way into or out of a tunnel ends in its header (`pskb_inet_may_pull`).
    VxlanInnerIp = "vxlan_inner_ip", "the frame in the tunnel says that it is IP and ends in the IP header";
    /// The endpoint is this host, where nobody listens for the network (`encap_bypass_if_local`).
    VxlanNobodyHere = "vxlan_nobody_here", "the endpoint is this host, and no VXLAN device here has that VNI and port";
    /// There is no way to the endpoint (`ENETUNREACH`).
    TunnelNoRoute = "tunnel_no_route", "no connected subnet has the endpoint of the tunnel, or its source address is nobody's here";
    /// The way to the endpoint leads through the tunnel itself, or through too many (`ELOOP`).
    TunnelLoop = "tunnel_loop", "the way to the tunnel's endpoint leads through the tunnel itself, or through too many tunnels";
    /// The packet is longer than its exit takes and may not be fragmented (`EMSGSIZE`).
    TunnelOversize = "tunnel_oversize", "the tunnel's packet is longer than its exit's MTU and must not be fragmented";
    /// A datagram to a VXLAN port whose IP header is malformed (`ip_rcv_core`, `ip6_rcv_core`).
    TunnelIp = "tunnel_ip", "the outer IP header is malformed: its lengths or its checksum";
    /// A datagram to a VXLAN port whose UDP length is wrong (`__udp4_lib_rcv`).
    TunnelUdp = "tunnel_udp", "the outer UDP header announces another length than the packet has";
    /// A datagram to a VXLAN port whose UDP checksum is wrong, or missing over IPv6.
    TunnelChecksum = "tunnel_checksum", "the outer UDP checksum is wrong, or missing over IPv6";
    /// A datagram to a VXLAN port from an address that cannot be on a wire (`fib_validate_source`).
    TunnelSource = "tunnel_source", "the outer source address is this host's own or no station's";
    /// A datagram to a VXLAN port that ends in the VXLAN header.
    VxlanTruncated = "vxlan_truncated", "the datagram ends before the VXLAN header does";
    /// Without the I flag there is no VNI (RFC 7348 section 5).
    VxlanFlags = "vxlan_flags", "the I flag is missing: the VXLAN header has no VNI";
    /// No device listens for the network.
    VxlanVni = "vxlan_vni", "no VXLAN device here has the packet's VNI";
    /// What is in the tunnel is no frame.
    VxlanRunt = "vxlan_runt", "what is behind the VXLAN header is shorter than an Ethernet header";
    /// Reserved bits are set, or those of an extension that is off (`vxlan_rcv`).
    VxlanReserved = "vxlan_reserved", "reserved bits of the VXLAN header are set, or those of an extension that is off";
    /// A frame of the device's own came back (`vxlan_set_mac`).
    VxlanOwnSource = "vxlan_own_source", "the source of the frame is the VXLAN device's own address: it came round a loop";
    /// The source is a group or zero, and the device learns (`vxlan_snoop`).
    VxlanSource = "vxlan_source", "the source of the frame in the tunnel is a group or zero, and the VXLAN device learns";
    /// An entry that does not move says that the source is behind another endpoint (`vxlan_snoop`).
    VxlanElsewhere = "vxlan_elsewhere", "a static entry of the VXLAN device says that the source is behind another endpoint";
    /// Congestion was met that the frame cannot tell of (RFC 6040 section 4.2).
    VxlanCongestion = "vxlan_congestion", "the outer packet met congestion, and the packet inside cannot say so";
    /// The frame crossed more netdevs than one frame may: a loop without spanning tree.
    HopLimit = "hop_limit", "the frame went round a loop and reached the bound on copies";
}

impl DropReason {
    /// How many reasons there are; `reason as usize` is below it.
    pub const COUNT: usize = Self::ALL.len();
}

impl From<OffloadError> for DropReason {
    fn from(error: OffloadError) -> Self {
        match error {
            OffloadError::Checksum => Self::OffloadChecksum,
            OffloadError::Segments => Self::OffloadSegments,
            OffloadError::Headers => Self::OffloadHeaders,
            OffloadError::Cut => Self::Cut,
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
