// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dpdk_world.c -- the documents of bench_dpdk_packets, the same rules as lines, and packets.
 *
 * Each of 200 policies has a region and three rules, as workspaces need them: TCP 443 to two of seven
 * services, TCP 1433 and 11000-11999 to Azure SQL, TCP 5671-5672 and 9093 to one of two that take events.
 * A service's tag is that of the region, where there is one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "bench/dpdk_bench.h"
#include "common/bench.h"
#include "common/pkt.h"
#include "common/vec_world.h"
#include "lib/file.h"
#include "lib/strbuf.h"

static const struct shape {
	unsigned int n_tags, proto, n_ports, n_services;
	uint16_t ports[2][2];
	const char *services[7];
} shapes[DPB_RULES] = {
	{2,
	 6,
	 1,
	 7,
	 {{443, 443}},
	 {"AzureDatabricks", "Storage", "AzureActiveDirectory", "AzureMonitor", "AzureKeyVault",
	  "AzureContainerRegistry", "CognitiveServicesManagement"}},
	{1, 6, 2, 1, {{1433, 1433}, {11000, 11999}}, {"Sql"}},
	{1, 6, 2, 2, {{5671, 5672}, {9093, 9093}}, {"EventHub", "ServiceBus"}},
};

struct dpb_side dpb_sides[2];
static struct vec_world world;

void dpb_need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_dpdk_packets: %s (%s)\n", what, rte_strerror(rte_errno));
	exit(1);
}

/* ---- documents ---- */

static void add(const char *name, const char *text, size_t n)
{
	if (!vec_world_add(&world, name, text, n))
		return;
	vec_findings_print(&world.diag);
	dpb_need(false, name);
}

static void read_feed(void)
{
	const char *data = getenv("DBX_DATA");
	char path[512], *text;
	size_t n;

	snprintf(path, sizeof(path), "%s/ip-ranges/azure-public-20260427.json.gz",
		 data ? data : "");
	if (!data || dbx_file_read(path, 0, &text, &n)) {
		snprintf(path, sizeof(path), "rules/feeds/azure-public.json.gz");
		dpb_need(!dbx_file_read(path, 0, &text, &n), path);
	}
	dpb_need(!vec_world_init(&world), path);
	add("azure.json", text, n);
	free(text);
	printf("# ranges: %s\n", path);
}

static struct dpb_prefix prefix_of(const struct dbx_prefix *p)
{
	struct dpb_prefix r = {.len = p->len};

	for (unsigned int i = 0; i < dpb_bits(p->addr.is_v6) / 8; i++)
		r.addr = r.addr << 8 | p->addr.a[i];
	return r;
}

static void add_line(bool is_v6, const struct dpb_line *line)
{
	struct dpb_side *s = &dpb_sides[is_v6];

	if (!(s->n_lines & (s->n_lines - 1))) {
		s->lines = realloc(s->lines, (s->n_lines ? s->n_lines * 2 : 1) * sizeof(*line));
		dpb_need(s->lines, "memory");
	}
	s->lines[s->n_lines++] = *line;
}

static void add_lines(const struct dbx_feed *f, const struct dbx_tag *t, unsigned int policy,
		      unsigned int rule)
{
	const struct shape *how = &shapes[rule];

	for (uint32_t i = t->first; i < t->first + t->n; i++) {
		const struct dbx_prefix *p = &f->prefixes[i].prefix;

		for (unsigned int j = 0; j < how->n_ports; j++) {
			const struct dpb_line line = {.to = prefix_of(p),
						      .policy = (uint16_t)policy,
						      .lo = how->ports[j][0],
						      .hi = how->ports[j][1],
						      .proto = (uint8_t)how->proto,
						      .rule = (uint8_t)rule};

			add_line(p->addr.is_v6, &line);
		}
	}
}

static const struct dbx_tag *find_tag(const struct dbx_feed *f, const char *name)
{
	for (size_t i = 0; i < f->n_tags; i++)
		if (!strcmp(f->tags[i].name, name))
			return &f->tags[i];
	return NULL;
}

/* What stands behind the dot of some tag of Azure Storage. */
static const char *random_region(const struct dbx_feed *f)
{
	for (unsigned int i = 0; i < 1000000; i++) {
		const struct dbx_tag *t = &f->tags[bench_rnd((uint32_t)f->n_tags)];

		if (!strncmp(t->name, "Storage.", 8))
			return t->name + 8;
	}
	dpb_need(false, "no region of Storage in the range file");
	return "";
}

static const struct dbx_tag *tag_of(const struct dbx_feed *f, const char *service,
				    const char *region)
{
	const struct dbx_tag *t;
	char name[128];

	snprintf(name, sizeof(name), "%s.%s", service, region);
	t = find_tag(f, name);
	t = t ? t : find_tag(f, service);
	dpb_need(t, service);
	return t;
}

