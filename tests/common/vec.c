/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vec.c -- reader of the table of packet vectors.
 *
 * Every mistake in the table ends the reading with its line: a vector that is not understood must
 * not be one that passes.
 */
#include "common/vec.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pkt.h"

#define LINE_MAX_BYTES 1024
#define LETS_MAX       256

static const char *const slugs[] = {
#define DBX_REASON(id, kind, slug, text) [DBX_REASON_##id] = slug,
#include "dbx/reasons.def"
#undef DBX_REASON
};

static const char *const verdicts[] = {
	[DBX_VERDICT_DROP] = "DROP",
	[DBX_VERDICT_PASS] = "PASS",
	[DBX_VERDICT_DRY_RUN] = "DRY_RUN",
};

static const char *const paths[] = {
	[DBX_PATH_NONE] = "none",
	[DBX_PATH_LOCAL] = "local",
	[DBX_PATH_PRIVATE_ENDPOINT] = "private-endpoint",
	[DBX_PATH_SERVICE_ENDPOINT] = "service-endpoint",
	[DBX_PATH_NAT] = "nat",
	[DBX_PATH_FIREWALL] = "firewall",
};

const char *vec_reason_slug(enum dbx_reason r)
{
	return r < DBX_REASON_MAX ? slugs[r] : "?";
}

const char *vec_verdict_name(enum dbx_verdict v)
{
	return v < DBX_VERDICT_MAX ? verdicts[v] : "?";
}

const char *vec_path_name(enum dbx_path p)
{
	return p < DBX_PATH_MAX ? paths[p] : "?";
}

struct let {
	char name[32];
	char *text;
};

struct reader {
	struct vec_table *t;
	const char *path;
	int line;
	struct let lets[LETS_MAX];
	size_t n_lets;
};

static int fail(const struct reader *r, const char *what, const char *arg)
{
	fprintf(stderr, "%s:%d: %s: %s\n", r->path, r->line, what, arg);
	return -1;
}

static int find(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i] && !strcmp(names[i], s))
			return (int)i;
	}
	return -1;
}

static enum dbx_path usual_path(enum dbx_verdict v, enum dbx_reason r)
{
	if (v == DBX_VERDICT_DROP)
		return DBX_PATH_NONE;
	switch (r) {
	case DBX_REASON_ARP:
	case DBX_REASON_NEIGHBOUR_DISCOVERY:
	case DBX_REASON_GATEWAY_SERVICE:
	case DBX_REASON_SAME_WORKSPACE:
	case DBX_REASON_LISTED_WORKSPACE:
		return DBX_PATH_LOCAL;
	case DBX_REASON_PRIVATE_ENDPOINT:
	case DBX_REASON_PRIVATE_ENDPOINT_NAME:
		return DBX_PATH_PRIVATE_ENDPOINT;
	default:
		return DBX_PATH_NAT;
	}
}

static int want_key(struct reader *r, struct vec_step *s, char *tok)
{
	char *eq = strchr(tok, '=');
	int i;

	if (!eq)
		return fail(r, "key=value expected", tok);
	*eq++ = '\0';
	if (!strcmp(tok, "path")) {
		i = find(paths, DBX_PATH_MAX, eq);
		if (i < 0)
			return fail(r, "no such path", eq);
		s->path = (enum dbx_path)i;
	} else if (!strcmp(tok, "ws")) {
		s->workspace_id = strtoll(eq, NULL, 10);
	} else if (!strcmp(tok, "policy")) {
		s->policy = strdup(eq);
	} else if (!strcmp(tok, "rule")) {
		s->rule = strdup(eq);
	} else if (!strcmp(tok, "via")) {
		s->via = strdup(eq);
	} else {
		return fail(r, "no such key", tok);
	}
	return 0;
}

static struct vec_step *last_step(struct reader *r)
{
	struct vec *v = r->t->n ? &r->t->v[r->t->n - 1] : NULL;

	return v && v->n_steps ? &v->steps[v->n_steps - 1] : NULL;
}

static int line_want(struct reader *r, char *rest)
{
	struct vec_step *s = last_step(r);
	char *save, *verdict = strtok_r(rest, " \t", &save);
	char *reason = strtok_r(NULL, " \t", &save), *tok;
	int v, n;

	if (!s || s->reason != DBX_REASON_MAX)
		return fail(r, "want without its frame", rest);
	v = verdict ? find(verdicts, DBX_VERDICT_MAX, verdict) : -1;
	n = reason ? find(slugs, DBX_REASON_MAX, reason) : -1;
	if (v < 0 || n < 0)
		return fail(r, "verdict and reason expected", reason ? reason : "");
	s->verdict = (enum dbx_verdict)v;
	s->reason = (enum dbx_reason)n;
	s->path = usual_path(s->verdict, s->reason);
	while ((tok = strtok_r(NULL, " \t", &save))) {
		if (want_key(r, s, tok))
			return -1;
	}
	return 0;
}

