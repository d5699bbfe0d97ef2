// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_mirror.c -- the names that the process was taught, kept for the next process.
 *
 * Linear probing; what is deleted is filled from behind, so that no chain is broken and no marks pile
 * up. At most half full.
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

#define SLOTS_MIN 1024u

static size_t home_of(const struct dp_mirror *m, const struct dbx_bound_key *k)
{
	return (size_t)dbx_hash64(k, sizeof(*k), 0) & (m->n_slots - 1);
}

/* Where the key is, or would be. */
static size_t slot_of(const struct dp_mirror *m, const struct dbx_bound_key *k)
{
	size_t i = home_of(m, k);

	while (m->v[i].key.policy_uid && memcmp(&m->v[i].key, k, sizeof(*k)) != 0)
		i = (i + 1) & (m->n_slots - 1);
	return i;
}

static int grow(struct dp_mirror *m)
{
	struct dp_mirror wider = {.n_slots = m->n_slots ? m->n_slots * 2 : SLOTS_MIN};
	size_t i;

	wider.v = calloc(wider.n_slots, sizeof(*wider.v));
	if (!wider.v)
		return -ENOMEM;
	for (i = 0; i < m->n_slots; i++) {
		if (m->v[i].key.policy_uid)
			wider.v[slot_of(&wider, &m->v[i].key)] = m->v[i];
	}
	wider.n = m->n;
	free(m->v);
	*m = wider;
	return 0;
}

int dp_mirror_put(struct dp_mirror *m, const struct dbx_bound_key *k, const struct dbx_bound *v)
{
	size_t i;
	int rc;

	if (!k->policy_uid)
		return -EINVAL;
	if (m->n * 2 >= m->n_slots) {
		rc = grow(m);
		if (rc)
			return rc;
	}
	i = slot_of(m, k);
	m->n += !m->v[i].key.policy_uid;
	m->v[i] = (struct dbx_wire_bound){*k, *v};
	return 0;
}

void dp_mirror_del(struct dp_mirror *m, const struct dbx_bound_key *k)
{
	size_t hole, i, home;

	if (!m->n_slots || !dp_mirror_has(m, k))
		return;
	hole = slot_of(m, k);
	for (i = hole;;) {
		i = (i + 1) & (m->n_slots - 1);
		if (!m->v[i].key.policy_uid)
			break;
		/* It may move back to the hole unless its home lies behind the hole. */
		home = home_of(m, &m->v[i].key);
		if (((i - home) & (m->n_slots - 1)) >= ((i - hole) & (m->n_slots - 1))) {
			m->v[hole] = m->v[i];
			hole = i;
		}
	}
	memset(&m->v[hole], 0, sizeof(m->v[hole]));
	m->n--;
}

bool dp_mirror_has(const struct dp_mirror *m, const struct dbx_bound_key *k)
{
	return m->n_slots && k->policy_uid && m->v[slot_of(m, k)].key.policy_uid;
}

void dp_mirror_fini(struct dp_mirror *m)
{
	free(m->v);
	*m = (struct dp_mirror){0};
}
