/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replaycase.h -- what the tests of replay share: documents, frames of a few flows, one packet's fate.
 */
#ifndef DBX_TESTS_REPLAYCASE_H
#define DBX_TESTS_REPLAYCASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/vec_world.h"
#include "lib/addr.h"
#include "replay/replay_priv.h"

#define FRAME_MAX 2048
#define SYN       0x02u
#define ACK       0x10u
#define PSH       0x08u

struct frame {
	uint8_t b[FRAME_MAX];
	size_t n;
};

static struct vec_world world;
static struct dbx_names *names;
static uint64_t clock_ns;

static inline void put_bytes(struct frame *f, const void *p, size_t n)
{
	assert_true(n <= sizeof(f->b) - f->n);
	if (n)
		memcpy(f->b + f->n, p, n);
	f->n += n;
}

static inline void put16(struct frame *f, size_t v)
{
	const uint8_t b[] = {(uint8_t)(v >> 8), (uint8_t)v};

	put_bytes(f, b, 2);
}

static inline void put32(struct frame *f, uint32_t v)
{
	put16(f, v >> 16);
	put16(f, v & 0xffff);
}

static inline struct dbx_addr addr(const char *text)
{
	struct dbx_addr a;

	assert_int_equal(dbx_addr_parse(text, &a), 0);
	return a;
}

/* Ethernet, n_tags VLAN tags, and IP of either version; n bytes follow. */
static inline void put_ip(struct frame *f, int n_tags, const char *src, const char *dst,
			  uint8_t proto, size_t n)
{
	const struct dbx_addr s = addr(src), d = addr(dst);
	const uint8_t ip4[] = {0x45, 0, 0, 0, 0, 1, 0, 0, 64, proto, 0, 0};
	const uint8_t ip6[] = {0x60, 0, 0, 0}, next[] = {proto, 64};

	f->n = 0;
	put_bytes(f, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	for (int i = 0; i < n_tags; i++) {
		put16(f, 0x8100);
		put16(f, 5);
	}
	put16(f, s.is_v6 ? 0x86dd : 0x0800);
	if (s.is_v6) {
		put_bytes(f, ip6, sizeof(ip6));
		put16(f, n);
		put_bytes(f, next, sizeof(next));
	} else {
		put_bytes(f, ip4, sizeof(ip4));
		f->b[f->n - 10] = (uint8_t)((20 + n) >> 8);
		f->b[f->n - 9] = (uint8_t)(20 + n);
	}
	put_bytes(f, s.a, s.is_v6 ? 16 : 4);
	put_bytes(f, d.a, d.is_v6 ? 16 : 4);
}

static inline void put_udp(struct frame *f, const char *src, const char *dst, uint16_t sport,
			   uint16_t dport, const void *data, size_t n)
{
	put_ip(f, 0, src, dst, DBX_PROTO_UDP, 8 + n);
	put16(f, sport);
	put16(f, dport);
	put16(f, 8 + n);
	put16(f, 0);
	put_bytes(f, data, n);
}

static inline void put_tcp(struct frame *f, const char *src, const char *dst,
			   const uint16_t ports[2], const uint32_t seq_ack[2], uint8_t flags,
			   const void *data, size_t n)
{
	const uint8_t rest[] = {0x50, flags, 0xff, 0xff, 0, 0, 0, 0};

	put_ip(f, 0, src, dst, DBX_PROTO_TCP, 20 + n);
	put16(f, ports[0]);
	put16(f, ports[1]);
	put32(f, seq_ack[0]);
	put32(f, seq_ack[1]);
	put_bytes(f, rest, sizeof(rest));
	put_bytes(f, data, n);
}

/* The next packet of the capture, a millisecond after the last one. */
static inline void packet(struct dbx_replay *r, const struct frame *f,
			  struct dbx_replay_packet *out)
{
	const struct dbx_captured c = {
		.number = 1,
		.time_ns = clock_ns += 1000000,
		.frame = f->b,
		.n_bytes = f->n,
		.n_wire_bytes = f->n,
	};

	dbx_replay_packet(r, &c, out);
}

static inline struct dbx_replay_opts options(int64_t workspace_id, struct dbx_hints *hints)
{
	return (struct dbx_replay_opts){
		.model = world.m,
		.image = &world.img,
		.names = names,
		.workspace_id = workspace_id,
		.hints = hints,
	};
}

static inline struct dbx_replay *open_replay(int64_t workspace_id, struct dbx_hints *hints)
{
	const struct dbx_replay_opts o = options(workspace_id, hints);
	struct dbx_capture_error err = {""};
	struct dbx_replay *r;

	if (dbx_replay_open(&r, &o, &err))
		fail_msg("%s", err.text);
	return r;
}

/* The documents, in one text each. */
static inline int documents(const char *const *texts, size_t n)
{
	int rc = vec_world_init(&world);

	clock_ns = 1700000000000000000ull;
	for (size_t i = 0; !rc && i < n; i++)
		rc = vec_world_add(&world, "test.json", texts[i], strlen(texts[i]));
	rc = rc ? rc : vec_world_build(&world);
	rc = rc ? rc : dbx_names_new(world.m, &names);
	if (rc)
		vec_findings_print(&world.diag);
	return rc;
}

static inline int forget(void **state)
{
	(void)state;
	dbx_names_free(&names);
	vec_world_fini(&world);
	return 0;
}

#endif
