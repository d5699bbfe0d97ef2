// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bpfrun.c -- the kernel program run on given frames (BPF_PROG_TEST_RUN), attached to nothing.
 *
 * A test run comes in on the loopback interface (ifindex 1), so the port of a frame is set by
 * writing that row of the ports map. The result is read from a map that is shared by mmap.
 */
#include "common/bpfrun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_xdp.h"

#define LOOPBACK_IFINDEX 1u

struct probe {
	struct dbx_result result;
	struct dbx_pkt pkt;
};

struct bpfrun {
	struct bpf_object *obj;
	char path[512];
	uint32_t n_chunks; /* room of the program for an image */
	struct ring_buffer *ring;
	struct probe *probe;
	int map[DBX_MAP_MAX];
	int enforce_fd;
	int probe_fd;
	uint64_t port;
	void (*event_fn)(void *arg, const struct dbx_event *e);
	void *event_arg;
};

static const char *const map_names[] = {
#define DBX_PROGRAM_MAP(id, name) [DBX_MAP_##id] = #name,
	DBX_PROGRAM_MAPS(DBX_PROGRAM_MAP)
#undef DBX_PROGRAM_MAP
};

static int take_event(void *arg, void *bytes, size_t size)
{
	struct bpfrun *r = arg;

	if (size == sizeof(struct dbx_event) && r->event_fn)
		r->event_fn(r->event_arg, bytes);
	return 0;
}

static int load(struct bpfrun *r, uint32_t n_chunks)
{
	struct bpf_program *probe;
	int i, rc, template;
	void *p;

	r->n_chunks = n_chunks;
	r->port = 0;
	r->obj = bpf_object__open_file(r->path, NULL);
	if (!r->obj)
		return -errno;
	probe = bpf_object__find_program_by_name(r->obj, "egress_probe");
	if (!probe)
		return -ENOENT;
	bpf_program__set_autoload(probe, true);
	template = dp_prog_set_room(r->obj, n_chunks);
	if (template <0)
		return template;
	rc = bpf_object__load(r->obj);
	close(template);
	if (rc)
		return rc;
	for (i = 0; i < DBX_MAP_MAX; i++)
		r->map[i] = bpf_object__find_map_fd_by_name(r->obj, map_names[i]);
	r->probe_fd = bpf_program__fd(probe);
	r->enforce_fd = bpf_program__fd(bpf_object__find_program_by_name(r->obj, DBX_PROGRAM_NAME));
	p = mmap(NULL, sizeof(struct probe), PROT_READ, MAP_SHARED,
		 bpf_object__find_map_fd_by_name(r->obj, "probe"), 0);
	if (p == MAP_FAILED)
		return -errno;
	r->probe = p;
	r->ring = ring_buffer__new(r->map[DBX_MAP_EVENTS], take_event, r, NULL);
	return r->ring ? 0 : -errno;
}

static void unload(struct bpfrun *r)
{
	if (r->probe)
		munmap(r->probe, sizeof(*r->probe));
	ring_buffer__free(r->ring);
	bpf_object__close(r->obj);
	r->probe = NULL;
	r->ring = NULL;
	r->obj = NULL;
}

int bpfrun_open(struct bpfrun **out, const char *object)
{
	struct bpfrun *r = calloc(1, sizeof(*r));
	const char *build = getenv("DBX_BUILD");
	int rc;

	if (!r)
		return -ENOMEM;
	if (object)
		snprintf(r->path, sizeof(r->path), "%s", object);
	else
		snprintf(r->path, sizeof(r->path), "%s/egress_xdp.bpf.o", build ? build : "build");
	rc = load(r, DBX_IMAGE_CHUNKS);
	if (rc)
		bpfrun_close(&r);
	else
		*out = r;
	return rc;
}

void bpfrun_close(struct bpfrun **rp)
{
	struct bpfrun *r = *rp;

	if (!r)
		return;
	unload(r);
	free(r);
	*rp = NULL;
}

int bpfrun_forget_fragments(struct bpfrun *r)
{
	struct dbx_frag_key key;

	while (!bpf_map_get_next_key(r->map[DBX_MAP_FRAGS], NULL, &key))
		bpf_map_delete_elem(r->map[DBX_MAP_FRAGS], &key);
	return 0;
}

/* Not the driver's way on purpose: the driver refuses what is damaged. */
int bpfrun_set_image(struct bpfrun *r, const void *image, size_t n_bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	uint32_t slot = 0, n_chunks;
	size_t n;
	void *p;
	int fd, rc;

	bpfrun_forget_fragments(r);
	if (!image) {
		rc = bpf_map_delete_elem(r->map[DBX_MAP_IMAGES], &slot);
		return rc == -ENOENT ? 0 : rc;
	}
	if (n_bytes < DBX_CHUNK_BYTES)
		return -EINVAL;
	n_chunks = ((const struct dbx_image_header *)image)->n_kernel_chunks;
	if (!n_chunks || n_chunks > n_bytes >> DBX_CHUNK_SHIFT)
		n_chunks = (uint32_t)(n_bytes >> DBX_CHUNK_SHIFT);
	n = (size_t)n_chunks << DBX_CHUNK_SHIFT;
	if (n_chunks > r->n_chunks) {
		unload(r);
		rc = load(r, n_chunks);
		if (rc)
			return rc;
	}
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "image", 4, DBX_CHUNK_BYTES, r->n_chunks, &opts);
	if (fd < 0)
		return fd;
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rc = p == MAP_FAILED ? -errno : 0;
	if (!rc) {
		memcpy(p, image, n);
		munmap(p, n);
		rc = bpf_map_update_elem(r->map[DBX_MAP_IMAGES], &slot, &fd, BPF_ANY);
	}
	close(fd);
	return rc;
}

