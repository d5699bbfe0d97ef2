// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_as.c -- a capture from elsewhere, replayed as if one workspace had sent it.
 *
 * Who sends the first packet of a flow is the client. Its address is replaced by one of the
 * workspace's, the same for the same client; link header and tags are taken off. Checksums are not
 * mended, since nobody looks at them.
 */
#include "replay/replay_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/hash.h"

#define BEGUN_MAX 1048576u

static void find_prefix(struct dbx_replay *r, const struct dbx_workspace *w)
{
	for (size_t i = 0; i < w->n_sources; i++) {
		const struct dbx_source *s = &w->sources[i];
		int f = s->prefix.addr.is_v6;

		if (r->has_as[f] || s->domain || s->interface || s->has_mac)
			continue;
		r->has_as[f] = true;
		r->as[f] = s->prefix;
	}
}

int dbx_replay_as_open(struct dbx_replay *r, struct dbx_capture_error *err)
{
	const struct dbx_workspace *w;

	dbx_htab_init(&r->begun, sizeof(struct dbx_flow_key), sizeof(uint8_t), BEGUN_MAX, true);
	if (!r->o.workspace_id)
		return 0;
	w = dbx_model_workspace(r->o.model, r->o.workspace_id);
	if (w)
		find_prefix(r, w);
	if (r->has_as[0] || r->has_as[1])
		return 0;
	snprintf(err->text, sizeof(err->text),
		 w ? "workspace %lld has no source that is free of VLAN, VNI, interface and MAC"
		   : "no document has workspace %lld",
		 (long long)r->o.workspace_id);
	return -EINVAL;
}

/* Offset of the IP header behind Ethernet and tags. */
static size_t ip_at(const uint8_t *frame, size_t n)
{
	size_t at = 12;

	while (at + 6 <= n && ((frame[at] == 0x81 && frame[at + 1] == 0x00) ||
			       (frame[at] == 0x88 && frame[at + 1] == 0xa8)))
		at += 4;
	return at + 2;
}

static void flow_key(const struct dbx_pkt *pkt, bool reverse, struct dbx_flow_key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->src, reverse ? pkt->dst : pkt->src, sizeof(key->src));
	memcpy(key->dst, reverse ? pkt->src : pkt->dst, sizeof(key->dst));
	key->proto = pkt->proto;
	if (!dbx_proto_has_ports(pkt->proto))
		return;
	key->sport = reverse ? pkt->dport : pkt->sport;
	key->dport = reverse ? pkt->sport : pkt->dport;
}

static bool is_syn_ack(const struct dbx_pkt *pkt, const uint8_t *frame, size_t n)
{
	size_t at = (size_t)pkt->l4_offset + 13;

	return pkt->proto == DBX_PROTO_TCP && pkt->l4_offset && at < n &&
	       (frame[at] & 0x12) == 0x12;
}

static enum dbx_replay_kind way(struct dbx_replay *r, const struct dbx_pkt *pkt,
				const uint8_t *frame, size_t n)
{
	struct dbx_flow_key there, back;
	bool from_server;
	uint8_t one = 1;

	flow_key(pkt, false, &there);
	flow_key(pkt, true, &back);
	if (dbx_htab_get(&r->begun, &there))
		return DBX_REPLAY_JUDGED;
	if (dbx_htab_get(&r->begun, &back))
		return DBX_REPLAY_BACK;
	/* a capture that begins in the middle: a well-known port tells who serves */
	from_server = is_syn_ack(pkt, frame, n) ||
		      (dbx_proto_has_ports(pkt->proto) && pkt->sport < 1024 && pkt->dport >= 1024);
	dbx_htab_put(&r->begun, from_server ? &back : &there, &one, false);
	return from_server ? DBX_REPLAY_BACK : DBX_REPLAY_JUDGED;
}

/* An address of the prefix for this client: its hash in the bits that the prefix leaves free. */
static void replace(uint8_t *addr, const struct dbx_prefix *p)
{
	size_t n = p->addr.is_v6 ? 16 : 4;
	uint64_t h = dbx_hash64(addr, n, 0);

	for (size_t i = 0; i < n; i++) {
		unsigned int fixed = p->len > i * 8 ? p->len - (unsigned int)i * 8 : 0;
		uint8_t free_bits = fixed >= 8 ? 0 : (uint8_t)(0xff >> fixed);

		addr[i] = (uint8_t)((p->addr.a[i] & ~free_bits) |
				    ((uint8_t)(h >> (i % 8 * 8)) & free_bits));
	}
}

enum dbx_replay_kind dbx_replay_as(struct dbx_replay *r, const struct dbx_pkt *pkt,
				   const uint8_t **frame, size_t *n_bytes)
{
	int f = !!(pkt->flags & DBX_PKT_F_IPV6);
	enum dbx_replay_kind kind = way(r, pkt, *frame, *n_bytes);
	size_t ip = ip_at(*frame, *n_bytes), n = *n_bytes - ip, at;

	if (!r->has_as[f] || n < (f ? 40u : 20u) || n + 14 > sizeof(r->frame))
		return kind;
	memcpy(r->frame, *frame, 12);
	memcpy(r->frame + 12, *frame + ip - 2, n + 2);
	at = 14 + (f ? 8 : 12) + (kind == DBX_REPLAY_BACK ? (f ? 16 : 4) : 0);
	replace(r->frame + at, &r->as[f]);
	*frame = r->frame;
	*n_bytes = n + 14;
	return kind;
}
