// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * api_paths.c -- "paths" of the status: each route, whether it leads somewhere, and what may keep
 * replies from coming back.
 */
#include "daemon/api.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/paths.h"
#include "policy/explain.h"

/* ---- what this host has ---- */

static bool has_address(const struct ifaddrs *all, const struct dbx_addr *a)
{
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		const struct sockaddr *sa = i->ifa_addr;

		if (!sa || sa->sa_family != (a->is_v6 ? AF_INET6 : AF_INET))
			continue;
		if (a->is_v6 ? memcmp(&((const struct sockaddr_in6 *)sa)->sin6_addr, a->a, 16) == 0
			     : memcmp(&((const struct sockaddr_in *)sa)->sin_addr, a->a, 4) == 0)
			return true;
	}
	return false;
}

/* A number of /proc/sys/net, or -1. */
static int sysctl_of(const char *family, const char *ifname, const char *key)
{
	char path[128], text[16];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, ifname, key);
	fd = strchr(ifname, '/') ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return atoi(text);
}

/* The kernel takes the larger of the interface's and of "all" (ip-sysctl, rp_filter). */
static bool filters_strictly(const char *ifname)
{
	int one = sysctl_of("ipv4", ifname, "rp_filter");
	int all = sysctl_of("ipv4", "all", "rp_filter");

	return (one > all ? one : all) == 1;
}

/* ---- one route ---- */

static const char *state_name(const struct dbx_path_entry *e, int family)
{
	static const char *const names[] = {
		[DBX_PATH_UNKNOWN] = "unknown",
		[DBX_PATH_UP] = "up",
		[DBX_PATH_NO_INTERFACE] = "no-interface",
		[DBX_PATH_DOWN] = "down",
		[DBX_PATH_NO_HOP] = "no-next-hop",
		[DBX_PATH_FAILED] = "failed",
		[DBX_PATH_NO_FAMILY] = "not-on-this-host",
	};

	return !e ? "unknown" : e->is_barred ? "barred" : names[e->state[family]];
}

__attribute__((format(printf, 2, 3))) static void warn(struct dbx_strbuf *b, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (b->s[b->len - 1] != '[')
		dbx_strbuf_addc(b, ',');
	dbx_strbuf_addc(b, '"');
	dbx_strbuf_add_json_escaped(b, text, strlen(text));
	dbx_strbuf_addc(b, '"');
}

static void out_warnings(struct dbx_strbuf *b, const struct dbx_path_route *r,
			 const struct dbx_path_entry *e, const struct ifaddrs *all)
{
	char text[DBX_ADDR_STRLEN];

	dbx_strbuf_add(b, ",\"warnings\":[");
	for (size_t i = 0; i < r->n_source_addresses; i++) {
		if (!has_address(all, &r->source_addresses[i]))
			warn(b,
			     "no interface has the source address %s: replies only come back where "
			     "somebody routes it here",
			     dbx_addr_format(&r->source_addresses[i], text));
	}
	if (e && e->state[0] == DBX_PATH_UP && filters_strictly(e->ifname))
		warn(b,
		     "net.ipv4.conf.%s.rp_filter is 1 (strict): replies are dropped unless the "
		     "host's own routes lead the same way; 2 is what policy routing needs",
		     e->ifname);
	for (int f = 0; f < 2 && e; f++) {
		if (e->state[f] == DBX_PATH_FAILED)
			warn(b, "IPv%d: the kernel takes no route: %s", f ? 6 : 4, e->why[f]);
		if (e->state[f] == DBX_PATH_UP &&
		    sysctl_of(f ? "ipv6" : "ipv4", "all", "forwarding") == 0)
			warn(b, "net.ipv%d.conf.all.forwarding is 0: nothing is forwarded",
			     f ? 6 : 4);
	}
	dbx_strbuf_addc(b, ']');
}

static void out_addrs(struct dbx_strbuf *b, const char *key, const struct dbx_addr *v, size_t n)
{
	char text[DBX_ADDR_STRLEN];

	dbx_strbuf_addf(b, ",\"%s\":[", key);
	for (size_t i = 0; i < n; i++)
		dbx_strbuf_addf(b, "%s\"%s\"", i ? "," : "", dbx_addr_format(&v[i], text));
	dbx_strbuf_addc(b, ']');
}

static void out_nccs(struct dbx_strbuf *b, const struct dbx_path_route *r)
{
	dbx_strbuf_add(b, ",\"ncc_ids\":[");
	for (size_t i = 0; i < r->n_ncc_ids; i++) {
		const char *id = r->ncc_ids[i].ncc_id;

		dbx_strbuf_add(b, i ? ",\"" : "\"");
		dbx_strbuf_add_json_escaped(b, id, strlen(id));
		dbx_strbuf_addc(b, '"');
	}
	dbx_strbuf_addc(b, ']');
}

static void out_route(struct dbx_daemon *d, struct dbx_strbuf *b, const struct dbx_path_route *r,
		      const struct ifaddrs *all)
{
	uint32_t mark = dbx_model_route_mark(d->core.model, r);
	const struct dbx_path_entry *e = d->core.paths ? dbx_paths_entry(d->core.paths, mark)
						       : NULL;

	dbx_strbuf_addf(b, "{\"path\":\"%s\",\"mark\":\"0x%08x\",", dbx_path_name(r->path), mark);
	dbx_out_string(b, "interface", r->interface);
	out_nccs(b, r);
	out_addrs(b, "next_hops", r->next_hops, r->n_next_hops);
	out_addrs(b, "source_addresses", r->source_addresses, r->n_source_addresses);
	dbx_strbuf_addf(b, ",\"ipv4\":\"%s\",\"ipv6\":\"%s\"", state_name(e, 0), state_name(e, 1));
	out_warnings(b, r, e, all);
	dbx_strbuf_addc(b, '}');
}

static void out_forward(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	const struct dbx_forward *f = &d->core.model->gateway.forward;

	if (!f->has) {
		dbx_strbuf_add(b, ",\"fast_forward\":null");
		return;
	}
	dbx_strbuf_add(b, ",\"fast_forward\":{\"interfaces\":[");
	for (size_t i = 0; i < f->n_interfaces; i++) {
		dbx_strbuf_add(b, i ? ",{" : "{");
		dbx_out_string(b, "name", f->interfaces[i].name);
		dbx_strbuf_addf(b, ",\"ifindex\":%u}", if_nametoindex(f->interfaces[i].name));
	}
	dbx_strbuf_add(b, "],");
	dbx_out_string(b, "error", d->forward_error[0] ? d->forward_error : NULL);
	dbx_strbuf_addc(b, '}');
}

void dbx_out_paths(struct dbx_daemon *d, struct dbx_strbuf *b)
{
	const struct dbx_gateway *g = &d->core.model->gateway;
	struct dbx_paths_status s = {"", 0};
	struct ifaddrs *all = NULL;

	if (d->core.paths)
		dbx_paths_status(d->core.paths, &s);
	if (g->n_routes && getifaddrs(&all))
		all = NULL;
	dbx_strbuf_add(b, "\"paths\":{");
	dbx_out_string(b, "error", s.error[0] ? s.error : NULL);
	dbx_strbuf_addf(b, ",\"restored\":%llu,\"routes\":[", (unsigned long long)s.n_restored);
	for (size_t i = 0; i < g->n_routes; i++) {
		dbx_strbuf_add(b, i ? "," : "");
		out_route(d, b, &g->routes[i], all);
	}
	dbx_strbuf_add(b, "]}");
	out_forward(d, b);
	if (all)
		freeifaddrs(all);
}
