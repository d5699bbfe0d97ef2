// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sink_file.c -- records as JSON lines in a file that is rotated by size and age.
 *
 * Each line is one write at the end of the file; what was written of a line that did not fit is cut
 * off again. A crash leaves at most the last line torn, which is cut off and counted when the file is
 * opened. The file is locked: it has one writer.
 */
#include "daemon/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536 /* no record is as long */

struct file {
	struct dbx_sink sink;
	char *path;
	uint64_t rotate_bytes;
	uint32_t rotate_s, keep;
	int fd; /* -1: could not be opened, tried again */
	uint64_t size;
	int64_t born_ms, now_ms;
	bool is_dirty;
	uint64_t rotations, repaired;
};

__attribute__((format(printf, 3, 4))) static int failed(struct file *f, int err, const char *fmt,
							...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(f->sink.error, sizeof(f->sink.error), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(f->sink.error))
		snprintf(f->sink.error + n, sizeof(f->sink.error) - (size_t)n, " %s: %s", f->path,
			 strerror(err));
	return -err;
}

/* ---- opening ---- */

/* Cuts off what is behind the last line break. -EBADMSG: this is no log of ours. */
static int repair(struct file *f, int fd, uint64_t *size)
{
	size_t n = *size < LINE_MAX_BYTES ? (size_t)*size : LINE_MAX_BYTES;
	char *tail, first, *end;
	int rc = 0;

	if (!*size)
		return 0;
	tail = malloc(n);
	if (!tail)
		return -ENOMEM;
	if (pread(fd, &first, 1, 0) != 1 || pread(fd, tail, n, (off_t)(*size - n)) != (ssize_t)n) {
		rc = -EIO;
	} else if (first != '{') {
		rc = -EBADMSG;
	} else if (tail[n - 1] != '\n') {
		end = memrchr(tail, '\n', n);
		if (!end && n < *size) {
			rc = -EBADMSG;
		} else {
			*size -= n - (end ? (size_t)(end + 1 - tail) : 0);
			rc = ftruncate(fd, (off_t)*size) ? -errno : 0;
			f->repaired += !rc;
		}
	}
	free(tail);
	return rc;
}

static int64_t born_ms(int fd, int64_t otherwise)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) || !(st.stx_mask & STATX_BTIME))
		return otherwise;
	return st.stx_btime.tv_sec * 1000 + st.stx_btime.tv_nsec / 1000000;
}

static int open_file(struct file *f)
{
	/* Not blocking: who names a pipe shall not stop the daemon. */
	int fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		      0640);
	struct stat st;
	int rc;

	if (fd < 0)
		return failed(f, errno, "opening");
	rc = fstat(fd, &st) ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : 0;
	if (!rc && flock(fd, LOCK_EX | LOCK_NB))
		rc = -errno;
	f->size = rc ? 0 : (uint64_t)st.st_size;
	if (!rc)
		rc = repair(f, fd, &f->size);
	if (rc) {
		close(fd);
		return failed(f, -rc,
			      rc == -EBADMSG ? "refusing to add to what is no log of records:"
					     : "opening");
	}
	f->fd = fd;
	f->born_ms = f->size ? born_ms(fd, f->now_ms) : f->now_ms;
	return 0;
}

static void close_file(struct file *f)
{
	if (f->fd < 0)
		return;
	if (f->is_dirty)
		fdatasync(f->fd);
	f->is_dirty = false;
	close(f->fd);
	f->fd = -1;
}

/* ---- rotation ---- */

static int shift(struct file *f)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (uint32_t i = f->keep; i > 1; i--) {
		snprintf(from, sizeof(from), "%s.%u", f->path, i - 1);
		snprintf(to, sizeof(to), "%s.%u", f->path, i);
		if (rename(from, to) && errno != ENOENT)
			return -errno;
	}
	snprintf(to, sizeof(to), "%s.1", f->path);
	if (f->keep ? rename(f->path, to) : unlink(f->path))
		return errno == ENOENT ? 0 : -errno;
	return 0;
}

