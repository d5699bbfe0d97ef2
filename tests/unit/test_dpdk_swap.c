// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_dpdk_swap.c -- images change while two threads judge: every burst is judged by one image as a
 * whole, no packet is lost, and what is retired is given back.
 *
 * 500 changes; DBX_SWAPS=10000 makes as many. Each maps an image anew as the daemon hands it over, and
 * the one that goes is unmapped: who still read it would fault. In one image everything of a workspace
 * passes, in the other nothing does; workspaces and rules differ too.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/pkt.h"
#include "common/tinyimg.h"
#include "unit/dpdkrun.h"

#define THREADS   2u
#define SWAPS     500u
#define PACKETS   256u
#define N_IMAGES  2u
#define SLACK_KIB 4096 /* of resident memory, for what the C library keeps */

static struct {
	int fd;
	size_t n;
	uint64_t generation;
	struct dpk_seen expected[PACKETS];
} images[N_IMAGES];

static struct dpk_pipe *pipe_;
static struct rte_mempool *pool;
static volatile int must_stop;
static struct judge {
	pthread_t thread;
	struct dpk_core *core;
	struct rte_mbuf *m[PACKETS];
	/* written by the thread */
	uint64_t n_packets, n_passed, n_bursts, n_wrong, n_mixed;
	uint64_t by_image[N_IMAGES];
	bool is_ready;
} judges[THREADS];

/* ---- images ---- */

static const char *const policies[N_IMAGES] = {
	"{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": {"
	"\"restriction_mode\": \"FULL_ACCESS\"}}}",
	"{\"network_policy_id\": \"np\", \"egress\": {\"network_access\": {"
	"\"restriction_mode\": \"RESTRICTED_ACCESS\"}}}",
};

static const char option[] = "{\"workspace_id\": %d, \"network_policy_id\": \"np\"}";

static const char gateway[] =
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": ["
	"{\"workspace_id\": %d, \"sources\": [{\"prefix\": \"10.1.0.0/16\"}]}]}}";

static int add(struct vec_world *w, const char *name, const char *fmt, int id)
{
	char text[512];

	return vec_world_add(w, name, text, (size_t)snprintf(text, sizeof(text), fmt, id));
}

static int make_image(unsigned int i)
{
	int id = 1001 + (int)i, fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct vec_world w;

	if (vec_world_init(&w) ||
	    vec_world_add(&w, "policy.json", policies[i], strlen(policies[i])) ||
	    add(&w, "option.json", option, id) || add(&w, "gateway.json", gateway, id) ||
	    vec_world_build(&w)) {
		vec_findings_print(&w.diag);
		return -1;
	}
	images[i].fd = fd;
	images[i].n = w.image_bytes;
	images[i].generation = i + 1;
	((struct dbx_image_header *)w.image)->generation = i + 1;
	tinyimg_seal(w.image, w.image_bytes);
	if (write(fd, w.image, w.image_bytes) != (ssize_t)w.image_bytes ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -1;
	vec_world_fini(&w);
	return 0;
}

static void use(unsigned int i)
{
	struct dpk_image *img = NULL;
	const char *why = NULL;

	if (dpk_image_map(&img, images[i].fd, images[i].n, &why))
		fail_msg("%s", why);
	assert_int_equal(dpk_pipe_set_image(pipe_, img), 0);
}

/* ---- packets ---- */

static struct rte_mbuf *packet(unsigned int i)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	struct pkt_ip4 ip = PKT_IP4_INIT;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct pkt p;

	assert_non_null(m);
	ip.src = (struct pkt_addr){false, {10, 1, (uint8_t)(i >> 4), (uint8_t)(i + 1)}};
	ip.dst = (struct pkt_addr){false, {20, (uint8_t)(i * 7), (uint8_t)(i * 13), 9}};
	pkt_begin(&p);
	pkt_eth(&p, macs[0], macs[1], PKT_AUTO);
	pkt_ip4(&p, &ip);
	pkt_tcp(&p, (uint16_t)(1024 + i), 443, PKT_AUTO, 2);
	pkt_end(&p);
	memcpy(rte_pktmbuf_append(m, (uint16_t)p.n), p.b, p.n);
	return m;
}

static bool are_equal(const struct dpk_seen *x, const struct dpk_seen *y)
{
	return x->res.verdict == y->res.verdict && x->res.reason == y->res.reason &&
	       x->res.rule_uid == y->res.rule_uid && x->res.workspace_id == y->res.workspace_id;
}

static void judge_burst(struct judge *j, unsigned int at, uint64_t now, struct dpk_seen *seen)
{
	struct dpk_out out[DPK_BURST];

	memset(seen, 0, DPK_BURST * sizeof(*seen));
	dpk_pipe_burst(j->core, DPDKRUN_IFINDEX, dbx_port_hash("ws1"), now, j->m + at, DPK_BURST,
		       out, seen);
	for (unsigned int i = 0; i < DPK_BURST; i++) {
		j->n_packets++;
		j->n_passed += out[i].way == DPK_HOST;
		if ((out[i].way == DPK_HOST) != (seen[i].res.verdict != DBX_VERDICT_DROP))
			j->n_wrong++;
	}
}

/* A burst is of the image that its generation says, and of no other. */
static void check(struct judge *j, unsigned int at, const struct dpk_seen *seen)
{
	uint64_t generation = dpk_core_stats(j->core)->generation;
	unsigned int image = (unsigned int)generation - 1, n[N_IMAGES] = {0};

	if (image >= N_IMAGES) {
		j->n_wrong++;
		return;
	}
	for (unsigned int i = 0; i < DPK_BURST; i++)
		for (unsigned int k = 0; k < N_IMAGES; k++)
			n[k] += are_equal(&seen[i], &images[k].expected[at + i]);
	j->n_wrong += n[image] != DPK_BURST;
	j->n_mixed += n[0] && n[1];
	j->by_image[image]++;
	j->n_bursts++;
}

static void *work(void *arg)
{
	struct judge *j = arg;
	struct dpk_seen seen[DPK_BURST];
	uint64_t now = 1000000;

	dpk_pipe_join(j->core);
	__atomic_store_n(&j->is_ready, true, __ATOMIC_RELEASE);
	while (!must_stop) {
		for (unsigned int at = 0; at < PACKETS; at += DPK_BURST) {
			judge_burst(j, at, now += 1000, seen);
			check(j, at, seen);
		}
	}
	dpk_pipe_leave(j->core);
	return NULL;
}

static void expect(unsigned int image)
{
	struct judge *j = &judges[0];

	use(image);
	dpk_pipe_join(j->core);
	for (unsigned int at = 0; at < PACKETS; at += DPK_BURST)
		judge_burst(j, at, 1000, images[image].expected + at);
	dpk_pipe_leave(j->core);
	for (unsigned int i = 0; i < PACKETS; i++) {
		assert_int_equal(images[image].expected[i].res.workspace_id, 1001 + image);
		assert_int_equal(images[image].expected[i].res.verdict,
				 image ? DBX_VERDICT_DROP : DBX_VERDICT_PASS);
	}
	j->n_packets = j->n_passed = 0;
}

/* ---- what the process holds ---- */

/* Of its own: what is mapped of images is counted apart. */
#ifdef __SANITIZE_ADDRESS__
/* What was freed is given back at once: else it is this quarantine that grows. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}
#endif

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long n = -1;

	assert_non_null(f);
	while (n < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "RssAnon: %ld", &n);
	fclose(f);
	assert_true(n >= 0);
	return n;
}

static size_t n_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static size_t n_mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "memfd:image") != NULL;
	fclose(f);
	return n;
}

/* ---- tests ---- */

static uint64_t counted(void)
{
	struct dbx_counter v[DBX_TOTAL_MAX] = {{0, 0}};
	uint64_t n = 0;

	for (unsigned int i = 0; i < THREADS; i++)
		dpk_totals_add(judges[i].core, v);
	for (unsigned int i = 0; i < DBX_REASON_MAX * DBX_VERDICT_MAX; i++)
		n += v[DBX_TOTAL_REASON_BASE + i].packets;
	return n;
}

static void start(void)
{
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&judges[i].thread, NULL, work, &judges[i]), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		while (!__atomic_load_n(&judges[i].is_ready, __ATOMIC_ACQUIRE))
			sched_yield();
}