static int line_frame(struct reader *r, char *rest)
{
	struct vec *v = r->t->n ? &r->t->v[r->t->n - 1] : NULL;
	char *text = rest + strcspn(rest, " \t");
	const char *why;
	struct vec_step *s;
	struct pkt p;

	if (!v || v->n_steps == VEC_STEPS_MAX)
		return fail(r, "no vector for this frame", rest);
	if (v->n_steps && last_step(r)->reason == DBX_REASON_MAX)
		return fail(r, "the frame before has no want", v->name);
	if (*text)
		*text++ = '\0';
	if (vec_frame(&p, text, &why))
		return fail(r, "bad frame", why);
	s = &v->steps[v->n_steps++];
	*s = (struct vec_step){.line = r->line, .reason = DBX_REASON_MAX, .workspace_id = -1};
	snprintf(s->interface, sizeof(s->interface), "%s", rest);
	s->n_bytes = p.n;
	s->frame = malloc(p.n ? p.n : 1);
	if (!s->frame)
		abort();
	memcpy(s->frame, p.b, p.n);
	return 0;
}

static int line_vector(struct reader *r, char *rest)
{
	struct vec_table *t = r->t;
	struct vec *v;

	for (size_t i = 0; i < t->n; i++) {
		if (!strcmp(t->v[i].name, rest))
			return fail(r, "name given twice", rest);
	}
	if (!*rest || strlen(rest) >= sizeof(v->name) || strchr(rest, ' '))
		return fail(r, "one word expected", rest);
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->v = realloc(t->v, t->cap * sizeof(*t->v));
		if (!t->v)
			abort();
	}
	v = &t->v[t->n++];
	memset(v, 0, sizeof(*v));
	v->file = r->path;
	strcpy(v->name, rest);
	return 0;
}

static int line_let(struct reader *r, char *rest)
{
	char *text = rest + strcspn(rest, " \t");
	struct let *l = &r->lets[r->n_lets];

	if (*text)
		*text++ = '\0';
	if (r->n_lets == LETS_MAX || strlen(rest) >= sizeof(l->name))
		return fail(r, "too many or too long", rest);
	strcpy(l->name, rest);
	l->text = strdup(text + strspn(text, " \t"));
	r->n_lets++;
	return 0;
}

/* $name becomes its text; a name is letters, digits, '-' and '_'. */
static int expand(struct reader *r, const char *in, char out[LINE_MAX_BYTES])
{
	size_t n = 0;

	while (*in) {
		size_t len = 0;
		const struct let *l = NULL;

		if (*in != '$') {
			if (n + 1 >= LINE_MAX_BYTES)
				return fail(r, "line too long", "");
			out[n++] = *in++;
			continue;
		}
		in++;
		while (isalnum((unsigned char)in[len]) || in[len] == '_' || in[len] == '-')
			len++;
		for (size_t i = 0; i < r->n_lets; i++) {
			if (strlen(r->lets[i].name) == len && !strncmp(r->lets[i].name, in, len))
				l = &r->lets[i];
		}
		if (!l || n + strlen(l->text) >= LINE_MAX_BYTES)
			return fail(r, "unknown or too long", in);
		n += (size_t)sprintf(out + n, "%s", l->text);
		in += len;
	}
	out[n] = '\0';
	return 0;
}

static int read_line(struct reader *r, char *raw)
{
	static const struct {
		const char *word;
		int (*fn)(struct reader *r, char *rest);
	} words[] = {{"vector", line_vector},
		     {"frame", line_frame},
		     {"want", line_want},
		     {"let", line_let}};
	char line[LINE_MAX_BYTES], *rest, *end;

	raw[strcspn(raw, "#\n")] = '\0';
	raw += strspn(raw, " \t");
	if (!*raw)
		return 0;
	if (expand(r, raw, line))
		return -1;
	for (end = line + strlen(line); end > line && isspace((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	rest = line + strcspn(line, " \t");
	if (*rest)
		*rest++ = '\0';
	rest += strspn(rest, " \t");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(words[i].word, line))
			return words[i].fn(r, rest);
	}
	return fail(r, "vector, frame, want or let expected", line);
}

static const char *keep_name(struct vec_table *t, const char *path)
{
	t->files = realloc(t->files, (t->n_files + 1) * sizeof(*t->files));
	if (!t->files)
		abort();
	t->files[t->n_files] = strdup(path);
	return t->files[t->n_files++];
}

int vec_read(struct vec_table *t, const char *path)
{
	struct reader r = {.t = t, .path = keep_name(t, path)};
	char line[LINE_MAX_BYTES];
	FILE *f = fopen(path, "r");
	int rc = 0;

	if (!f)
		return fail(&r, "cannot open", path);
	while (!rc && fgets(line, sizeof(line), f)) {
		r.line++;
		rc = read_line(&r, line);
	}
	fclose(f);
	if (!rc && last_step(&r) && last_step(&r)->reason == DBX_REASON_MAX)
		rc = fail(&r, "the last frame has no want", "");
	for (size_t i = 0; i < r.n_lets; i++)
		free(r.lets[i].text);
	return rc;
}

static int is_vec(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && !strcmp(dot, ".vec");
}

int vec_read_dir(struct vec_table *t, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_vec, alphasort), rc = n < 0 ? -1 : 0;
	char path[512];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		if (!rc)
			rc = vec_read(t, path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return rc;
}

void vec_fini(struct vec_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t j = 0; j < t->v[i].n_steps; j++) {
			free(t->v[i].steps[j].frame);
			free(t->v[i].steps[j].policy);
			free(t->v[i].steps[j].rule);
			free(t->v[i].steps[j].via);
		}
	}
	for (size_t i = 0; i < t->n_files; i++)
		free(t->files[i]);
	free(t->files);
	free(t->v);
	memset(t, 0, sizeof(*t));
}
