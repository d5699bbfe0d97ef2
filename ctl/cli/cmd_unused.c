// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_unused.c -- unused: allow entries in force by which nothing has passed.
 *
 * The entries are those of the image in force; the packets are the counters of the packet program,
 * which go by an entry's content: they go on over applies and restarts.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"
#include "lib/idmap.h"
#include "policy/image.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct unused {
	struct dbx_image img;
	const struct dbx_img_rule *rules;
	uint32_t n_rules;
	uint64_t *packets; /* by number of the rule */
	struct dbx_idmap by_uid;
};

/* Entries that somebody wrote to allow something; the rest is isolation and defaults. */
static bool is_allow(const char *ptr)
{
	static const char *const keys[] = {"/allowed_", "/platform_sets/", "/workspace_storage/",
					   "/private_endpoints/"};

	for (size_t i = 0; i < COUNT(keys); i++) {
		if (strstr(ptr, keys[i]))
			return true;
	}
	return false;
}

static int load_image(const struct dbx_cli *cli, struct unused *u, char **bytes)
{
	struct dbx_request r = {.method = "GET",
				.path = "/image",
				.what = "get the image",
				.max_bytes = DBX_CLIENT_IMAGE_MAX_BYTES};
	const char *why = NULL;
	size_t n_bytes;
	int code = dbx_client_fetch(cli, &r, bytes, &n_bytes);

	if (code)
		return code;
	if (dbx_image_open(&u->img, *bytes, n_bytes, &why)) {
		dbx_err("the image of the daemon is damaged: %s", why);
		return DBX_EXIT_REFUSED;
	}
	u->rules = dbx_image_section(&u->img, DBX_SEC_RULES, &u->n_rules);
	u->packets = calloc((size_t)u->n_rules + 1, sizeof(*u->packets));
	if (!u->packets)
		return dbx_err_memory();
	for (uint32_t i = 0; i < u->n_rules; i++) {
		if (dbx_idmap_set(&u->by_uid, u->rules[i].uid, i))
			return dbx_err_memory();
	}
	return DBX_EXIT_DONE;
}

static int load_hits(const struct dbx_cli *cli, struct unused *u)
{
	json_t *answer = NULL;
	const json_t *row;
	size_t i;
	uint32_t rule;
	int code = dbx_client_get(cli, "/stats", "show counters", &answer);

	json_array_foreach(json_object_get(answer, "rows"), i, row) {
		uint64_t uid = strtoull(dbx_json_str(row, "rule_uid"), NULL, 16);

		if (uid && !strcmp(dbx_json_str(row, "verdict"), "PASS") &&
		    dbx_idmap_get(&u->by_uid, uid, &rule))
			u->packets[rule] += (uint64_t)dbx_json_int(row, "packets");
	}
	json_decref(answer);
	return code;
}

static json_t *unused_json(const struct unused *u, size_t *n_allow)
{
	json_t *list = json_array();

	*n_allow = 0;
	for (uint32_t i = 0; i < u->n_rules; i++) {
		const struct dbx_img_rule *r = &u->rules[i];
		const char *ptr = dbx_image_string(&u->img, r->ptr);

		if (!is_allow(ptr))
			continue;
		++*n_allow;
		if (u->packets[i])
			continue;
		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:o, s:o}", "policy",
				  dbx_json_text(dbx_image_string(&u->img, r->policy)), "rule",
				  dbx_json_text(dbx_image_string(&u->img, r->text)), "document",
				  dbx_json_text(dbx_image_string(&u->img, r->doc)), "pointer",
				  dbx_json_text(ptr)));
	}
	return list;
}

static int print(const json_t *list, size_t n_allow)
{
	static const struct dbx_column cols[] = {
		{"policy", false}, {"entry", false}, {"document", false}, {"pointer", false}};
	struct dbx_table t;
	const json_t *v;
	size_t i;
	int code;

	dbx_table_init(&t, cols, COUNT(cols));
	json_array_foreach(list, i, v) {
		const char *policy = dbx_json_str(v, "policy");

		dbx_table_cell(&t, DBX_PLAIN, "%s", *policy ? policy : "(gateway)");
		dbx_table_cell(&t, DBX_BOLD, "%s", dbx_json_str(v, "rule"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "document"));
		dbx_table_cell(&t, DBX_PLAIN, "%s", dbx_json_str(v, "pointer"));
	}
	code = dbx_table_print(&t, stdout);
	dbx_table_fini(&t);
	dbx_say("%s%zu of %zu allow entries without a packet\n", i ? "\n" : "",
		json_array_size(list), n_allow);
	return code;
}

int dbx_cmd_unused(const struct dbx_cli *cli)
{
	struct unused u = {0};
	char *bytes = NULL;
	json_t *list = NULL, *answer;
	size_t n_allow = 0;
	int code = load_image(cli, &u, &bytes);

	if (!code)
		code = load_hits(cli, &u);
	if (!code) {
		list = unused_json(&u, &n_allow);
		if (dbx_out_is_json()) {
			answer = json_pack("{s:I, s:O}", "allow_entries", (json_int_t)n_allow,
					   "unused", list);
			code = dbx_out_json(answer);
			json_decref(answer);
		} else {
			code = print(list, n_allow);
		}
	}
	json_decref(list);
	dbx_idmap_fini(&u.by_uid);
	free(u.packets);
	free(bytes);
	return code;
}
