// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp.c -- the XDP driver: enforcement that outlives the daemon, and is changed without a gap.
 *
 * open() finds one of four things under the pin directory:
 *   nothing                       the program is loaded and pinned
 *   our build                     it is taken up as it is
 *   another build, the same ABI   the new program gets the old one's maps, and the links move over
  *   another ABI                   the new program waits with maps of its own; the old one goes on
 *                                 enforcing, until the first commit gives the new one an image
 * The same way an image that is larger than the program has room for brings its own program along:
 * prepare() loads one with more room, commit() lets it take over.
 * Whatever fails, the links keep running what they ran.
 */
#include "dataplane/dp_xdp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/dp_util.h"

static const char *pin_dir_of(const struct dbx_dp_opts *o)
{
	return o->pin_dir && o->pin_dir[0] ? o->pin_dir : DP_PIN_DIR;
}

/* The program that the next image is for. */
static const struct dp_prog *target(const struct dbx_dp *dp)
{
	return dp->next.fd >= 0 ? &dp->next : &dp->live;
}

static int xdp_probe(const struct dbx_dp_opts *o, struct dbx_dp_error *err)
{
	uint64_t build;
	int fd, rc;

	dp_libbpf_listen();
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, (uint32_t)getpagesize(), NULL);
	if (fd == -EPERM)
		return dp_fail(
			err, fd,
			"XDP: the kernel's bpf() is refused; root is needed (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON)");
	if (fd < 0)
		return dp_fail(
			err, fd,
			"XDP: this kernel has no BPF ring buffer: %s; Linux 5.15 or later is needed",
			strerror(-fd));
	close(fd);
	rc = dp_prog_build(o->object_path, &build, err);
	return rc ? rc : dp_pin_open(pin_dir_of(o), err);
}

/* The pinned program, or the one that a pinned link runs; -ENOENT when there is neither. */
static int find_old(struct dbx_dp *dp, struct dp_prog *old)
{
	int fd = dp_pin_get(dp->pin_dir, "prog"), rc = -ENOENT;
	size_t i;

	dp_prog_init(old);
	if (fd >= 0)
		rc = dp_prog_adopt(old, dp->pin_dir, fd);
	for (i = 0; rc && i < dp->n_links; i++) {
		if (!dp->links[i].ifindex)
			continue;
		fd = bpf_prog_get_fd_by_id(dp->links[i].prog_id);
		rc = fd < 0 ? fd : dp_prog_adopt(old, dp->pin_dir, fd);
	}
	return rc;
}

static int pin_prog(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	int rc = dp_pin_prog(dp->pin_dir, &dp->live);

	return rc ? dp_fail(err, rc, "pin directory %s: cannot pin the program: %s", dp->pin_dir,
			    strerror(-rc))
		  : 0;
}

/* Another build of the same ABI, with the image still there: the links move over now. */
static int upgrade(struct dbx_dp *dp, struct dp_prog *old, struct dp_prog *fresh,
		   struct dbx_dp_error *err)
{
	int rc = dp_links_switch(dp, old, fresh, err);

	if (rc)
		return rc;
	dp->live = *fresh;
	dp_prog_init(fresh);
	dp->adopted = true;
	dp->upgraded = true;
	return pin_prog(dp, err);
}

static int open_programs(struct dbx_dp *dp, const struct dbx_dp_opts *o, struct dbx_dp_error *err)
{
	struct dp_prog old, fresh;
	bool kept_images;
	uint64_t build;
	int rc;

	dp_prog_init(&fresh);
	rc = dp_prog_build(o->object_path, &build, err);
	if (rc)
		return rc;
	rc = find_old(dp, &old);
	if (rc) { /* nothing of ours: load, and take over whatever links there are */
		rc = dp_prog_load(&dp->live, o, DBX_IMAGE_CHUNKS, NULL, &kept_images, err);
		if (!rc)
			rc = pin_prog(dp, err);
		return rc ? rc : dp_links_switch(dp, NULL, &dp->live, err);
	}
	if (old.ident.build == build && old.ident.abi == DBX_ABI_VERSION) {
		dp->live = old;
		dp->adopted = true;
		rc = dp_links_switch(dp, NULL, &dp->live,
				     err); /* a crash may have left some behind */
		return rc ? rc : pin_prog(dp, err);
	}
	rc = dp_prog_load(&fresh, o,
			  old.ident.abi == DBX_ABI_VERSION ? old.ident.n_chunks : DBX_IMAGE_CHUNKS,
			  &old, &kept_images, err);
	if (!rc && kept_images) {
		rc = upgrade(dp, &old, &fresh, err);
		dp_prog_fini(&fresh);
	} else if (!rc) {
		dp->live = old;
		dp->next = fresh;
		dp->adopted = true;
		return 0;
	}
	dp_prog_fini(&old);
	return rc;
}

