/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * controlcase.h -- a client of the control socket of dbx-egress-dpdk for a test: it may say anything.
 */
#ifndef DBX_TESTS_CONTROLCASE_H
#define DBX_TESTS_CONTROLCASE_H

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dbx/image.h"
#include "dbx/wire_dpdk.h"

#define CONTROLCASE_WAIT_MS 20000

static char controlcase_path[64];

static uint8_t in[DBX_WIRE_MAX], out[DBX_WIRE_MAX];
static struct dbx_wire_head *const sent = (struct dbx_wire_head *)out;
static const struct dbx_wire_head *const got = (const struct dbx_wire_head *)in;
static const void *const answer = in + sizeof(struct dbx_wire_head);
static int got_fd;

static inline int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(a.sun_path, controlcase_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static inline void send_raw(int to, size_t n, int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = {{0}};
	struct iovec v = {out, n};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = u.room;
		m.msg_controllen = sizeof(u.room);
		u.h.cmsg_level = SOL_SOCKET;
		u.h.cmsg_type = SCM_RIGHTS;
		u.h.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	}
	sendmsg(to, &m, MSG_NOSIGNAL); /* the server may have ended it */
}

/* Bytes of the next message; 0: the server has ended the connection. */
static inline size_t await(int from)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = {{0}};
	struct iovec v = {in, sizeof(in)};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = u.room,
			   .msg_controllen = sizeof(u.room)};
	struct pollfd p = {.fd = from, .events = POLLIN};
	ssize_t n;

	assert_int_equal(poll(&p, 1, CONTROLCASE_WAIT_MS), 1);
	n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
	got_fd = -1;
	if (n > 0 && m.msg_controllen)
		memcpy(&got_fd, CMSG_DATA(&u.h), sizeof(got_fd));
	return n < 0 ? 0 : (size_t)n;
}

static inline void head_of(uint16_t type, const void *body, size_t n)
{
	*sent = (struct dbx_wire_head){.magic = DBX_WIRE_MAGIC,
				       .version = DBX_WIRE_VERSION,
				       .type = type,
				       .n_bytes = (uint32_t)(sizeof(*sent) + n),
				       .seq = 77};
	if (n)
		memcpy(sent + 1, body, n);
}

static inline int ask_with(int fd, uint16_t type, const void *body, size_t n, int file)
{
	size_t k;

	head_of(type, body, n);
	send_raw(fd, sizeof(*sent) + n, file);
	k = await(fd);
	assert_true(k >= sizeof(*got));
	assert_int_equal(got->magic, DBX_WIRE_MAGIC);
	assert_int_equal(got->type, type | DBX_WIRE_ANSWER);
	assert_int_equal(got->seq, 77);
	assert_int_equal(got->n_bytes, k);
	if (got->rc && k > sizeof(*got)) {
		assert_true(k <= sizeof(*got) + DBX_WIRE_TEXT);
		assert_int_equal(in[k - 1], 0);
	}
	return got->rc;
}

static inline int ask(int fd, uint16_t type, const void *body, size_t n)
{
	return ask_with(fd, type, body, n, -1);
}

static inline int greet(uint32_t role)
{
	struct dbx_wire_hello h = {.abi = DBX_ABI_VERSION, .role = role};
	int fd = dial();

	assert_int_equal(ask(fd, DBX_WIRE_HELLO, &h, sizeof(h)), 0);
	return fd;
}

/* ---- images ---- */

static inline int memfd_of(const void *data, size_t n, int seals)
{
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), (ssize_t)n);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static inline int send_image(int fd, const void *image, size_t n, int seals)
{
	const struct dbx_image_header *hdr = image;
	struct dbx_wire_image w = {n, hdr->generation, hdr->content_hash, hdr->checksum, 0};
	int file = memfd_of(image, n, seals),
	    rc = ask_with(fd, DBX_WIRE_IMAGE, &w, sizeof(w), file);

	close(file);
	return rc;
}

static inline int commit(int fd, uint64_t generation)
{
	struct dbx_wire_generation g = {generation};

	return ask(fd, DBX_WIRE_COMMIT, &g, sizeof(g));
}

#endif
