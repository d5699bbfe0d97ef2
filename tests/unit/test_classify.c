/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_classify.c -- what the classifier makes of learned and guarded addresses, and of tunnels, where
 * names are not checked. The table of vectors has all that needs no learned name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/vec_world.h"
#include "dbx/classify.h"

#define TCP 6
#define UDP 17

#define LISTED 0xc6336401u /* 198.51.100.1: allowed by address, guarded */
#define NAMED  0xcb007101u /* 203.0.113.1: learned for an allowed name */
#define BOTH   0xcb007102u /* 203.0.113.2: learned, and guarded for another name */
#define NOBODY 0xcb007103u /* 203.0.113.3: not learned */
#define VNI    (DBX_DOMAIN_VNI | 7001u)

static const char gateway[] =
	"{\"gateway\": {\"workspaces\": ["
	" {\"workspace_id\": 1, \"sources\": [{\"prefix\": \"10.1.0.0/24\"},"
	"  {\"prefix\": \"10.1.0.0/24\", \"vni\": 7001}]},"
	" {\"workspace_id\": 2, \"sources\": [{\"prefix\": \"10.2.0.0/24\"}]},"
	" {\"workspace_id\": 3, \"sources\": [{\"prefix\": \"10.3.0.0/24\"}]},"
	" {\"workspace_id\": 4, \"sources\": [{\"prefix\": \"10.4.0.0/24\"}]}],"
	"\"dns\": {\"upstreams\": [\"192.0.2.53\"]},"
	"\"names\": {\"quic\": \"deny\", \"unverified_ports\": [{\"protocol\": \"tcp\", \"ports\": [25]}]},"
	"\"private_endpoints\": [{\"rule_id\": \"pe\", \"addresses\": [\"10.9.0.1\"]}]}}";

#define POLICY(id, rest)                                                                    \
	"{\"network_policy_id\": \"" id "\", \"egress\": {\"network_access\": {"            \
	"\"restriction_mode\": \"RESTRICTED_ACCESS\", \"allowed_internet_destinations\": [" \
	"{\"destination\": \"198.51.100.0/24\", \"internet_destination_type\": \"IP_RANGE\"}" rest
#define NAME    ",{\"destination\": \"a.example.org\", \"internet_destination_type\": \"DNS_NAME\"}"
#define DRY_RUN "], \"policy_enforcement\": {\"enforcement_mode\": \"DRY_RUN\"}}}}"

static const char *const docs[] = {
	gateway,
	POLICY("np", NAME "]}}}"),
	POLICY("np-dry", DRY_RUN),
	POLICY("np-bare", "]}}}"),
	"{\"network_connectivity_config_id\": \"ncc\", \"name\": \"ncc\", \"region\": \"eastus2\","
	"\"egress_config\": {\"target_rules\": {\"azure_private_endpoint_rules\": [{\"rule_id\": \"pe\","
	"\"network_connectivity_config_id\": \"ncc\", \"connection_state\": \"ESTABLISHED\","
	"\"resource_id\": \"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/"
	"privateLinkServices/p\", \"domain_names\": [\"p.example.org\"]}]}}}",
	"{\"workspace_id\": 1, \"workspace_network_option\": {\"workspace_id\": 1, "
	"\"network_policy_id\": \"np\"}, \"workspace\": {\"network_connectivity_config_id\": \"ncc\"}}",
	"{\"workspace_id\": 2, \"workspace_network_option\": {\"workspace_id\": 2, "
	"\"network_policy_id\": \"np\"}}",
	"{\"workspace_id\": 3, \"workspace_network_option\": {\"workspace_id\": 3, "
	"\"network_policy_id\": \"np-dry\"}, \"workspace\": {\"network_connectivity_config_id\": \"ncc\"}}",
	"{\"workspace_id\": 4, \"workspace_network_option\": {\"workspace_id\": 4, "
	"\"network_policy_id\": \"np-bare\"}, \"workspace\": {\"network_connectivity_config_id\": \"ncc\"}}",
};

static struct vec_world world;

static int setup(void **state)
{
	char name[32];
	int rc = vec_world_init(&world);

	(void)state;
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]) && !rc; i++) {
		snprintf(name, sizeof(name), "%zu.json", i);
		rc = vec_world_add(&world, name, docs[i], strlen(docs[i]));
	}
	if (!rc)
		rc = vec_world_build(&world);
	if (rc)
		vec_findings_print(&world.diag);
	return rc;
}

static int teardown(void **state)
{
	(void)state;
	vec_world_fini(&world);
	return 0;
}

/* What scopes have learned; arg: uid of the one that asks last. */
static int learned(void *arg, const struct dbx_learned_key *key)
{
	*(uint64_t *)arg = key->policy_uid;
	if (key->addr[0] || key->addr[1] || key->addr[2] != 0xffff)
		return 0;
	switch (key->addr[3]) {
	case LISTED:
		return DBX_ENV_LEARNED | DBX_ENV_GUARDED;
	case NAMED:
		return DBX_ENV_LEARNED;
	case BOTH:
		return DBX_ENV_LEARNED | DBX_ENV_GUARDED;
	default:
		return 0;
	}
}

