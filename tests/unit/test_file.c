// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_file.c -- whole files: bounds, gzip and its bombs, what is no file, atomic replacement.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/file.h"

static char dir[] = "/tmp/dbx-test-file.XXXXXX";

/* Good until the fourth call after. */
static const char *in_dir(const char *name)
{
	static char buf[4][128];
	static int turn;
	char *s = buf[turn++ % 4];

	snprintf(s, sizeof(buf[0]), "%s/%s", dir, name);
	return s;
}

static void put(const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(in_dir(name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void put_gzip(const char *name, const char *mode, size_t n_zeros, const char *tail)
{
	static char zeros[1 << 16];
	gzFile g = gzopen(in_dir(name), mode);

	assert_non_null(g);
	for (; n_zeros >= sizeof(zeros); n_zeros -= sizeof(zeros))
		gzwrite(g, zeros, sizeof(zeros));
	if (n_zeros)
		gzwrite(g, zeros, (unsigned int)n_zeros);
	gzputs(g, tail);
	assert_int_equal(gzclose(g), Z_OK);
}

static void expect(const char *path, size_t limit, const char *want)
{
	char *s = NULL;
	size_t n;

	assert_int_equal(dbx_file_read(path, limit, &s, &n), 0);
	assert_int_equal(n, strlen(want));
	assert_string_equal(s, want);
	free(s);
}

static void refuse(const char *path, size_t limit, int err)
{
	char *s = dir;
	size_t n = 99;

	assert_int_equal(dbx_file_read(path, limit, &s, &n), err);
	assert_ptr_equal(s, dir);
	assert_int_equal(n, 99);
}

static void plain_files(void **state)
{
	(void)state;
	put("empty", "", 0);
	put("one", "{}\n", 3);
	put("nul", "a\0b", 3);
	expect(in_dir("empty"), 0, "");
	expect(in_dir("one"), 0, "{}\n");
	expect(in_dir("one"), 3, "{}\n");
	refuse(in_dir("one"), 2, -EFBIG);
	refuse(in_dir("none"), 0, -ENOENT);
	refuse(dir, 0, -EISDIR);
	expect("/dev/null", 0, "");
	refuse("/dev/zero", 1 << 20, -EFBIG);
}

/* 300 MB, and sparse: refused by its size, so no time is spent and no memory taken. */
static void a_huge_file_is_not_read(void **state)
{
	(void)state;
	put("huge", "", 0);
	assert_int_equal(truncate(in_dir("huge"), 300 << 20), 0);
	refuse(in_dir("huge"), 0, -EFBIG);
	assert_int_equal(truncate(in_dir("huge"), (off_t)8 << 40), 0);
	refuse(in_dir("huge"), 0, -EFBIG);
	unlink(in_dir("huge"));
}

static void gzip_is_unpacked(void **state)
{
	char whole[256];
	size_t n;
	FILE *f;

	(void)state;
	put_gzip("a.gz", "wb9", 0, "hello");
	expect(in_dir("a.gz"), 0, "hello");
	expect(in_dir("a.gz"), 64, "hello");
	/* Two members are one content (RFC 1952 section 2.2). */
	put_gzip("a.gz", "ab9", 0, " world");
	expect(in_dir("a.gz"), 0, "hello world");
	put_gzip("none.gz", "wb", 0, "");
	expect(in_dir("none.gz"), 0, "");
	f = fopen(in_dir("a.gz"), "re");
	n = fread(whole, 1, sizeof(whole), f);
	fclose(f);
	put("cut.gz", whole, n - 3);
	refuse(in_dir("cut.gz"), 0, -EBADMSG);
	put("magic.gz", "\x1f\x8b", 2);
	refuse(in_dir("magic.gz"), 0, -EBADMSG);
	whole[n - 6] ^= 1; /* in the checksum of the last member */
	put("bad.gz", whole, n);
	refuse(in_dir("bad.gz"), 0, -EBADMSG);
	put("tail.gz", "\x1f\x8b is no gzip", 13);
	refuse(in_dir("tail.gz"), 0, -EBADMSG);
}

/* 256 MB of zeros in 250 kB: the limit holds for what comes out. */
static void a_gzip_bomb_is_refused(void **state)
{
	struct stat st;

	(void)state;
	put_gzip("bomb.gz", "wb9", (size_t)256 << 20, "");
	assert_int_equal(stat(in_dir("bomb.gz"), &st), 0);
	assert_true(st.st_size < 1 << 20);
	refuse(in_dir("bomb.gz"), 0, -EFBIG);
	unlink(in_dir("bomb.gz"));
}

static void pipes(void **state)
{
	char *s, path[32];
	int fd[2];
	size_t n;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], "piped", 5), 5);
	close(fd[1]);
	/* As the shell's <(command) names it. */
	snprintf(path, sizeof(path), "/dev/fd/%d", fd[0]);
	expect(path, 0, "piped");
	close(fd[0]);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], "0123456789", 10), 10);
	close(fd[1]);
	assert_int_equal(dbx_file_read_fd(fd[0], 9, &s, &n), -EFBIG);
	close(fd[0]);
}

