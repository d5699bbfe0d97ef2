/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_model_names.c -- the names of egress-model section 6, each spelled out here once more.
 */
#include "unit/readcase.h"

static int add_name(void *arg, const char *name)
{
	char *text = arg;

	strcat(text, name);
	strcat(text, " ");
	return 0;
}

static int stop(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return -7;
}

static void test_storage(void **state)
{
#define AZURE(a, s)                                                                   \
	{                                                                             \
		.type = DBX_STORAGE_AZURE, .azure_account = (a), .azure_service = (s) \
	}
#define S3(b, r)                                                              \
	{                                                                     \
		.type = DBX_STORAGE_AWS_S3, .bucket_name = (b), .region = (r) \
	}
	static char a[] = "ContosoLake", blob[] = "blob", dfs[] = "DFS", file[] = "file",
		    queue[] = "queue", table[] = "table", web[] = "web", adls[] = "adls", b[] = "b",
		    dots[] = "my.bucket", bad[] = "a/b", us[] = "us-east-1", cn[] = "cn-north-1",
		    long_[300];
	static const struct {
		struct dbx_storage_dest d;
		const char *want;
	} cases[] = {
		{AZURE(a, blob), "contosolake.blob.core.windows.net "},
		{AZURE(a, dfs), "contosolake.dfs.core.windows.net "},
		{AZURE(a, file), "contosolake.file.core.windows.net "},
		{AZURE(a, queue), "contosolake.queue.core.windows.net "},
		{AZURE(a, table), "contosolake.table.core.windows.net "},
		{AZURE(a, web), "contosolake.web.core.windows.net "},
		{AZURE(a, adls), ""},
		{AZURE(a, NULL), ""},
		{S3(b, us), "b.s3.us-east-1.amazonaws.com b.s3.dualstack.us-east-1.amazonaws.com "
			    "b.s3-us-east-1.amazonaws.com b.s3.amazonaws.com "},
		{S3(dots, NULL), "my.bucket.s3.amazonaws.com "},
		{S3(b, cn), "b.s3.cn-north-1.amazonaws.com.cn "
			    "b.s3.dualstack.cn-north-1.amazonaws.com.cn "},
		{S3(bad, us), ""},
		{S3(long_, us), ""},
		{{.type = DBX_STORAGE_GCS, .bucket_name = b}, "b.storage.googleapis.com "},
		{{.type = DBX_STORAGE_GCS}, ""},
		{{.type = DBX_STORAGE_CLOUDFLARE_R2, .bucket_name = b}, ""},
		{{.type = DBX_STORAGE_UNSPECIFIED, .bucket_name = b}, ""},
	};

	(void)state;
	memset(long_, 'x', sizeof(long_) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1000] = "";

		assert_int_equal(dbx_storage_names(&cases[i].d, add_name, text), 0);
		assert_string_equal(text, cases[i].want);
	}
	assert_int_equal(dbx_storage_names(&cases[0].d, stop, NULL), -7);
}

#define ARM(provider) "/subscriptions/s/resourceGroups/g/providers/" provider "/res1"