struct question {
	int ws;
	uint32_t domain, dst;
	uint8_t proto;
	uint16_t port;
	uint8_t frag;
};

static uint64_t judge(const struct question *q, struct dbx_result *res)
{
	uint64_t asked = 0;
	struct dbx_env env = {
		.base = world.img.base,
		.n_chunks = world.img.hdr->n_kernel_chunks,
		.port = DBX_PORT_ANY,
		.learned = learned,
		.learned_arg = &asked,
	};
	struct dbx_pkt pkt = {
		.src = {10u << 24 | (uint32_t)q->ws << 16 | 5},
		.dst = {q->dst},
		.domain = q->domain,
		.dport = q->port,
		.proto = q->proto,
		.frag = q->frag,
		.flags = DBX_PKT_F_TUPLE | DBX_PKT_F_PORTS | DBX_PKT_F_NO_MAC,
	};
	const struct dbx_image_header *hdr = dbx_classify_start(&env, res);

	assert_non_null(hdr);
	dbx_classify(&env, hdr, &pkt, res);
	return asked;
}

static void is(const struct question *q, enum dbx_verdict verdict, enum dbx_reason reason,
	       enum dbx_name_port flow, bool guarded)
{
	struct dbx_result res;

	judge(q, &res);
	if (res.verdict != verdict || res.reason != reason || res.flow != flow ||
	    res.guarded != guarded)
		fail_msg(
			"ws %d %08x proto %u port %u frag %u: verdict %u reason %u flow %u guarded %u",
			q->ws, q->dst, q->proto, q->port, q->frag, res.verdict, res.reason,
			res.flow, res.guarded);
}

#define QF(...)                    (&(struct question){__VA_ARGS__})
#define Q(ws, vni, a, proto, port) QF(ws, vni, a, proto, port, DBX_FRAG_NONE)

static void test_what_is_allowed_by_address_is_looked_at(void **state)
{
	const enum dbx_verdict pass = DBX_VERDICT_PASS;
	const enum dbx_reason listed = DBX_REASON_LISTED_PREFIX;
	struct dbx_result res;

	(void)state;
	is(Q(1, 0, LISTED, TCP, 443), pass, listed, DBX_NAME_PORT_TLS, true);
	is(Q(1, 0, LISTED, TCP, 80), pass, listed, DBX_NAME_PORT_HTTP, true);
	judge(Q(1, 0, LISTED, TCP, 443), &res); /* it goes on by what allowed it */
	assert_int_equal(res.path, DBX_PATH_NAT);
	assert_int_equal(res.name_path, DBX_PATH_NAT);
	assert_true(res.rule && res.rule_uid);
	/* where no name can be read, as the outcome says */
	is(Q(1, 0, LISTED, UDP, 443), pass, listed, DBX_NAME_PORT_NONE, false);
	is(Q(1, 0, LISTED, TCP, 25), pass, listed, DBX_NAME_PORT_NONE, false);
	is(Q(1, 0, LISTED, TCP, 22), pass, listed, DBX_NAME_PORT_NONE, false);
	/* a listed address that nobody guards */
	is(Q(1, 0, LISTED + 1, TCP, 443), pass, listed, DBX_NAME_PORT_NONE, false);
	/* an NCC without rules has no guards */
	is(Q(2, 0, LISTED, TCP, 443), pass, listed, DBX_NAME_PORT_NONE, false);
	/* a policy without names has them too */
	is(Q(4, 0, LISTED, TCP, 443), pass, listed, DBX_NAME_PORT_TLS, true);
}

/* A hello in fragments could not be read. */
static void test_fragments_of_guarded_flows(void **state)
{
	(void)state;
	is(QF(1, 0, LISTED, TCP, 443, DBX_FRAG_FIRST), DBX_VERDICT_DROP, DBX_REASON_NAME_FRAGMENT,
	   DBX_NAME_PORT_NONE, false);
	is(QF(1, 0, LISTED, TCP, 22, DBX_FRAG_FIRST), DBX_VERDICT_PASS, DBX_REASON_LISTED_PREFIX,
	   DBX_NAME_PORT_NONE, false);
}

