// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * main.c -- dbx-egressd: options, the lock on the state directory, and the order of start and end.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/dns_route.h"
#include "daemon/loop.h"
#include "daemon/options.h"
#include "daemon/paths.h"
#include "daemon/server.h"

#define OBJECT_NAME "egress_xdp.bpf.o"

/* --object, else the one that was built beside this program, else the installed one. */
static const char *find_object(const char *given, char buf[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n;

	if (given)
		return given;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		if (snprintf(buf, PATH_MAX, "%s/" OBJECT_NAME, dirname(self)) < PATH_MAX &&
		    access(buf, R_OK) == 0)
			return buf;
	}
	return DBX_LIBDIR "/" OBJECT_NAME;
}

/* Makes the directories that lead to path. */
static int make_parents(const char *path)
{
	char buf[PATH_MAX], *p;

	if (snprintf(buf, sizeof(buf), "%s", path) >= (int)sizeof(buf))
		return -ENAMETOOLONG;
	for (p = strchr(buf + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(buf, 0755) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

/* The socket's directory is for all to pass, the state's for us alone, as are all files from here. */
static int prepare_dirs(const struct dbx_options *o, struct dbx_fail *f)
{
	const char *what = o->socket;
	int rc;

	umask(022);
	rc = make_parents(what);
	if (!rc) {
		what = o->state_dir;
		rc = make_parents(what);
	}
	if (!rc && mkdir(what, 0700) && errno != EEXIST)
		rc = -errno;
	umask(077);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "making the directories of %s: %s",
				    what, strerror(-rc));
	return 0;
}

/* Held until the process ends, however it ends. */
static int lock_state(const char *dir, struct dbx_fail *f)
{
	char path[PATH_MAX];
	int fd, rc;

	if (snprintf(path, sizeof(path), "%s/lock", dir) >= (int)sizeof(path))
		return dbx_fail_set(f, -ENAMETOOLONG, DBX_FAIL_INTERNAL, "--state-dir is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		rc = -errno;
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "opening %s: %s", path,
				    strerror(-rc));
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return dbx_fail_set(f, -EBUSY, DBX_FAIL_INTERNAL,
				    "another daemon uses %s; stop it, or give this one another "
				    "--state-dir",
				    dir);
	}
	return 0;
}

/*
 * Another daemon with another state directory must not work on the same maps either. A directory
 * that is not there yet is locked once the driver has made it.
 */
static int lock_pins(const char *dir, int *fd, struct dbx_fail *f)
{
	int rc;

	if (*fd >= 0)
		return 0;
	*fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0) {
		rc = -errno;
		return rc == -ENOENT ? 0
				     : dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "opening %s: %s", dir,
						    strerror(-rc));
	}
	if (flock(*fd, LOCK_EX | LOCK_NB))
		return dbx_fail_set(f, -EBUSY, DBX_FAIL_INTERNAL,
				    "another daemon uses %s; stop it, or give this one another "
				    "--pin-dir",
				    dir);
	return 0;
}

static int uninstall(const struct dbx_options *o, const struct dbx_dp_opts *dp, struct dbx_fail *f)
{
	struct dbx_dp_error e = {""};
	int fd = -1, rc;

	rc = lock_pins(o->pin_dir, &fd, f);
	if (rc)
		return rc;
	rc = o->dp->uninstall(dp, &e);
	if (rc)
		return dbx_fail_set(f, rc, DBX_FAIL_INTERNAL, "uninstall: %s", e.text);
	rc = dbx_dns_route_remove(f);
	if (!rc && o->dp != &dbx_dp_mem)
		rc = dbx_paths_uninstall(f);
	if (rc)
		return rc;
	dbx_log_info("nothing of %s is left: enforcement has ended", dp->pin_dir);
	return 0;
}

static int serve(const struct dbx_options *o, const struct dbx_dp_opts *dp, struct dbx_fail *f)
{
	struct dbx_daemon d = {
		.started_ms = dbx_monotonic_ms(),
		.interfaces = o->interfaces,
		.n_interfaces = o->n_interfaces,
	};
	struct dbx_core_opts core = {
		.ops = o->dp,
		.dp = *dp,
		.paths = o->dp != &dbx_dp_mem ? &dbx_paths_kernel : NULL,
	};
	char path[PATH_MAX], records[PATH_MAX];
	int rc, fd = -1;

	if (snprintf(path, sizeof(path), "%s/state.db", o->state_dir) >= (int)sizeof(path) ||
	    snprintf(records, sizeof(records), "%s/records.db", o->state_dir) >=
		    (int)sizeof(records))
		return dbx_fail_set(f, -ENAMETOOLONG, DBX_FAIL_INTERNAL, "--state-dir is too long");
	core.state_path = path;
	d.records_path = records;
	/* What can be refused is refused before the data plane is touched. */
	rc = dbx_server_may_listen(o->socket, f);
	if (!rc)
		rc = lock_pins(o->pin_dir, &fd, f);
	if (!rc)
		rc = dbx_core_open(&d.core, &core, f);
	if (rc)
		return rc;
	rc = lock_pins(o->pin_dir, &fd, f);
	if (!rc)
		rc = dbx_loop_run(&d, o->socket, f);
	dbx_core_close(&d.core);
	return rc;
}

int main(int argc, char **argv)
{
	char object[PATH_MAX];
	struct dbx_dp_opts dp = {0};
	struct dbx_options o;
	struct dbx_fail f;
	int rc;

	rc = dbx_options_parse(&o, argc, argv);
	if (rc >= 0)
		return rc;
	dbx_log_init(o.log_level);
	dp.object_path = find_object(o.object, object);
	dp.pin_dir = o.pin_dir;
	dp.socket_path = o.dpdk_socket;
	rc = prepare_dirs(&o, &f);
	if (!rc)
		rc = lock_state(o.state_dir, &f);
	if (!rc)
		rc = o.uninstall ? uninstall(&o, &dp, &f) : serve(&o, &dp, &f);
	if (rc)
		dbx_log_error("%s", f.text);
	return rc ? 1 : 0;
}
