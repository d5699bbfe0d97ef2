// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daemon_dns.c -- the daemon's resolver alone, with a policy from the command line.
 *
 * usage: daemon_dns PORT UPSTREAM[@PORT][,...] NAME...
 * NAMEs are allowed, "*.x" as in policies, "!NAME" is blocked, "~" makes it dry-run. Further settings
 * by environment: DNS_LISTEN4, DNS_LISTEN6 (addresses), DNS_TRANSPARENT, DNS_TIMEOUT_MS,
 * DNS_ATTEMPT_MS, DNS_CACHE, DNS_LEARN_FAILS (every commit fails), DNS_PTR, DNS_KEEP_ECH,
 * DNS_FULL_ACCESS, DNS_QUIET. Sources are 127.0.0.0/8, ::1, 10.66.0.0/16 and fd66::/16. A line for
 * each record and lesson goes to standard output, the counters at SIGUSR1 and SIGTERM.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dns_resolver.h"
#include "lib/name.h"
#include "policy/model.h"
#include "wire/dns.h"

static char **names;
static bool learn_fails, is_quiet, is_full;
static struct dbx_view view = {.generation = 1};
static struct dbx_upstream upstreams[8];
static struct dbx_dns_options options = {
	.has = true,
	.upstreams = upstreams,
	.timeout_ms = 4000,
	.attempt_ms = 800,
	.cache_entries = 100000,
	.max_ttl_s = 86400,
};

static const char *const slugs[] = {
#define DBX_REASON(id, kind, slug, text) slug,
#include "dbx/reasons.def"
#undef DBX_REASON
};

static const struct dbx_view *view_get(void *arg)
{
	(void)arg;
	return &view;
}

static void view_put(void *arg, const struct dbx_view *v)
{
	(void)arg, (void)v;
}

static bool source(const struct dbx_view *v, const struct dbx_addr *src, struct dbx_dns_source *out)
{
	static const uint8_t loopback6[16] = {[15] = 1};

	(void)v;
	out->workspace_id = 1001;
	out->product = 0;
	if (src->is_v6)
		return (src->a[0] == 0xfd && src->a[1] == 0x66) || !memcmp(src->a, loopback6, 16);
	return src->a[0] == 127 || (src->a[0] == 10 && src->a[1] == 66);
}

static void decide(const struct dbx_view *v, const struct dbx_dns_source *s, const char *name,
		   struct dbx_name_decision *out)
{
	bool is_dry_run = false;

	(void)v, (void)s;
	memset(out, 0, sizeof(*out));
	out->policy_id = "np-test";
	out->rule_text = out->rule_doc = out->rule_ptr = "";
	out->policy_uid = 7;
	for (size_t i = 0; names[i]; i++) {
		if (names[i][0] == '!' && dbx_name_match(names[i] + 1, name)) {
			out->reason = DBX_REASON_DNS_BLOCKED;
			return;
		}
	}
	for (size_t i = 0; names[i]; i++) {
		is_dry_run |= !strcmp(names[i], "~");
		if (!dbx_name_match(names[i], name))
			continue;
		out->verdict = DBX_VERDICT_PASS;
		out->reason = DBX_REASON_LISTED_NAME;
		out->rule_uid = i + 1;
		out->needs_learning = true;
		return;
	}
	out->verdict = is_full ? DBX_VERDICT_PASS : is_dry_run ? DBX_VERDICT_DRY_RUN : 0;
	out->reason = is_full ? DBX_REASON_FULL_ACCESS : DBX_REASON_DNS_DENIED;
}

static const struct dbx_dns_options *get_options(const struct dbx_view *v)
{
	(void)v;
	return &options;
}

static int learn(void *arg, const struct dbx_lesson *l)
{
	char text[DBX_ADDR_STRLEN];

	(void)arg;
	if (learn_fails)
		return -ENOSPC;
	for (size_t i = 0; !is_quiet && i < l->n_addrs; i++)
		printf("learned %s %s ttl %u rule %llu\n", l->name,
		       dbx_addr_format(&l->addrs[i], text), l->ttl_s,
		       (unsigned long long)l->rule_uid);
	fflush(stdout);
	return 0;
}

static const struct dbx_dns_hooks hooks = {view_get,    view_put, source, decide,
					   get_options, learn,    NULL};

