// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * uuid.c -- random UUIDs (RFC 4122 version 4) for objects that the server names.
 */
#include "daemon/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

int dbx_uuid(char out[DBX_UUID_SIZE])
{
	unsigned char b[16];
	int i, n = 0;

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	for (i = 0; i < 16; i++)
		n += snprintf(out + n, (size_t)(DBX_UUID_SIZE - n), "%s%02x",
			      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	return 0;
}