static int xdp_state(struct dbx_dp *dp, struct dbx_dp_state *state)
{
	const struct dp_prog *p = dp->next_is_larger ? &dp->live : target(dp);
	struct dbx_image_header hdr = {0};
	struct bpf_map_info info = {.id = 0};
	uint32_t n_info = sizeof(info);
	int rc = dp_image_active(dp->pin_dir, p->map[DBX_MAP_IMAGES], &hdr);

	if (rc && rc != -ENOENT && rc != -EPROTO)
		return rc;
	memset(state, 0, sizeof(*state));
	state->has_image = !rc;
	state->adopted = dp->adopted;
	state->upgraded = dp->upgraded;
	if (!rc) {
		state->generation = hdr.generation;
		state->content_hash = hdr.content_hash;
		state->checksum = hdr.checksum;
	}
	snprintf(state->program_id, sizeof(state->program_id),
		 "id %u tag %02x%02x%02x%02x%02x%02x%02x%02x", dp->live.id, dp->live.tag[0],
		 dp->live.tag[1], dp->live.tag[2], dp->live.tag[3], dp->live.tag[4],
		 dp->live.tag[5], dp->live.tag[6], dp->live.tag[7]);
	if (bpf_obj_get_info_by_fd(dp->live.map[DBX_MAP_COUNTERS], &info, &n_info) == 0)
		state->counters_id = info.id;
	return 0;
}

static void drop_prepared(struct dbx_dp *dp)
{
	if (dp->inner_fd >= 0)
		close(dp->inner_fd);
	dp->inner_fd = -1;
}

static void xdp_abort(struct dbx_dp *dp)
{
	drop_prepared(dp);
	if (dp->next_is_larger)
		dp_prog_fini(&dp->next);
	dp->next_is_larger = false;
}

static void xdp_close(struct dbx_dp **dpp)
{
	struct dbx_dp *dp = *dpp;

	if (!dp)
		return;
	xdp_abort(dp);
	dp_xdp_capture_stop(dp);
	dp_ring_close(dp);
	dp_links_close(dp);
	dp_prog_fini(&dp->live);
	dp_prog_fini(&dp->next);
	if (dp->epoll_fd >= 0)
		close(dp->epoll_fd);
	if (dp->name_epoll_fd >= 0)
		close(dp->name_epoll_fd);
	free(dp->object_path);
	free(dp);
	*dpp = NULL;
}

static int xdp_open(struct dbx_dp **out, const struct dbx_dp_opts *o, struct dbx_dp_state *state,
		    struct dbx_dp_error *err)
{
	struct dbx_dp *dp = calloc(1, sizeof(*dp));
	int rc;

	if (!dp)
		return dp_fail(err, -ENOMEM, "XDP: out of memory");
	dp_prog_init(&dp->live);
	dp_prog_init(&dp->next);
	dp->inner_fd = -1;
	dp->counters_max = o->counters_max;
	dp->object_path = strdup(o->object_path);
	dp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	dp->name_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	rc = dp->epoll_fd < 0 || dp->name_epoll_fd < 0 || !dp->object_path ? -errno : 0;
	if (!rc && (size_t)snprintf(dp->pin_dir, sizeof(dp->pin_dir), "%s", pin_dir_of(o)) >=
			   sizeof(dp->pin_dir))
		rc = -ENAMETOOLONG;
	if (rc) {
		dp_fail(err, rc, "XDP: pin directory %s: %s", pin_dir_of(o), strerror(-rc));
		goto out;
	}
	rc = dp_pin_open(dp->pin_dir, err);
	if (!rc)
		rc = dp_links_open(dp, err);
	if (!rc)
		rc = open_programs(dp, o, err);
	if (rc)
		goto out;
	dp_capture_clear(&dp->live);
	rc = dp_ring_open(dp);
	if (!rc)
		rc = xdp_state(dp, state);
	if (rc)
		dp_fail(err, rc, "XDP: cannot read the maps: %s", strerror(-rc));
out:
	if (rc)
		xdp_close(&dp);
	else
		*out = dp;
	return rc;
}

/* Stages a program with room for an image of n_chunks; counters and all else go along. */
static int make_room(struct dbx_dp *dp, uint32_t n_chunks, struct dbx_dp_error *err)
{
	struct dbx_dp_opts o = {.object_path = dp->object_path, .counters_max = dp->counters_max};
	bool kept_images, is_larger = dp->next.fd < 0 || dp->next_is_larger;
	uint32_t room = DBX_IMAGE_CHUNKS;
	struct dp_prog fresh;
	int rc;

	while (room < n_chunks && room < 1u << 31)
		room *= 2;
	dp_prog_init(&fresh);
	rc = dp_prog_load(&fresh, &o, room, &dp->live, &kept_images, err);
	if (rc)
		return rc;
	dp_prog_fini(&dp->next);
	dp->next = fresh;
	dp->next_is_larger = is_larger;
	return 0;
}

static int xdp_prepare(struct dbx_dp *dp, const void *image, size_t n_bytes,
		       struct dbx_dp_error *err)
{
	const struct dbx_image_header *hdr = image;
	int fd = -1, rc = dp_image_check(image, n_bytes, err);

