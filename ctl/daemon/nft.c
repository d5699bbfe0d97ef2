// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * nft.c -- the daemon's nftables table: written in one transaction, read back, watched.
 *
 * A context of libnftables lives for one command: it caches what it read of the kernel.
 */
#include "daemon/nft.h"
#include "daemon/nlwatch.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
}

/* libnftables ends the process when there is no such socket: so that is tried first. */
static struct nft_ctx *open_context(void)
{
	struct nft_ctx *ctx;
	int fd = open_socket();

	if (fd < 0)
		return NULL;
	close(fd);
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (ctx && (nft_ctx_buffer_output(ctx) || nft_ctx_buffer_error(ctx))) {
		nft_ctx_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static int run(const char *commands, struct dbx_fail *f)
{
	struct nft_ctx *ctx = open_context();
	int rc = 0;

	if (!ctx)
		return dbx_fail_set(f, -EPROTONOSUPPORT, DBX_FAIL_INTERNAL,
				    "paths: this kernel has no nftables, or the daemon may not use "
				    "it (CAP_NET_ADMIN)");
	if (nft_run_cmd_from_buffer(ctx, commands)) {
		const char *text = nft_ctx_get_error_buffer(ctx);
		int n = text ? (int)strcspn(text, "\n") : 0;

		rc = dbx_fail_set(f, -EIO, DBX_FAIL_INTERNAL,
				  "paths: nftables refused table inet " DBX_NFT_TABLE ": %.*s", n,
				  text ? text : "");
	}
	nft_ctx_free(ctx);
	return rc;
}

int dbx_nft_set(const struct dbx_pathset *s, struct dbx_fail *f)
{
	struct dbx_strbuf b;
	int rc;

	dbx_strbuf_init(&b);
	dbx_pathset_nft(s, &b);
	rc = b.err ? dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory") : run(b.s, f);
	dbx_strbuf_fini(&b);
	return rc;
}

int dbx_nft_put_back(const char *listing, struct dbx_fail *f)
{
	static const struct dbx_pathset none;
	struct dbx_strbuf b;
	int rc;

	dbx_strbuf_init(&b);
	dbx_pathset_nft(&none, &b);
	dbx_strbuf_add(&b, listing);
	rc = b.err ? dbx_fail_set(f, -ENOMEM, DBX_FAIL_INTERNAL, "out of memory") : run(b.s, f);
	dbx_strbuf_fini(&b);
	return rc;
}

char *dbx_nft_list(void)
{
	struct nft_ctx *ctx = open_context();
	const char *text;
	char *out = NULL;

	if (!ctx)
		return NULL;
	nft_ctx_output_set_flags(ctx, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL);
	if (!nft_run_cmd_from_buffer(ctx, "list table inet " DBX_NFT_TABLE)) {
		text = nft_ctx_get_output_buffer(ctx);
		out = text ? strdup(text) : NULL;
	}
	nft_ctx_free(ctx);
	return out;
}

/* ---- watching ---- */

int dbx_nft_watch(void)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	int group = NFNLGRP_NFTABLES, fd = open_socket();

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Attribute 1 of every message but that of a generation is the name of a table. */
static bool is_ours(const struct nlmsghdr *h)
{
	const struct nlattr *a;
	size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg));

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || (h->nlmsg_type & 0xff) == NFT_MSG_NEWGEN)
		return false;
	while (at + sizeof(*a) <= h->nlmsg_len) {
		a = (const void *)((const char *)h + at);
		if (a->nla_len < sizeof(*a) || at + a->nla_len > h->nlmsg_len)
			break;
		if ((a->nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME)
			return a->nla_len - sizeof(*a) == sizeof(DBX_NFT_TABLE) &&
			       memcmp(a + 1, DBX_NFT_TABLE, sizeof(DBX_NFT_TABLE)) == 0;
		at += NLA_ALIGN(a->nla_len);
	}
	return false;
}

bool dbx_nft_changed(int fd)
{
	return dbx_nlwatch_read(fd, is_ours);
}
