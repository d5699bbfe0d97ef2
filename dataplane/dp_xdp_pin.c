// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dp_xdp_pin.c -- the directory in bpffs under which program, maps and links outlive the daemon.
 *
  * A pin is replaced by rename(), so a name never points nowhere. Names: prog, map_<name> (map_image
 * is the active image), link_<interface>, and new_<any of these> for a moment; anything else in the
 * directory is not ours and is left alone.
 */
#include "dataplane/dp_xdp.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/dp_util.h"

#define PATH_BYTES 512

static int pin_path(char path[PATH_BYTES], const char *dir, const char *name)
{
	int n = snprintf(path, PATH_BYTES, "%s/%s", dir, name);

	return n < 0 || n >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

int dp_pin_open(const char *dir, struct dbx_dp_error *err)
{
	struct statfs fs;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return dp_fail(err, -errno, "pin directory %s: cannot create it: %s%s", dir,
			       strerror(errno),
			       errno == ENOENT ? "; its parent must exist on a bpf file system"
					       : "");
	if (statfs(dir, &fs))
		return dp_fail(err, -errno, "pin directory %s: %s", dir, strerror(errno));
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC) {
		rmdir(dir); /* only if it is empty */
		return dp_fail(
			err, -EINVAL,
			"pin directory %s: not on a bpf file system; mount one: mount -t bpf bpf /sys/fs/bpf",
			dir);
	}
	return 0;
}

int dp_pin_get(const char *dir, const char *name)
{
	char path[PATH_BYTES];
	int rc = pin_path(path, dir, name);

	return rc ? rc : bpf_obj_get(path);
}

static int new_path(char path[PATH_BYTES], const char *dir, const char *name)
{
	char fresh[80];

	snprintf(fresh, sizeof(fresh), "new_%s", name);
	return pin_path(path, dir, fresh);
}

int dp_pin_new(const char *dir, const char *name, int fd)
{
	char path[PATH_BYTES];
	int rc = new_path(path, dir, name);

	if (rc)
		return rc;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(fd, path);
}

int dp_pin_settle(const char *dir, const char *name)
{
	char path[PATH_BYTES], fresh[PATH_BYTES];
	int rc = pin_path(path, dir, name);

	if (!rc)
		rc = new_path(fresh, dir, name);
	if (rc)
		return rc;
	return rename(fresh, path) ? -errno : 0;
}

int dp_pin_put(const char *dir, const char *name, int fd)
{
	int rc = dp_pin_new(dir, name, fd);

	return rc ? rc : dp_pin_settle(dir, name);
}

int dp_pin_remove(const char *dir, const char *name)
{
	char path[PATH_BYTES];
	int rc = pin_path(path, dir, name);

	if (rc)
		return rc;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* What is pinned beside the program; fd -1 = the program has no such thing. */
struct beside {
	const char *name;
	int fd;
};

#define BESIDE_MAX (DBX_MAP_MAX + DBX_PROG_TC_MAX + 2)

static void list_beside(const struct dp_prog *p, struct beside v[BESIDE_MAX])
{
	static const char *const names[] = {
#define DBX_PROGRAM_MAP(id, name) [DBX_MAP_##id] = "map_" #name,
		DBX_PROGRAM_MAPS(DBX_PROGRAM_MAP)
#undef DBX_PROGRAM_MAP
	};
	int i, n = 0;

	v[n++] = (struct beside){"map_ident", p->ident_fd};
	for (i = 0; i < DBX_MAP_MAX; i++)
		v[n++] = (struct beside){names[i], p->map[i]};
	v[n++] = (struct beside){DP_PIN_NOTE, p->note};
	v[n++] = (struct beside){DP_PIN_TC_IN, p->companion[DBX_PROG_TC_IN]};
	v[n++] = (struct beside){DP_PIN_TC_OUT, p->companion[DBX_PROG_TC_OUT]};
}

int dp_pin_prog(const char *dir, const struct dp_prog *p)
{
	struct beside v[BESIDE_MAX];
	int i, rc = 0;

	list_beside(p, v);
	for (i = 0; i < BESIDE_MAX && !rc; i++)
		rc = v[i].fd < 0 ? 0 : dp_pin_new(dir, v[i].name, v[i].fd);
	if (!rc)
		rc = dp_pin_put(dir, "prog", p->fd);
	for (i = 0; i < BESIDE_MAX && !rc; i++)
		rc = v[i].fd < 0 ? 0 : dp_pin_settle(dir, v[i].name);
	return rc;
}

struct wanted_map {
	uint32_t id;
	int fd;
};

static int try_map(void *arg, const char *dir, const char *name)
{
	struct wanted_map *w = arg;
	struct bpf_map_info info = {0};
	uint32_t n = sizeof(info);
	int fd;

	if (strncmp(name, "map_", 4) && strncmp(name, "new_map_", 8))
		return 0;
	fd = dp_pin_get(dir, name);
	if (fd < 0)
		return 0;
	if (!bpf_obj_get_info_by_fd(fd, &info, &n) && info.id == w->id) {
		w->fd = fd;
		return 1;
	}
	close(fd);
	return 0;
}

int dp_pin_map_by_id(const char *dir, uint32_t id)
{
	struct wanted_map w = {.id = id, .fd = -1};

	dp_pin_each(dir, try_map, &w);
	return w.fd >= 0 ? w.fd : bpf_map_get_fd_by_id(id);
}

static bool is_prog(int fd, uint32_t id)
{
	struct bpf_prog_info info = {0};
	uint32_t n = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &n) && info.id == id;
}

int dp_pin_prog_by_id(const char *dir, const char *name, uint32_t id)
{
	char fresh[64];
	int fd = dp_pin_get(dir, name);

	if (fd >= 0 && is_prog(fd, id))
		return fd;
	if (fd >= 0)
		close(fd);
	snprintf(fresh, sizeof(fresh), "new_%s", name);
	fd = dp_pin_get(dir, fresh);
	if (fd >= 0 && is_prog(fd, id))
		return fd;
	if (fd >= 0)
		close(fd);
	return bpf_prog_get_fd_by_id(id);
}

void dp_pin_link_name(const char *ifname, char name[64])
{
	char *out = stpcpy(name, "link_");
	int i;

	for (i = 0; i < 16 && ifname[i]; i++) {
		if (ifname[i] == '.' || ifname[i] == '%')
			out += sprintf(out, "%%%02x", (unsigned char)ifname[i]);
		else
			*out++ = ifname[i];
	}
	*out = '\0';
}

bool dp_pin_link_ifname(const char *name, char ifname[16])
{
	unsigned int c;
	size_t n = 0;

	if (strncmp(name, "link_", 5))
		return false;
	for (name += 5; *name; name++) {
		if (n == 15)
			return false;
		if (*name == '%' && sscanf(name + 1, "%2x", &c) == 1 && (c == '.' || c == '%')) {
			ifname[n++] = (char)c;
			name += 2;
		} else {
			ifname[n++] = *name;
		}
	}
	ifname[n] = '\0';
	return n > 0;
}

int dp_pin_each(const char *dir, int (*fn)(void *arg, const char *dir, const char *name), void *arg)
{
	struct dirent **v = NULL;
	int i, n, rc = 0;

	n = scandir(dir, &v, NULL, alphasort);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		const char *name = v[i]->d_name;

		if (!rc && (!strcmp(name, "prog") || !strncmp(name, "prog_", 5) ||
			    !strncmp(name, "map_", 4) || !strncmp(name, "link_", 5) ||
			    !strncmp(name, "new_", 4)))
			rc = fn(arg, dir, name);
		free(v[i]);
	}
	free(v);
	return rc;
}
