/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vec_peers.c -- what other egress filters get wrong, as frames.
 *
 * 203.0.113.7 and 2001:db8:c0::7 are open for TCP 443 and 8443-8451 alone; 198.51.100.0/24 for
 * everything; 10.66.8.0/24 and fd66:8::/64 are workspace 1008, enforced.
 */
#include "common/vec_peers.h"

#define PASS(i, f, r)                                  \
	{                                              \
		i, f, DBX_VERDICT_PASS, DBX_REASON_##r \
	}
#define DROP(i, f, r)                                  \
	{                                              \
		i, f, DBX_VERDICT_DROP, DBX_REASON_##r \
	}
#define DRY_RUN(i, f, r)                                  \
	{                                                 \
		i, f, DBX_VERDICT_DRY_RUN, DBX_REASON_##r \
	}
#define P4   "ip4 10.66.8.5 203.0.113.7 "
#define P6   "ip6 fd66:8::5 2001:db8:c0::7 "
#define ANY4 "ip4 10.66.8.5 198.51.100.10 "

const struct peer_case peer_cases[] = {
	{"ports read at a fixed offset behind IP options",
	 "aws-network-policy-agent",
	 {
		 /* At offset 20 stands 443, in an option; the real port is 22. */
		 DROP("ws1", P4 "opt=000001bb00000000 tcp 40000 22", PORT_NOT_LISTED),
		 /* And the other way round. */
		 PASS("ws1", P4 "opt=00000016 tcp 40000 443", PLATFORM),
		 PASS("ws1", P4 "opt=94040000 tcp 40000 443", PLATFORM),
	 }},
	{"payload of a later fragment read as ports",
	 "aws-network-policy-agent, xdp-filter",
	 {
		 DROP("ws1", P4 "id=7 off=3 proto=6 raw 9c4001bb000000000000000050020000 fill 8",
		      FRAGMENT_NO_FIRST),
		 DROP("ws1", P6 "frag id=7 off=3 next=6 raw 9c4001bb00000000 fill 16",
		      FRAGMENT_NO_FIRST),
		 DROP("ws1", P4 "id=8 mf=1 tcp 40000 22 fill 4", PORT_NOT_LISTED),
		 DROP("ws1", P4 "id=8 off=3 proto=6 raw 9c4001bb fill 20", PORT_NOT_LISTED),
		 PASS("ws1", P4 "id=9 mf=1 tcp 40000 443 fill 4", PLATFORM),
		 PASS("ws1", P4 "id=9 off=3 proto=6 raw 9c400016 fill 20", PLATFORM),
	 }},
	{"VLAN frame passed",
	 "aws-network-policy-agent, xdp-filter",
	 {
		 DROP("ws1", "vlan 100 ip4 10.66.30.5 203.0.113.7 tcp 40000 22", PORT_NOT_LISTED),
		 DROP("ws1", "vlan 9 " P4 "tcp 40000 443", UNKNOWN_SOURCE),
		 DROP("ws1", "vlan 9 " P6 "tcp 40000 443", UNKNOWN_SOURCE),
		 DROP("ws1", "vlan 100 type=0x88cc fill 46", NOT_IP),
		 DROP("ws1", "vlan 100 tpid=0x88a8 ip4 10.66.30.5 169.254.169.254 tcp 1 80",
		      METADATA),
	 }},
	{"QinQ frame passed",
	 "aws-network-policy-agent",
	 {
		 DROP("ws1", "vlan 200 tpid=0x88a8 vlan 7 ip4 10.66.31.5 203.0.113.7 tcp 1 22",
		      PORT_NOT_LISTED),
		 DROP("ws1", "vlan 200 tpid=0x88a8 vlan 8 ip4 10.66.31.5 198.51.100.10 tcp 1 22",
		      UNKNOWN_SOURCE),
		 DROP("ws1", "vlan 200 vlan 7 vlan 1 ip4 10.66.31.5 198.51.100.10 tcp 1 22",
		      VLAN_DEPTH),
		 DROP("ws1", "eth type=0x9100 raw 00c80800 fill 46", NOT_IP),
	 }},
	{"truncated frame passed",
	 "aws-network-policy-agent",
	 {
		 DROP("ws1", ANY4 "tcp 40000 443 cut 14", TRUNCATED),
		 DROP("ws1", ANY4 "tcp 40000 443 cut 33", TRUNCATED),
		 DROP("ws1", ANY4 "tcp 40000 443 cut 34", TRUNCATED),
		 DROP("ws1", ANY4 "tcp 40000 443 cut 37", TRUNCATED),
		 DROP("ws1", P6 "tcp 40000 443 cut 53", TRUNCATED),
		 DROP("ws1", P6 "hbh tcp 40000 443 cut 56", TRUNCATED),
		 DROP("ws1", "vlan 100 ip4 10.66.30.5 198.51.100.10 tcp 1 2 cut 16", TRUNCATED),
		 DROP("ws1", "arp cut 30", TRUNCATED),
	 }},
	{"IPv6 extension headers not walked",
	 "aws-network-policy-agent",
	 {
		 DROP("ws1", P6 "dstopts tcp 40000 22", PORT_NOT_LISTED),
		 PASS("ws1", P6 "dstopts tcp 40000 443", PLATFORM),
		 DROP("ws1", P6 "hbh dstopts routing dstopts tcp 40000 22", PORT_NOT_LISTED),
		 PASS("ws1", P6 "hbh dstopts routing dstopts tcp 40000 443", PLATFORM),
		 DROP("ws1", P6 "frag id=1 dstopts tcp 40000 22", PORT_NOT_LISTED),
		 /* What looks like TCP 443 at offset 40 is an option. */
		 DROP("ws1", P6 "dstopts body=01bb01bb01bb tcp 443 22", PORT_NOT_LISTED),
		 DROP("ws1",
		      P6 "dstopts dstopts dstopts dstopts dstopts dstopts dstopts dstopts dstopts "
			 "tcp 1 443",
		      EXT_HEADER_LIMIT),
	 }},
	{"all ICMPv6 passed",
	 "aws-network-policy-agent",
	 {
		 DROP("ws1", P6 "icmp6 128 0", PORT_NOT_LISTED),
		 DROP("ws1", "ip6 fd66:8::5 2001:db8:200::9 icmp6 129 0", PORT_NOT_LISTED),
		 PASS("ws1", "ip6 fd66:8::5 2001:db8:200::9 icmp6 128 0", LISTED_PREFIX),
		 DROP("ws1", "ip6 fe80::5 ff02::1 hop=255 icmp6 134 0", BAD_ND),
		 DROP("ws1", "ip6 fe80::5 fe80::1 hop=255 icmp6 137 0", BAD_ND),
		 DROP("ws1", "ip6 fe80::5 ff02::1 hop=64 icmp6 136 0", BAD_ND),
		 DROP("ws1", "ip6 fd66:8::5 ff02::1 icmp6 128 0", MULTICAST),
		 PASS("ws1", "ip6 fe80::5 ff02::1:ff00:1 hop=255 icmp6 135 0", NEIGHBOUR_DISCOVERY),
	 }},
	{"parse failure accepted",
	 "bpfilter",
	 {
		 DROP("ws1", ANY4 "ihl=4 tcp 1 2", BAD_IPV4),
		 DROP("ws1", ANY4 "version=5 tcp 1 2", BAD_IPV4),
		 DROP("ws1", ANY4 "len=10 tcp 1 2", BAD_IPV4),
		 DROP("ws1", ANY4 "opt=07010000 tcp 1 2", BAD_IPV4),
		 DROP("ws1", ANY4 "tcp 1 2 doff=1", BAD_L4),
		 DROP("ws1", ANY4 "udp 1 2 len=3", BAD_L4),
		 DROP("ws1", P6 "version=5 tcp 1 443", BAD_IPV6),
		 DROP("ws1", P6 "dstopts hbh tcp 1 443", BAD_IPV6),
		 DROP("ws1", P6 "dstopts len=200 tcp 1 443", BAD_IPV6),
		 DROP("ws1", "eth type=0x1234 fill 46", NOT_IP),
	 }},
	{"a protocol that is not looked at leaks",
	 "FQDN firewalls that see HTTP alone",
	 {
		 DROP("ws1", "ip4 10.66.1.5 192.0.2.200 tcp 40000 3306", NAME_NOT_LEARNED),
		 DROP("ws1", "ip4 10.66.1.5 192.0.2.200 udp 40000 443", NAME_NOT_LEARNED),
		 DROP("ws1", "ip4 10.66.1.5 192.0.2.200 sctp 40000 443", NAME_NOT_LEARNED),
		 DROP("ws1", "ip4 10.66.1.5 192.0.2.200 proto 47 fill 20", NAME_NOT_LEARNED),
		 DROP("ws1", "ip4 10.66.1.5 192.0.2.200 icmp 8 0", NAME_NOT_LEARNED),
		 DROP("ws1", "ip6 fd66:1::5 2a00:1450::1 proto 59", NAME_NOT_LEARNED),
	 }},
	{"one address family only",
	 "aws-network-policy-agent, gh-aw-firewall",
	 {
		 PASS("ws1", P4 "tcp 40000 443", PLATFORM),
		 PASS("ws1", P6 "tcp 40000 443", PLATFORM),
		 DROP("ws1", P4 "tcp 40000 22", PORT_NOT_LISTED),
		 DROP("ws1", P6 "tcp 40000 22", PORT_NOT_LISTED),
		 DROP("ws1", "ip6 fd66:8::5 ::ffff:198.51.100.10 tcp 1 443", MARTIAN),
	 }},
	{"blocking degraded to auditing without saying so",
	 "harden-runner",
	 {
		 DRY_RUN("ws1", "ip4 10.66.2.5 192.0.2.200 tcp 1 443", NO_MATCH),
		 DROP("ws1", "ip4 10.66.2.5 198.51.100.66 tcp 1 443", BLOCKED),
		 DROP("ws1", "ip4 10.66.2.5 169.254.169.254 tcp 1 80", METADATA),
		 DROP("ws1", "ip4 10.66.2.5 10.66.3.5 tcp 1 80", WORKSPACE_ISOLATION),
		 DROP("ws1", "ip4 10.66.2.5 192.0.2.200 tcp 1 443 doff=4", BAD_L4),
		 DROP("ws1", "ip4 10.66.2.5 203.0.113.7 id=3 off=3 proto=6 fill 8",
		      FRAGMENT_NO_FIRST),
		 DROP("ws1", "ip4 10.66.3.130 192.0.2.200 tcp 1 443", NAME_NOT_LEARNED),
	 }},
	{"an allow entry overrules a deny",
	 "filters without deny precedence",
	 {
		 DROP("ws1", "ip4 10.66.1.5 198.51.100.130 tcp 1 443", BLOCKED),
		 DROP("ws1", "ip4 10.66.1.5 203.0.113.200 tcp 1 443", BLOCKED),
		 DROP("ws1", "ip4 10.66.1.5 20.60.66.1 tcp 1 443", BLOCKED),
		 DROP("ws1", "ip4 10.66.4.5 198.51.100.66 tcp 1 443", BLOCKED),
	 }},
	{"source routing hides the destination",
	 "filters that read the header alone",
	 {
		 DROP("ws1", ANY4 "opt=8307040a090909 tcp 1 443", SOURCE_ROUTED),
		 DROP("ws1", ANY4 "opt=8907040a090909 tcp 1 443", SOURCE_ROUTED),
		 DROP("ws1", P6 "routing type=0 left=1 tcp 1 443", SOURCE_ROUTED),
		 DROP("ws1", P6 "routing type=4 left=2 tcp 1 443", SOURCE_ROUTED),
	 }},
	{"a tiny fragment slips its ports past",
	 "filters without RFC 1858",
	 {
		 DROP("ws1", P4 "id=5 mf=1 proto=6 raw 9c4001bb00000000", FRAGMENT_TINY),
		 DROP("ws1", P4 "id=5 off=1 proto=6 fill 24", FRAGMENT_TINY),
		 DROP("ws1", P6 "frag id=5 mf=1 next=6 raw 9c4001bb00000000", FRAGMENT_TINY),
		 DROP("ws1", P6 "frag id=5 mf=1 dstopts next=6", FRAGMENT_TINY),
	 }},
};

const size_t n_peer_cases = sizeof(peer_cases) / sizeof(*peer_cases);
