/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * dp_xdp.h -- the parts of the XDP driver; nothing outside dataplane/ and its tests includes this.
 *
  * The pinned program is the only truth: its maps are those whose ids it names, its build is in its own
 * read-only data, its interfaces are those of the pinned links. The map pins beside it are found by
 * the ids of their maps, never trusted by their names: they are there because to open a map by its id
 * takes CAP_SYS_ADMIN, which the daemon is not given. Program arrays are kept
 * alive by their pins: the kernel empties those that are neither pinned nor open.
 */
#ifndef DBX_DATAPLANE_DP_XDP_H
#define DBX_DATAPLANE_DP_XDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "dbx/image.h"
#include "dbx/program.h"

#define DP_PIN_DIR "/sys/fs/bpf/dbx-egress"
/* Programs beside "prog"; those that are called by it live by the program arrays alone. */
#define DP_PIN_NOTE   "prog_note"
#define DP_PIN_TC_IN  "prog_tc"
#define DP_PIN_TC_OUT "prog_back"

struct bpf_object;
struct perf_buffer;
struct ring_buffer;

/* A program in the kernel with its maps; fds are owned, -1 where there is none. */
struct dp_prog {
	int fd;
	uint32_t id;
	uint8_t tag[8];
	struct dbx_program_id ident;
	int ident_fd; /* the map that holds it */
	int map[DBX_MAP_MAX];
	int companion[DBX_PROG_TC_MAX];
	int note; /* egress_note */
};

/* A pinned link. ifindex 0: its interface is gone; it was port_ifindex, 0 = not known. */
struct dp_link {
	char ifname[16];
	uint32_t ifindex;
	uint32_t port_ifindex;
	uint32_t prog_id;
	int fd;
};

struct dbx_dp {
	char pin_dir[256];
	char *object_path;
	uint32_t counters_max;
	struct dp_prog live; /* what the links run */
	struct dp_prog next; /* takes over at the next commit; fd -1 = none */
	bool next_is_larger; /* than live, for a larger image; else live is of another ABI */
	struct dp_link *links;
	size_t n_links;
	int inner_fd; /* prepared image, not yet committed; -1 = none */
	int epoll_fd; /* holds the ring's own, which changes when maps do */
	struct ring_buffer *ring;
	dbx_dp_event_fn event_fn; /* during poll_events */
	void *event_arg;
	int name_epoll_fd; /* the same for name events */
	struct ring_buffer *name_ring;
	void (*name_fn)(void *arg, const struct dbx_name_event *e);
	void *name_arg;
	struct perf_buffer *samples; /* of a capture; NULL = none */
	bool capture_ended;          /* by a change of programs; nobody has been told yet */
	dbx_dp_sample_fn sample_fn;
	void *sample_arg;
	bool adopted;
	bool upgraded;
};

/* ---- dp_xdp_prog.c: programs ---- */
void dp_prog_init(struct dp_prog *p);
void dp_prog_fini(struct dp_prog *p);
/*
 * Loads the object, with room for images of n_chunks. Maps of old (may be NULL) are kept where old
 * speaks the same ABI and the map has the same shape. *kept_images: whether the image survived.
 */
int dp_prog_load(struct dp_prog *p, const struct dbx_dp_opts *o, uint32_t n_chunks,
		 const struct dp_prog *old, bool *kept_images, struct dbx_dp_error *err);
/*
 * Says how many chunks an image of an opened, not yet loaded object may have. Returns the fd of a
 * map that must stay open until it is loaded.
 */
int dp_prog_set_room(struct bpf_object *obj, uint32_t n_chunks);
/*
 * Takes up a program that is in the kernel, with the maps pinned in dir. fd is consumed. -ENOMSG: it
 * is not one of ours.
 */
int dp_prog_adopt(struct dp_prog *p, const char *dir, int fd);
/* Hash of the object file, as dp_prog_load() puts it into ident.build. */
int dp_prog_build(const char *object_path, uint64_t *build, struct dbx_dp_error *err);
/* Last line that libbpf had to say, "" if nothing. */
const char *dp_libbpf_said(void);
void dp_libbpf_listen(void);

/* ---- dp_xdp_image.c: images ---- */
/* n_chunks: that of the program which is to read it. */
int dp_image_load(const void *image, size_t n_bytes, uint32_t n_chunks, int *inner_fd,
		  struct dbx_dp_error *err);
int dp_image_activate(int images_fd, int inner_fd);
int dp_image_deactivate(int images_fd);
/* Header of the active image; -ENOENT: none yet, -EPROTO: of another ABI. */
int dp_image_active(const char *dir, int images_fd, struct dbx_image_header *hdr);

/* ---- dp_xdp_pin.c: the pin directory ---- */
int dp_pin_open(const char *dir, struct dbx_dp_error *err);
int dp_pin_get(const char *dir, const char *name);
int dp_pin_put(const char *dir, const char *name, int fd);
/* The same in two steps: as new_<name>, then in the place of <name>. */
int dp_pin_new(const char *dir, const char *name, int fd);
int dp_pin_settle(const char *dir, const char *name);
int dp_pin_remove(const char *dir, const char *name);
/* Program and maps; at every moment the maps of the pinned program are pinned, new or settled. */
int dp_pin_prog(const char *dir, const struct dp_prog *p);
/* A pinned map by its id, else by id alone (CAP_SYS_ADMIN). */
int dp_pin_map_by_id(const char *dir, uint32_t id);
/* The same for a program that is pinned under this name. */
int dp_pin_prog_by_id(const char *dir, const char *name, uint32_t id);
/* "ws1.100" <-> "link_ws1%2e100": bpffs refuses dots. */
void dp_pin_link_name(const char *ifname, char name[64]);
bool dp_pin_link_ifname(const char *name, char ifname[16]);
/* Calls fn for each pin until it returns non-zero; returns that. -ENOENT: no directory. */
int dp_pin_each(const char *dir, int (*fn)(void *arg, const char *dir, const char *name),
		void *arg);

