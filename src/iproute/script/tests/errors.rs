//! Malformed scripts: where, which word, what is wrong, what was expected.

use super::parse;

/// A script and the first line of its error.
const WRONG: &[(&str, &str)] = &[
    (
        "ip link xstats bridge",
        "lab.sh:1:16: \"bridge\": not an argument of \"ip link xstats\"; expected type",
    ),
    (
        "ip link xstats type veth",
        "lab.sh:1:21: \"veth\": this kind of netdev has no extended statistics; expected bridge or bridge_slave",
    ),
    (
        "ip link xstats type bridge vlan",
        "lab.sh:1:28: \"vlan\": not a part of the statistics; expected igmp, mcast, stp or dev",
    ),
    // As iproute2: a netdev called "a" must be written "dev a", for "a" abbreviates "address".
    (
        "ip link add a type dummy",
        "lab.sh:1:15: \"type\": not a MAC address; expected a MAC address like 02:00:00:00:00:01",
    ),
    (
        "ip link add v0 type vxlan",
        "lab.sh:1:26: the command ends after \"vxlan\"; expected \"id\" and a virtual network identifier from 0 to 16777215",
    ),
    (
        "ip link add br0",
        "lab.sh:1:16: the command ends after \"br0\"; expected \"type\" and bridge, veth, dummy, vlan, macvlan, macvtap, ipvlan or vxlan",
    ),
    (
        "ip link set p1 mtu big",
        "lab.sh:1:20: \"big\": not a number that fits; expected a number from 0 to 2147483647",
    ),
    (
        "ip link set dev thisnameistoolong up",
        "lab.sh:1:17: \"thisnameistoolong\": the name of a netdev has at most 15 octets; expected the name of a netdev, like eth0",
    ),
    (
        "ip netns add a/b",
        "lab.sh:1:14: \"a/b\": not the name of a namespace; expected a name without \"/\", at most 255 octets",
    ),
    (
        "ip link add br0 type bridge mst_enabled 1",
        "lab.sh:1:41: \"1\": multiple spanning trees are not modelled; expected 0, which is how this program behaves",
    ),
    (
        "bridge link set dev p1 hairpin 1",
        "lab.sh:1:32: \"1\": not a switch position; expected \"on\" or \"off\"",
    ),
    (
        "ip link show | grep x",
        "lab.sh:1:14: \"|\": pipes are not part of a topology script; expected \"||\", \";\" or the end of the line",
    ),
    (
        "ip netns add $NS",
        "lab.sh:1:14: \"$NS\": shell variables are not part of a topology script; expected a plain word",
    ),
    (
        "NS=h1",
        "lab.sh:1:1: \"NS=h1\": shell variables are not part of a topology script; expected a command",
    ),
    (
        "ping -c 1 10.0.0.2",
        "lab.sh:1:1: \"ping\": programs run in a namespace of the topology only; expected \"ip netns exec NAME ping\", or a command of \"ip\" or \"bridge\"",
    ),
    (
        "true &&",
        "lab.sh:1:6: \"&&\": no command after this; expected a command",
    ),
    (
        "|| true",
        "lab.sh:1:1: \"||\": no command before this; expected a command",
    ),
    (
        "echo 'a",
        "lab.sh:1:6: \"'\": this quote is never closed; expected another ' before the end of the script",
    ),
    (
        "echo a > log",
        "lab.sh:1:8: \"> log\": redirections only drop or join output here; expected \">/dev/null\", \"2>/dev/null\", \"2>&1\" or \">&2\"",
    ),
    (
        "for i in 1 2 3; do ip netns add h$i; done",
        "lab.sh:1:1: \"for\": loops are not part of a topology script; expected each command written out",
    ),
    (
        "for i in $(seq 3)",
        "lab.sh:1:1: \"for\": loops are not part of a topology script; expected each command written out",
    ),
    (
        "while true; do sleep 1; done",
        "lab.sh:1:1: \"while\": loops are not part of a topology script; expected each command written out",
    ),
    (
        "if [ $x = 1 ]; then",
        "lab.sh:1:1: \"if\": conditions are not part of a topology script; expected a command; \"&&\" and \"||\" join two",
    ),
    (
        "[ -e x ] || exit",
        "lab.sh:1:1: \"[\": conditions are not part of a topology script; expected a command; \"&&\" and \"||\" join two",
    ),
    (
        "{ ip link show; }",
        "lab.sh:1:1: \"{\": groups and functions are not part of a topology script; expected each command on a line of its own",
    ),
    (
        "setup() { ip link; }",
        "lab.sh:1:6: \"(\": subshells and functions are not part of a topology script; expected a command",
    ),
    (
        "function f",
        "lab.sh:1:1: \"function\": groups and functions are not part of a topology script; expected each command on a line of its own",
    ),
    (
        "wait",
        "lab.sh:1:1: \"wait\": commands run one after another here, so there is nothing to wait for; expected no \"wait\", or \"sleep\" and a time",
    ),
    (
        "export NS=h1",
        "lab.sh:1:1: \"export\": shell variables are not part of a topology script; expected a command of \"ip\" or \"bridge\", with the values written out",
    ),
    (
        ". ./lib.sh",
        "lab.sh:1:1: \".\": this builtin of sh is not part of a topology script; expected a command of \"ip\" or \"bridge\"",
    ),
    (
        "trap cleanup EXIT",
        "lab.sh:1:1: \"trap\": this builtin of sh is not part of a topology script; expected a command of \"ip\" or \"bridge\"",
    ),
    (
        "printf hello",
        "lab.sh:1:1: \"printf\": this builtin of sh is not part of a topology script; expected a command of \"ip\" or \"bridge\"",
    ),
    (
        "ip link show &",
        "lab.sh:1:14: \"&\": commands in the background are not part of a topology script; expected \"&&\", \";\" or the end of the line",
    ),
    (
        "ip link show &> log",
        "lab.sh:1:14: \"&>\": only bash knows this redirection; expected \">/dev/null 2>&1\"",
    ),
    (
        "(ip link)",
        "lab.sh:1:1: \"(\": subshells and functions are not part of a topology script; expected a command",
    ),
    (
        "ip link >> log",
        "lab.sh:1:9: \">> log\": redirections only drop or join output here; expected \">/dev/null\", \"2>/dev/null\", \"2>&1\" or \">&2\"",
    ),
    (
        "ip link 2>errors",
        "lab.sh:1:9: \"2>errors\": redirections only drop or join output here; expected \">/dev/null\", \"2>/dev/null\", \"2>&1\" or \">&2\"",
    ),
    (
        "cat <<EOF",
        "lab.sh:1:5: \"<<\": here-documents are not part of a topology script",
    ),
    (
        "echo \"a",
        "lab.sh:1:6: \"\"\": this quote is never closed; expected another \" before the end of the script",
    ),
    (
        "echo `date`",
        "lab.sh:1:6: \"`\": command substitution is not part of a topology script; expected a plain word",
    ),
    (
        "echo $(date)",
        "lab.sh:1:6: \"$(\": command substitution is not part of a topology script; expected a plain word",
    ),
    (
        "echo ${NS}",
        "lab.sh:1:6: \"${\": shell variables are not part of a topology script; expected a plain word",
    ),
    (
        "echo \"$1\"",
        "lab.sh:1:7: \"$1\": shell variables are not part of a topology script; expected a plain word",
    ),
    (
        "ip netns add h{1..3}",
        "lab.sh:1:14: \"h{1..3}\": brace expansion is not part of a topology script; expected each word written out",
    ),
    (
        "ip netns add h*",
        "lab.sh:1:15: \"*\": patterns are not part of a topology script; expected quotes around it, or a plain word",
    ),
    (
        "cd ~",
        "lab.sh:1:1: \"cd\": this builtin of sh is not part of a topology script; expected a command of \"ip\" or \"bridge\"",
    ),
    (
        "ip ; ; ip",
        "lab.sh:1:3: the command ends too early; expected link, address, neighbour, netns or tuntap",
    ),
    (
        ";",
        "lab.sh:1:1: \";\": no command before this; expected a command",
    ),
    (
        "ip link show && && ip",
        "lab.sh:1:17: \"&&\": no command before this; expected a command",
    ),
    (
        "ip link show ||",
        "lab.sh:1:14: \"||\": no command after this; expected a command",
    ),
    (
        "case x in",
        "lab.sh:1:1: \"case\": conditions are not part of a topology script; expected a command; \"&&\" and \"||\" join two",
    ),
    (
        "ip",
        "lab.sh:1:3: the command ends too early; expected link, address, neighbour, netns or tuntap",
    ),
    (
        "ip lnk",
        "lab.sh:1:4: \"lnk\": not an object of \"ip\"; expected link, address, neighbour, netns or tuntap (did you mean \"link\"?)",
    ),
    (
        "ip -x link",
        "lab.sh:1:4: \"-x\": not an option known here; expected -n NAME, -j, -p, -d, -s, -o, -br or an object",
    ),
    (
        "ip -h -s link",
        "lab.sh:1:4: \"-h\": statistics are counted exactly here; expected no such option",
    ),
    (
        "ip -n",
        "lab.sh:1:6: the command ends after \"-n\"; expected the name of a namespace",
    ),
    (
        "ip -batch file",
        "lab.sh:1:4: \"-batch\": this option is not part of a topology script; expected -n NAME, -j, -p, -d, -s, -o, -br or an object",
    ),
    (
        "ip route add default via 10.0.0.1",
        "lab.sh:1:4: \"route\": the script's own namespace has no layer 3 here; expected link, address, neighbour, netns or tuntap; or \"ip -n NAME route\" for a host",
    ),
    (
        "ip vrf",
        "lab.sh:1:4: \"vrf\": not modelled; expected link, address, neighbour, netns or tuntap",
    ),
    (
        "ip help",
        "lab.sh:1:4: \"help\": not modelled; expected link, address, neighbour, netns or tuntap",
    ),
    (
        "ip netns frob",
        "lab.sh:1:10: \"frob\": not a command of \"ip netns\"; expected add, delete, exec or list",
    ),
    (
        "ip netns set h1 5",
        "lab.sh:1:10: \"set\": not part of a topology script; expected add, delete, exec or list",
    ),
    (
        "ip netns identify",
        "lab.sh:1:10: \"identify\": not part of a topology script; expected add, delete, exec or list",
    ),
    (
        "ip netns pids h1",
        "lab.sh:1:10: \"pids\": not part of a topology script; expected add, delete, exec or list",
    ),
    (
        "ip netns attach h1 5",
        "lab.sh:1:10: \"attach\": not part of a topology script; expected add, delete, exec or list",
    ),
    (
        "ip netns exec h1",
        "lab.sh:1:17: the command ends after \"h1\"; expected a program",
    ),
    (
        "ip netns exec h1 ip route foo && x",
        "lab.sh:1:34: \"x\": programs run in a namespace of the topology only; expected \"ip netns exec NAME x\", or a command of \"ip\" or \"bridge\"",
    ),
    (
        "ip netns add a b",
        "lab.sh:1:16: \"b\": \"ip netns\" takes one namespace; expected the end of the command",
    ),
    (
        "ip link frob",
        "lab.sh:1:9: \"frob\": not a command of \"ip link\"; expected add, set, delete, show or xstats",
    ),
    (
        "ip link add index 5 br0 type bridge",
        "lab.sh:1:13: \"index\": netdevs are numbered in the order of their creation; expected another option of \"ip link\"",
    ),
    (
        "ip link add br0 type brdige",
        "lab.sh:1:22: \"brdige\": not a kind of netdev known here; expected bridge, veth, dummy, vlan, macvlan, macvtap, ipvlan or vxlan (did you mean \"bridge\"?)",
    ),
    (
        "ip link add br0 type bridge up",
        "lab.sh:1:29: \"up\": not an option of a bridge; expected an option of a bridge (\"up\" goes before \"type\")",
    ),
    (
        "ip link add br0 type bridge vlan_protocol 802.1x",
        "lab.sh:1:43: \"802.1x\": not a VLAN protocol; expected \"802.1Q\" or \"802.1ad\"",
    ),
    (
        "ip link add v0 link eth0 type veth",
        "lab.sh:1:16: \"link\": a veth has no lower device; expected another option of \"ip link add\"",
    ),
    (
        "ip link add va type veth peer name vb type veth",
        "lab.sh:1:44: \"veth\": the peer of a veth is a veth; expected no \"type\" after \"peer\"",
    ),
    (
        "ip link add br0 mtu 1500 mtu 1500 type bridge",
        "lab.sh:1:26: \"mtu\": given twice",
    ),
    (
        "ip link add br0 address 02:00:00 type bridge",
        "lab.sh:1:25: \"02:00:00\": not a MAC address; expected a MAC address like 02:00:00:00:00:01",
    ),
    (
        "ip link add br0 br1 type bridge",
        "lab.sh:1:17: \"br1\": neither an option of \"ip link\" nor its netdev, which is already \"br0\"; expected up, down, name, link, address, broadcast, brd, txqueuelen, qlen, txqlen, mtu, netns, multicast, allmulticast, promisc, trailers, arp, master, nomaster, dynamic, type, alias, group, mode, numtxqueues, numrxqueues, addrgenmode, protodown or dev (did you mean \"brd\"?)",
    ),
    (
        "ip link set",
        "lab.sh:1:12: the command ends after \"set\"; expected the name of a netdev",
    ),
    (
        "ip link set this-name-is-longer-than-15 up",
        "lab.sh:1:13: \"this-name-is-longer-than-15\": the name of a netdev has at most 15 octets; expected the name of a netdev, like eth0",
    ),
    (
        "ip link set p1 p2 up",
        "lab.sh:1:16: \"p2\": neither an option of \"ip link\" nor its netdev, which is already \"p1\"; expected up, down, name, link, address, broadcast, brd, txqueuelen, qlen, txqlen, mtu, netns, multicast, allmulticast, promisc, trailers, arp, master, nomaster, dynamic, type, alias, group, mode, numtxqueues, numrxqueues, addrgenmode, protodown or dev",
    ),
    (
        "ip link set p1 promisc yes",
        "lab.sh:1:24: \"yes\": not a switch position; expected \"on\" or \"off\"",
    ),
    (
        "ip link set p1 vf 0",
        "lab.sh:1:16: \"vf\": an option of hardware that no netdev here has; expected another option of \"ip link\"",
    ),
    (
        "ip link set d0 carrier off",
        "lab.sh:1:16: \"carrier\": a netdev's carrier follows its wire here; expected another option of \"ip link\"",
    ),
    (
        "ip link set p1 group red",
        "lab.sh:1:22: \"red\": not modelled; expected \"default\", which is how this program behaves",
    ),
    (
        "ip link set p1 type bridge_slave hairpn on",
        "lab.sh:1:34: \"hairpn\": not an option of a bridge port; expected fdb_flush, state, priority, cost, hairpin, guard, root_block, fastleave, learning, flood, mcast_flood, bcast_flood, mcast_to_unicast, proxy_arp, proxy_arp_wifi, mcast_router, mcast_fast_leave, neigh_suppress, group_fwd_mask, vlan_tunnel, isolated, locked, mab, backup_port, nobackup_port, neigh_vlan_suppress, mcast_max_groups or backup_nhid (did you mean \"hairpin\"?)",
    ),
    (
        "ip link set p1 type gre",
        "lab.sh:1:21: \"gre\": not a kind of netdev known here; expected bridge, vlan, macvlan, macvtap, ipvlan, vxlan or bridge_slave",
    ),
    (
        "ip link replace p1 up",
        "lab.sh:1:9: \"replace\": not part of a topology script; expected add, set, delete, show or xstats",
    ),
    (
        "ip link del p1 up",
        "lab.sh:1:13: \"ip link delete\" takes no options; expected [dev] NAME [type KIND]",
    ),
    (
        "ip link rm p1",
        "lab.sh:1:9: \"rm\": not a command of \"ip link\"; expected add, set, delete, show or xstats",
    ),
    (
        "ip link show p1 p2",
        "lab.sh:1:17: \"p2\": neither a filter nor the netdev, which is already \"p1\"; expected up, master, nomaster, type or the end of the command",
    ),
    (
        "ip link show label x",
        "lab.sh:1:14: \"label\": not a filter known here; expected up, master, nomaster, type or the name of a netdev",
    ),
    (
        "ip addr add 10.0.0.1/24",
        "lab.sh:1:24: the command ends after \"10.0.0.1/24\"; expected \"dev\" and the name of a netdev",
    ),
    (
        "ip addr add dev p1",
        "lab.sh:1:19: the command ends after \"p1\"; expected an IP address, like 10.0.0.1/24",
    ),
    (
        "ip addr add 10.0.0.1/33 dev p1",
        "lab.sh:1:13: \"10.0.0.1/33\": not a prefix length after \"/\"; expected a number from 0 to 32",
    ),
    (
        "ip addr add 10.0.0.1/24 10.0.0.2/24 dev p1",
        "lab.sh:1:25: \"10.0.0.2/24\": neither an option of \"ip address\" nor its address, which was given already; expected peer, remote, broadcast, brd, scope, dev, label, valid_lft, preferred_lft, nodad, noprefixroute or local",
    ),
    (
        "ip addr add 10.0.0.1/24 dev p1 scope universe",
        "lab.sh:1:38: \"universe\": not a scope; expected global, site, link, host or a number from 0 to 255",
    ),
    (
        "ip addr add 10.0.0.1/24 dev p1 metric 5",
        "lab.sh:1:32: \"metric\": routes are not modelled; expected another option of \"ip address\"",
    ),
    (
        "ip addr add 10.0.0.1/24 dev p1 nodad",
        "lab.sh:1:32: \"nodad\": only IPv6 addresses are checked for duplicates; expected an IPv6 address before it",
    ),
    (
        "ip addr add 10.0.0.1/24 dev p1 secondary",
        "lab.sh:1:32: \"secondary\": a flag that the kernel alone sets; expected another option of \"ip address\"",
    ),
    (
        "ip addr add 10.0.0.1/24 dev p1 valid_lft 60",
        "lab.sh:1:42: \"60\": lifetimes of addresses are not modelled; expected \"forever\", which is how this program behaves",
    ),
    (
        "ip addr add fd00::1/64 brd + dev p1",
        "lab.sh:1:24: \"brd\": IPv6 has no broadcast addresses; expected no broadcast",
    ),
    (
        "ip -6 addr add 10.0.0.1/24 dev p1",
        "lab.sh:1:16: \"10.0.0.1/24\": not an address; expected an IPv6 address, like fd00::1/64",
    ),
    (
        "ip addr flush",
        "lab.sh:1:14: the command ends after \"flush\"; expected \"dev\" and the name of a netdev",
    ),
    (
        "ip addr flush up",
        "lab.sh:1:15: \"up\": iproute2 passes over this and flushes the addresses of every netdev; expected dev, scope, to, label, primary or secondary",
    ),
    (
        "ip addr flush label 'p*'",
        "lab.sh:1:21: \"p*\": patterns are not part of a topology script; expected a label",
    ),
    (
        "ip -6 -s addr",
        "lab.sh:1:4: \"-6\": IPv6 tells neither details nor statistics of all netdevs at once; expected no -d and no -s, or the name of a netdev",
    ),
    (
        "ip tuntap add tap0",
        "lab.sh:1:19: the command ends after \"tap0\"; expected \"mode tap\"",
    ),
    (
        "ip tuntap add tap0 mode tun",
        "lab.sh:1:25: \"tun\": a TUN device carries no frames; expected \"tap\"",
    ),
    (
        "ip tuntap frob",
        "lab.sh:1:11: \"frob\": not a command of \"ip tuntap\" known here; expected add, delete or show",
    ),
    (
        "bridge",
        "lab.sh:1:7: the command ends too early; expected link, fdb, mdb or vlan",
    ),
    (
        "bridge mst show",
        "lab.sh:1:8: \"mst\": not modelled; expected link, fdb, mdb or vlan",
    ),
    (
        "bridge link set p1 cost 10",
        "lab.sh:1:17: \"p1\": not an option of a bridge port; expected \"dev p1\" (the keyword is needed here)",
    ),
    (
        "bridge link set dev p1 cost 0x10",
        "lab.sh:1:29: \"0x10\": not a number that fits; expected a decimal number from 1 to 2147483647",
    ),
    (
        "bridge link set dev p1 state fwd",
        "lab.sh:1:30: \"fwd\": not a state of a bridge port; expected disabled, listening, learning, forwarding or blocking",
    ),
    (
        "bridge link set dev p1 hwmode vepa",
        "lab.sh:1:24: \"hwmode\": no netdev here has a switch in its hardware; expected another option of a bridge port",
    ),
    (
        "bridge link set cost 5",
        "lab.sh:1:23: the command ends after \"5\"; expected \"dev\" and the name of a bridge port",
    ),
    (
        "bridge link show p1",
        "lab.sh:1:18: \"p1\": not a filter of \"bridge link show\"; expected \"dev p1\" or \"master p1\" (the keyword is needed here)",
    ),
    (
        "bridge fdb add 02:00:00:00:00:05",
        "lab.sh:1:33: the command ends after \"02:00:00:00:00:05\"; expected \"dev\" and the name of a netdev",
    ),
    (
        "bridge fdb add dev p1 master",
        "lab.sh:1:29: the command ends after \"master\"; expected a MAC address",
    ),
    (
        "bridge fdb add 02:00:00:00:00 dev p1",
        "lab.sh:1:16: \"02:00:00:00:00\": not a MAC address; expected a MAC address like 02:00:00:00:00:01",
    ),
    (
        "bridge fdb add 02:00:00:00:00:05 dev p1 nhid 5",
        "lab.sh:1:41: \"nhid\": groups of next hops are not modelled; expected \"dst ADDRESS\"",
    ),
    (
        "ip link add v0 type vxlan id 16777216",
        "lab.sh:1:30: \"16777216\": not a number that fits; expected a number from 0 to 16777215",
    ),
    (
        "ip link add v0 type vxlan id 5 id 6",
        "lab.sh:1:32: \"id\": given twice",
    ),
    (
        "ip link add v0 type vxlan id 5 group 239.1.1.1",
        "lab.sh:1:47: the command ends after \"239.1.1.1\"; expected \"dev\" and the netdev that joins the group",
    ),
    (
        "ip link add v0 type vxlan id 5 group 192.0.2.1",
        "lab.sh:1:38: \"192.0.2.1\": not an address that fits here; expected a group address",
    ),
    (
        "ip link add v0 type vxlan id 5 local 192.0.2.1 remote fd00::1",
        "lab.sh:1:55: \"fd00::1\": local and remote address are of the same family; expected the address of an endpoint",
    ),
    (
        "ip link add v0 type vxlan external",
        "lab.sh:1:27: \"external\": where a frame goes is not told from outside (external): each VXLAN device has one VNI here, and its own table; expected another option of a VXLAN device",
    ),
    (
        "bridge fdb add 02:00:00:00:00:05 dev p1 vlan 5000",
        "lab.sh:1:46: \"5000\": not a number that fits; expected a decimal number from 1 to 4094",
    ),
    (
        "bridge fdb show br0",
        "lab.sh:1:17: \"br0\": not a filter of \"bridge fdb show\"; expected \"br br0\" or \"dev br0\" (the keyword is needed here), brport, vlan, state or dynamic",
    ),
    (
        "bridge fdb show state frob",
        "lab.sh:1:23: \"frob\": not a state of an FDB entry; expected permanent, static, temp, stale, reachable, dynamic or all",
    ),
    (
        "bridge fdb get 02:00:00:00:00:05",
        "lab.sh:1:33: the command ends after \"02:00:00:00:00:05\"; expected \"br\" or \"brport\" and a name",
    ),
    (
        "bridge fdb frob",
        "lab.sh:1:12: \"frob\": not a command of \"bridge fdb\"; expected add, append, replace, delete, get, show, lst, list or flush",
    ),
    (
        "sleep",
        "lab.sh:1:6: the command ends too early; expected a time like 5, 0.5, 2m or 1h",
    ),
    (
        "sleep soon",
        "lab.sh:1:7: \"soon\": not a time; expected a time like 5, 0.5, 2m or 1h",
    ),
    (
        "set -z",
        "lab.sh:1:5: \"-z\": not an option of set known here; expected -e, +e, -x, -u or -o errexit",
    ),
    (
        "exit 300",
        "lab.sh:1:6: \"300\": not a number that fits; expected a decimal number from 0 to 255",
    ),
    (
        "exit 1 2",
        "lab.sh:1:8: \"2\": \"exit\" takes one status; expected the end of the command",
    ),
    (
        "sudo",
        "lab.sh:1:5: the command ends too early; expected a command",
    ),
    (
        "sudo -u nobody ip link",
        "lab.sh:1:9: \"nobody\": only root configures the network; expected \"root\"",
    ),
    (
        "sudo NS=h1 ip link",
        "lab.sh:1:6: \"NS=h1\": shell variables are not part of a topology script; expected a command",
    ),
    (
        "tcpdump -i p1",
        "lab.sh:1:1: \"tcpdump\": programs run in a namespace of the topology only; expected \"ip netns exec NAME tcpdump\", or a command of \"ip\" or \"bridge\"",
    ),
    (
        "echo -n x",
        "lab.sh:1:6: \"-n\": options of echo differ between shells; expected words to print",
    ),
    (
        "modprobe",
        "lab.sh:1:9: the command ends too early; expected the name of a kernel module",
    ),
    (
        "sysctl net.ipv4.ip_forward",
        "lab.sh:1:8: \"net.ipv4.ip_forward\": not a setting; expected a setting like net.ipv4.ip_forward=1",
    ),
    (
        "sysctl -w net.bridge.bridge-nf-call-iptables=1",
        "lab.sh:1:11: \"net.bridge.bridge-nf-call-iptables=1\": no packet filter of the kernel sees these frames; expected net.bridge.bridge-nf-call-iptables=0",
    ),
    (
        ">/dev/null",
        "lab.sh:1:11: a redirection needs a command; expected a command",
    ),
    (
        "ip netns add h1 <file",
        "lab.sh:1:17: \"<file\": redirections only drop or join output here; expected \">/dev/null\", \"2>/dev/null\", \"2>&1\" or \">&2\"",
    ),
];

#[test]
fn errors_say_where_and_what() {
    let mut wrong = String::new();
    for (text, expected) in WRONG {
        let got = parse(text).map_or_else(|error| error.to_string(), |_| "understood".to_owned());
        let got = got.lines().next().unwrap_or_default();
        if got != *expected {
            wrong += &format!("$ {text}\n  want {expected}\n  got  {got}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn an_error_shows_the_line_and_a_caret() {
    let error = parse("ip netns add h1\nbridge link set dev p2 hairpn on\n").expect_err("misspelt");
    let text = error.to_string();
    assert!(
        text.starts_with("lab.sh:2:24: \"hairpn\": not an option of a bridge port; expected "),
        "{text}"
    );
    assert!(text.contains("(did you mean \"hairpin\"?)"), "{text}");
    assert!(
        text.ends_with("\n    bridge link set dev p2 hairpn on\n                           ^^^^^^"),
        "{text}"
    );
}
