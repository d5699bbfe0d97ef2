// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_prog.c -- the kernel program: loaded from its object, or taken up where it runs already.
 *
 * A program knows its own build and ABI (dbx_program_id in its read-only data), so there is no second
 * record of what is loaded that could be wrong after a crash.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_util.h"
#include "lib/file.h"
#include "lib/hash.h"

#define MAP_IDS_MAX 64

static const char *const map_names[DBX_MAP_MAX] = {
#define DBX_PROGRAM_MAP(id, name) [DBX_MAP_##id] = #name,
	DBX_PROGRAM_MAPS(DBX_PROGRAM_MAP)
#undef DBX_PROGRAM_MAP
};

static char libbpf_line[256];

static int libbpf_note(enum libbpf_print_level level, const char *format, va_list ap)
{
	char line[sizeof(libbpf_line)];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, ap);
	line[strcspn(line, "\n")] = '\0';
	/* The verifier's log comes as one call of many lines; the sentence before it is what counts. */
	if (!strstr(line, "PROG LOAD LOG") && strncmp(line, "libbpf: failed to load", 22))
		memcpy(libbpf_line, line, sizeof(line));
	return 0;
}

void dp_libbpf_listen(void)
{
	libbpf_line[0] = '\0';
	libbpf_set_print(libbpf_note);
}

const char *dp_libbpf_said(void)
{
	return libbpf_line;
}

static const char *const companion_names[DBX_PROG_TC_MAX] = {
	[DBX_PROG_TC_IN] = "egress_tc",
	[DBX_PROG_TC_OUT] = "egress_back",
};

void dp_prog_init(struct dp_prog *p)
{
	int i;

	memset(p, 0, sizeof(*p));
	p->fd = -1;
	p->note = -1;
	for (i = 0; i < DBX_PROG_TC_MAX; i++)
		p->companion[i] = -1;
	p->ident_fd = -1;
	for (i = 0; i < DBX_MAP_MAX; i++)
		p->map[i] = -1;
}

void dp_prog_fini(struct dp_prog *p)
{
	int i;

	if (p->fd >= 0)
		close(p->fd);
	if (p->note >= 0)
		close(p->note);
	for (i = 0; i < DBX_PROG_TC_MAX; i++) {
		if (p->companion[i] >= 0)
			close(p->companion[i]);
	}
	if (p->ident_fd >= 0)
		close(p->ident_fd);
	for (i = 0; i < DBX_MAP_MAX; i++) {
		if (p->map[i] >= 0)
			close(p->map[i]);
	}
	dp_prog_init(p);
}

int dp_prog_build(const char *object_path, uint64_t *build, struct dbx_dp_error *err)
{
	char *bytes = NULL;
	size_t n = 0;
	int rc = dbx_file_read(object_path, 0, &bytes, &n);

	if (rc)
		return dp_fail(err, rc, "kernel program %s: %s", object_path, dbx_file_why(rc));
	*build = dbx_hash64(bytes, n, DBX_ABI_VERSION);
	free(bytes);
	return 0;
}

/* Whether a map that is in the kernel can stand for the one that the object asks for. */
static bool same_shape(const struct bpf_map *want, int fd, bool any_size)
{
	struct bpf_map_info info = {0};
	uint32_t n = sizeof(info), flags;

	if (bpf_obj_get_info_by_fd(fd, &info, &n))
		return false;
	flags = info.map_flags;
	if (info.type == BPF_MAP_TYPE_DEVMAP_HASH)
		flags &= ~(uint32_t)BPF_F_RDONLY_PROG; /* the kernel's own addition */
	return info.type == bpf_map__type(want) && info.key_size == bpf_map__key_size(want) &&
	       info.value_size == bpf_map__value_size(want) && flags == bpf_map__map_flags(want) &&
	       (any_size || info.max_entries == bpf_map__max_entries(want));
}

/* Maps of one build: its programs, what they hand over to each other, and captures. */
static bool is_private(int map)
{
	return map == DBX_MAP_PROGS || map == DBX_MAP_PROGS_TC || map == DBX_MAP_SCRATCH ||
	       map == DBX_MAP_WORK || map == DBX_MAP_CAPTURE_ON || map == DBX_MAP_CAPTURE_CPU ||
	       map == DBX_MAP_SAMPLES;
}

/* Who the program is; refused when the object is of another ABI than this code. */
static int set_identity(struct bpf_object *obj, const char *path,
			const struct dbx_program_id *ident, struct dbx_dp_error *err)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, DBX_PROGRAM_ID_SECT);
	const struct dbx_program_id *own;
	size_t n = 0;
	int rc;

	own = map ? bpf_map__initial_value(map, &n) : NULL;
	if (!own || n != sizeof(*own) || own->magic != ident->magic || own->abi != ident->abi)
		return dp_fail(
			err, -EPROTO,
			"kernel program %s: not one that this daemon can load (ABI %u is needed)",
			path, ident->abi);
	rc = bpf_map__set_initial_value(map, ident, sizeof(*ident));
	return rc ? dp_fail(err, rc, "kernel program %s: cannot set its identity: %s", path,
			    strerror(-rc))
		  : 0;
}