	if (!rc && hdr->n_kernel_chunks > target(dp)->ident.n_chunks)
		rc = make_room(dp, hdr->n_kernel_chunks, err);
	if (!rc)
		rc = dp_image_load(image, n_bytes, target(dp)->ident.n_chunks, &fd, err);
	if (rc)
		return rc;
	drop_prepared(dp);
	dp->inner_fd = fd;
	return 0;
}

/*
 * The staged program takes over: every link, or none. From then on it enforces, so what is left
 * cannot fail the commit: without its pin the links keep it, and the next open() pins it again.
 */
static int take_over(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dp_prog old = dp->live;
	int rc = dp_links_switch(dp, &old, &dp->next, err);

	if (rc) {
		dp_image_deactivate(dp->next.map[DBX_MAP_IMAGES]);
		return rc;
	}
	dp_capture_end(dp);
	dp->live = dp->next;
	dp_prog_init(&dp->next);
	dp_prog_fini(&old);
	dp->upgraded = dp->upgraded || !dp->next_is_larger;
	dp->next_is_larger = false;
	pin_prog(dp, NULL);
	dp_ring_open(dp);
	return 0;
}

/*
 * The image is pinned before it is in force, so that at every moment the one in force can be opened
 * without CAP_SYS_ADMIN; under which of the two names does not matter.
 */
static int xdp_commit(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	int rc;

	if (dp->inner_fd < 0)
		return dp_fail(err, -EINVAL, "commit: no policy image was prepared");
	rc = dp_pin_new(dp->pin_dir, "map_image", dp->inner_fd);
	if (rc)
		return dp_fail(err, rc, "commit: cannot pin the policy image in %s: %s",
			       dp->pin_dir, strerror(-rc));
	rc = dp_image_activate(target(dp)->map[DBX_MAP_IMAGES], dp->inner_fd);
	if (rc) {
		dp_pin_remove(dp->pin_dir, "new_map_image");
		return dp_fail(err, rc, "commit: the kernel refused the policy image: %s",
			       strerror(-rc));
	}
	drop_prepared(dp);
	rc = dp->next.fd >= 0 ? take_over(dp, err) : 0;
	if (rc)
		dp_pin_remove(dp->pin_dir, "new_map_image");
	else
		dp_pin_settle(dp->pin_dir, "map_image");
	return rc;
}

static int remove_pin(void *arg, const char *dir, const char *name)
{
	uint32_t ifindex;
	int fd, rc = 0;

	(void)arg;
	if (!strncmp(name, "link_", 5)) {
		fd = dp_pin_get(dir, name);
		if (fd >= 0) {
			ifindex = dp_link_ifindex(fd);
			rc = bpf_link_detach(fd);
			if (ifindex)
				dp_tc_detach(ifindex);
			close(fd);
		}
	}
	if (rc && rc != -ENOLINK)
		return rc;
	return dp_pin_remove(dir, name);
}

static int xdp_uninstall(const struct dbx_dp_opts *o, struct dbx_dp_error *err)
{
	const char *dir = pin_dir_of(o);
	int rc = dp_pin_each(dir, remove_pin, NULL);

	if (rc == -ENOENT)
		return 0;
	if (!rc && rmdir(dir) && errno != ENOTEMPTY)
		rc = -errno;
	return rc ? dp_fail(err, rc, "pin directory %s: cannot remove what is pinned: %s", dir,
			    strerror(-rc))
		  : 0;
}

const struct dbx_dp_ops dbx_dp_xdp = {
	.name = "xdp",
	.probe = xdp_probe,
	.open = xdp_open,
	.close = xdp_close,
	.attach = dp_xdp_attach,
	.detach = dp_xdp_detach,
	.forget = dp_xdp_forget,
	.links = dp_xdp_links,
	.prepare = xdp_prepare,
	.commit = xdp_commit,
	.abort = xdp_abort,
	.state = xdp_state,
	.counters = dp_xdp_counters,
	.totals = dp_xdp_totals,
	.event_fd = dp_xdp_event_fd,
	.poll_events = dp_xdp_poll_events,
	.sweep = dp_xdp_sweep,
	.secret = dp_xdp_secret,
	.learn = dp_xdp_learn,
	.unlearn = dp_xdp_unlearn,
	.bound_get = dp_xdp_bound_get,
	.learned_get = dp_xdp_learned_get,
	.forget_addr = dp_xdp_forget_addr,
	.learned_each = dp_xdp_learned_each,
	.bound_each = dp_xdp_bound_each,
	.flows_each = dp_xdp_flows_each,
	.flow_set = dp_xdp_flow_set,
	.flow_del = dp_xdp_flow_del,
	.steer = dp_xdp_steer,
	.forward = dp_xdp_forward,
	.capture_start = dp_xdp_capture_start,
	.capture_fd = dp_xdp_capture_fd,
	.capture_poll = dp_xdp_capture_poll,
	.capture_loss = dp_xdp_capture_loss,
	.capture_stop = dp_xdp_capture_stop,
	.name_event_fd = dp_xdp_name_event_fd,
	.poll_name_events = dp_xdp_poll_name_events,
	.uninstall = xdp_uninstall,
};