static void test_learned_addresses(void **state)
{
	const enum dbx_verdict pass = DBX_VERDICT_PASS, drop = DBX_VERDICT_DROP;

	(void)state;
	is(Q(1, 0, NAMED, TCP, 443), pass, DBX_REASON_NAME_HANDSHAKE, DBX_NAME_PORT_TLS, false);
	is(Q(1, 0, BOTH, TCP, 443), pass, DBX_REASON_NAME_HANDSHAKE, DBX_NAME_PORT_TLS, false);
	is(Q(1, 0, NOBODY, TCP, 443), drop, DBX_REASON_NAME_NOT_LEARNED, DBX_NAME_PORT_NONE, false);
	is(Q(1, 0, NAMED, UDP, 443), drop, DBX_REASON_QUIC_REFUSED, DBX_NAME_PORT_QUIC_DENY, false);
	is(Q(1, 0, NAMED, TCP, 25), pass, DBX_REASON_NAME_UNVERIFIED, DBX_NAME_PORT_NONE, false);
	/* a port that proves nothing: it may be the guarded resource */
	is(Q(1, 0, BOTH, TCP, 25), drop, DBX_REASON_PRIVATE_REQUIRED, DBX_NAME_PORT_NONE, false);
	is(Q(1, 0, BOTH, TCP, 22), drop, DBX_REASON_NAME_PORT, DBX_NAME_PORT_NONE, false);
}

/* Dry-run would let it go; what a guard refuses is refused all the same, so its name is asked for. */
static void test_dry_run_does_not_soften_guards(void **state)
{
	(void)state;
	is(Q(3, 0, BOTH, TCP, 443), DBX_VERDICT_PASS, DBX_REASON_NAME_HANDSHAKE, DBX_NAME_PORT_TLS,
	   false);
	is(Q(3, 0, BOTH, TCP, 25), DBX_VERDICT_DROP, DBX_REASON_PRIVATE_REQUIRED,
	   DBX_NAME_PORT_NONE, false);
	is(Q(3, 0, NOBODY, TCP, 443), DBX_VERDICT_DRY_RUN, DBX_REASON_NO_MATCH, DBX_NAME_PORT_NONE,
	   false);
	/* enforced and without names there is nothing to ask for */
	is(Q(4, 0, BOTH, TCP, 443), DBX_VERDICT_DROP, DBX_REASON_NO_MATCH, DBX_NAME_PORT_NONE,
	   false);
}

static void test_scopes(void **state)
{
	struct dbx_result res;

	(void)state;
	assert_true(judge(Q(1, 0, NAMED, TCP, 443), &res) == dbx_scope_uid("np", "ncc"));
	assert_true(res.policy_uid == dbx_scope_uid("np", "ncc"));
	assert_true(judge(Q(2, 0, NAMED, TCP, 443), &res) == dbx_policy_uid("np"));
	assert_true(judge(Q(4, 0, LISTED, TCP, 443), &res) == dbx_scope_uid("np-bare", "ncc"));
}

static void test_names_in_tunnels(void **state)
{
	const enum dbx_verdict pass = DBX_VERDICT_PASS, drop = DBX_VERDICT_DROP;
	const enum dbx_reason tunnel = DBX_REASON_TUNNEL_NAME;
	const enum dbx_name_port none = DBX_NAME_PORT_NONE;

	(void)state;
	is(Q(1, VNI, NAMED, TCP, 443), drop, tunnel, none, false);
	is(Q(1, VNI, NAMED, TCP, 80), drop, tunnel, none, false);
	is(Q(1, VNI, NAMED, UDP, 443), drop, tunnel, none, false);
	is(Q(1, VNI, LISTED, TCP, 443), drop, tunnel, none, false);
	is(Q(1, VNI, NAMED, UDP, 53), drop, tunnel, none, false);
	is(Q(1, VNI, NAMED, TCP, 53), drop, tunnel, none, false);
	is(Q(1, 0, NAMED, UDP, 53), pass, DBX_REASON_DNS_STEERED, none, false);
	/* what needs no name goes on */
	is(Q(1, VNI, LISTED + 1, TCP, 443), pass, DBX_REASON_LISTED_PREFIX, none, false);
	is(Q(1, VNI, NAMED, TCP, 25), pass, DBX_REASON_NAME_UNVERIFIED, none, false);
	is(Q(1, VNI, NOBODY, TCP, 443), drop, DBX_REASON_NAME_NOT_LEARNED, none, false);
}

static void test_tunnel_domains(void **state)
{
	(void)state;
	assert_true(dbx_domain_is_tunnel(DBX_DOMAIN_VNI));
	assert_true(dbx_domain_is_tunnel(DBX_DOMAIN_VNI | 0xffffff));
	assert_false(dbx_domain_is_tunnel(0));
	assert_false(dbx_domain_is_tunnel(4094));
	assert_false(dbx_domain_is_tunnel(DBX_DOMAIN_QINQ | 0xffffff));
	assert_false(dbx_domain_is_tunnel(DBX_DOMAIN_ANY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_allowed_by_address_is_looked_at),
		cmocka_unit_test(test_fragments_of_guarded_flows),
		cmocka_unit_test(test_learned_addresses),
		cmocka_unit_test(test_dry_run_does_not_soften_guards),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_names_in_tunnels),
		cmocka_unit_test(test_tunnel_domains),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
