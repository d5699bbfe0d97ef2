// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * storage_host.c -- what a host name says of the storage behind it.
 *
 * Strict: a name that is not wholly of a known form is no storage host, so that nothing is read into
 * a name that somebody chose to look like one.
 */
#include "policy/storage_host.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The part of name before suffix into out; false: name does not end so, or the part is too long. */
static bool before(const char *name, const char *suffix, char *out, size_t n_out)
{
	size_t n = strlen(name), s = strlen(suffix);

	if (n < s || strcmp(name + n - s, suffix) || n - s >= n_out)
		return false;
	memcpy(out, name, n - s);
	out[n - s] = '\0';
	return true;
}

/* "us-east-1", "cn-north-1": letters, digits and at least two hyphens. */
static bool is_region(const char *s)
{
	size_t hyphens = 0;

	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && *s != '-')
			return false;
		hyphens += *s == '-';
	}
	return hyphens >= 2;
}

/* head: "bucket.s3", "bucket.s3.region", "bucket.s3.dualstack.region", "bucket.s3-region", or the
 * same without the bucket. The bucket may have dots, so the last "s3" label counts. */
static bool parse_s3_head(const char *head, struct dbx_storage_host *out)
{
	const char *s3 = NULL, *p = head, *region;

	while (p) {
		if (!strncmp(p, "s3", 2) && (p[2] == '.' || p[2] == '-' || !p[2]))
			s3 = p;
		p = strchr(p, '.');
		p = p ? p + 1 : NULL;
	}
	if (!s3)
		return false;
	region = s3[2] ? s3 + 3 : "";
	if (s3[2] == '.' && !strncmp(region, "dualstack.", 10))
		region += 10;
	if ((s3[2] && !is_region(region)) || strlen(region) >= sizeof(out->region))
		return false;
	snprintf(out->region, sizeof(out->region), "%s", region);
	snprintf(out->bucket, sizeof(out->bucket), "%.*s", (int)(s3 > head ? s3 - head - 1 : 0),
		 head);
	out->type = DBX_STORAGE_AWS_S3;
	return true;
}

static bool parse_azure(const char *name, struct dbx_storage_host *out)
{
	static const char *const services[] = {"blob", "dfs", "file", "queue", "table", "web"};
	char suffix[40];

	for (size_t i = 0; i < COUNT(services); i++) {
		snprintf(suffix, sizeof(suffix), ".%s.core.windows.net", services[i]);
		if (!before(name, suffix, out->bucket, sizeof(out->bucket)))
			continue;
		/* Not the private zone's own names, "x.privatelink.blob...", nor anything deeper. */
		if (!out->bucket[0] || strchr(out->bucket, '.'))
			return false;
		snprintf(out->service, sizeof(out->service), "%s", services[i]);
		out->type = DBX_STORAGE_AZURE;
		return true;
	}
	return false;
}

bool dbx_storage_host_parse(const char *name, struct dbx_storage_host *out)
{
	char head[DBX_NAME_SIZE];

	memset(out, 0, sizeof(*out));
	if (before(name, ".amazonaws.com", head, sizeof(head)) ||
	    before(name, ".amazonaws.com.cn", head, sizeof(head))) {
		if (parse_s3_head(head, out))
			return true;
	} else if (!strcmp(name, "storage.googleapis.com") ||
		   (before(name, ".storage.googleapis.com", out->bucket, sizeof(out->bucket)) &&
		    out->bucket[0])) {
		out->type = DBX_STORAGE_GCS;
		return true;
	} else if (parse_azure(name, out)) {
		return true;
	}
	memset(out, 0, sizeof(*out));
	return false;
}
