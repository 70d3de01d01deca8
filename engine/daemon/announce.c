/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/announce.h"

#include "base/clock.h"
#include "conn/describe.h"
#include "policy/reason.h"

void announcer_init(struct announcer *announcer, struct engine *engine,
		    const struct worker *workers, unsigned n_workers)
{
	*announcer = (struct announcer){
		.engine = engine,
		.workers = workers,
		.n_workers = n_workers,
		.started = clock_us(),
		.counted = clock_us(),
	};
}

void announcer_deinit(struct announcer *announcer)
{
	line_deinit(&announcer->line);
}

static bool is_wanted(const struct announcer *announcer, enum event_type type)
{
	return events_are_wanted(announcer->engine->events, type);
}

static void put(struct announcer *announcer, enum event_type type)
{
	events_put_line(announcer->engine->events, type, &announcer->line);
}

void announce_mode(struct announcer *announcer)
{
	const struct status *status = announcer->engine->status;
	enum status_door door = status->door, before = announcer->door;
	enum status_why why = status->why;
	struct line *line = &announcer->line;

	if (door == before && why == announcer->why)
		return;
	announcer->door = door;
	announcer->why = why;
	if (!is_wanted(announcer, EVENT_MODE))
		return;
	line_begin(line, EVENT_MODE, clock_wall_us());
	line_object(line, "mode");
	line_text(line, "door", status_door_text(door));
	line_text(line, "before", status_door_text(before));
	line_text(line, "why", status_why_text(why));
	line_time(line, "since", status->door_since);
	line_number(line, "unjudged", status->unjudged);
	line_object_end(line);
	put(announcer, EVENT_MODE);
}

void announce_reload(struct announcer *announcer, const char *error)
{
	struct line *line = &announcer->line;

	if (!is_wanted(announcer, EVENT_RELOAD))
		return;
	line_begin(line, EVENT_RELOAD, clock_wall_us());
	line_object(line, "reload");
	line_flag(line, "ok", !error);
	line_text(line, "error", error);
	line_object_end(line);
	put(announcer, EVENT_RELOAD);
}

void announce_decision(void *context, const struct entry *entry, bool is_forgotten)
{
	struct engine *engine = context;
	struct line line = { 0 };

	if (!events_are_wanted(engine->events, EVENT_LEARNED) || atomic_load(&engine->is_draining))
		return;
	line_begin(&line, EVENT_LEARNED, clock_wall_us());
	line_text(&line, "what", is_forgotten ? "forgotten" : learn_state_text(entry->state));
	describe_entry(&line, "entry", entry);
	events_put_line(engine->events, EVENT_LEARNED, &line);
	line_deinit(&line);
}

static void describe_connections(struct line *line, const struct announcer *announcer)
{
	uint64_t all = 0;

	line_object(line, "connections");
	line_number(line, "active", atomic_load(&announcer->engine->n_connections));
	for (unsigned fate = 0; fate < WORKER_FATES; fate++) {
		uint64_t n = 0;

		for (unsigned i = 0; i < announcer->n_workers; i++)
			n += announcer->workers[i].n_ended[fate];
		line_number(line, fate_text(fate), n);
		all += n;
	}
	line_number(line, "ended", all);
	line_object_end(line);
}

static void describe_outputs(struct line *line, const struct announcer *announcer)
{
	struct events_count counts[OUTPUTS_MAX];
	unsigned n = events_count(announcer->engine->events, counts, OUTPUTS_MAX);

	line_number(line, "unmade", events_unmade(announcer->engine->events));
	line_list(line, "outputs");
	for (unsigned i = 0; i < n; i++) {
		line_object(line, NULL);
		line_text(line, "name", counts[i].name);
		line_number(line, "delivered", counts[i].delivered);
		line_number(line, "lost", counts[i].lost);
		line_object_end(line);
	}
	line_list_end(line);
}

void announce_stats(struct announcer *announcer, uint64_t interval)
{
	const struct engine *engine = announcer->engine;
	struct line *line = &announcer->line;
	uint64_t now = clock_us();

	if (now < announcer->counted + 1000 * interval)
		return;
	announcer->counted = now;
	if (!is_wanted(announcer, EVENT_STATS))
		return;
	line_begin(line, EVENT_STATS, clock_wall_us());
	line_object(line, "stats");
	line_number(line, "uptime", (now - announcer->started) / 1000000);
	describe_connections(line, announcer);
	line_number(line, "learned", learned_count(engine->learned));
	line_number(line, "unrecorded", engine->status->unrecorded);
	describe_outputs(line, announcer);
	line_object_end(line);
	put(announcer, EVENT_STATS);
}