static void add_rule(const struct dbx_feed *f, unsigned int p, unsigned int rule,
		     const char *region, struct dbx_strbuf *sets)
{
	const struct shape *how = &shapes[rule];
	unsigned int service = bench_rnd(how->n_services);

	dbx_strbuf_addf(sets, "%s{\"label\": \"p%u-%u\", \"service_tags\": [",
			p || rule ? ", " : "", p, rule);
	for (unsigned int i = 0; i < how->n_tags; i++) {
		const struct dbx_tag *t =
			tag_of(f, how->services[(service + i) % how->n_services], region);

		add_lines(f, t, p, rule);
		dbx_strbuf_addf(sets, "%s\"%s\"", i ? ", " : "", t->name);
	}
	dbx_strbuf_addf(sets, "], \"protocol\": \"%s\", \"ports\": [",
			how->proto == 6 ? "tcp" : "udp");
	for (unsigned int j = 0; j < how->n_ports; j++)
		dbx_strbuf_addf(sets, "%s\"%u-%u\"", j ? ", " : "", how->ports[j][0],
				how->ports[j][1]);
	dbx_strbuf_addf(sets, "], \"network_policy_ids\": [\"np-%u\"]}", p);
}

static void add_policy(const struct dbx_feed *f, unsigned int p, struct dbx_strbuf *sets)
{
	const char *region = random_region(f);
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "{\"network_policy_id\": \"np-%u\", \"egress\": {\"network_access\": "
			 "{\"restriction_mode\": \"RESTRICTED_ACCESS\"}}}",
			 p);

	add("policy.json", text, (size_t)n);
	for (unsigned int rule = 0; rule < DPB_RULES; rule++)
		add_rule(f, p, rule, region, sets);
	for (int i = 0; i < 2; i++)
		dpb_sides[i].first[p + 1] = dpb_sides[i].n_lines;
}

dbx_wide dpb_source(unsigned int workspace, bool is_v6)
{
	if (is_v6)
		return (dbx_wide)(0xfd00006400010000ull | workspace) << 64;
	return 10u << 24 | (64 + workspace / 250) << 16 | (workspace % 250) << 8;
}

static void add_workspaces(struct dbx_strbuf *b)
{
	for (unsigned int i = 0; i < DPB_WORKSPACES; i++) {
		char text[128];
		int n = snprintf(text, sizeof(text),
				 "{\"workspace_id\": %u, \"network_policy_id\": \"np-%u\"}",
				 1000 + i, dpb_policy_of(i));

		add("option.json", text, (size_t)n);
		dbx_strbuf_addf(b,
				"%s{\"workspace_id\": %u, \"sources\": [{\"prefix\": "
				"\"10.%u.%u.0/24\"}, {\"prefix\": \"fd00:64:1:%x::/64\"}]}",
				i ? ", " : "", 1000 + i, 64 + i / 250, i % 250, i);
	}
}

static void add_all(const struct dbx_feed *f)
{
	for (int i = 0; i < 2; i++) {
		dpb_sides[i].all = calloc(f->n_prefixes, sizeof(struct dpb_prefix));
		dpb_need(dpb_sides[i].all, "memory");
	}
	for (size_t i = 0; i < f->n_prefixes; i++) {
		struct dpb_side *s = &dpb_sides[f->prefixes[i].prefix.addr.is_v6];

		s->all[s->n_all++] = prefix_of(&f->prefixes[i].prefix);
	}
}

