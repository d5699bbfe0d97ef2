// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.c -- whole files: read with a bound, unpacked when gzipped; listed; replaced atomically.
 */
#include "lib/file.h"
#include "lib/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct bytes {
	char *v;
	size_t n;
	size_t cap;
};

#define READ_STEP_BYTES ((size_t)64 << 10)
#define FIFO_WAIT_MS    10000

static int read_all(int fd, size_t limit, struct bytes *b)
{
	ssize_t got;
	int rc;

	for (;;) {
		/* One byte more than the limit may be read: it tells "at" from "over". */
		rc = dbx_vec_reserve(b, b->n + READ_STEP_BYTES + 1);
		if (rc)
			return rc;
		got = read(fd, b->v + b->n, READ_STEP_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		b->n += (size_t)got;
		if (b->n > limit)
			return -EFBIG;
	}
	b->v[b->n] = '\0';
	return 0;
}

/* Append one gzip member; *used is how much of in it took. */
static int inflate_member(const struct bytes *in, size_t *used, size_t limit, struct bytes *out)
{
	z_stream z = {0};
	int rc, zrc = Z_OK;

	/* 15 + 16: the largest window, and a gzip header. */
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	z.next_in = (unsigned char *)in->v + *used;
	z.avail_in = (unsigned int)(in->n - *used);
	do {
		rc = dbx_vec_reserve(out, out->n + READ_STEP_BYTES + 1);
		if (rc)
			goto out;
		z.next_out = (unsigned char *)out->v + out->n;
		z.avail_out = READ_STEP_BYTES;
		zrc = inflate(&z, Z_NO_FLUSH);
		out->n += READ_STEP_BYTES - z.avail_out;
		if (out->n > limit) {
			rc = -EFBIG;
			goto out;
		}
	} while (zrc == Z_OK);
	*used = in->n - z.avail_in;
	rc = zrc == Z_STREAM_END ? 0 : zrc == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
out:
	inflateEnd(&z);
	return rc;
}

static int gunzip(const struct bytes *in, size_t limit, struct bytes *out)
{
	size_t used = 0;
	int rc;

	while (used < in->n) {
		rc = inflate_member(in, &used, limit, out);
		if (rc)
			return rc;
	}
	out->v[out->n] = '\0';
	return 0;
}

int dbx_file_read_fd(int fd, size_t limit_bytes, char **out, size_t *len)
{
	size_t limit = limit_bytes ? limit_bytes : DBX_FILE_LIMIT_BYTES;
	struct bytes raw = {0}, plain = {0};
	struct stat st;
	int rc;

	if (limit > UINT32_MAX)
		return -EINVAL;
	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode) && st.st_size > (off_t)limit)
		return -EFBIG;
	rc = read_all(fd, limit, &raw);
	if (!rc && raw.n >= 2 && memcmp(raw.v, "\x1f\x8b", 2) == 0) {
		rc = gunzip(&raw, limit, &plain);
		free(raw.v);
		raw = plain;
	}
	if (rc) {
		free(raw.v);
		return rc;
	}
	*out = raw.v;
	*len = raw.n;
	return 0;
}

/*
 * An open without O_NONBLOCK waits for a writer of a FIFO for ever. So: open at once, wait for the
 * writer's first byte for a while, then read as usual.
 */
static int open_to_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct stat st;
	int rc;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || fcntl(fd, F_SETFL, 0)) {
		rc = -errno;
		goto fail;
	}
	if (!S_ISFIFO(st.st_mode))
		return fd;
	do
		rc = poll(&p, 1, FIFO_WAIT_MS);
	while (rc < 0 && errno == EINTR);
	if (rc > 0)
		return fd;
	rc = rc < 0 ? -errno : -ETIMEDOUT;
fail:
	close(fd);
	return rc;
}

int dbx_file_read(const char *path, size_t limit_bytes, char **out, size_t *len)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return dbx_file_read_fd(STDIN_FILENO, limit_bytes, out, len);
	fd = open_to_read(path);
	if (fd < 0)
		return fd;
	rc = dbx_file_read_fd(fd, limit_bytes, out, len);
	close(fd);
	return rc;
}

