//! tapswitch is Linux's layer 2 in userspace: it forwards live between TAP devices, replays captures
//! in virtual time, and counts for every frame why it went where it went.
//!
//! # The model
//!
//! A network is what `ip` and `bridge` commands make: *netdevs* in *namespaces*, wired to each other.
//! A veth end has a *peer*, a bridge port a *master*, a VLAN device, macvlan or ipvlan device a *lower*. Two verbs move a frame, as
//! in the kernel:
//!
//! - **receive**(netdev): a frame arrives from the wire side. The first handler takes it: the VLAN device
//!   on the netdev for the frame's tag, which *receives* it in turn; else the bridge that the netdev is a
//!   port of, the macvlans on it, or the ipvlan device on it that has the IP address it is for; else the stack of its namespace.
//! - **transmit**(netdev): a frame leaves. A veth end hands it to its peer's *receive*, a bridge looks
//!   it up or floods it, a VLAN device adds its tag and *transmits* it by its lower, a macvlan or
//!   ipvlan device asks its siblings first, a VXLAN device puts it into a datagram that its namespace sends, a TAP hands it to the outside, a dummy discards it.
//!
//! The two ends of a *cable* (`tapswitch cable`) come before all that: what one receives, the other
//! transmits.
//!
//! An *attachment* is where the network meets the world: the stack end of a netdev (what a host in the
//! namespace would use), the character device of a macvtap, or an outside wire (what is plugged in behind
//! a TAP or a NIC), or the sockets by which tunnels leave for other hosts ([`netdev::Network::goes_by_host`]). Live, an
//! attachment is a TAP, a packet socket, `AF_XDP` sockets or a UDP socket; in a replay, an interface of a capture.
//!
//! # A frame's way
//!
//! ```text
//! attachment ─▶ enter ─▶ receive ─▶ bridge: screen, state, VLAN, guard, ─▶ transmit ─▶ attachment
//!               too long   tag too      learn, snoop, select                port too small,
//!               for the    short                                            peer down,
//!               MTU                     bad source, reserved address,       no carrier
//!                                       port state, no member of the VLAN,
//!                                       storm, locked, same port, isolated,
//!                                       nobody to flood to,
//!                                       malformed and to a group
//! ```
//!
//! [`switch::path`] is the whole way between netdevs (most frames take a short one that leads to the same,
//! `switch::lane`), [`switch::vlan`] through VLAN devices,
//! [`switch::macvlan`] and [`switch::ipvlan`] through macvlans and ipvlan devices, [`switch::vxlan`] through VXLAN devices, [`switch::bridge`] through a bridge; each reads from top to bottom. Under every arrow stands what
//! can go wrong there: each exit is a [`DropReason`](switch::DropReason) with a counter and a test, and
//! the counters add up: frames in = forwarded + trapped + dropped by reason.
//!
//! Live, a frame may have something left to do, as in Linux: a checksum, or to be cut in segments
//! ([`wire::offload`]). The core knows one thing of that, that no MTU stops a super-frame
//! (`is_skb_forwardable`); the description goes past it, from the attachment where the frame came in to
//! those where its copies leave ([`live::turn`]). Who does not take it gets whole frames, made in
//! software and counted. A super-frame counts as one frame everywhere.
//!
//! # Three kinds of state
//!
//! | state | written by | read by | how |
//! |---|---|---|---|
//! | [`Plan`](switch::Plan) | control, replaced whole | workers | loaded once per turn |
//! | [`Fdb`](switch::Fdb) | workers and control | both | atomics; new entries and moves under one lock; answers with values |
//! | [`Mdb`](switch::Mdb) and its contexts | control | workers | a `DashMap` of immutable members; atomics beside it |
//! | [`Alarm`](switch::Alarm) | workers | control, when they ring | atomics; a sighting under a lock that nobody waits for |
//! | [`Counters`](switch::Counters) | one worker each | whoever shows them | plain integers, summed on show |
//!
//! [`control::Control`] owns what is slow and stateful (configuration, spanning tree, ageing) and is
//! itself without I/O: commands, trapped frames and time go in, replies and one ordered queue of
//! outputs come out. Two drivers run it: [`live`] (worker threads that poll attachments, one control
//! thread) and [`replay`] (one loop, virtual time, with a simulated [`host`] in every namespace), which [`check`] compares with what is expected and
//! [`simulate`] uses for spanning trees of many bridges. `now` is always an argument. [`mod@bench`] measures what a
//! plan costs per frame, without control; [`mod@compare`] puts hosts on a machine by one device kind after another and says what
//! differs, and what broadcast costs in a large network. [`explain`] puts into
//! words what a frame's way told of itself ([`switch::trace`]).
//!
//! # What is bounded
//!
//! | what | bound |
//! |---|---|
//! | learned stations per bridge | 1,048,576, or `fdb_max_learned`; then frames are flooded and the refusal is counted |
//! | entries per bridge, of any sort | 16,777,216 |
//! | memory of a table | 38 to 76 octets an entry: 40 MB for a million stations, 80 MB at the bound of learned ones; half as much again while it doubles |
//! | ports per bridge | 1,023, as in Linux |
//! | VLANs per bridge | 4,094; 2 MiB in the model and 2 MiB in the plan if all are used, and with 64 ports in each 266,000 entries of the FDB |
//! | secure addresses of a port, and stations with a VLAN of their own | 4,096 each |
//! | bindings of IP address, station and port, per bridge | 16,384; then leases are not noted |
//! | depth of an RSTP tree | `max_age` in seconds, 20: a ring of 40; Linux's STP adds 1/256 s a bridge to a BPDU's age, RSTP a second |
//! | bridges of a simulation | 10,000 |
//! | DHCP requests per bridge that wait for an answer | 4,096 |
//! | neighbours per netdev | 65,536 |
//! | multicast groups per bridge, sources counted | `mcast_hash_max`, 4,096; one more switches snooping off, as in Linux |
//! | sources of a group behind a port; hosts of one with `mcast_to_unicast`; hosts known with `fastleave` | 32; 512; 512 per port |
//! | VLAN devices per netdev, and netdevs on each other | 4,095 for each tag type, and 8, as in Linux |
//! | macvlans per netdev, and sources of one in source mode | as many as commands make |
//! | frames of a [`mod@bench`], made to order; octets, of captures | 4,194,304; 1 GiB |
//! | hops, and notes, of a frame that is explained; explanations in the JSON of a replay, of a case, and kept by a Testbed | 65,536 each; 10,000, 4, and the last 64 of up to 1,024 hops |
//! | frames in and copies out of one case of [`check`] | 1,000,000, of 256 MiB together |
//! | hosts of a [`mod@compare`]; frames of captures; endpoints of its `--scale` | 100; 1,000,000, of 256 MiB together; 20,000 |
//! | ipvlan devices per netdev | as memory allows; a frame to a group costs a copy for each that hears it, and none waits in a queue (the kernel's holds 1,000) |
//! | stations per VXLAN device; endpoints of one entry | 1,048,576, or `maxaddress`; 4,096 |
//! | endpoints whose station is asked for; packets that wait for one | 1,024; 101 |
//! | sockets of tunnels on a host | for an IP version and port one that receives, and 64 for each range of source ports and manner of sending; 64 datagrams a call ([`attach::underlay`]) |
//! | datagrams of tunnels of which fragments are there | 64, for 30 s |
//! | tunnels in tunnels | 4 |
//! | hops of one frame and its copies | [`switch::path::HOP_LIMIT`]; a loop without spanning tree ends there, and is told of ([`switch::alarm`]) |
//! | frames that a bridge's loop alarm remembers; loops that it does | 256 for a second each; 16 |
//! | simulated hosts; frames that one takes in an instant | 16,384 ([`replay::MAX_HOSTS`]); 128, others are lost as from a full ring |
//! | of a simulated host: neighbours, packets that wait for one; routes; TCP connections | 1,024, 101; 1,024; 32 |
//! | fragmented datagrams of a simulated host; fragments of one | 16, for 30 s; 64 |
//! | octets of a simulated `iperf3`; servers of a host | 2 GiB; 16 |
//! | echoes of a simulated `ping`, or seconds | 1,000,000; without `-c` and `-w` it is refused |
//! | frames per turn and attachment | 64, and about 262,144 octets: at most 4 super-frames |
//! | frames that wait at a NIC | 1,056 in a ring of 2 MiB, those longer than 1,900 octets beside it in 8 MiB; then the kernel drops ([`attach::packet`]) |
//! | with `AF_XDP`: queues of a netdev; frames that wait at each; MTU | 64; 512 each way, in 2 or 4 MiB; 3,506 ([`attach::xdp`]) |
//! | headers of a super-frame, and segments that it is cut into in software | 512 octets, as Linux's 8,192 |
//! | octets of a frame | 262,144 in captures, 65,600 live ([`attach::FRAME_ROOM`]) |
//! | time for which a worker without frames looks for some before it sleeps | 50 µs ([`live::patience`]), unless told otherwise |
//! | frames that wait for control, live | 4,096; more are lost and counted (`traps_lost`) |
//! | plans that wait for a driver | one, the newest |
//! | news of NICs' links that wait, with `--host` | 64, and what a netlink socket holds; when that was too little, all links are looked at anew |
//!
//! # Where building proved the design wrong
//!
//! - *A bucket of the table is five keys, five 32-bit values and a sequence number.* An exact age does
//!   not fit 32 bits beside port and flags, and `bridge -s fdb show` prints a second time, when an entry
//!   was last *used*. A bucket is three keys, three 64-bit values (port, flags, microseconds), three
//!   use stamps and a count of keys that went past it: still one cache line, no sequence number (key,
//!   value and a count of removals are enough), no `unsafe`, and twice the memory of five keys a line.
//! - *A plan is compiled whole.* With a thousand bridges that made every change of a port's state cost what the
//!   whole network costs, and so did copying the last plan. A plan that differs in some bridges only is the one
//!   before the last, which nobody has any more, with those compiled anew; and due times are kept by bridge, so that
//!   an event costs what its bridge costs.
//! - *One queue of outputs with plans in it.* A thousand bridges set up in a row left a thousand plans waiting. A plan
//!   is a state, not an event: the newest comes first, then what was to be sent and told, in order.
//! - *Expiry is the sweep's business.* Sweeping a million entries whenever the next one is due costs
//!   more than the frames in between. Lookups compare ages themselves, so that expiry is exact; sweeps
//!   only reclaim memory.
//! - *`unsafe` only in `sys` and the FDB's cell.* The cell needs none. What the FDB wants of its memory,
//!   prefetching and huge pages, is in [`sys::memory`], the one thing of `sys` that the core may name.
//! - *One way for every frame.* The long way keeps everything apart that may matter to somebody, and costs
//!   a frame between two known stations half as much again as it needs. Such frames take a short way
//!   (`switch::lane`) that has no verdicts of its own and is proven to lead to the same.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | frame | octets from destination address to end of payload, no FCS |
//! | ingress, egress | where a frame came in, goes out |
//! | FDB | the filtering database: which station is behind which port; it learns, refreshes, moves, ages, flushes |
//! | verdict | the one outcome of a frame: forwarded, trapped, dropped for a reason |
//! | trap | hand a frame to control |
//! | plan | the immutable configuration that workers read |
//! | turn, batch | one pass of a worker; frames received together |

pub mod attach;
pub mod bench;
pub mod check;
pub mod cli;
pub mod compare;
pub mod control;
pub mod explain;
pub mod guard;
pub mod host;
pub mod iproute;
pub mod live;
pub mod mcast;
pub mod netdev;
pub mod replay;
pub mod simulate;
pub mod stp;
pub mod switch;
pub mod sys;
pub mod time;
pub mod wire;