static void a_fifo_without_a_writer_does_not_hang(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	refuse(in_dir("fifo"), 0, -ETIMEDOUT);
	unlink(in_dir("fifo"));
}

static void listing(void **state)
{
	static const char *const want[] = {"B.json", "a.json", "feed.json.gz", "z.json"};
	char **paths = NULL;
	size_t i, n = 0;

	(void)state;
	assert_int_equal(mkdir(in_dir("list"), 0700), 0);
	put("list/z.json", "", 0);
	put("list/a.json", "", 0);
	put("list/B.json", "", 0);
	put("list/feed.json.gz", "", 0);
	put("list/.hidden.json", "", 0);
	put("list/note.txt", "", 0);
	put("list/json", "", 0);
	mkdir(in_dir("list/sub.json"), 0700);
	mkfifo(in_dir("list/pipe.json"), 0600);
	assert_int_equal(dbx_file_list(in_dir("list"), &paths, &n), 0);
	assert_int_equal(n, 4);
	for (i = 0; i < n; i++)
		assert_string_equal(strrchr(paths[i], '/') + 1, want[i]);
	dbx_file_list_free(paths, n);
	/* A link to nothing was meant to be a document: not passed over. */
	assert_int_equal(symlink("/nonexistent", in_dir("list/gone.json")), 0);
	assert_int_equal(dbx_file_list(in_dir("list"), &paths, &n), -ENOENT);
	assert_int_equal(dbx_file_list(in_dir("none"), &paths, &n), -ENOENT);
	assert_int_equal(dbx_file_list(in_dir("one"), &paths, &n), -ENOTDIR);
}

static size_t count_entries(const char *path)
{
	char command[256];
	unsigned int n = 0;
	FILE *p;

	snprintf(command, sizeof(command), "find '%s' -mindepth 1 | wc -l", path);
	p = popen(command, "re");
	assert_int_equal(fscanf(p, "%u", &n), 1);
	pclose(p);
	return n;
}

static void writing(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir(in_dir("w"), 0700), 0);
	assert_int_equal(dbx_file_write(in_dir("w/x"), "first", 5, 0640), 0);
	expect(in_dir("w/x"), 0, "first");
	assert_int_equal(stat(in_dir("w/x"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(dbx_file_write(in_dir("w/x"), "second", 6, 0600), 0);
	expect(in_dir("w/x"), 0, "second");
	assert_int_equal(dbx_file_write(in_dir("w/x"), "", 0, 0600), 0);
	expect(in_dir("w/x"), 0, "");
	/* The link stays, what it points at is replaced. */
	assert_int_equal(symlink("x", in_dir("w/link")), 0);
	assert_int_equal(dbx_file_write(in_dir("w/link"), "through", 7, 0600), 0);
	expect(in_dir("w/x"), 0, "through");
	assert_int_equal(lstat(in_dir("w/link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(count_entries(in_dir("w")), 2);
	assert_int_equal(dbx_file_write(in_dir("none/x"), "a", 1, 0600), -ENOENT);
	assert_int_equal(dbx_file_write(dir, "a", 1, 0600), -EISDIR);
	assert_int_equal(dbx_file_write("/dev/null", "a", 1, 0600), 0);
	assert_int_equal(lstat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(dbx_file_write("/dev/full", "a", 1, 0600), -ENOSPC);
}

static void errors_have_sentences(void **state)
{
	(void)state;
	assert_string_equal(dbx_file_why(-EFBIG), "is larger than the limit");
	assert_string_equal(dbx_file_why(-EIO), strerror(EIO));
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_files),
		cmocka_unit_test(a_huge_file_is_not_read),
		cmocka_unit_test(gzip_is_unpacked),
		cmocka_unit_test(a_gzip_bomb_is_refused),
		cmocka_unit_test(pipes),
		cmocka_unit_test(a_fifo_without_a_writer_does_not_hang),
		cmocka_unit_test(listing),
		cmocka_unit_test(writing),
		cmocka_unit_test(errors_have_sentences),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
