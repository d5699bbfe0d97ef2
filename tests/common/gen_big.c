/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gen_big.c -- gateways of real size.
 */
#include "common/gen_big.h"

#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/strbuf.h"

#define FEEDS "rules/feeds/"

static const char policy[] =
	"{\"network_policy_id\": \"default-policy\", \"egress\": {\"network_access\": {"
	"\"restriction_mode\": \"RESTRICTED_ACCESS\", \"allowed_internet_destinations\": ["
	"{\"destination\": \"20.0.0.0/8\", \"internet_destination_type\": \"IP_RANGE\"}],"
	"\"policy_enforcement\": {\"enforcement_mode\": \"DRY_RUN\", "
	"\"dry_run_mode_product_filter\": [\"DBSQL\"]}}}}";

static const char strict[] =
	"{\"network_policy_id\": \"np-strict\", \"egress\": {\"network_access\": {"
	"\"restriction_mode\": \"RESTRICTED_ACCESS\"}}}";

static const char option[] = "{\"workspace_id\": 2, \"network_policy_id\": \"np-strict\"}";

static const char feeds_gateway[] =
	"{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": ["
	"{\"workspace_id\": 1, \"network_source_type\": \"DBSQL\", \"sources\": ["
	"{\"prefix\": \"10.1.0.0/16\"}, {\"prefix\": \"fd66:1::/48\"}]},"
	"{\"workspace_id\": 2, \"sources\": ["
	"{\"prefix\": \"10.2.0.0/16\"}, {\"prefix\": \"fd66:2::/48\"}]}],"
	"\"platform_sets\": ["
	"{\"label\": \"control\", \"service_tags\": [\"AzureDatabricks\"], \"protocol\": \"tcp\", "
	"\"ports\": [443]},"
	"{\"label\": \"feed\", \"service_tags\": [\"Databricks/aws/us-east-1/outbound\"]}],"
	"\"allowed_destinations\": ["
	"{\"label\": \"storage\", \"service_tags\": [\"Storage\"], \"protocol\": \"tcp\", "
	"\"ports\": [443]},"
	"{\"label\": \"sql\", \"service_tags\": [\"Sql\", \"Sql.EastUS2\"], \"protocol\": \"tcp\", "
	"\"ports\": [1433, \"11000-11999\"]},"
	"{\"label\": \"region\", \"service_tags\": [\"AzureCloud.eastus2\", \"AzureCloud.westeurope\"], "
	"\"network_policy_ids\": [\"default-policy\"]},"
	"{\"label\": \"s3\", \"service_tags\": [\"S3\"], \"protocol\": \"tcp\"},"
	"{\"label\": \"amazon\", \"service_tags\": [\"AMAZON/us-east-1\"], \"protocol\": \"udp\"},"
	"{\"label\": \"google\", \"service_tags\": [\"GoogleCloud/us-east4\"]}],"
	"\"blocked_destinations\": ["
	"{\"label\": \"monitor\", \"service_tags\": [\"AzureMonitor\"], \"protocol\": \"tcp\", "
	"\"ports\": [80]},"
	"{\"label\": \"front\", \"service_tags\": [\"CLOUDFRONT\"]}]}}";

static int add(struct vec_world *w, const char *name, const char *text)
{
	return vec_world_add(w, name, text, strlen(text));
}

static int add_policies(struct vec_world *w)
{
	return add(w, "default-policy.json", policy) || add(w, "np-strict.json", strict) ||
			       add(w, "option.json", option)
		       ? -1
		       : 0;
}

int gen_big_feeds(struct vec_world *w)
{
	static const char *const files[] = {"azure-public.json.gz", "aws.json.gz",
					    "google-cloud.json.gz", "databricks.json.gz"};
	int rc = vec_world_init(w);

	if (!rc)
		rc = add_policies(w);
	for (size_t i = 0; !rc && i < sizeof(files) / sizeof(*files); i++) {
		char path[128], *text;
		size_t len;

		strcpy(path, FEEDS);
		strcat(path, files[i]);
		rc = dbx_file_read(path, 0, &text, &len);
		if (rc)
			break;
		rc = vec_world_add(w, files[i], text, len);
		free(text);
	}
	if (!rc)
		rc = add(w, "gateway.json", feeds_gateway);
	if (!rc)
		rc = vec_world_build(w);
	if (rc)
		vec_findings_print(&w->diag);
	return rc;
}

/* Every other address or network, so that no two neighbours are of one class. */
static void out_every_other(struct dbx_strbuf *b, const char *fmt, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		unsigned int k = 2 * i + 1;

		dbx_strbuf_add(b, i ? ", \"" : "\"");
		dbx_strbuf_addf(b, fmt, k >> 8, k & 255);
		dbx_strbuf_add(b, "\"");
	}
}

int gen_big_runs(struct vec_world *w)
{
	struct dbx_strbuf b;
	int rc = vec_world_init(w);

	dbx_strbuf_init(&b);
	dbx_strbuf_add(&b, "{\"gateway\": {\"interfaces\": [{\"name\": \"ws1\"}], \"workspaces\": ["
			   "{\"workspace_id\": 1, \"network_source_type\": \"DBSQL\", \"sources\": "
			   "[{\"prefix\": \"10.1.0.0/16\"}, {\"prefix\": \"fd66:1::/48\"}]},"
			   "{\"workspace_id\": 2, \"sources\": [");
	for (unsigned int i = 0; i < 32767; i++)
		dbx_strbuf_addf(&b,
				"%s{\"prefix\": \"fd66:1::%x/128\"}, {\"prefix\": \"10.1.%u.%u\"}",
				i ? ", " : "", 2 * i + 1, (2 * i + 1) >> 8, (2 * i + 1) & 255);
	dbx_strbuf_add(&b,
		       "]}], \"allowed_destinations\": [{\"label\": \"v4\", \"protocol\": \"tcp\", "
		       "\"ports\": [443], \"prefixes\": [");
	out_every_other(&b, "198.18.%u.%u/32", 32768);
	dbx_strbuf_add(&b, "]}, {\"label\": \"level2\", \"prefixes\": [");
	out_every_other(&b, "2001:db8:%x:%x00::/56", 32768);
	dbx_strbuf_add(&b, "]}, {\"label\": \"level4\", \"protocol\": \"udp\", \"prefixes\": [");
	out_every_other(&b, "2001:db8:ffff::%x:%x00/120", 32768);
	dbx_strbuf_add(&b, "]}]}}");
	if (!rc)
		rc = b.err;
	if (!rc)
		rc = add_policies(w);
	if (!rc)
		rc = vec_world_add(w, "gateway.json", b.s, b.len);
	if (!rc)
		rc = vec_world_build(w);
	if (rc)
		vec_findings_print(&w->diag);
	dbx_strbuf_fini(&b);
	return rc;
}
