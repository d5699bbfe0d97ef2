/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * file.h -- whole files: read with a bound, unpacked when gzipped; listed; replaced atomically.
 *
 * The only file of lib/ that does I/O. Nothing here prints: errors are return codes.
 */
#ifndef DBX_LIB_FILE_H
#define DBX_LIB_FILE_H

#include <stddef.h>
#include <sys/types.h>

#define DBX_FILE_LIMIT_BYTES (64u << 20)

/*
 * Read all of path ("-": standard input) into a new buffer with a NUL after its last byte.
 * Bytes 1f 8b at the start mean gzip: the content is unpacked, all members. limit_bytes bounds both
 * what is read and what is unpacked; 0 means DBX_FILE_LIMIT_BYTES. A regular file over the limit is
 * not read at all. A FIFO that nobody writes to is given up after 10 s.
 * Returns 0, -EFBIG (over the limit), -EISDIR, -EBADMSG (broken or cut-off gzip), -ETIMEDOUT (FIFO),
 * -ENOMEM, or what open() and read() say (-ENOENT, -EACCES, ...). The caller frees *out.
 */
int dbx_file_read(const char *path, size_t limit_bytes, char **out, size_t *len);
int dbx_file_read_fd(int fd, size_t limit_bytes, char **out, size_t *len);

/* A constant sentence for a return code of this module, e.g. "is larger than the limit". */
const char *dbx_file_why(int err);

/*
 * The paths ("dir/name") of the regular files *.json and *.json.gz directly in dir, in byte order;
 * names that start with a dot are left out. 0 or -errno of opendir(). Free with dbx_file_list_free.
 */
int dbx_file_list(const char *dir, char ***paths, size_t *n_paths);
void dbx_file_list_free(char **paths, size_t n_paths);

/*
 * Replace path by len bytes such that a reader, or a crash, sees the old or the new content whole:
 * a new file beside it, fsync, rename, fsync of the directory. A symbolic link is followed; a device
 * or a pipe is written to. 0, or -errno with a regular file untouched (unless nothing but the fsync
 * of the directory failed).
 */
int dbx_file_write(const char *path, const void *data, size_t len, mode_t mode);

#endif
