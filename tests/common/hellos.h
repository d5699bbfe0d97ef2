/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hellos.h -- ClientHellos for tests, right by default and wrong on purpose, and a slow reader.
 *
 * The reader shares nothing with include/dbx/hello.h but the rules: it looks at a whole stream.
 */
#ifndef DBX_TESTS_HELLOS_H
#define DBX_TESTS_HELLOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELLO_MAX 20000

struct hello_opts {
	const char *sni; /* NULL: no such extension */
	size_t n_sni;    /* 0: its length */
	const char *second_sni;
	bool ech;
	size_t padding;    /* bytes of a padding extension, 0 = none; makes the hello longer */
	size_t record;     /* bytes of message in a record, 0 = all in one */
	int version_minor; /* of the records; 0 = 1 (TLS 1.0, as everybody sends) */
	bool no_extensions;
};

struct hello {
	uint8_t b[HELLO_MAX];
	size_t n;
};

void hello_make(struct hello *h, const struct hello_opts *o);
/* The same message in records of `record` bytes each. */
void hello_records(struct hello *out, const uint8_t *msg, size_t n_msg, size_t record, int minor);

/* What a stream says. status: enum dbx_hello_status; reason 0 = name is canonical. */
struct hello_said {
	int status;
	int reason;
	bool ech;
	size_t n_used; /* bytes after which the status was known */
	char name[256];
};

void hello_naive(const uint8_t *b, size_t n, struct hello_said *out);

#endif
