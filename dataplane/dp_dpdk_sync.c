// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_dpdk_sync.c -- what happens when driver and process meet: the first time the driver takes over
 * what the process has, later the process is told what the driver has.
 *
 * The order is such that no packet meets half of it: a new process drops all until its ports have an
 * index, which they get last.
 */
#include "dataplane/dp_dpdk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/dp_util.h"

#define RETRY_NS 200000000
#define SLOW_MS  500  /* a meeting that fails after so long has waited for an answer */
#define PAUSE_MS 5000 /* then others have their turn: whoever calls us waits with us */
#define SEALS    (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

void dp_sync_timer(struct dbx_dp *dp, bool on)
{
	const struct itimerspec t = {
		.it_interval.tv_nsec = on ? RETRY_NS : 0,
		.it_value.tv_nsec = on ? RETRY_NS : 0,
	};

	timerfd_settime(dp->timer_fd, 0, &t, NULL);
}

/* ---- images ---- */

void dp_memfd_drop(struct dp_memfd *m)
{
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct dp_memfd){.fd = -1};
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int dp_memfd_make(const void *image, size_t n_bytes, struct dp_memfd *out)
{
	const struct dbx_image_header *h = image;
	int rc, fd = memfd_create("dbx-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	rc = write_all(fd, image, n_bytes);
	if (!rc && fcntl(fd, F_ADD_SEALS, SEALS))
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	*out = (struct dp_memfd){
		.fd = fd,
		.what = {.n_bytes = n_bytes,
			 .generation = h->generation,
			 .content_hash = h->content_hash,
			 .checksum = h->checksum},
	};
	return 0;
}

/* The image that the process enforces: kept, to be given to the next process. */
static int adopt_image(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dp_memfd m = {.fd = -1};
	struct stat st;
	int rc = dp_wire_call_locked(dp,
				     DP_CALL(DBX_WIRE_IMAGE_GET, .answer = &m.what,
					     .min = sizeof(m.what), .max = sizeof(m.what),
					     .take_fd = &m.fd),
				     err);

	if (rc)
		return rc;
	if (fstat(m.fd, &st) || (uint64_t)st.st_size != m.what.n_bytes ||
	    (fcntl(m.fd, F_GET_SEALS) & SEALS) != SEALS ||
	    m.what.generation != dp->peer.generation || m.what.checksum != dp->peer.checksum) {
		dp_memfd_drop(&m);
		return dp_fail(err, -EPROTO,
			       "the DPDK process gave another image than the one in force");
	}
	dp_memfd_drop(&dp->now);
	dp->now = m;
	return 0;
}

static bool has_our_image(const struct dbx_dp *dp)
{
	const struct dbx_wire_image *w = &dp->now.what;

	return dp->peer.has_image && dp->peer.generation == w->generation &&
	       dp->peer.content_hash == w->content_hash && dp->peer.checksum == w->checksum;
}

static int tell_image(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dbx_wire_generation g = {.generation = dp->now.what.generation};
	int rc;

	if (dp->now.fd < 0 || has_our_image(dp))
		return 0;
	rc = dp_wire_call_locked(dp,
				 DP_CALL(DBX_WIRE_IMAGE, .body = &dp->now.what,
					 .n_body = sizeof(dp->now.what), .give_fd = &dp->now.fd),
				 err);
	if (rc)
		return rc;
	return dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_COMMIT, .body = &g, .n_body = sizeof(g)),
				   err);
}

/* ---- names ---- */

static int make_secret(struct dbx_secret *k)
{
	int i;

	if (getrandom(k, sizeof(*k), 0) != (ssize_t)sizeof(*k))
		return -EIO;
	for (i = 0; i < 2; i++)
		k->point[i] = 1 + k->point[i] % (DBX_HASH_P - 1);
	return 0;
}

static bool is_secret(const struct dbx_secret *k)
{
	return k->point[0] && k->point[1] && k->point[0] < DBX_HASH_P && k->point[1] < DBX_HASH_P;
}

