/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * namer_table.c -- learned names in memory.
 */
#include "daemon/namer_table.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

static size_t bucket_of(const struct dbx_lesson_table *t, const struct dbx_bound_key *key)
{
	return dbx_hash64(key, sizeof(*key), 0) & (t->n_buckets - 1);
}

struct dbx_lesson_entry *dbx_lessons_find(const struct dbx_lesson_table *t,
					  const struct dbx_bound_key *key)
{
	struct dbx_lesson_entry *e;

	if (!t->n)
		return NULL;
	for (e = t->buckets[bucket_of(t, key)]; e; e = e->next)
		if (!memcmp(&e->key, key, sizeof(*key)))
			return e;
	return NULL;
}

static int grow(struct dbx_lesson_table *t)
{
	struct dbx_lesson_table wide = {.n = t->n,
					.n_buckets = t->n_buckets ? t->n_buckets * 2 : 1024};

	wide.buckets = calloc(wide.n_buckets, sizeof(struct dbx_lesson_entry *));
	if (!wide.buckets)
		return -1;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct dbx_lesson_entry *e = t->buckets[i], *next;

		for (; e; e = next) {
			struct dbx_lesson_entry **to = &wide.buckets[bucket_of(&wide, &e->key)];

			next = e->next;
			e->next = *to;
			*to = e;
		}
	}
	free(t->buckets);
	*t = wide;
	return 0;
}

struct dbx_lesson_entry *dbx_lessons_add(struct dbx_lesson_table *t,
					 const struct dbx_bound_key *key, const char *name,
					 int *is_new)
{
	struct dbx_lesson_entry *e = dbx_lessons_find(t, key), **to;

	if (is_new)
		*is_new = !e;
	if (e)
		return e;
	if (t->n >= t->n_buckets && grow(t))
		return NULL;
	e = calloc(1, sizeof(*e) + strlen(name) + 1);
	if (!e)
		return NULL;
	e->key = *key;
	strcpy(e->name, name);
	to = &t->buckets[bucket_of(t, key)];
	e->next = *to;
	*to = e;
	t->n++;
	return e;
}

struct dbx_lesson_entry *dbx_lessons_name(struct dbx_lesson_table *t, struct dbx_lesson_entry *e,
					  const char *name)
{
	struct dbx_lesson_entry **at = &t->buckets[bucket_of(t, &e->key)];
	struct dbx_lesson_entry *named = malloc(sizeof(*e) + strlen(name) + 1);

	if (!named)
		return NULL;
	*named = *e;
	strcpy(named->name, name);
	while (*at != e)
		at = &(*at)->next;
	*at = named;
	free(e);
	return named;
}

void dbx_lessons_remove(struct dbx_lesson_table *t, struct dbx_lesson_entry *e)
{
	struct dbx_lesson_entry **at = &t->buckets[bucket_of(t, &e->key)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	free(e);
	t->n--;
}

void dbx_lessons_fini(struct dbx_lesson_table *t)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		while (t->buckets[i])
			dbx_lessons_remove(t, t->buckets[i]);
	}
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

int dbx_lessons_some(struct dbx_lesson_table *t, size_t *at, size_t n_max,
		     int (*fn)(void *arg, struct dbx_lesson_entry *e), void *arg)
{
	size_t n = 0;
	int rc = 0;

	/* A table grows only, and what moves then moves on: nothing gets behind *at. */
	for (; *at < t->n_buckets && n < n_max; ++*at, n++) {
		struct dbx_lesson_entry *e = t->buckets[*at], *next;

		for (; e; e = next, n++) {
			next = e->next;
			rc = fn(arg, e);
			if (rc)
				return rc;
		}
	}
	return 0;
}

int dbx_lessons_each(struct dbx_lesson_table *t, int (*fn)(void *arg, struct dbx_lesson_entry *e),
		     void *arg)
{
	size_t at = 0;

	return dbx_lessons_some(t, &at, SIZE_MAX, fn, arg);
}
