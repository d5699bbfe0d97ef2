// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_host.c -- loads egress_host and egress_tc_host, of the same object as the XDP driver's program,
 * and attaches them by that driver's own code: an XDP link and a filter for each interface, pinned.
 *
 * The programs hold no state but what they dropped, so each daemon loads them anew and puts them in
 * the place of the old ones, inside the links.
 */
#include "dataplane/dp_dpdk_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_util.h"
#include "dataplane/dp_xdp.h"

#define PROG_NAME  "egress_host"
#define PROG_TC    "egress_tc_host"
#define PIN_PROG   "prog_host"
#define PIN_TOTALS "map_totals"

/* What the code of the XDP driver works on, with another program in it. */
struct dp_host {
	struct dbx_dp xdp;
};

static const int map_ids[] = {DBX_MAP_DNS_SOCKS, DBX_MAP_TOTALS};
static const char *const maps_used[] = {"dns_socks", "totals"};

#define N_MAPS (sizeof(maps_used) / sizeof(maps_used[0]))

static bool is_used(const struct bpf_map *map)
{
	size_t i;

	for (i = 0; i < N_MAPS && strcmp(bpf_map__name(map), maps_used[i]) != 0; i++)
		;
	return i < N_MAPS || bpf_map__is_internal(map);
}

/* Loads two programs and what they use, nothing else. */
static int select_parts(struct bpf_object *obj)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	int rc = 0;

	bpf_object__for_each_program(prog, obj) {
		const char *name = bpf_program__name(prog);

		if (!rc)
			rc = bpf_program__set_autoload(prog, !strcmp(name, PROG_NAME) ||
								     !strcmp(name, PROG_TC));
	}
	bpf_object__for_each_map(map, obj) {
		if (!rc)
			rc = bpf_map__set_autocreate(map, is_used(map));
		/* libbpf 1.1 fills in the slots of a program array even where it does not make it. */
		if (!rc && bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY)
			rc = bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY);
	}
	return rc;
}

/* What was dropped is counted on, where the table of the daemon before has the same shape. */
static void keep_totals(const struct bpf_object *obj, const char *pin_dir)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "totals");
	struct bpf_map_info info = {0};
	uint32_t n = sizeof(info);
	int fd = dp_pin_get(pin_dir, PIN_TOTALS);

	if (fd < 0)
		return;
	if (map && !bpf_obj_get_info_by_fd(fd, &info, &n) && info.type == bpf_map__type(map) &&
	    info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    info.max_entries == bpf_map__max_entries(map))
		bpf_map__reuse_fd(map, fd);
	close(fd);
}

static int keep(int fd, int *out)
{
	*out = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *out < 0 ? (fd < 0 ? fd : -errno) : 0;
}

static int keep_prog(const struct bpf_object *obj, const char *name, int *out)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	return prog ? keep(bpf_program__fd(prog), out) : -ENOENT;
}

static int keep_parts(struct dp_host *h, const struct bpf_object *obj)
{
	struct dp_prog *p = &h->xdp.live;
	struct bpf_prog_info info = {0};
	uint32_t n = sizeof(info);
	size_t i;
	int rc = keep_prog(obj, PROG_NAME, &p->fd);

	if (!rc)
		rc = keep_prog(obj, PROG_TC, &p->companion[DBX_PROG_TC_IN]);
	for (i = 0; i < N_MAPS && !rc; i++)
		rc = keep(bpf_object__find_map_fd_by_name(obj, maps_used[i]), &p->map[map_ids[i]]);
	if (!rc)
		rc = bpf_obj_get_info_by_fd(p->fd, &info, &n);
	if (rc)
		return rc;
	p->id = info.id;
	memcpy(p->tag, info.tag, sizeof(p->tag));
	return 0;
}

static int load(struct dp_host *h, const char *path, struct dbx_dp_error *err)
{
	struct bpf_object *obj;
	int rc;

	dp_libbpf_listen();
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		return dp_fail(err, -errno, "kernel program %s: not a BPF object: %s", path,
			       dp_libbpf_said());
	rc = select_parts(obj);
	if (!rc) {
		keep_totals(obj, h->xdp.pin_dir);
		rc = bpf_object__load(obj);
	}
	if (!rc)
		rc = keep_parts(h, obj);
	if (rc)
		dp_fail(err, rc, "kernel program %s: cannot load " PROG_NAME ": %s: %s", path,
			strerror(-rc), dp_libbpf_said());
	bpf_object__close(obj);
	return rc;
}