/* The hashes of the names that were learned hang on it: ours, when we have one. */
static int agree_on_secret(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dbx_secret theirs = {{0, 0}};
	int rc = 0;

	if (dp->peer.has_secret) {
		rc = dp_wire_call_locked(dp,
					 DP_CALL(DBX_WIRE_SECRET_GET, .answer = &theirs,
						 .min = sizeof(theirs), .max = sizeof(theirs)),
					 err);
		if (rc)
			return rc;
		if (!dp->has_met && is_secret(&theirs)) {
			dp->secret = theirs;
			return 0;
		}
	}
	if (!is_secret(&dp->secret))
		rc = make_secret(&dp->secret);
	if (rc)
		return dp_fail(err, rc, "no random numbers: %s", strerror(-rc));
	if (!memcmp(&theirs, &dp->secret, sizeof(theirs)))
		return 0;
	return dp_wire_call_locked(
		dp, DP_CALL(DBX_WIRE_SECRET_SET, .body = &dp->secret, .n_body = sizeof(dp->secret)),
		err);
}

static int adopt_bound(void *arg, const void *element)
{
	const struct dbx_wire_bound *b = element;
	struct dbx_dp *dp = arg;

	return dp_mirror_put(&dp->bound, &b->key, &b->bound);
}

/* What the process has bound and we do not know: keys, since a walk must not change its table. */
struct strangers {
	const struct dp_mirror *known;
	struct dbx_bound_key *v;
	size_t n, cap;
};

static int note_stranger(void *arg, const void *element)
{
	const struct dbx_wire_bound *b = element;
	struct strangers *s = arg;
	void *wider;

	if (dp_mirror_has(s->known, &b->key))
		return 0;
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		wider = realloc(s->v, s->cap * sizeof(*s->v));
		if (!wider)
			return -ENOMEM;
		s->v = wider;
	}
	s->v[s->n++] = b->key;
	return 0;
}

/* A request whose answer was lost may have been carried out: it was said to have failed. */
static int unlearn_strangers(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct strangers s = {.known = &dp->bound};
	int rc = dp_dpdk_walk(dp, DBX_WIRE_TABLE_BOUND, sizeof(struct dbx_wire_bound), true,
			      note_stranger, &s);
	size_t i;

	for (i = 0; i < s.n && !rc; i++)
		rc = dp_wire_call_locked(
			dp, DP_CALL(DBX_WIRE_UNLEARN, .body = &s.v[i], .n_body = sizeof(s.v[i])),
			err);
	free(s.v);
	return rc;
}

static int tell_bound(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dbx_wire_bound v[DBX_WIRE_BATCH];
	size_t i = 0, n;
	int rc = unlearn_strangers(dp, err);

	while (!rc && i < dp->bound.n_slots) {
		for (n = 0; i < dp->bound.n_slots && n < DBX_WIRE_BATCH; i++) {
			if (dp->bound.v[i].key.policy_uid)
				v[n++] = dp->bound.v[i];
		}
		if (n)
			rc = dp_wire_call_locked(
				dp, DP_CALL(DBX_WIRE_LEARN, .body = v, .n_body = n * sizeof(v[0])),
				err);
	}
	return rc;
}

/* ---- flows ---- */

static void drop_flows(struct dbx_dp *dp)
{
	if (dp->flows_fd >= 0)
		close(dp->flows_fd);
	dp->flows_fd = -1;
}

/*
 * Another process gets the file of the one before, then its own is held. What it refuses of it (another
 * version) are flows that have to be begun anew, no failure.
 */
static int keep_flows(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	int rc = 0;

	if (dp->flows_fd >= 0 && dp->flows_id == dp->peer.counters_id)
		return 0;
	if (dp->flows_fd >= 0)
		rc = dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_FLOWS_TAKE, .give_fd = &dp->flows_fd),
					 err);
	if (rc == -ENOTCONN)
		return rc;
	drop_flows(dp);
	rc = dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_FLOWS_GET, .take_fd = &dp->flows_fd), err);
	dp->flows_id = dp->peer.counters_id;
	return rc == -ENOTCONN ? rc : 0;
}

/* ---- meeting ---- */

static int tell_rest(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dbx_wire_steer s = {.is_ready = dp->is_steered};
	size_t i;
	int rc;

	rc = dp_wire_call_locked(dp, DP_CALL(DBX_WIRE_STEER, .body = &s, .n_body = sizeof(s)), err);
	if (!rc)
		rc = dp_forward_tell(dp, err);
	if (!rc)
		rc = dp_fib_tell(dp, err);
	for (i = 0; i < dp->n_ports && !rc; i++)
		rc = dp_port_tell(dp, &dp->ports[i], err);
	return rc;
}

