// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_top.c -- top: what is denied most, on a screen that renews itself, or as text for scripts.
 *
 * On the screen a daemon that does not answer is told in a line, and asked again: it may be restarting.
 */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/out.h"
#include "cli/term.h"
#include "cli/top.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_DEFAULT_S 2
#define INTERVAL_MAX_S     3600
#define LIMIT_DEFAULT      10
#define DENIALS_LIMIT      "4096"
#define KEY_ESCAPE         27

struct run {
	const struct dbx_cli *cli;
	struct dbx_top top;
	struct dbx_top_view view;
	char stats[64], denials[80]; /* what is asked for */
	char clock[16];
	char filter[64], filter_was[64];
	char error[256]; /* of the latest request, "" = none */
	uint64_t interval_s, left;
	bool is_limited, is_paused, is_reversed, is_typing, is_over;
	int line; /* of the screen, while lines are put */
	int code;
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int sig)
{
	(void)sig;
	is_stopped = 1;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- samples ---- */

static void sort(struct run *r)
{
	dbx_top_sort(&r->top, r->view.sort, r->is_reversed);
}

static int take_sample(struct run *r)
{
	json_t *stats = NULL, *denials = NULL, *status = NULL;
	time_t now = time(NULL);
	struct tm tm;
	int code;

	code = dbx_client_get(r->cli, r->stats, "show counters", &stats);
	if (!code)
		code = dbx_client_get(r->cli, r->denials, "show denials", &denials);
	if (!code)
		code = dbx_client_get(r->cli, "/status", "show the status", &status);
	if (!code && dbx_top_take(&r->top, stats, denials, status, now_s()))
		code = dbx_err_memory();
	if (!code) {
		strftime(r->clock, sizeof(r->clock), "%H:%M:%S", localtime_r(&now, &tm));
		sort(r);
	}
	json_decref(stats);
	json_decref(denials);
	json_decref(status);
	return code;
}

/* ---- text ---- */

static void print_line(void *arg, enum dbx_top_style style, const char *line)
{
	(void)arg;
	if (style == DBX_TOP_TITLE)
		putchar('\n');
	if (style == DBX_TOP_HEAD || style == DBX_TOP_TITLE)
		dbx_say_in(stdout, DBX_BOLD, "%s", line);
	else
		dbx_say_in(stdout, DBX_PLAIN, "%s", line);
	if (*line)
		putchar('\n');
}

static int print_sample(struct run *r)
{
	char *text;
	json_t *j;

	if (!dbx_out_is_json()) {
		dbx_top_lines(&r->top, &r->view, print_line, NULL);
		return fflush(stdout) ? DBX_EXIT_REFUSED : DBX_EXIT_DONE;
	}
	/* One line each, ASCII: a terminal that shows it obeys nothing in it. */
	j = dbx_top_json(&r->top, &r->view);
	text = j ? json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	json_decref(j);
	if (!text)
		return dbx_err_memory();
	puts(text);
	free(text);
	return fflush(stdout) ? DBX_EXIT_REFUSED : DBX_EXIT_DONE;
}

/* Until the time has come, or a signal. */
static void wait_until(double at_s)
{
	double left = at_s - now_s();
	struct timespec t;

	while (left > 0 && !is_stopped) {
		t.tv_sec = (time_t)left;
		t.tv_nsec = (long)((left - (double)t.tv_sec) * 1e9);
		if (!nanosleep(&t, NULL))
			return;
		left = at_s - now_s();
	}
}

static int run_batch(struct run *r)
{
	double next_s = now_s();
	int code;

	for (;;) {
		code = take_sample(r);
		if (!code)
			code = print_sample(r);
		if (code || is_stopped || (r->is_limited && !--r->left))
			return code;
		if (!dbx_out_is_json())
			putchar('\n');
		next_s += (double)r->interval_s;
		wait_until(next_s);
		if (is_stopped)
			return code;
	}
}

/* ---- the screen ---- */

static void put_line(void *arg, enum dbx_top_style style, const char *line)
{
	static const chtype looks[] = {
		[DBX_TOP_TEXT] = A_NORMAL,
		[DBX_TOP_HEAD] = A_BOLD,
		[DBX_TOP_TITLE] = A_REVERSE,
		[DBX_TOP_STATE] = A_BOLD | A_UNDERLINE,
	};
	struct run *r = arg;

	attrset((attr_t)looks[style]);
	mvaddstr(r->line++, 0, line);
	attrset(A_NORMAL);
}

static const char *state_of(const struct run *r)
{
	return r->error[0] ? r->error : r->is_paused ? "paused: p goes on" : NULL;
}

static void draw(struct run *r)
{
	static const char help[] = "q quit  p pause  s sort  r reverse  / filter  1-4 one section  "
				   "0 all  arrows scroll  + - interval";
	int columns, lines;

	getmaxyx(stdscr, lines, columns);
	r->view.width = columns > 1 ? (unsigned int)columns : 1;
	r->view.height = lines > 1 ? (unsigned int)lines - 1 : 1;
	r->view.state = state_of(r);
	r->view.interval_s = (double)r->interval_s;
	r->line = 0;
	erase();
	dbx_top_lines(&r->top, &r->view, put_line, r);
	if (r->is_typing)
		mvprintw(lines - 1, 0, "filter: %.*s", columns > 9 ? columns - 9 : 0, r->filter);
	else
		mvaddnstr(lines - 1, 0, help, columns - 1);
	refresh();
}

static void refresh_sample(struct run *r)
{
	dbx_err_hold(r->error, sizeof(r->error));
	if (!take_sample(r))
		r->error[0] = '\0';
	dbx_err_hold(NULL, 0);
	if (r->is_limited && !--r->left)
		r->is_over = true;
}

/* ---- keys ---- */

static void type(struct run *r, int key)
{
	size_t n = strlen(r->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		r->is_typing = false;
	} else if (key == KEY_ESCAPE) {
		r->is_typing = false;
		memcpy(r->filter, r->filter_was, sizeof(r->filter));
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		if (n)
			r->filter[n - 1] = '\0';
	} else if (key > ' ' && key < 127 && n + 1 < sizeof(r->filter)) {
		r->filter[n] = (char)key;
		r->filter[n + 1] = '\0';
	}
	r->view.from = 0;
}

static void zoom(struct run *r, int section)
{
	r->view.zoom = section;
	r->view.from = 0;
}

static void scroll_by(struct run *r, long by)
{
	size_t n = r->view.zoom < 0 ? 0 : r->top.rows[r->view.zoom].n;
	long from = (long)r->view.from + by;

	if (from >= (long)n)
		from = (long)n - 1;
	r->view.from = from > 0 ? (size_t)from : 0;
}

static void press_move(struct run *r, int key)
{
	long page = (long)r->view.height - 5;

	if (key == KEY_UP)
		scroll_by(r, -1);
	else if (key == KEY_DOWN)
		scroll_by(r, 1);
	else if (key == KEY_PPAGE)
		scroll_by(r, -page);
	else if (key == KEY_NPAGE)
		scroll_by(r, page);
	else if (key == KEY_HOME)
		r->view.from = 0;
}

static void press(struct run *r, int key)
{
	if (r->is_typing) {
		type(r, key);
	} else if (key == 'q' || key == 'Q') {
		r->is_over = true;
	} else if (key == 'p' || key == ' ') {
		r->is_paused = !r->is_paused;
	} else if (key == 's') {
		r->view.sort = (enum dbx_top_sort)((r->view.sort + 1) % DBX_TOP_SORTS);
		sort(r);
	} else if (key == 'r') {
		r->is_reversed = !r->is_reversed;
		sort(r);
	} else if (key == '/') {
		memcpy(r->filter_was, r->filter, sizeof(r->filter));
		r->is_typing = true;
	} else if (key >= '0' && key <= '0' + DBX_TOP_SECTIONS) {
		zoom(r, key - '0' - 1);
	} else if (key == '\t') {
		zoom(r, (r->view.zoom + 2) % (DBX_TOP_SECTIONS + 1) - 1);
	} else if (key == '+' && r->interval_s < INTERVAL_MAX_S) {
		r->interval_s++;
	} else if (key == '-' && r->interval_s > 1) {
		r->interval_s--;
	} else {
		press_move(r, key);
	}
}

static void run_screen(struct run *r)
{
	double next_s = now_s() + (double)r->interval_s, left;
	int key;

	while (!r->is_over && !is_stopped) {
		draw(r);
		left = next_s - now_s();
		timeout(r->is_paused || left > 1 ? 1000 : left > 0 ? (int)(left * 1000) + 1 : 0);
		key = getch();
		if (key != ERR && key != KEY_RESIZE)
			press(r, key);
		if (now_s() < next_s || r->is_over)
			continue;
		if (!r->is_paused)
			refresh_sample(r);
		next_s = now_s() + (double)r->interval_s;
	}
}

static int run_curses(struct run *r)
{
	SCREEN *screen;
	int code;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return dbx_cli_usage(r->cli->cmd, "no terminal: --batch or --once print text");
	code = take_sample(r);
	if (code)
		return code;
	/* asked first: newterm() keeps what it had got when it fails */
	screen = dbx_term_is_known() ? newterm(NULL, stdout, stdin) : NULL;
	if (!screen) {
		dbx_err("cannot draw on this terminal (TERM=%s): --batch prints text",
			getenv("TERM") ? getenv("TERM") : "");
		return DBX_EXIT_REFUSED;
	}
	set_escdelay(50);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	if (r->is_limited && !--r->left)
		r->is_over = true;
	run_screen(r);
	endwin();
	delscreen(screen);
	return DBX_EXIT_DONE;
}

/* ---- options ---- */

static int read_options(struct run *r)
{
	const struct dbx_cli *cli = r->cli;
	const char *by = cli->opt[DBX_OPT_SORT], *reason = cli->opt[DBX_OPT_REASON];
	uint64_t workspace = 0, limit = LIMIT_DEFAULT;
	char query[64] = "";

	if (dbx_cli_u64(cli, DBX_OPT_WORKSPACE, INT64_MAX, &workspace) ||
	    dbx_cli_u64(cli, DBX_OPT_COUNT, UINT32_MAX, &r->left) ||
	    dbx_cli_u64(cli, DBX_OPT_INTERVAL, INTERVAL_MAX_S, &r->interval_s) ||
	    dbx_cli_u64(cli, DBX_OPT_LIMIT, UINT32_MAX, &limit) ||
	    (reason && dbx_cli_check_reason(cli, reason)))
		return DBX_EXIT_USAGE;
	if (dbx_cli_has(cli, DBX_OPT_ONCE))
		r->left = 1;
	r->is_limited = dbx_cli_has(cli, DBX_OPT_ONCE) || dbx_cli_has(cli, DBX_OPT_COUNT);
	if (r->is_limited && !r->left)
		return dbx_cli_usage(cli->cmd, "--count 0: not a number of 1 or more");
	if (!r->interval_s)
		return dbx_cli_usage(cli->cmd, "--interval 0: not a number of 1-%d",
				     INTERVAL_MAX_S);
	if (by && !dbx_top_sort_find(by, &r->view.sort))
		return dbx_cli_usage(cli->cmd, "--sort '%s': not rate, denied, passed, bytes, name",
				     by);
	if (cli->opt[DBX_OPT_FILTER])
		snprintf(r->filter, sizeof(r->filter), "%s", cli->opt[DBX_OPT_FILTER]);
	r->view.limit = limit;
	if (dbx_cli_has(cli, DBX_OPT_WORKSPACE))
		snprintf(query, sizeof(query), "&workspace=%s", cli->opt[DBX_OPT_WORKSPACE]);
	snprintf(r->stats, sizeof(r->stats), "/stats?%s%s%s", query, reason ? "&reason=" : "",
		 reason ? reason : "");
	snprintf(r->denials, sizeof(r->denials), "/denials?limit=" DENIALS_LIMIT "%s%s%s", query,
		 reason ? "&reason=" : "", reason ? reason : "");
	return 0;
}

int dbx_cmd_top(const struct dbx_cli *cli)
{
	const struct sigaction sa = {.sa_handler = on_signal};
	struct run r = {
		.cli = cli,
		.interval_s = INTERVAL_DEFAULT_S,
		.view = {.zoom = -1, .interval_s = INTERVAL_DEFAULT_S},
	};
	int code;

	dbx_top_init(&r.top);
	r.view.clock = r.clock;
	r.view.filter = r.filter;
	code = read_options(&r);
	if (code)
		return code;
	r.view.interval_s = (double)r.interval_s;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (dbx_cli_has(cli, DBX_OPT_BATCH) || dbx_cli_has(cli, DBX_OPT_ONCE) ||
	    dbx_out_is_json()) {
		code = run_batch(&r);
	} else {
		r.view.limit = 0; /* as many as there is room for */
		code = run_curses(&r);
	}
	dbx_top_fini(&r.top);
	return code;
}