void dpb_world_make(void)
{
	const struct dbx_feed *f;
	struct dbx_strbuf b, sets;

	read_feed();
	f = &world.m->feeds[0];
	add_all(f);
	dbx_strbuf_init(&b);
	dbx_strbuf_init(&sets);
	for (unsigned int p = 0; p < DPB_POLICIES; p++)
		add_policy(f, p, &sets);
	dbx_strbuf_add(&b,
		       "{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": [");
	add_workspaces(&b);
	dbx_strbuf_addf(&b, "], %s\"allowed_destinations\": [%s]}}",
			getenv("DBX_BENCH_QUIET") ? "\"log\": {\"denied\": \"off\"}, " : "",
			sets.s);
	add("gateway.json", b.s, b.len);
	if (vec_world_build(&world)) {
		vec_findings_print(&world.diag);
		exit(1);
	}
	printf("# %u workspaces, %u policies, each %u rules; as lines of prefix, "
	       "protocol and ports: IPv4 %zu, IPv6 %zu\n",
	       DPB_WORKSPACES, DPB_POLICIES, DPB_RULES, dpb_sides[0].n_lines, dpb_sides[1].n_lines);
	dbx_strbuf_fini(&b);
	dbx_strbuf_fini(&sets);
}

int dpb_world_image(size_t *n_bytes)
{
	int fd = (int)syscall(SYS_memfd_create, "image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	dpb_need(fd >= 0 && write(fd, world.image, world.image_bytes) == (ssize_t)world.image_bytes,
		 "image");
	dpb_need(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
		 "image");
	*n_bytes = world.image_bytes;
	return fd;
}

/* ---- packets ---- */

static dbx_wide random_bits(void)
{
	dbx_wide v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 16 | bench_rnd(1u << 16);
	return v;
}

static dbx_wide inside(const struct dpb_prefix *p, bool is_v6)
{
	return p->addr | (random_bits() & dpb_rest(p->len, is_v6));
}

static struct pkt_addr addr_of(dbx_wide v, bool is_v6)
{
	struct pkt_addr a = {.is_v6 = is_v6};

	for (int i = (int)dpb_bits(is_v6) / 8 - 1; i >= 0; i--, v >>= 8)
		a.a[i] = (uint8_t)v;
	return a;
}

struct to {
	dbx_wide addr;
	uint16_t port;
	uint8_t proto;
};

static struct to meant_by(const struct dpb_line *l, bool is_v6)
{
	return (struct to){inside(&l->to, is_v6), (uint16_t)(l->lo + bench_rnd(l->hi - l->lo + 1u)),
			   l->proto};
}

static struct to where(const struct dpb_mix *mix, unsigned int policy, bool is_v6)
{
	const struct dpb_side *s = &dpb_sides[is_v6];
	size_t first = s->first[policy], n = s->first[policy + 1] - first;
	const struct shape *t = &shapes[bench_rnd(DPB_RULES)];
	const uint16_t *ports = t->ports[bench_rnd(t->n_ports)];
	unsigned int what = bench_rnd(100);
	struct to to = {.port = (uint16_t)(ports[0] + bench_rnd(ports[1] - ports[0] + 1u)),
			.proto = (uint8_t)t->proto};

	if (what < mix->own && n)
		return meant_by(&s->lines[first + bench_rnd((uint32_t)n)], is_v6);
	if (what >= 100 - mix->others)
		return meant_by(&s->lines[bench_rnd((uint32_t)s->n_lines)], is_v6);
	if (what < mix->own + mix->tags)
		to.addr = inside(&s->all[bench_rnd((uint32_t)s->n_all)], is_v6);
	else if (is_v6)
		to.addr = (random_bits() >> 3) | (dbx_wide)1 << 125; /* 2000::/3 */
	else
		to.addr = 0x0b000000u + bench_rnd(0x59000000u);
	return to;
}

static void write_packet(struct pkt *p, dbx_wide src, const struct to *to, bool is_v6)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	struct pkt_ip4 ip4 = PKT_IP4_INIT;
	struct pkt_ip6 ip6 = PKT_IP6_INIT;
	uint16_t sport = (uint16_t)(1024 + bench_rnd(60000));

	ip4.src = ip6.src = addr_of(src, is_v6);
	ip4.dst = ip6.dst = addr_of(to->addr, is_v6);
	pkt_begin(p);
	pkt_eth(p, macs[0], macs[1], PKT_AUTO);
	if (is_v6)
		pkt_ip6(p, &ip6);
	else
		pkt_ip4(p, &ip4);
	if (to->proto == 6)
		pkt_tcp(p, sport, to->port, PKT_AUTO, 0x10);
	else
		pkt_udp(p, to->proto, sport, to->port, PKT_AUTO);
	pkt_pad(p, 60);
	pkt_end(p);
}

struct rte_mbuf *dpb_packet(struct rte_mempool *pool, const struct dpb_mix *mix, bool is_v6)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	unsigned int ws = bench_rnd(DPB_WORKSPACES);
	struct dpb_known *known;
	struct vec_result host;
	struct pkt p;
	struct to to;

	dpb_need(m, "mbuf");
	while (mix->own == 100 && dpb_sides[is_v6].first[dpb_policy_of(ws)] ==
					  dpb_sides[is_v6].first[dpb_policy_of(ws) + 1])
		ws = bench_rnd(DPB_WORKSPACES); /* its policy has nothing of this family */
	to = where(mix, dpb_policy_of(ws), is_v6);
	write_packet(&p, dpb_source(ws, is_v6) + 2 + bench_rnd(250), &to, is_v6);
	vec_world_host(&world, "ws1", p.b, p.n, &host);
	memcpy(rte_pktmbuf_append(m, (uint16_t)p.n), p.b, p.n);
	known = rte_mbuf_to_priv(m);
	*known = (struct dpb_known){.workspace = (uint16_t)ws,
				    .passes = host.verdict == DBX_VERDICT_PASS};
	return m;
}