int dp_prog_set_room(struct bpf_object *obj, uint32_t n_chunks)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct bpf_map *images = bpf_object__find_map_by_name(obj, "images");
	int fd, rc;

	if (!images)
		return -ENOENT;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "image", sizeof(uint32_t), DBX_CHUNK_BYTES,
			    n_chunks, &opts);
	if (fd < 0)
		return fd;
	rc = bpf_map__set_inner_map_fd(images, fd);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/* Sets what must be set before loading: the build, table sizes, the maps to keep. */
static int configure(struct bpf_object *obj, const struct dbx_dp_opts *o,
		     const struct dbx_program_id *ident, const struct dp_prog *old,
		     bool *kept_images, struct dbx_dp_error *err)
{
	bool same_abi = old && old->ident.abi == ident->abi;
	struct bpf_map *map;
	int i, rc, n_cpus = libbpf_num_possible_cpus();

	rc = set_identity(obj, o->object_path, ident, err);
	if (rc)
		return rc;
	for (i = 0; i < DBX_MAP_MAX; i++) {
		map = bpf_object__find_map_by_name(obj, map_names[i]);
		if (!map)
			return dp_fail(err, -ENOENT, "kernel program %s: no map \"%s\"",
				       o->object_path, map_names[i]);
		if (i == DBX_MAP_COUNTERS && o->counters_max)
			bpf_map__set_max_entries(map, o->counters_max);
		if (n_cpus > 0 && (i == DBX_MAP_NOTED || i == DBX_MAP_PACE))
			bpf_map__set_max_entries(map, (i == DBX_MAP_NOTED ? DBX_NOTED_SLOTS : 1) *
							      (uint32_t)n_cpus);
		/* Counters stay with the size that they were made with: nothing is zeroed. */
		if (!same_abi || is_private(i) ||
		    !same_shape(map, old->map[i], i == DBX_MAP_COUNTERS))
			continue;
		if (i == DBX_MAP_IMAGES && old->ident.n_chunks != ident->n_chunks)
			continue;
		rc = bpf_map__reuse_fd(map, old->map[i]);
		if (rc)
			return dp_fail(err, rc, "kernel program %s: cannot keep map \"%s\": %s",
				       o->object_path, map_names[i], strerror(-rc));
		if (i == DBX_MAP_IMAGES)
			*kept_images = true;
	}
	return 0;
}

static int note_info(struct dp_prog *p)
{
	struct bpf_prog_info info = {0};
	uint32_t n = sizeof(info);
	int rc = bpf_obj_get_info_by_fd(p->fd, &info, &n);

	if (rc)
		return rc;
	p->id = info.id;
	memcpy(p->tag, info.tag, sizeof(p->tag));
	return 0;
}

static int keep(int fd, int *out)
{
	*out = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *out < 0 ? -errno : 0;
}

/* A map that only other programs use is bound to the pinned one, by which all are found again. */
static int keep_map(struct dp_prog *p, int i, int fd)
{
	int rc = keep(fd, &p->map[i]);

	return rc ? rc : bpf_prog_bind_map(p->fd, p->map[i], NULL);
}

static int keep_prog(const struct bpf_object *obj, const char *name, int *out)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	return prog ? keep(bpf_program__fd(prog), out) : -ENOENT;
}

int dp_prog_load(struct dp_prog *p, const struct dbx_dp_opts *o, uint32_t n_chunks,
		 const struct dp_prog *old, bool *kept_images, struct dbx_dp_error *err)
{
	struct dbx_program_id ident = {DBX_PROGRAM_MAGIC, DBX_ABI_VERSION, 0, n_chunks, 0};
	struct bpf_program *prog;
	struct bpf_object *obj;
	int i, rc, template = -1;

	*kept_images = false;
	rc = dp_prog_build(o->object_path, &ident.build, err);
	if (rc)
		return rc;
	dp_libbpf_listen();
	obj = bpf_object__open_file(o->object_path, NULL);
	if (!obj)
		return dp_fail(err, -errno, "kernel program %s: not a BPF object: %s",
			       o->object_path, dp_libbpf_said());
	rc = configure(obj, o, &ident, old, kept_images, err);
	if (rc)
		goto out;
	template = dp_prog_set_room(obj, n_chunks);
	if (template <0) {
		rc = dp_fail(err, template,
			     "kernel program %s: no room for an image of %u chunks: %s",
			     o->object_path, n_chunks, strerror(-template));
		goto out;
	}
	prog = bpf_object__find_program_by_name(obj, DBX_PROGRAM_NAME);
	rc = prog ? bpf_object__load(obj) : -ENOENT;
	if (rc) {
		dp_fail(err, rc, "kernel program %s: cannot load %s: %s: %s", o->object_path,
			DBX_PROGRAM_NAME, strerror(-rc), dp_libbpf_said());
		goto out;
	}
	rc = keep(bpf_program__fd(prog), &p->fd);
	if (!rc)
		rc = keep(bpf_object__find_map_fd_by_name(obj, DBX_PROGRAM_ID_SECT), &p->ident_fd);
	for (i = 0; i < DBX_MAP_MAX && !rc; i++)
		rc = keep_map(p, i, bpf_object__find_map_fd_by_name(obj, map_names[i]));
	for (i = 0; i < DBX_PROG_TC_MAX && !rc; i++)
		rc = keep_prog(obj, companion_names[i], &p->companion[i]);
	if (!rc)
		rc = keep_prog(obj, "egress_note", &p->note);
	if (!rc)
		rc = dp_secret_make(p->map[DBX_MAP_SECRETS]);
	if (!rc)
		rc = note_info(p);
	p->ident = ident;
	if (rc)
		dp_fail(err, rc, "kernel program %s: %s", o->object_path, strerror(-rc));
out:
	if (template >= 0)
		close(template);
	bpf_object__close(obj);
	if (rc)
		dp_prog_fini(p);
	return rc;
}

