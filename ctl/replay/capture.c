// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * capture.c -- reads captures (pcap, pcapng, either of them gzipped) packet by packet, as Ethernet.
 *
 * libpcap reads the formats, zlib unpacks in front of it. The link types that are read are a table:
 * how long each one's own header is, and where it says which protocol follows.
 */
#include "replay/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef DBX_HAVE_PCAP

#include <pcap/pcap.h>
#include <zlib.h>

#define ETHER_BYTES 14
#define TYPE_IPV4   0x0800
#define TYPE_IPV6   0x86dd
#define FRAME_MAX   (262144 + ETHER_BYTES) /* libpcap's own limit of a packet */

/* Length of the link's header, and *type: the ethertype behind it, 0 = nothing that is judged. */
typedef size_t (*link_fn)(const uint8_t *p, size_t n, uint16_t *type);

struct dbx_capture {
	pcap_t *pcap;
	gzFile gz;     /* of what pcap reads */
	char why[128]; /* "" = gz has no complaint */
	link_fn link;  /* NULL: Ethernet */
	uint64_t n_packets;
	uint8_t frame[FRAME_MAX];
};

static uint16_t type_of_version(const uint8_t *p, size_t n)
{
	if (!n)
		return 0;
	return p[0] >> 4 == 4 ? TYPE_IPV4 : p[0] >> 4 == 6 ? TYPE_IPV6 : 0;
}

static size_t link_raw(const uint8_t *p, size_t n, uint16_t *type)
{
	*type = type_of_version(p, n);
	return 0;
}

/* An address family in the byte order of who captured: only small numbers, so either order tells. */
static size_t link_null(const uint8_t *p, size_t n, uint16_t *type)
{
	uint8_t family = n < 4 ? 0 : p[0] ? p[0] : p[3];

	/* 24, 28, 30: AF_INET6 of the BSDs and of macOS */
	*type = family == 2                                                    ? TYPE_IPV4
		: family == 10 || family == 24 || family == 28 || family == 30 ? TYPE_IPV6
									       : 0;
	return n < 4 ? n : 4;
}

/* RFC 1661, RFC 1662: with or without address and control, protocol in one octet or two. */
static size_t link_ppp(const uint8_t *p, size_t n, uint16_t *type)
{
	size_t at = n >= 2 && p[0] == 0xff && p[1] == 0x03 ? 2 : 0;
	uint16_t proto = 0;

	if (at < n && (p[at] & 1))
		proto = p[at++];
	else if (at + 2 <= n) {
		proto = (uint16_t)(p[at] << 8 | p[at + 1]);
		at += 2;
	}
	*type = proto == 0x0021 ? TYPE_IPV4 : proto == 0x0057 ? TYPE_IPV6 : 0;
	return at;
}

static size_t link_sll(const uint8_t *p, size_t n, uint16_t *type)
{
	*type = n < 16 ? 0 : (uint16_t)(p[14] << 8 | p[15]);
	return n < 16 ? n : 16;
}

static size_t link_sll2(const uint8_t *p, size_t n, uint16_t *type)
{
	*type = n < 20 ? 0 : (uint16_t)(p[0] << 8 | p[1]);
	return n < 20 ? n : 20;
}

static const struct {
	int dlt;
	link_fn link;
} links[] = {
	{DLT_EN10MB, NULL},
	{DLT_RAW, link_raw},
	{DLT_IPV4, link_raw},
	{DLT_IPV6, link_raw},
	{101 /* LINKTYPE_RAW */, link_raw},
	{14 /* of OpenBSD */, link_raw},
	{DLT_NULL, link_null},
	{DLT_LOOP, link_null},
	{DLT_PPP, link_ppp},
	{DLT_PPP_SERIAL, link_ppp},
	{DLT_LINUX_SLL, link_sll},
	{DLT_LINUX_SLL2, link_sll2},
};

/* ---- opening ---- */

/* zlib reads a stream that ends early to its last byte, and says so only when it is asked. */
static ssize_t gz_read(void *cookie, char *buf, size_t n)
{
	struct dbx_capture *c = cookie;
	int got = gzread(c->gz, buf, n > 1u << 20 ? 1u << 20 : (unsigned int)n), code;
	const char *why;

	if (got > 0)
		return got;
	why = gzerror(c->gz, &code);
	if (code == Z_OK || code == Z_STREAM_END)
		return got;
	if (code == Z_ERRNO)
		return -1;
	if (strstr(why, ": "))
		why = strstr(why, ": ") + 2; /* behind the descriptor's number */
	snprintf(c->why, sizeof(c->why), "gzip: %.100s",
		 code == Z_BUF_ERROR ? "the stream ends before its end" : why);
	errno = EBADMSG;
	return -1;
}

static int gz_close(void *cookie)
{
	struct dbx_capture *c = cookie;

	return gzclose(c->gz) == Z_OK ? 0 : -1;
}

static int refuse(struct dbx_capture_error *err, int rc, const char *path, const char *why)
{
	snprintf(err->text, sizeof(err->text), "cannot read the capture %.200s: %.200s", path, why);
	return rc;
}

