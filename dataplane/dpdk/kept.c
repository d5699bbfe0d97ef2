// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kept.c -- values of a table in a file of memory.
 *
 * Whoever dies, dies at any instruction: an entry counts when its mark is set, which is written behind its
 * key, and taken away before anything else of it goes. What a value was left like is for its reader to see.
 */
#include "dataplane/dpdk/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbx/abi.h"

#define SEALS     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define MAGIC     0x5450454b58424444ull /* "DDBXKEPT" */
#define ENTRY_MAX 1024u

struct head {
	uint64_t magic;
	uint32_t abi, key_bytes, value_bytes, stride, max;
	uint32_t zero[9];
};

struct dpk_kept {
	struct head head;
	int fd;
	size_t n_bytes, key_at, mark_at;
	uint8_t *base;
};

_Static_assert(sizeof(struct head) == 64, "values begin where a cache line does");

static uint32_t round_up(uint32_t n)
{
	return (n + 7) & ~7u;
}

static int map(struct dpk_kept *k)
{
	k->fd = memfd_create("dbx-flows", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (k->fd < 0 || ftruncate(k->fd, (off_t)k->n_bytes) || fcntl(k->fd, F_ADD_SEALS, SEALS))
		return -errno;
	k->base = mmap(NULL, k->n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
	if (k->base == MAP_FAILED) {
		k->base = NULL;
		return -errno;
	}
	madvise(k->base, k->n_bytes, MADV_HUGEPAGE); /* where shmem_enabled lets it */
	memcpy(k->base, &k->head, sizeof(k->head));
	return 0;
}

void *dpk_kept_open(struct dpk_kept **out, uint32_t key_bytes, uint32_t value_bytes,
		    uint32_t *stride, uint32_t max)
{
	struct dpk_kept *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->fd = -1;
	k->key_at = round_up(value_bytes);
	k->mark_at = k->key_at + round_up(key_bytes);
	*stride = (uint32_t)k->mark_at + 8;
	k->head = (struct head){.magic = MAGIC,
				.abi = DBX_ABI_VERSION,
				.key_bytes = key_bytes,
				.value_bytes = value_bytes,
				.stride = *stride,
				.max = max};
	k->n_bytes = sizeof(k->head) + (size_t)max * *stride;
	if (*stride > ENTRY_MAX || map(k)) {
		dpk_kept_close(&k);
		return NULL;
	}
	*out = k;
	return k->base + sizeof(k->head);
}

void dpk_kept_close(struct dpk_kept **kp)
{
	struct dpk_kept *k = *kp;

	if (k->base)
		munmap(k->base, k->n_bytes);
	if (k->fd >= 0)
		close(k->fd);
	free(k);
	*kp = NULL;
}

int dpk_kept_fd(const struct dpk_kept *k)
{
	return k->fd;
}

void dpk_kept_put(const struct dpk_kept *k, void *value, const void *key)
{
	uint8_t *v = value;

	memcpy(v + k->key_at, key, k->head.key_bytes);
	__atomic_store_n((uint64_t *)(void *)(v + k->mark_at), 1, __ATOMIC_RELEASE);
}

void dpk_kept_del(const struct dpk_kept *k, void *value)
{
	__atomic_store_n((uint64_t *)(void *)((uint8_t *)value + k->mark_at), 0, __ATOMIC_SEQ_CST);
}

/* It cannot shrink under the reader, and has this table's form. */
static bool is_ours(const struct dpk_kept *k, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct head head;
	struct stat st;

	return seals >= 0 && (seals & F_SEAL_SHRINK) && !fstat(fd, &st) &&
	       (uint64_t)st.st_size == k->n_bytes &&
	       pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	       !memcmp(&head, &k->head, sizeof(head));
}

int dpk_kept_each(const struct dpk_kept *k, int fd,
		  int (*fn)(void *arg, const void *key, const void *value), void *arg)
{
	uint8_t one[ENTRY_MAX] __attribute__((aligned(8)));
	const uint8_t *base;
	uint64_t mark;
	int rc = 0;

	if (!is_ours(k, fd))
		return -EINVAL;
	base = mmap(NULL, k->n_bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	for (uint32_t i = 0; i < k->head.max && !rc; i++) {
		memcpy(one, base + sizeof(k->head) + (size_t)i * k->head.stride, k->head.stride);
		memcpy(&mark, one + k->mark_at, sizeof(mark));
		if (mark == 1)
			rc = fn(arg, one + k->key_at, one);
	}
	munmap((void *)base, k->n_bytes);
	return rc;
}