/* Files a map of the program under its name; fd is consumed. */
static int adopt_map(struct dp_prog *p, int fd)
{
	struct bpf_map_info info = {0};
	uint32_t n = sizeof(info), zero = 0;
	uint8_t id[256] = {0}; /* another ABI's may be shorter or longer */
	int i, rc = bpf_obj_get_info_by_fd(fd, &info, &n);

	if (!rc && !strcmp(info.name, DBX_PROGRAM_ID_SECT) && info.value_size <= sizeof(id)) {
		rc = bpf_map_lookup_elem(fd, &zero, id);
		memcpy(&p->ident, id, sizeof(p->ident));
		if (!rc && p->ident_fd < 0) {
			p->ident_fd = fd;
			return 0;
		}
	}
	for (i = 0; i < DBX_MAP_MAX && !rc; i++) {
		if (!strcmp(info.name, map_names[i]) && p->map[i] < 0) {
			p->map[i] = fd;
			return 0;
		}
	}
	close(fd);
	return rc;
}

/* The program in a slot of an array, found by its pin; name NULL: it is enough that there is one. */
static int adopt_called(const char *dir, const char *name, int array, uint32_t slot, int *out)
{
	uint32_t id = 0;
	int fd, rc = bpf_map_lookup_elem(array, &slot, &id);

	if (rc || !name)
		return rc;
	fd = dp_pin_prog_by_id(dir, name, id);
	if (fd < 0)
		return fd;
	*out = fd;
	return 0;
}

/*
 * The programs beside the pinned one. The kernel empties a program array when its last pin and its
 * last user are gone; then the build no longer counts as ours, and is loaded anew with its maps.
 */
static void adopt_others(struct dp_prog *p, const char *dir)
{
	static const char *const pins[DBX_PROG_TC_MAX] = {
		[DBX_PROG_TC_IN] = DP_PIN_TC_IN,
		[DBX_PROG_TC_OUT] = DP_PIN_TC_OUT,
	};
	int i, rc = 0;

	for (i = 0; i < DBX_PROG_XDP_MAX && !rc; i++)
		rc = adopt_called(dir, i == DBX_PROG_NOTE ? DP_PIN_NOTE : NULL,
				  p->map[DBX_MAP_PROGS], (uint32_t)i, &p->note);
	for (i = 0; i < DBX_PROG_TC_MAX && !rc; i++)
		rc = adopt_called(dir, pins[i], p->map[DBX_MAP_PROGS_TC], (uint32_t)i,
				  &p->companion[i]);
	if (rc)
		p->ident.build = 0;
}

int dp_prog_adopt(struct dp_prog *p, const char *dir, int fd)
{
	uint32_t ids[MAP_IDS_MAX] = {0}, i, n;
	struct bpf_prog_info info = {
		.nr_map_ids = MAP_IDS_MAX,
		.map_ids = (uintptr_t)ids,
	};
	int rc, map;

	dp_prog_init(p);
	p->fd = fd;
	n = sizeof(info);
	rc = bpf_obj_get_info_by_fd(fd, &info, &n);
	if (rc)
		goto out;
	p->id = info.id;
	memcpy(p->tag, info.tag, sizeof(p->tag));
	for (i = 0; i < info.nr_map_ids && i < MAP_IDS_MAX && !rc; i++) {
		map = dp_pin_map_by_id(dir, ids[i]);
		rc = map < 0 ? map : adopt_map(p, map);
	}
	if (!rc && (strcmp(info.name, DBX_PROGRAM_NAME) || p->ident.magic != DBX_PROGRAM_MAGIC))
		rc = -ENOMSG;
	/* Another ABI may have other maps; these it must have. */
	for (i = 0; i < DBX_MAP_MAX && !rc; i++) {
		if (p->map[i] < 0 && (p->ident.abi == DBX_ABI_VERSION || i <= DBX_MAP_PORTS))
			rc = -ENOMSG;
	}
	if (!rc && p->ident.abi == DBX_ABI_VERSION)
		adopt_others(p, dir);
out:
	if (rc)
		dp_prog_fini(p);
	return rc;
}