/* What went is given back before much more goes: as fast as the two are done with a burst. */
static void swap(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		use(i % N_IMAGES);
		while (dpk_pipe_reap(pipe_) > 4)
			sched_yield();
	}
}

static void stop(void)
{
	must_stop = 1;
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(judges[i].thread, NULL), 0);
}

static void report(unsigned int n, long before, long after)
{
	for (unsigned int i = 0; i < THREADS; i++) {
		const struct judge *j = &judges[i];

		printf("thread %u: %llu packets, %llu passed, %llu + %llu bursts by image, %llu "
		       "wrong, %llu mixed\n",
		       i, (unsigned long long)j->n_packets, (unsigned long long)j->n_passed,
		       (unsigned long long)j->by_image[0], (unsigned long long)j->by_image[1],
		       (unsigned long long)j->n_wrong, (unsigned long long)j->n_mixed);
	}
	printf("%u images; resident %ld KiB before, %ld KiB after\n", n, before, after);
}

static void images_change_under_load(void **state)
{
	const char *env = getenv("DBX_SWAPS");
	unsigned int n = env && *env ? (unsigned int)strtoul(env, NULL, 10) : SWAPS;
	uint64_t base, sum = 0;
	size_t files;
	long before;

	(void)state;
	expect(1);
	expect(0);
	base = counted();
	start();
	swap(100);
	files = n_files();
	before = resident_kib();
	swap(n);
	stop();
	report(n, before, resident_kib());
	for (unsigned int i = 0; i < THREADS; i++) {
		const struct judge *j = &judges[i];

		assert_int_equal(j->n_wrong, 0);
		assert_int_equal(j->n_mixed, 0);
		assert_true(j->by_image[0] && j->by_image[1]);
		assert_int_equal(j->n_packets, j->n_bursts * DPK_BURST);
		sum += j->n_packets;
	}
	assert_int_equal(counted() - base, sum);
	assert_int_equal(dpk_pipe_reap(pipe_), 0);
	assert_int_equal(n_mapped(), 1);
	assert_true(n_files() <= files);
	assert_true(resident_kib() <= before + SLACK_KIB);
}

static int setup(void **state)
{
	struct dpk_pipe_opts o = {.n_cores = THREADS, .counters_max = 4096};

	(void)state;
	if (dpdkbox_start())
		return -1;
	pool = rte_pktmbuf_pool_create("frames", 1023, 0, 0, 512, SOCKET_ID_ANY);
	if (!pool || dpk_pipe_open(&pipe_, &o) || make_image(0) || make_image(1))
		return -1;
	for (unsigned int i = 0; i < THREADS; i++) {
		judges[i].core = dpk_pipe_core(pipe_, i);
		for (unsigned int k = 0; k < PACKETS; k++)
			judges[i].m[k] = packet(k);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		rte_pktmbuf_free_bulk(judges[i].m, PACKETS);
	dpk_pipe_close(&pipe_);
	assert_int_equal(n_mapped(), 0);
	rte_mempool_free(pool);
	for (unsigned int i = 0; i < N_IMAGES; i++)
		close(images[i].fd);
	return rte_eal_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_change_under_load),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