static void log_record(void *arg, const struct dbx_dns_record *r)
{
	char src[DBX_ADDR_STRLEN], server[DBX_ADDR_STRLEN], type[16];

	(void)arg;
	if (is_quiet)
		return;
	printf("%s %s %s %s rcode %u from %s at %s %s\n",
	       r->decision.verdict == DBX_VERDICT_DRY_RUN ? "dry-run" : "denied",
	       slugs[r->decision.reason], r->name, dbx_dns_type_name(r->qtype, type), r->rcode,
	       dbx_addr_format(&r->src, src), dbx_addr_format(&r->server, server),
	       r->is_tcp ? "tcp" : "udp");
	fflush(stdout);
}

static void print_stats(const struct dbx_dns *d)
{
	static const char *const labels[] = {
		"queries",       "garbage",           "allowed",      "denied",
		"blocked",       "dry_run",           "no_identity",  "bad_type",
		"answered",      "servfail",          "commits",      "commit_failures",
		"cache_hits",    "cache_entries",     "cache_bytes",  "cache_evictions",
		"upstream_sent", "upstream_timeouts", "upstream_tcp", "upstream_bad",
		"over_limit",    "send_failures",     "tcp_accepted", "tcp_refused",
		"tcp_open",      "outstanding",
	};
	static const char *const outcomes[] = {"answered", "refused", "failed"};
	struct dbx_dns_stats s;
	const uint64_t *v = (const uint64_t *)&s;

	dbx_dns_stats(d, &s);
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		printf("%s=%llu\n", labels[i], (unsigned long long)v[i]);
	for (size_t o = 0; o < DBX_DNS_OUTCOMES; o++) {
		for (size_t i = 0; i < DBX_DNS_LATENCY_BUCKETS; i++) {
			if (s.latency[o][i])
				printf("%s_below_us_%u=%llu\n", outcomes[o], 1u << i,
				       (unsigned long long)s.latency[o][i]);
		}
	}
	printf("end\n");
	fflush(stdout);
}

static void read_upstreams(char *text)
{
	for (char *s = strtok(text, ","); s && options.n_upstreams < 8; s = strtok(NULL, ",")) {
		struct dbx_upstream *u = &upstreams[options.n_upstreams++];
		char *port = strchr(s, '@');

		u->port = port ? (uint16_t)atoi(port + 1) : 53;
		if (port)
			*port = '\0';
		if (dbx_addr_parse(s, &u->addr)) {
			fprintf(stderr, "daemon_dns: %s is no address\n", s);
			exit(2);
		}
	}
}

static uint32_t env_number(const char *name, uint32_t otherwise)
{
	const char *s = getenv(name);

	return s ? (uint32_t)strtoul(s, NULL, 10) : otherwise;
}

static const struct dbx_addr *env_addr(const char *name, struct dbx_addr *a)
{
	const char *s = getenv(name);

	return s && !dbx_addr_parse(s, a) ? a : NULL;
}

static void read_environment(struct dbx_dns_opts *o)
{
	static struct dbx_addr listen4, listen6;

	o->listen4 = env_addr("DNS_LISTEN4", &listen4);
	o->listen6 = env_addr("DNS_LISTEN6", &listen6);
	o->transparent = getenv("DNS_TRANSPARENT");
	options.timeout_ms = env_number("DNS_TIMEOUT_MS", options.timeout_ms);
	options.attempt_ms = env_number("DNS_ATTEMPT_MS", options.attempt_ms);
	options.cache_entries = env_number("DNS_CACHE", options.cache_entries);
	options.ptr_forward = getenv("DNS_PTR");
	options.keep_ech = getenv("DNS_KEEP_ECH");
	learn_fails = getenv("DNS_LEARN_FAILS");
	is_quiet = getenv("DNS_QUIET");
	is_full = getenv("DNS_FULL_ACCESS");
}

int main(int argc, char **argv)
{
	struct dbx_dns_opts o = {.hooks = &hooks, .log = log_record};
	struct dbx_fail f;
	struct dbx_dns *d;
	sigset_t set;
	int sig;

	if (argc < 3) {
		fprintf(stderr, "usage: daemon_dns PORT UPSTREAM[@PORT][,...] NAME...\n");
		return 2;
	}
	o.listen_port = atoi(argv[1]);
	read_upstreams(argv[2]);
	names = argv + 3;
	read_environment(&o);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (dbx_dns_start(&d, &o, &f)) {
		fprintf(stderr, "daemon_dns: %s\n", f.text);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (!sigwait(&set, &sig) && sig == SIGUSR1)
		print_stats(d);
	print_stats(d);
	dbx_dns_stop(&d);
	return 0;
}