static int set_port(struct bpfrun *r, uint64_t port)
{
	uint32_t ifindex = LOOPBACK_IFINDEX;
	int rc;

	if (r->port == port)
		return 0;
	rc = bpf_map_update_elem(r->map[DBX_MAP_PORTS], &ifindex, &port, BPF_ANY);
	if (!rc)
		r->port = port;
	return rc;
}

static int run(struct bpfrun *r, int fd, const void *frame, size_t n_bytes, uint64_t port,
	       struct bpf_test_run_opts *opts)
{
	int rc;

	if (n_bytes < BPFRUN_FRAME_MIN || n_bytes > BPFRUN_FRAME_MAX)
		return -ERANGE;
	rc = set_port(r, port);
	if (rc)
		return rc;
	opts->data_in = frame;
	opts->data_size_in = (uint32_t)n_bytes;
	return bpf_prog_test_run_opts(fd, opts);
}

int bpfrun_frame(struct bpfrun *r, const void *frame, size_t n_bytes, uint64_t port,
		 struct dbx_result *out, struct dbx_pkt *pkt, uint32_t *xdp_action)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int rc = run(r, r->probe_fd, frame, n_bytes, port, &opts);

	if (rc)
		return rc;
	if (out)
		*out = r->probe->result;
	if (pkt)
		*pkt = r->probe->pkt;
	if (xdp_action)
		*xdp_action = opts.retval;
	return 0;
}

int bpfrun_enforce(struct bpfrun *r, const void *frame, size_t n_bytes, uint64_t port,
		   uint32_t repeat, uint32_t *xdp_action, uint32_t *ns_per_frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = (int)repeat);
	int rc = run(r, r->enforce_fd, frame, n_bytes, port, &opts);

	if (rc)
		return rc;
	if (xdp_action)
		*xdp_action = opts.retval;
	if (ns_per_frame)
		*ns_per_frame = opts.duration;
	return 0;
}

static int sum_lookup(int fd, const void *key, struct dbx_counter *out)
{
	int i, rc, n_cpus = libbpf_num_possible_cpus();
	struct dbx_counter *v;

	if (n_cpus <= 0)
		return -ENODEV;
	v = calloc((size_t)n_cpus, sizeof(*v));
	if (!v)
		return -ENOMEM;
	memset(out, 0, sizeof(*out));
	rc = bpf_map_lookup_elem(fd, key, v);
	for (i = 0; !rc && i < n_cpus; i++) {
		out->packets += v[i].packets;
		out->bytes += v[i].bytes;
	}
	free(v);
	return rc == -ENOENT ? 0 : rc;
}

int bpfrun_totals(struct bpfrun *r, struct dbx_counter v[DBX_TOTAL_MAX])
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < DBX_TOTAL_MAX && !rc; i++)
		rc = sum_lookup(r->map[DBX_MAP_TOTALS], &i, &v[i]);
	return rc;
}

int bpfrun_counter(struct bpfrun *r, const struct dbx_counter_key *key, struct dbx_counter *c)
{
	return sum_lookup(r->map[DBX_MAP_COUNTERS], key, c);
}

int bpfrun_sweep(struct bpfrun *r, uint32_t *n_left)
{
	struct dbx_sweep_order o = {.magic = DBX_SWEEP_MAGIC};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &o, .data_size_in = sizeof(o),
		    .data_out = &o, .data_size_out = sizeof(o));
	int fd = bpfrun_program(r, "egress_note"), rc = 0;

	while (!rc && o.at < DBX_NOTED_CPUS * DBX_NOTED_SLOTS) {
		rc = bpf_prog_test_run_opts(fd, &opts);
		if (!rc && opts.retval != DBX_ORDER_DONE)
			rc = -EPROTO;
	}
	if (!rc)
		*n_left = o.n_left;
	return rc;
}

int bpfrun_events(struct bpfrun *r, void (*fn)(void *arg, const struct dbx_event *e), void *arg)
{
	int rc;

	r->event_fn = fn;
	r->event_arg = arg;
	rc = ring_buffer__consume(r->ring);
	r->event_fn = NULL;
	return rc < 0 ? rc : 0;
}

int bpfrun_map_fd(struct bpfrun *r, unsigned int map)
{
	return map < DBX_MAP_MAX ? r->map[map] : -EINVAL;
}

int bpfrun_prog_fd(struct bpfrun *r)
{
	return r->enforce_fd;
}

int bpfrun_program(struct bpfrun *r, const char *name)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(r->obj, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}
