/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pkt.h -- frames for tests, built layer by layer, right by default and wrong on purpose.
 *
 * Each layer writes its own number into the field of the layer before it that announces it, unless
 * that field was given; pkt_end() fills in the lengths that were not. A field set to PKT_AUTO is
 * computed. Nothing of the product is used here, so a wrong parser cannot build its own input.
 */
#ifndef DBX_TESTS_PKT_H
#define DBX_TESTS_PKT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PKT_MAX  4096
#define PKT_AUTO (-1)

struct pkt_outside { /* of a tunnel: what is filled in when all that is in it is there */
	size_t at_ip4, at_ip6, at_udp;
	bool fix_ip4_len, fix_ip6_len, fix_udp_len;
};

struct pkt {
	uint8_t b[PKT_MAX];
	size_t n;
	struct pkt_outside outside;
	/* what pkt_end() has to fill in; offsets, 0 = nothing */
	size_t at_type;  /* 16-bit EtherType that the next layer announces itself in */
	size_t at_proto; /* 8-bit protocol or next header, the same */
	size_t at_ip4, at_ip6, at_udp;
	bool fix_ip4_len, fix_ip6_len, fix_udp_len;
	size_t n_unpadded; /* where the IP packet ends; 0 = at the end of the frame */
};

struct pkt_addr {
	bool is_v6;
	uint8_t a[16];
};

struct pkt_ip4 {
	struct pkt_addr src, dst;
	int proto, ttl, ihl, version, total_len; /* PKT_AUTO */
	uint16_t id;
	bool dont_fragment, more_fragments;
	uint16_t offset; /* in units of 8 bytes */
	const uint8_t *options;
	size_t n_options; /* padded with zeros to a multiple of four */
};

struct pkt_ip6 {
	struct pkt_addr src, dst;
	int next, hop_limit, version, payload_len;
};

#define PKT_IP4_INIT                                                                               \
	{                                                                                          \
		.proto = PKT_AUTO, .ttl = 64, .ihl = PKT_AUTO, .version = 4, .total_len = PKT_AUTO \
	}
#define PKT_IP6_INIT                                                                     \
	{                                                                                \
		.next = PKT_AUTO, .hop_limit = 64, .version = 6, .payload_len = PKT_AUTO \
	}

/* IPv6 extension headers by their protocol numbers (RFC 8200, 4302, 6275, 7401, 5533). */
enum {
	PKT_HOP_BY_HOP = 0,
	PKT_ROUTING = 43,
	PKT_FRAGMENT = 44,
	PKT_AH = 51,
	PKT_NO_NEXT = 59,
	PKT_DST_OPTS = 60,
	PKT_MOBILITY = 135,
	PKT_HIP = 139,
	PKT_SHIM6 = 140,
};

bool pkt_addr_parse(const char *s, struct pkt_addr *out);

void pkt_begin(struct pkt *p);
void pkt_raw(struct pkt *p, const void *bytes, size_t n);
void pkt_fill(struct pkt *p, size_t n); /* payload: n bytes that look like nothing */
void pkt_eth(struct pkt *p, const uint8_t dst[6], const uint8_t src[6], int type);
void pkt_vlan(struct pkt *p, uint16_t tpid, uint16_t tci, int type);
void pkt_arp(struct pkt *p);
void pkt_ip4(struct pkt *p, const struct pkt_ip4 *h);
void pkt_ip6(struct pkt *p, const struct pkt_ip6 *h);
/*
 * One extension header. len: value of its length field, PKT_AUTO = that of body. body starts after
 * the two first bytes and is padded with zeros to the header's unit (AH: 4 bytes, others 8).
 */
void pkt_ext(struct pkt *p, uint8_t kind, int next, int len, const uint8_t *body, size_t n_body);
void pkt_frag6(struct pkt *p, int next, uint16_t offset, bool more, uint32_t id);
void pkt_tcp(struct pkt *p, uint16_t sport, uint16_t dport, int doff, uint8_t flags);
void pkt_udp(struct pkt *p, uint8_t proto, uint16_t sport, uint16_t dport, int len);
void pkt_sctp(struct pkt *p, uint16_t sport, uint16_t dport);
void pkt_dccp(struct pkt *p, uint16_t sport, uint16_t dport);
void pkt_icmp(struct pkt *p, uint8_t type, uint8_t code);
void pkt_icmp6(struct pkt *p, uint8_t type, uint8_t code);
/* Announces a protocol without a header of its own; its bytes follow by pkt_raw(). */
void pkt_proto(struct pkt *p, uint8_t proto);
/*
 * The header of a tunnel behind UDP; the frame inside follows, with an Ethernet header of its own.
 * flags: the first word of VXLAN, version to C bit of Geneve, as they are on the wire.
 */
void pkt_vxlan(struct pkt *p, uint32_t flags, uint32_t vni, uint8_t last);
void pkt_geneve(struct pkt *p, uint16_t flags, uint16_t type, uint32_t vni, const uint8_t *options,
		size_t n_options);
void pkt_pad(struct pkt *p, size_t n_frame); /* Ethernet padding up to n_frame bytes */
void pkt_end(struct pkt *p);
void pkt_cut(struct pkt *p, size_t n_frame); /* after pkt_end(): only the first bytes arrive */

#endif