/* ---- dp_xdp_link.c: interfaces ---- */
uint32_t dp_link_ifindex(int link_fd); /* 0: its interface is gone */
int dp_links_open(struct dbx_dp *dp, struct dbx_dp_error *err);
void dp_links_close(struct dbx_dp *dp);
/* Puts every live link on prog; all or, on failure, none. */
int dp_links_switch(struct dbx_dp *dp, const struct dp_prog *from, const struct dp_prog *to,
		    struct dbx_dp_error *err);
int dp_xdp_attach(struct dbx_dp *dp, uint32_t ifindex, const char *ifname,
		  struct dbx_dp_error *err);
int dp_xdp_detach(struct dbx_dp *dp, const char *ifname, struct dbx_dp_error *err);
int dp_xdp_forget(struct dbx_dp *dp, const char *ifname);
int dp_xdp_links(struct dbx_dp *dp, struct dbx_dp_link *v, size_t cap, size_t *n);

/* ---- dp_xdp_tc.c: the companions at clsact ---- */
int dp_tc_attach(uint32_t ifindex, const struct dp_prog *p); /* those that p has; idempotent */
int dp_tc_detach(uint32_t ifindex);
bool dp_tc_present(uint32_t ifindex, const struct dp_prog *p);
/* Best effort: the interface leaves VLAN tags in its frames, where XDP sees them. */
void dp_tc_show_tags(const char *ifname);

/* ---- dp_xdp_names.c: see dp.h ---- */
int dp_secret_make(int secrets_fd); /* unless there is one */
int dp_xdp_secret(struct dbx_dp *dp, struct dbx_secret *out);
int dp_xdp_learn(struct dbx_dp *dp, const struct dbx_bound_key *key, const struct dbx_bound *bound);
int dp_xdp_unlearn(struct dbx_dp *dp, const struct dbx_bound_key *key);
int dp_xdp_bound_get(struct dbx_dp *dp, const struct dbx_bound_key *key, struct dbx_bound *out);
int dp_xdp_learned_get(struct dbx_dp *dp, const struct dbx_learned_key *key,
		       struct dbx_learned *out);
int dp_xdp_forget_addr(struct dbx_dp *dp, const struct dbx_learned_key *key);
int dp_xdp_learned_each(struct dbx_dp *dp,
			int (*fn)(void *arg, const struct dbx_learned_key *k,
				  const struct dbx_learned *v),
			void *arg);
int dp_xdp_bound_each(struct dbx_dp *dp,
		      int (*fn)(void *arg, const struct dbx_bound_key *k,
				const struct dbx_bound *v),
		      void *arg);
int dp_xdp_flows_each(struct dbx_dp *dp,
		      int (*fn)(void *arg, const struct dbx_flow_key *k, const struct dbx_flow *v),
		      void *arg);
int dp_xdp_flow_set(struct dbx_dp *dp, const struct dbx_flow_key *key, const struct dbx_flow *v);
int dp_xdp_flow_del(struct dbx_dp *dp, const struct dbx_flow_key *key);
int dp_xdp_steer(struct dbx_dp *dp, int udp4, int tcp4, int udp6, int tcp6,
		 struct dbx_dp_error *err);
int dp_xdp_name_event_fd(struct dbx_dp *dp);
int dp_xdp_poll_name_events(struct dbx_dp *dp,
			    void (*fn)(void *arg, const struct dbx_name_event *e), void *arg);

/* ---- dp_xdp_forward.c: where packets may be redirected to ---- */
int dp_xdp_forward(struct dbx_dp *dp, const uint32_t *ifindex, size_t n, struct dbx_dp_error *err);

/* ---- dp_xdp_capture.c: copies of packets ---- */
int dp_xdp_capture_start(struct dbx_dp *dp, const struct dbx_capture *want,
			 struct dbx_dp_error *err);
int dp_xdp_capture_fd(struct dbx_dp *dp);
int dp_xdp_capture_poll(struct dbx_dp *dp, dbx_dp_sample_fn fn, void *arg);
int dp_xdp_capture_loss(struct dbx_dp *dp, struct dbx_dp_loss *out);
void dp_xdp_capture_stop(struct dbx_dp *dp);
/* The live program is about to go, and a capture with it. */
void dp_capture_end(struct dbx_dp *dp);
/* One that a daemon before this one has left on. */
void dp_capture_clear(const struct dp_prog *p);

/* ---- dp_xdp_stats.c: counters and events ---- */
int dp_ring_open(struct dbx_dp *dp);
void dp_ring_close(struct dbx_dp *dp);
int dp_xdp_counters(struct dbx_dp *dp, dbx_dp_counter_fn fn, void *arg);
int dp_xdp_totals(struct dbx_dp *dp, struct dbx_counter v[DBX_TOTAL_MAX]);
int dp_xdp_event_fd(struct dbx_dp *dp);
int dp_xdp_poll_events(struct dbx_dp *dp, dbx_dp_event_fn fn, void *arg);
int dp_xdp_sweep(struct dbx_dp *dp);

#endif
