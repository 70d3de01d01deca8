/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/frame.h"

#include <string.h>
#include <unistd.h>

#include "web/files.h"
#include "web/health.h"

static const struct {
	const char *path, *name;
} pages[FRAME_N_PAGES] = {
	[FRAME_OVERVIEW] = { "/", "Overview" }, [FRAME_HOSTS] = { "/hosts", "Learned hosts" }
};

void frame_begin(struct text *text, enum frame_page page)
{
	char machine[256] = "";

	(void)gethostname(machine, sizeof(machine) - 1);
	text_put(text, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
		       "<meta name=\"color-scheme\" content=\"light dark\"><title>");
	text_html(text, machine);
	text_add(text, " – postern</title><link rel=\"stylesheet\" href=\"/page.css\">"
		       "<link rel=\"icon\" href=\"data:,\">");
	/* With it, only the numbers are asked for again. */
	if (page == FRAME_OVERVIEW)
		text_put(text, "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"
			       "<script src=\"/page.js\" defer></script>");
	text_put(text, "</head>\n<body><header><h1>postern</h1><p class=\"machine\">");
	text_html(text, machine);
	text_put(text, "</p><nav>");
	for (unsigned i = 0; i < FRAME_N_PAGES; i++)
		text_add(text, "<a href=\"%s\"%s>%s</a>", pages[i].path,
			 i == (unsigned)page ? " aria-current=\"page\"" : "", pages[i].name);
	text_put(text, "<a href=\"/metrics\">Metrics</a></nav></header>\n<main>\n");
}

void frame_end(struct text *text)
{
	text_put(text, "</main>\n<footer>postern " POSTERN_VERSION ". Times are UTC.</footer>"
		       "</body></html>\n");
}

void frame_door(struct text *text, const struct status *status, uint64_t now)
{
	static const char *const meanings[] = {
		[STATUS_DOOR_UNKNOWN] = "new connections: not decided yet",
		[STATUS_DOOR_ARMED] = "each new connection is judged",
		[STATUS_DOOR_OPEN] = "new connections are forwarded without inspection",
		[STATUS_DOOR_CLOSED] = "new connections are dropped",
	};
	char health[HEALTH_WHY_MAX];
	const char *why;
	enum status_door door = status_door_now(status, now, &why);

	text_add(text, "<section class=\"door %s\"><strong>%s</strong> <span>%s",
		 status_door_text(door), status_door_text(door), meanings[door % STATUS_N_DOORS]);
	if (why[0])
		text_add(text, ": %s", why);
	text_add(text, "</span> <span class=\"aside\">since ");
	text_moment(text, status->door_since);
	text_add(text, "; in a failure: %s</span>", status->mode ? "closed" : "open");
	if (!health_is_alive(status, now, health) && strcmp(health, why) != 0)
		text_add(text, "<p class=\"bad\">%s</p>", health);
	text_put(text, "</section>\n");
}

const unsigned char *frame_file(const char *path, size_t *ret_n, const char **ret_type)
{
	static const struct {
		const char *path, *type;
		const unsigned char *bytes;
		size_t n;
	} files[] = {
		{ "/page.css", "text/css; charset=utf-8", page_css, sizeof(page_css) },
		{ "/page.js", "text/javascript; charset=utf-8", page_js, sizeof(page_js) },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(path, files[i].path) != 0)
			continue;
		*ret_n = files[i].n;
		*ret_type = files[i].type;
		return files[i].bytes;
	}
	return NULL;
}
