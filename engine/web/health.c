/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/health.h"

#include <stdio.h>

static bool because(char why[HEALTH_WHY_MAX], const char *text)
{
	snprintf(why, HEALTH_WHY_MAX, "%s", text);
	return false;
}

static bool are_workers_alive(const struct status *status, uint64_t now, char why[HEALTH_WHY_MAX])
{
	uint32_t n = status->n_workers;

	if (status_is_alive(status, now))
		return true;
	if (status->engine == 0)
		return because(why, "the engine is gone");
	if (n == 0 || n > STATUS_WORKERS)
		return because(why, "the engine is not ready yet");
	for (uint32_t i = 0; i < n; i++) {
		uint64_t beat = status->beat[i];

		if (beat != 0 && now <= beat + STATUS_STALE_MS)
			continue;
		if (beat == 0)
			snprintf(why, HEALTH_WHY_MAX, "worker %u cannot accept", i);
		else
			snprintf(why, HEALTH_WHY_MAX, "worker %u has not answered for %.1f s", i,
				 (double)(now - beat) / 1000);
		return false;
	}
	return because(why, "the engine has just come back");
}

bool health_is_alive(const struct status *status, uint64_t now, char why[HEALTH_WHY_MAX])
{
	uint64_t gate_beat = status->gate_beat;

	why[0] = '\0';
	if (!status_is_running(status->supervisor))
		return because(why, "posternd is not running");
	if (now > status->supervisor_beat + STATUS_PATIENCE_MS)
		return because(why, "the supervisor does not answer");
	if (!are_workers_alive(status, now, why))
		return false;
	if (status->certgen == 0)
		return because(why, "certgen is gone");
	if (status->gate == 0 || gate_beat == 0 || now > gate_beat + STATUS_STALE_MS)
		return because(why, "the gate does not answer");
	return true;
}

bool health_is_ready(const struct status *status, uint64_t now, char why[HEALTH_WHY_MAX])
{
	enum status_door door;
	const char *reason;

	if (!health_is_alive(status, now, why))
		return false;
	door = status_door_now(status, now, &reason);
	if (door == STATUS_DOOR_ARMED)
		return true;
	snprintf(why, HEALTH_WHY_MAX, "the door is %s: %s", status_door_text(door), reason);
	return false;
}
