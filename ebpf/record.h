/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * record.h -- what a judged packet leaves behind: totals and counters.
 *
 * Totals count every packet, exactly. A counter row that finds the table full is counted as unkeyed:
 * that changes no verdict and no total.
 */
#ifndef DBX_EBPF_RECORD_H
#define DBX_EBPF_RECORD_H

#include "maps.h"
#include "dbx/classify.h"

/* A host that runs this program (ctl/replay) wants to know what became of each packet. */
#ifndef DBX_ON_VERDICT
#define DBX_ON_VERDICT(pkt, res)
#endif

static __always_inline void record_total(__u32 index, __u32 bytes)
{
	struct dbx_counter *c = bpf_map_lookup_elem(&totals, &index);

	if (!c)
		return;
	c->packets++;
	c->bytes += bytes;
}

static __always_inline void record_counter(const struct dbx_result *res, __u32 bytes)
{
	struct dbx_counter_key key = {
		.workspace_id = res->workspace_id,
		.rule_uid = res->rule_uid,
		.reason = res->reason,
		.verdict = res->verdict,
		.path = res->path,
	};
	struct dbx_counter *c = bpf_map_lookup_elem(&counters, &key);

	if (!c) {
		struct dbx_counter none = {0, 0};

		/* Another CPU may win the race to insert: look again, whatever this returns. */
		bpf_map_update_elem(&counters, &key, &none, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&counters, &key);
	}
	if (!c) {
		record_total(DBX_TOTAL_UNKEYED, bytes);
		return;
	}
	c->packets++;
	c->bytes += bytes;
}

static __always_inline void record_counts(const struct dbx_result *res, __u32 bytes)
{
	record_total(DBX_TOTAL_REASON_BASE + (__u32)res->reason * DBX_VERDICT_MAX + res->verdict,
		     bytes);
	record_counter(res, bytes);
}

#endif