static int open_file(struct dbx_capture *c, const char *path, FILE **out,
		     struct dbx_capture_error *err)
{
	const cookie_io_functions_t io = {.read = gz_read, .close = gz_close};
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO), rc;

	if (fd < 0)
		return refuse(err, -errno, path, strerror(errno));
	c->gz = gzdopen(fd, "rb");
	if (!c->gz) {
		close(fd);
		return refuse(err, -ENOMEM, path, "out of memory");
	}
	gzbuffer(c->gz, 256 * 1024);
	*out = fopencookie(c, "r", io);
	if (*out) {
		__fsetlocking(*out, FSETLOCKING_BYCALLER); /* two reads a packet, by one thread */
		return 0;
	}
	rc = -errno;
	gzclose(c->gz);
	return refuse(err, rc, path, strerror(-rc));
}

static int find_link(struct dbx_capture *c, const char *path, struct dbx_capture_error *err)
{
	int dlt = pcap_datalink(c->pcap);
	const char *name = pcap_datalink_val_to_name(dlt);
	char text[160];

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (links[i].dlt == dlt) {
			c->link = links[i].link;
			return 0;
		}
	}
	snprintf(text, sizeof(text),
		 "its link type is %s (%d); Ethernet, raw IP, null, loop, PPP and Linux cooked "
		 "captures are read",
		 name ? name : "not known", dlt);
	return refuse(err, -EINVAL, path, text);
}

int dbx_capture_open(struct dbx_capture **out, const char *path, struct dbx_capture_error *err)
{
	struct dbx_capture *c = calloc(1, sizeof(*c));
	char why[PCAP_ERRBUF_SIZE] = "";
	FILE *f;
	int rc;

	if (!c)
		return refuse(err, -ENOMEM, path, "out of memory");
	rc = open_file(c, path, &f, err);
	if (!rc) {
		c->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO,
								   why);
		if (!c->pcap) {
			fclose(f);
			rc = refuse(err, -EINVAL, path, c->why[0] ? c->why : why);
		}
	}
	if (!rc)
		rc = find_link(c, path, err);
	if (rc)
		dbx_capture_close(&c);
	else
		*out = c;
	return rc;
}

void dbx_capture_close(struct dbx_capture **c)
{
	if (!*c)
		return;
	if ((*c)->pcap)
		pcap_close((*c)->pcap);
	free(*c);
	*c = NULL;
}

const char *dbx_capture_link_name(const struct dbx_capture *c)
{
	const char *name = pcap_datalink_val_to_name(pcap_datalink(c->pcap));

	return name ? name : "?";
}

/* ---- packets ---- */

/* The packet with an Ethernet header of ours. */
static void make_frame(struct dbx_capture *c, const uint8_t *data, size_t n, size_t n_wire,
		       struct dbx_captured *p)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint16_t type;
	size_t own = c->link(data, n, &type), left = n - own;

	p->is_made = true;
	p->is_foreign = !type;
	memcpy(c->frame, macs, sizeof(macs));
	c->frame[12] = (uint8_t)(type >> 8);
	c->frame[13] = (uint8_t)type;
	if (left > FRAME_MAX - ETHER_BYTES)
		left = FRAME_MAX - ETHER_BYTES;
	memcpy(c->frame + ETHER_BYTES, data + own, left);
	p->frame = c->frame;
	p->n_bytes = ETHER_BYTES + left;
	p->n_wire_bytes = ETHER_BYTES + (n_wire > own ? n_wire - own : 0);
}

int dbx_capture_next(struct dbx_capture *c, struct dbx_captured *p, struct dbx_capture_error *err)
{
	struct pcap_pkthdr *h;
	const u_char *data;
	int rc = pcap_next_ex(c->pcap, &h, &data);

	if (rc == PCAP_ERROR_BREAK)
		return 0;
	if (rc != 1) {
		snprintf(err->text, sizeof(err->text), "packet %llu: %.400s",
			 (unsigned long long)c->n_packets + 1,
			 c->why[0] ? c->why : pcap_geterr(c->pcap));
		return -EINVAL;
	}
	if (!h->caplen && !h->len && !h->ts.tv_sec && !h->ts.tv_usec) {
		/* what is read where a file has a hole: 16 zeros a packet, for gigabytes */
		snprintf(err->text, sizeof(err->text),
			 "packet %llu: nothing but zeros where its length and time should be",
			 (unsigned long long)c->n_packets + 1);
		return -EINVAL;
	}
	*p = (struct dbx_captured){
		.number = ++c->n_packets,
		.time_ns = (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec,
		.frame = data,
		.n_bytes = h->caplen,
		.n_wire_bytes = h->len > h->caplen ? h->len : h->caplen,
	};
	if (c->link)
		make_frame(c, data, h->caplen, p->n_wire_bytes, p);
	return 1;
}

#else /* built without libpcap */

int dbx_capture_open(struct dbx_capture **out, const char *path, struct dbx_capture_error *err)
{
	(void)out;
	snprintf(err->text, sizeof(err->text),
		 "cannot read the capture %.200s: this program was built without libpcap", path);
	return -ENOTSUP;
}

void dbx_capture_close(struct dbx_capture **c)
{
	*c = NULL;
}

const char *dbx_capture_link_name(const struct dbx_capture *c)
{
	(void)c;
	return "?";
}

int dbx_capture_next(struct dbx_capture *c, struct dbx_captured *p, struct dbx_capture_error *err)
{
	(void)c;
	(void)p;
	(void)err;
	return 0;
}

#endif
