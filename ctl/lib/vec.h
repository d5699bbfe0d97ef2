/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vec.h -- a growable array of any type, as four macros.
 *
 *	DBX_VEC(struct rule) rules = {0};
 *	rc = dbx_vec_push(&rules, r);		// 0 or -ENOMEM; on failure nothing changed
 *	dbx_vec_for_each(&rules, p) ...		// p is struct rule *
 *	dbx_vec_fini(&rules);
 *
 * All zero is an empty array. Elements move when the array grows: keep indices, not pointers.
 */
#ifndef DBX_LIB_VEC_H
#define DBX_LIB_VEC_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define DBX_VEC(type)       \
	struct {            \
		type *v;    \
		size_t n;   \
		size_t cap; \
	}

/* Room for at least want elements, at least doubling; 0 or -ENOMEM with *v and *cap untouched. */
static inline int dbx_vec_grow(void **v, size_t *cap, size_t want, size_t elem_bytes)
{
	size_t bytes, next = *cap ? *cap : 8;
	void *p;

	if (want <= *cap)
		return 0;
	while (next < want) {
		if (__builtin_mul_overflow(next, (size_t)2, &next))
			return -ENOMEM;
	}
	if (__builtin_mul_overflow(next, elem_bytes, &bytes) || bytes > PTRDIFF_MAX)
		return -ENOMEM;
	p = realloc(*v, bytes);
	if (!p)
		return -ENOMEM;
	*v = p;
	*cap = next;
	return 0;
}

/* Takes the address of a local copy of the pointer, so that no type is punned. */
#define dbx_vec_reserve(vec, want)                                                           \
	({                                                                                   \
		void *vec_p_ = (vec)->v;                                                     \
		int vec_rc_ = dbx_vec_grow(&vec_p_, &(vec)->cap, (want), sizeof(*(vec)->v)); \
		(vec)->v = vec_p_;                                                           \
		vec_rc_;                                                                     \
	})

#define dbx_vec_push(vec, ...)                                       \
	({                                                           \
		int push_rc_ = dbx_vec_reserve((vec), (vec)->n + 1); \
		if (!push_rc_)                                       \
			(vec)->v[(vec)->n++] = (__VA_ARGS__);        \
		push_rc_;                                            \
	})

#define dbx_vec_for_each(vec, p) \
	for (__typeof__((vec)->v + 0) p = (vec)->v; (size_t)(p - (vec)->v) < (vec)->n; p++)

/* Frees the array itself, not what elements own; the array is empty and usable afterwards. */
#define dbx_vec_fini(vec)                  \
	do {                               \
		free((vec)->v);            \
		(vec)->v = NULL;           \
		(vec)->n = (vec)->cap = 0; \
	} while (0)

#endif