/*
 * The first time. The resolver's sockets are gone with the daemon before us, so `steer` is told to be
 * off until it is on; the routes that were told stay until the daemon has read them anew.
 */
static int take_over(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	struct dbx_wire_steer s = {.is_ready = 0};
	size_t i;
	int rc = dp->peer.has_image ? adopt_image(dp, err) : 0;

	if (!rc)
		rc = dp_dpdk_walk(dp, DBX_WIRE_TABLE_BOUND, sizeof(struct dbx_wire_bound), true,
				  adopt_bound, dp);
	if (!rc)
		rc = dp_wire_call_locked(
			dp, DP_CALL(DBX_WIRE_STEER, .body = &s, .n_body = sizeof(s)), err);
	for (i = 0; i < dp->n_ports && !rc; i++)
		rc = dp_port_tell(dp, &dp->ports[i], err);
	if (!rc)
		dp->has_met = true;
	return rc;
}

static int meet(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	int rc = dp_wire_connect(dp, DBX_WIRE_ROLE_CONTROL, &dp->fd, &dp->peer, err);
	struct epoll_event ev = {.events = EPOLLRDHUP};

	if (rc)
		return rc;
	if (epoll_ctl(dp->epoll_fd, EPOLL_CTL_ADD, dp->fd, &ev))
		rc = dp_fail(err, -errno, "epoll: %s", strerror(errno));
	if (!rc)
		rc = agree_on_secret(dp, err);
	if (!rc && !dp->has_met)
		rc = take_over(dp, err);
	else if (!rc)
		rc = tell_image(dp, err);
	if (!rc && dp->n_reconnects)
		rc = tell_bound(dp, err);
	if (!rc)
		rc = keep_flows(dp, err);
	if (!rc && dp->n_reconnects)
		rc = tell_rest(dp, err);
	if (!rc)
		rc = dp_wire_call_locked(dp,
					 DP_CALL(DBX_WIRE_STATE, .answer = &dp->peer,
						 .min = sizeof(dp->peer), .max = sizeof(dp->peer)),
					 err);
	if (rc)
		dp_wire_lost(dp);
	return rc;
}

static void connect_events(struct dbx_dp *dp, enum dbx_wire_role role, int epoll_fd, int *fd)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct dbx_wire_state state;

	if (*fd >= 0 || dp_wire_connect(dp, role, fd, &state, NULL))
		return;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *fd, &ev)) {
		close(*fd);
		*fd = -1;
	}
}

static void connect_rest(struct dbx_dp *dp)
{
	connect_events(dp, DBX_WIRE_ROLE_EVENTS, dp->epoll_fd, &dp->event_fd);
	connect_events(dp, DBX_WIRE_ROLE_NAME_EVENTS, dp->name_epoll_fd, &dp->name_fd);
	dp_sync_timer(dp, dp->fd < 0 || dp->event_fd < 0 || dp->name_fd < 0);
}

int dp_sync_open(struct dbx_dp *dp, struct dbx_dp_error *err)
{
	int rc;

	pthread_mutex_lock(&dp->lock);
	rc = meet(dp, err);
	if (!rc)
		connect_rest(dp);
	pthread_mutex_unlock(&dp->lock);
	return rc;
}

static bool has_hung_up(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void meet_again(struct dbx_dp *dp)
{
	uint64_t began = now_ms();

	if (began < dp->retry_at_ms)
		return;
	dp->n_reconnects++;
	if (!meet(dp, NULL))
		return;
	dp->n_reconnects--;
	if (now_ms() - began > SLOW_MS)
		dp->retry_at_ms = now_ms() + PAUSE_MS;
}

void dp_sync_retry(struct dbx_dp *dp)
{
	pthread_mutex_lock(&dp->lock);
	if (dp->fd >= 0 && has_hung_up(dp->fd))
		dp_wire_lost(dp);
	if (dp->fd < 0)
		meet_again(dp);
	if (dp->fd >= 0)
		connect_rest(dp);
	pthread_mutex_unlock(&dp->lock);
}