const char *dbx_file_why(int err)
{
	switch (err) {
	case 0:
		return "was read";
	case -EFBIG:
		return "is larger than the limit";
	case -EISDIR:
		return "is a directory";
	case -EBADMSG:
		return "is a broken or cut-off gzip file";
	case -ETIMEDOUT:
		return "is a pipe that nothing was written to";
	case -ENXIO:
		return "is a socket, not a file";
	case -ENOENT:
		return "does not exist";
	case -EACCES:
		return "may not be read";
	case -ENOMEM:
		return "does not fit into memory";
	default:
		return strerror(-err);
	}
}

static int has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

/* 1 for a file that dbx_file_list returns, 0 for another entry, or -errno. */
static int is_listed(int dirfd, const char *name)
{
	struct stat st;

	if (name[0] == '.' || !(has_suffix(name, ".json") || has_suffix(name, ".json.gz")))
		return 0;
	/* A dangling link is an error: a document that was meant to be there must not vanish. */
	if (fstatat(dirfd, name, &st, 0))
		return -errno;
	return S_ISREG(st.st_mode);
}

static int cmp_str(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

int dbx_file_list(const char *dir, char ***paths, size_t *n_paths)
{
	DBX_VEC(char *) list = {0};
	struct dirent *e;
	char *path;
	DIR *d;
	int rc = 0;

	d = opendir(dir);
	if (!d)
		return -errno;
	while ((errno = 0, e = readdir(d)) != NULL) {
		rc = is_listed(dirfd(d), e->d_name);
		if (rc < 0)
			goto out;
		if (rc == 0)
			continue;
		rc = -ENOMEM;
		if (asprintf(&path, "%s%s%s", dir, has_suffix(dir, "/") ? "" : "/", e->d_name) < 0)
			goto out;
		if (dbx_vec_push(&list, path)) {
			free(path);
			goto out;
		}
	}
	rc = -errno;
	if (rc)
		goto out;
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), cmp_str);
	*paths = list.v;
	*n_paths = list.n;
	list.v = NULL;
	list.n = 0;
out:
	closedir(d);
	dbx_file_list_free(list.v, list.n);
	return rc;
}

void dbx_file_list_free(char **paths, size_t n_paths)
{
	size_t i;

	for (i = 0; i < n_paths; i++)
		free(paths[i]);
	free(paths);
}

static int write_all(int fd, const char *p, size_t len)
{
	ssize_t put;

	while (len) {
		put = write(fd, p, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		p += put;
		len -= (size_t)put;
	}
	return 0;
}

/* The rename is only durable once its directory is. */
static int sync_dir(const char *path, size_t dir_len)
{
	char *dir = dir_len ? strndup(path, dir_len) : strdup(".");
	int fd, rc = 0;

	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return -errno;
	/* Some file systems have no directory sync and say EINVAL. */
	if (fsync(fd) && errno != EINVAL)
		rc = -errno;
	close(fd);
	return rc;
}

static int write_device(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, data, len);
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

static int replace(const char *path, const void *data, size_t len, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	size_t dir_len = slash ? (size_t)(slash - path) + 1 : 0;
	char *tmp = NULL;
	int fd = -1, rc;

	if (asprintf(&tmp, "%.*s.%s.XXXXXX", (int)dir_len, path, path + dir_len) < 0)
		return -ENOMEM;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		goto out;
	}
	rc = write_all(fd, data, len);
	if (!rc && (fchmod(fd, mode) || fsync(fd)))
		rc = -errno;
	if (!rc && rename(tmp, path))
		rc = -errno;
	if (rc)
		unlink(tmp);
	else
		rc = sync_dir(path, dir_len);
	close(fd);
out:
	free(tmp);
	return rc;
}

int dbx_file_write(const char *path, const void *data, size_t len, mode_t mode)
{
	char target[PATH_MAX];
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT ? replace(path, data, len, mode) : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	/* A rename would put a file in the place of /dev/null, and of a link. */
	if (!S_ISREG(st.st_mode))
		return write_device(path, data, len);
	return realpath(path, target) ? replace(target, data, len, mode) : -errno;
}