static int rotate(struct file *f)
{
	int rc = shift(f);

	if (rc) {
		f->born_ms = f->now_ms; /* not again with each record */
		return failed(f, -rc, "rotating");
	}
	f->rotations++;
	close_file(f);
	return open_file(f);
}

/* ---- records ---- */

static int write_line(struct file *f, const char *line, size_t n)
{
	ssize_t done;
	int err;

	do {
		done = write(f->fd, line, n);
	} while (done < 0 && errno == EINTR);
	err = errno;
	if (done == (ssize_t)n) {
		if (!f->size)
			f->born_ms = f->now_ms;
		f->size += n;
		f->is_dirty = true;
		return 0;
	}
	if (done > 0) {
		err = ENOSPC; /* what a file gives when it takes a part */
		if (ftruncate(f->fd, (off_t)f->size)) {
			/* The torn line must not be continued: opening again repairs it. */
			err = errno;
			close_file(f);
		}
	}
	return failed(f, err, "writing to");
}

static int file_write(struct dbx_sink *s, const struct dbx_record *r, const char *line, size_t len)
{
	struct file *f = (struct file *)s;
	int rc = 0;

	(void)r;
	if (f->fd < 0)
		rc = open_file(f);
	if (!rc && f->size && f->size + len + 1 > f->rotate_bytes)
		rotate(f); /* if it fails the file grows on: better than a loss */
	if (rc || f->fd < 0)
		return rc ? rc : -EIO;
	return write_line(f, line, len + 1);
}

/* Somebody else renamed or removed it: begin a new one. */
static bool was_moved(const struct file *f)
{
	struct stat by_path, ours;

	return stat(f->path, &by_path) || fstat(f->fd, &ours) || by_path.st_ino != ours.st_ino ||
	       by_path.st_dev != ours.st_dev;
}

static int file_tick(struct dbx_sink *s, int64_t now_ms)
{
	struct file *f = (struct file *)s;
	int rc = 0;

	f->now_ms = now_ms;
	if (f->fd >= 0 && was_moved(f))
		close_file(f);
	if (f->fd < 0)
		rc = open_file(f);
	else if (f->rotate_s && f->size && now_ms - f->born_ms >= (int64_t)f->rotate_s * 1000)
		rc = rotate(f);
	if (!rc && f->is_dirty && fdatasync(f->fd))
		rc = failed(f, errno, "syncing");
	f->is_dirty = rc && f->is_dirty;
	return rc;
}

static void file_status(const struct dbx_sink *s, struct dbx_strbuf *b)
{
	const struct file *f = (const struct file *)s;

	dbx_strbuf_add(b, ",\"path\":\"");
	dbx_strbuf_add_json_escaped(b, f->path, strlen(f->path));
	dbx_strbuf_addf(b,
			"\",\"bytes\":%" PRIu64 ",\"rotations\":%" PRIu64 ",\"repaired\":%" PRIu64,
			f->size, f->rotations, f->repaired);
}

static void file_close(struct dbx_sink *s)
{
	struct file *f = (struct file *)s;

	close_file(f);
	free(f->path);
	free(f);
}

static const struct dbx_sink_ops file_ops = {
	.name = "file",
	.write = file_write,
	.tick = file_tick,
	.status = file_status,
	.close = file_close,
};

struct dbx_sink *dbx_sink_file_open(const struct dbx_log_file *o, int64_t now_ms)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->sink.ops = &file_ops;
	f->fd = -1;
	f->rotate_bytes = o->rotate_bytes;
	f->rotate_s = o->rotate_s;
	f->keep = o->keep;
	f->now_ms = now_ms;
	f->path = strdup(o->path);
	if (!f->path) {
		free(f);
		return NULL;
	}
	open_file(f); /* the first tick says what is wrong */
	return &f->sink;
}