static int pin(struct dp_host *h, struct dbx_dp_error *err)
{
	const struct dp_prog *p = &h->xdp.live;
	const char *dir = h->xdp.pin_dir;
	int rc = dp_pin_put(dir, PIN_PROG, p->fd);

	if (!rc)
		rc = dp_pin_put(dir, PIN_TOTALS, p->map[DBX_MAP_TOTALS]);
	return rc ? dp_fail(err, rc, "pin directory %s: cannot pin the program: %s", dir,
			    strerror(-rc))
		  : 0;
}

/* The program of the XDP driver would have its links taken away under it. */
static int refuse_xdp(const char *dir, struct dbx_dp_error *err)
{
	int fd = dp_pin_get(dir, "prog");

	if (fd < 0)
		return 0;
	close(fd);
	return dp_fail(err, -EBUSY,
		       "pin directory %s: the XDP data plane is in force there; end it first: "
		       "dbx-egressd --uninstall",
		       dir);
}

int dp_host_open(struct dp_host **out, const struct dbx_dp_opts *o, struct dbx_dp_error *err)
{
	const char *dir = o->pin_dir && o->pin_dir[0] ? o->pin_dir : DP_PIN_DIR;
	struct dp_host *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return dp_fail(err, -ENOMEM, "DPDK: out of memory");
	dp_prog_init(&h->xdp.live);
	dp_prog_init(&h->xdp.next);
	if ((size_t)snprintf(h->xdp.pin_dir, sizeof(h->xdp.pin_dir), "%s", dir) >=
	    sizeof(h->xdp.pin_dir))
		rc = dp_fail(err, -ENAMETOOLONG, "pin directory %s: too long", dir);
	else
		rc = dp_pin_open(dir, err);
	if (!rc)
		rc = refuse_xdp(dir, err);
	if (!rc)
		rc = dp_links_open(&h->xdp, err);
	if (!rc)
		rc = load(h, o->object_path, err);
	if (!rc)
		rc = dp_links_switch(&h->xdp, NULL, &h->xdp.live, err);
	if (!rc)
		rc = pin(h, err);
	if (rc)
		dp_host_close(&h);
	else
		*out = h;
	return rc;
}

void dp_host_close(struct dp_host **h)
{
	if (!*h)
		return;
	dp_links_close(&(*h)->xdp);
	dp_prog_fini(&(*h)->xdp.live);
	free(*h);
	*h = NULL;
}

int dp_host_attach(struct dp_host *h, uint32_t ifindex, const char *ifname,
		   struct dbx_dp_error *err)
{
	return dp_xdp_attach(&h->xdp, ifindex, ifname, err);
}

int dp_host_detach(struct dp_host *h, const char *ifname, struct dbx_dp_error *err)
{
	return dp_xdp_detach(&h->xdp, ifname, err);
}

int dp_host_forget(struct dp_host *h, const char *ifname)
{
	return dp_xdp_forget(&h->xdp, ifname);
}

int dp_host_links(struct dp_host *h, struct dbx_dp_link *v, size_t cap, size_t *n)
{
	return dp_xdp_links(&h->xdp, v, cap, n);
}

int dp_host_steer(struct dp_host *h, int udp4, int tcp4, int udp6, int tcp6,
		  struct dbx_dp_error *err)
{
	const int socks[DBX_DNS_SOCK_MAX] = {udp4, tcp4, udp6, tcp6};
	int fd = h->xdp.live.map[DBX_MAP_DNS_SOCKS], rc = 0;
	uint32_t i;

	for (i = 0; i < DBX_DNS_SOCK_MAX && !rc; i++) {
		uint64_t sock = (uint64_t)socks[i];

		if (socks[i] < 0)
			bpf_map_delete_elem(fd, &i);
		else
			rc = bpf_map_update_elem(fd, &i, &sock, BPF_ANY);
	}
	return rc ? dp_fail(err, rc, "DNS: the kernel refused the resolver's socket %u of 4: %s", i,
			    strerror(-rc))
		  : 0;
}

int dp_host_totals(struct dp_host *h, struct dbx_counter v[DBX_TOTAL_MAX])
{
	struct dbx_counter own[DBX_TOTAL_MAX];
	int i, rc = dp_xdp_totals(&h->xdp, own);

	for (i = 0; i < DBX_TOTAL_MAX && !rc; i++) {
		v[i].packets += own[i].packets;
		v[i].bytes += own[i].bytes;
	}
	return rc;
}