static void test_azure_resources(void **state)
{
	static const struct {
		const char *group, *id, *want;
	} cases[] = {
		{"blob", ARM("Microsoft.Storage/storageAccounts"), "res1.blob.core.windows.net "},
		{"dfs", ARM("Microsoft.Storage/storageAccounts"), "res1.dfs.core.windows.net "},
		{"file", ARM("Microsoft.Storage/storageAccounts"), "res1.file.core.windows.net "},
		{"queue", ARM("Microsoft.Storage/storageAccounts"), "res1.queue.core.windows.net "},
		{"table", ARM("Microsoft.Storage/storageAccounts"), "res1.table.core.windows.net "},
		{"web", ARM("Microsoft.Storage/storageAccounts"), "res1.web.core.windows.net "},
		{"blob_secondary", ARM("Microsoft.Storage/storageAccounts"),
		 "res1-secondary.blob.core.windows.net "},
		{"sqlServer", ARM("Microsoft.Sql/servers"), "res1.database.windows.net "},
		{"SQLSERVER", ARM("Microsoft.Sql/servers"), "res1.database.windows.net "},
		{"mysqlServer", ARM("Microsoft.DBforMySQL/servers"),
		 "res1.mysql.database.azure.com "},
		{"postgresqlServer", ARM("Microsoft.DBforPostgreSQL/servers"),
		 "res1.postgres.database.azure.com "},
		{"mariadbServer", ARM("Microsoft.DBforMariaDB/servers"),
		 "res1.mariadb.database.azure.com "},
		{"Sql", ARM("Microsoft.Synapse/workspaces"), "res1.sql.azuresynapse.net "},
		{"SqlOnDemand", ARM("Microsoft.Synapse/workspaces"),
		 "res1-ondemand.sql.azuresynapse.net "},
		{"Dev", ARM("Microsoft.Synapse/workspaces"), "res1.dev.azuresynapse.net "},
		{"Sql", ARM("Microsoft.DocumentDB/databaseAccounts"), "res1.documents.azure.com "},
		{"Table", ARM("Microsoft.DocumentDB/databaseAccounts"), ""},
		{"vault", ARM("Microsoft.KeyVault/vaults"), "res1.vault.azure.net "},
		{"namespace", ARM("Microsoft.EventHub/namespaces"), "res1.servicebus.windows.net "},
		{"registry", ARM("Microsoft.ContainerRegistry/registries"), "res1.azurecr.io "},
		{"searchService", ARM("Microsoft.Search/searchServices"),
		 "res1.search.windows.net "},
		{"sites", ARM("Microsoft.Web/sites"), "res1.azurewebsites.net "},
		{"account", ARM("Microsoft.CognitiveServices/accounts"),
		 "res1.cognitiveservices.azure.com "},
		{"account", ARM("Microsoft.Purview/accounts"), ""},
		{"amlworkspace", ARM("Microsoft.MachineLearningServices/workspaces"), ""},
		{"brandNew", ARM("Microsoft.New/things"), ""},
		{"blob", "no-slash", ""},
		{"blob", "/ends/with/", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dbx_pe_rule r = {.flavour = DBX_PE_AZURE_RESOURCE,
					.resource_id = (char *)cases[i].id,
					.group_id = (char *)cases[i].group};
		char text[1000] = "";

		assert_int_equal(dbx_pe_rule_names(&r, "eastus2", add_name, text), 0);
		assert_string_equal(text, cases[i].want);
	}
}

/* Zones of egress-model section 6, as clients see them behind the public name. */
static void test_private_names(void **state)
{
	static const struct {
		const char *group, *id, *name, *want;
	} cases[] = {
		{"blob", ARM("Microsoft.Storage/storageAccounts"), "res1.blob.core.windows.net",
		 "res1.privatelink.blob.core.windows.net"},
		{"dfs_secondary", ARM("Microsoft.Storage/storageAccounts"),
		 "res1-secondary.dfs.core.windows.net",
		 "res1-secondary.privatelink.dfs.core.windows.net"},
		{"sqlServer", ARM("Microsoft.Sql/servers"), "res1.database.windows.net",
		 "res1.privatelink.database.windows.net"},
		{"postgresqlServer", ARM("Microsoft.DBforPostgreSQL/servers"),
		 "res1.postgres.database.azure.com",
		 "res1.privatelink.postgres.database.azure.com"},
		{"SqlOnDemand", ARM("Microsoft.Synapse/workspaces"),
		 "res1-ondemand.sql.azuresynapse.net",
		 "res1-ondemand.privatelink.sql.azuresynapse.net"},
		{"Sql", ARM("Microsoft.DocumentDB/databaseAccounts"), "res1.documents.azure.com",
		 "res1.privatelink.documents.azure.com"},
		{"vault", ARM("Microsoft.KeyVault/vaults"), "res1.vault.azure.net",
		 "res1.privatelink.vaultcore.azure.net"},
		{"registry", ARM("Microsoft.ContainerRegistry/registries"), "res1.azurecr.io",
		 "res1.privatelink.azurecr.io"},
		{"blob", ARM("Microsoft.Storage/storageAccounts"), "res2.blob.core.windows.net",
		 NULL},
		{"brandNew", ARM("Microsoft.New/things"), "res1.blob.core.windows.net", NULL},
		{"blob", "no-slash", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dbx_pe_rule r = {.flavour = DBX_PE_AZURE_RESOURCE,
					.resource_id = (char *)cases[i].id,
					.group_id = (char *)cases[i].group};
		char text[DBX_NAME_SIZE] = "untouched";

		assert_int_equal(dbx_pe_rule_private_name(&r, cases[i].name, text),
				 cases[i].want != NULL);
		assert_string_equal(text, cases[i].want ? cases[i].want : "untouched");
		r.flavour = DBX_PE_AZURE_SERVICE;
		assert_false(dbx_pe_rule_private_name(&r, cases[i].name, text));
	}
}

static void test_other_rules(void **state)
{
	static char *domains[] = {(char *)"Orders.Example.COM.", (char *)"b.example.com"};
	static char *buckets[] = {(char *)"b1", (char *)"b2"};
	struct dbx_pe_rule r = {
		.flavour = DBX_PE_AZURE_SERVICE, .domain_names = domains, .n_domain_names = 2};
	char text[1000] = "";

	(void)state;
	assert_int_equal(dbx_pe_rule_names(&r, NULL, add_name, text), 0);
	assert_string_equal(text, "orders.example.com b.example.com ");
	assert_int_equal(dbx_pe_rule_names(&r, NULL, stop, NULL), -7);

	/* Application Gateway: a group and names of its own */
	r.flavour = DBX_PE_AZURE_RESOURCE;
	r.resource_id = (char *)ARM("Microsoft.Web/sites");
	r.group_id = (char *)"sites";
	text[0] = '\0';
	dbx_pe_rule_names(&r, NULL, add_name, text);
	assert_string_equal(text, "orders.example.com b.example.com res1.azurewebsites.net ");

	r = (struct dbx_pe_rule){.flavour = DBX_PE_AWS_S3,
				 .endpoint_service = (char *)"com.amazonaws.eu-west-1.s3",
				 .resource_names = buckets,
				 .n_resource_names = 2};
	text[0] = '\0';
	dbx_pe_rule_names(&r, "us-east-1", add_name, text); /* the endpoint's region counts */
	assert_string_equal(text,
			    "b1.s3.eu-west-1.amazonaws.com b1.s3.dualstack.eu-west-1.amazonaws.com "
			    "b1.s3-eu-west-1.amazonaws.com b1.s3.amazonaws.com "
			    "b2.s3.eu-west-1.amazonaws.com b2.s3.dualstack.eu-west-1.amazonaws.com "
			    "b2.s3-eu-west-1.amazonaws.com b2.s3.amazonaws.com ");
	r.endpoint_service = (char *)"s3";
	r.n_resource_names = 1;
	text[0] = '\0';
	dbx_pe_rule_names(&r, "us-east-1", add_name, text);
	assert_non_null(strstr(text, "b1.s3.us-east-1.amazonaws.com "));

	r = (struct dbx_pe_rule){.flavour = DBX_PE_GCP, .gcp_endpoint = (char *)"{}"};
	text[0] = '\0';
	assert_int_equal(dbx_pe_rule_names(&r, NULL, add_name, text), 0);
	assert_string_equal(text, "");
}

/* Required unless the gateway document says no; whatever the rule's state is. */
static void test_guards(void **state)
{
	static char *domains[] = {(char *)"a.example.com"};
	struct dbx_pe_rule rule = {.rule_id = (char *)"r",
				   .ncc_id = (char *)"n",
				   .flavour = DBX_PE_AZURE_SERVICE,
				   .state = DBX_PE_PENDING,
				   .domain_names = domains,
				   .n_domain_names = 1};
	struct dbx_pe_address at[2] = {{.rule_id = (char *)"other", .has_private_required = true},
				       {.rule_id = (char *)"r"}};
	struct dbx_ncc ncc = {.id = (char *)"n"}, other = {.id = (char *)"m"};
	struct dbx_model m = {.gateway = {.private_endpoints = at}};

	(void)state;
	assert_null(dbx_model_pe_address(&m, "r"));
	assert_true(dbx_pe_address_is_required(NULL));
	assert_true(dbx_model_pe_guards(&m, &rule, &ncc));
	m.gateway.n_private_endpoints = 2;
	assert_ptr_equal(dbx_model_pe_address(&m, "r"), &at[1]);
	assert_null(dbx_model_pe_address(&m, "R"));
	assert_true(dbx_model_pe_guards(&m, &rule, &ncc));
	at[1].has_private_required = true;
	assert_false(dbx_pe_address_is_required(&at[1]));
	assert_false(dbx_model_pe_guards(&m, &rule, &ncc));
	at[1].private_required = true;
	assert_true(dbx_model_pe_guards(&m, &rule, &ncc));
	assert_false(dbx_model_pe_guards(&m, &rule, &other));
	rule.state = DBX_PE_ESTABLISHED;
	assert_true(dbx_model_pe_guards(&m, &rule, &ncc));
	rule.n_domain_names = 0;
	assert_false(dbx_model_pe_guards(&m, &rule, &ncc)); /* what could be refused has no name */
	rule.n_domain_names = 1;
	rule.ncc_id = NULL;
	assert_false(dbx_model_pe_guards(&m, &rule, &ncc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storage),       cmocka_unit_test(test_azure_resources),
		cmocka_unit_test(test_private_names), cmocka_unit_test(test_other_rules),
		cmocka_unit_test(test_guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
