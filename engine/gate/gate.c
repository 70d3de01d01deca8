/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thread, one poll(): packets from the kernel's two queues, what engines tell, signals, and
 * twice a second the door. Because the same loop answers packets and refreshes the door, it cannot
 * be held armed by a gate that hangs, nor for an engine that does: the flags in the kernel live for
 * three seconds (SETS_LIFE_MS), and nobody else raises them.
 *
 * 4430  the SYN of a connection to an unknown address: pass or intercept, by what the rules say of
 *       its ends alone; if it is the same for every client, the address joins a set, and the next
 *       SYN does not come here
 * 4431  QUIC by host: flows.c
 */
#include "gate/gate.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/alerts.h"
#include "base/clock.h"
#include "base/log.h"
#include "gate/door.h"
#include "gate/flows.h"
#include "net/device.h"
#include "net/packet.h"
#include "net/queue.h"
#include "net/sets.h"
#include "net/told.h"
#include "policy/load.h"

enum {
	TICK_MS = 500,
	BATCH = 256, /* packets of one queue before the others have their turn */
};

enum { QUEUE_SYN, QUEUE_QUIC, N_QUEUES };
enum { KIND_IPSET, KIND_NFTABLES, N_KINDS };

struct gate {
	struct config *config;
	const char *path;
	struct status *status;
	struct metrics *metrics;
	int engine, control, signals;

	struct sets sets[N_KINDS];
	bool has_sets[N_KINDS];
	bool is_new[N_KINDS]; /* found just now: their flags may be any */
	struct queue queues[N_QUEUES];
	bool is_queue_complained;
	struct flows *flows;

	struct door_facts facts;
	struct door door;
	unsigned raised; /* flags, as of the last tick */
	bool must_flush;
	uint64_t unjudged_at_failure;
};

/* --- the kernel's sets --- */

static void remember(struct gate *gate, bool is_pass, const union addr *server, uint32_t seconds)
{
	for (unsigned i = 0; i < N_KINDS; i++) {
		int r = gate->has_sets[i] ? sets_add(&gate->sets[i], is_pass, server, seconds) : 0;

		if (r < 0) /* full, or just unloaded: the queue goes on asking */
			log_debug("%s: cannot add an address: %s", sets_name(&gate->sets[i]),
				  strerror(-r));
	}
}

/* postern-rules makes the sets and takes them away, at any time. */
static void look_for_sets(struct gate *gate)
{
	uint64_t n;

	for (unsigned i = 0; i < N_KINDS; i++) {
		if (gate->has_sets[i])
			continue;
		gate->has_sets[i] = sets_unjudged(&gate->sets[i], &n) == 0;
		gate->is_new[i] = gate->has_sets[i];
	}
	gate->facts.has_rules = gate->has_sets[KIND_IPSET] || gate->has_sets[KIND_NFTABLES];
	gate->status->has_iptables = gate->has_sets[KIND_IPSET];
	gate->status->has_nftables = gate->has_sets[KIND_NFTABLES];
}

static void set_flags(struct gate *gate, unsigned on)
{
	const unsigned all = (1U << SETS_N_FLAGS) - 1;

	for (unsigned i = 0; i < N_KINDS; i++) {
		/* postern-rules writes the mode, too. */
		unsigned stale = gate->is_new[i] || on != gate->raised ? all : 1U << SETS_CLOSED;
		int r = gate->has_sets[i] ? sets_set_flags(&gate->sets[i], on, stale & ~on) : 0;

		if (r == 0 && gate->has_sets[i] && gate->must_flush)
			r = sets_flush(&gate->sets[i]);
		if (r < 0 && r != -ENOENT)
			log_error("%s: cannot refresh the sets: %s", sets_name(&gate->sets[i]),
				  strerror(-r));
		gate->has_sets[i] = gate->has_sets[i] && r == 0;
		gate->is_new[i] = false;
	}
	gate->raised = on;
	gate->must_flush = false;
}

static void count_unjudged(struct gate *gate)
{
	struct status *status = gate->status;
	uint64_t sum = 0, n;

	for (unsigned i = 0; i < N_KINDS; i++) {
		n = 0;
		if (gate->has_sets[i] && sets_unjudged(&gate->sets[i], &n) == 0)
			sum += n;
	}
	if (sum < gate->unjudged_at_failure) /* the rules were loaded anew */
		gate->unjudged_at_failure = 0;
	status->unjudged = sum;
	if (status->failed_from != 0 && status->failed_until == 0)
		status->failed_unjudged = sum - gate->unjudged_at_failure;
}

/* --- packets --- */

static void judge_syn(struct gate *gate, const struct queued *queued)
{
	const struct config *config = gate->config;
	struct foresight foresight = { 0 };
	struct packet packet;
	bool is_known = packet_parse(queued->bytes, queued->n, &packet) == 0;
	bool is_pass;

	if (is_known)
		foresight = ruleset_foresee(config->rules, &packet.client, &packet.server);
	is_pass = foresight.is_certain && foresight.action == ACTION_PASS;
	(void)queue_accept(&gate->queues[QUEUE_SYN], queued->id,
			   queued->mark | (is_pass ? QUEUE_MARK_PASS : QUEUE_MARK_INTERCEPT));
	if (is_pass)
		gate->status->judged_pass++;
	else
		gate->status->judged_intercept++;
	if (is_known && foresight.holds_for_all_clients)
		remember(gate, is_pass, &packet.server, (uint32_t)(config->gate.cache / 1000));
}

static void answer_quic(void *context, const struct flows_packet *packet, bool is_pass)
{
	struct gate *gate = context;

	(void)queue_accept(&gate->queues[QUEUE_QUIC], packet->id,
			   packet->mark | (is_pass ? QUEUE_MARK_PASS : QUEUE_MARK_INTERCEPT));
	if (is_pass)
		gate->status->quic_pass++;
	else
		gate->status->quic_reject++;
}

static void judge_quic(struct gate *gate, const struct queued *queued)
{
	struct flows_packet waiting = { .id = queued->id, .mark = queued->mark };
	struct packet packet;

	if (packet_parse(queued->bytes, queued->n, &packet) < 0 || packet.protocol != IPPROTO_UDP)
		answer_quic(gate, &waiting, false);
	else
		flows_take(gate->flows, gate->config->rules, &packet, waiting, clock_us() / 1000);
}

static void serve(struct gate *gate, unsigned number)
{
	struct queued queued;
	int r = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		r = queue_next(&gate->queues[number], &queued);
		if (r <= 0)
			break;
		if (number == QUEUE_SYN)
			judge_syn(gate, &queued);
		else
			judge_quic(gate, &queued);
	}
	if (r < 0) {
		log_error("queue %u: %s", gate->queues[number].number, strerror(-r));
		queue_close(&gate->queues[number]);
	}
}

/* --- what the door takes --- */

static void open_queues(struct gate *gate)
{
	static const unsigned lengths[] = { 256, 4096 }; /* of QUIC, many wait on purpose */
	static const unsigned copied[] = { 128, 4096 };
	bool overflows_open = gate->config->on_failure == ON_FAILURE_OPEN;
	int r = 0;

	for (unsigned i = 0; i < N_QUEUES && r == 0; i++) {
		if (queue_fd(&gate->queues[i]) < 0)
			r = queue_open(&gate->queues[i], (uint16_t)(gate->config->gate.queue + i),
				       lengths[i], overflows_open, copied[i]);
	}
	gate->facts.has_queue = r == 0;
	if (r < 0 && !gate->is_queue_complained)
		log_error("NFQUEUE %u to %u: %s; trying on", gate->config->gate.queue,
			  gate->config->gate.queue + N_QUEUES - 1, strerror(-r));
	gate->is_queue_complained = r < 0;
}

static void close_queues(struct gate *gate)
{
	flows_clear(gate->flows); /* answers what waits */
	for (unsigned i = 0; i < N_QUEUES; i++)
		queue_close(&gate->queues[i]);
}

/*
 * The pair of devices by which the rules bring SYNs back from behind FORWARD. postern-rules makes
 * them, if the kernel can do that, and takes them away, at any time.
 */
static void look_for_devices(struct gate *gate)
{
	gate->status->forwards_first = gate->config->gate.forward_rules == FORWARD_RULES_HONOUR &&
				       device_is_up("postern0") && device_is_up("postern1");
}

/* --- the door --- */

/* `is_first`: nothing was decided yet; an older gate may have left a failure that goes on. */
static void note_failure(struct gate *gate, bool is_first)
{
	struct status *status = gate->status;
	bool goes_on = is_first && status->failed_from != 0 && status->failed_until == 0;

	if (!goes_on)
		status->failed_from = clock_wall_us();
	status->failed_until = 0;
	status->failed_why = gate->door.why;
	status->failed_unjudged = 0;
	gate->unjudged_at_failure = status->unjudged;
	if (!is_first)
		alert_add(gate->metrics,
			  gate->door.state == STATUS_DOOR_OPEN ? METRICS_ALERT_DOOR_OPEN
							       : METRICS_ALERT_DOOR_CLOSED,
			  "%s", status_why_text(gate->door.why));
	log_warning("%s, new connections are %s: %s",
		    gate->door.state == STATUS_DOOR_OPEN ? "open" : "closed",
		    gate->door.state == STATUS_DOOR_OPEN ? "forwarded without inspection"
							 : "dropped",
		    status_why_text(gate->door.why));
}

static void note_end_of_failure(struct gate *gate)
{
	struct status *status = gate->status;
	double seconds;

	count_unjudged(gate);
	if (status->failed_from == 0 || status->failed_until != 0) {
		log_info("armed: new connections are judged");
		return;
	}
	status->failed_until = clock_wall_us();
	seconds = (double)(status->failed_until - status->failed_from) / 1e6;
	log_info("armed after %.1f s without; %llu new connections were %s", seconds,
		 (unsigned long long)status->failed_unjudged,
		 gate->config->on_failure == ON_FAILURE_OPEN ? "forwarded without inspection"
							     : "dropped");
}

static void enter(struct gate *gate, struct door door)
{
	struct door before = gate->door;

	gate->door = door;
	gate->status->door = door.state;
	gate->status->why = door.why;
	if (before.state == door.state && before.why == door.why)
		return;
	if (before.state != door.state)
		gate->status->door_since = clock_wall_us();
	if (door.state == STATUS_DOOR_ARMED)
		note_end_of_failure(gate);
	else if (before.state == STATUS_DOOR_ARMED || before.state == STATUS_DOOR_UNKNOWN)
		note_failure(gate, before.state == STATUS_DOOR_UNKNOWN);
	else
		log_info("still %s: %s", status_door_text(door.state), status_why_text(door.why));
}

static void tick(struct gate *gate)
{
	struct status *status = gate->status;
	uint64_t now = clock_us() / 1000;

	if (!gate->facts.is_stopping) {
		open_queues(gate);
		look_for_devices(gate);
	}
	look_for_sets(gate);
	status->mode = gate->config->on_failure == ON_FAILURE_CLOSED;
	status->quic = gate->config->quic;
	enter(gate, door_decide(status, &gate->facts, gate->config->on_failure, gate->door, now));
	set_flags(gate, door_flags(gate->door, gate->config, gate->status->forwards_first));
	count_unjudged(gate);
	flows_expire(gate->flows, now);
	status->gate_beat = now;
}

/* --- the loop --- */

static void reload(struct gate *gate)
{
	const struct config *old = gate->config;
	struct config_error error;
	struct config *config;

	if (config_load(gate->path, &config, &error) < 0) {
		gate->status->gate_reload_failures++;
		return; /* the engine says why */
	}
	if (config->gate.queue != old->gate.queue || config->on_failure != old->on_failure)
		close_queues(gate); /* other numbers, or overflow means something else */
	config_free(gate->config);
	gate->config = config;
	gate->must_flush = true;
	tick(gate);
	gate->status->gate_reloads++;
	log_info("reloaded %s", gate->path);
}

enum { GO_ON, STOP, HAND_OVER };

static int on_signal(struct gate *gate)
{
	struct signalfd_siginfo info;

	if (read(gate->signals, &info, sizeof(info)) != sizeof(info))
		return GO_ON;
	if (info.ssi_signo == SIGHUP) {
		reload(gate);
		return GO_ON;
	}
	return info.ssi_signo == SIGUSR1 ? HAND_OVER : STOP;
}

static void hear(struct gate *gate)
{
	struct told told;

	while (told_receive(gate->engine, &told)) {
		if (gate->config->learn.pass_addresses)
			remember(gate, true, &told.server, told.seconds);
	}
}

static int turn(struct gate *gate, uint64_t *next_tick)
{
	struct pollfd fds[] = { { .fd = gate->signals, .events = POLLIN },
				{ .fd = gate->control, .events = POLLIN },
				{ .fd = gate->engine, .events = POLLIN },
				{ .fd = queue_fd(&gate->queues[QUEUE_SYN]), .events = POLLIN },
				{ .fd = queue_fd(&gate->queues[QUEUE_QUIC]), .events = POLLIN } };
	uint64_t now = clock_us() / 1000;

	if (now >= *next_tick) {
		tick(gate);
		*next_tick = now + TICK_MS;
	}
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), (int)(*next_tick - now)) <= 0)
		return GO_ON;
	for (unsigned i = 0; i < N_QUEUES; i++) {
		if (fds[3 + i].revents)
			serve(gate, i);
	}
	if (fds[2].revents & POLLIN)
		hear(gate);
	if (fds[1].revents & (POLLHUP | POLLERR)) {
		log_error("the supervisor is gone");
		return STOP;
	}
	return fds[0].revents ? on_signal(gate) : GO_ON;
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* In this order: nobody asks us any more, then we stop answering. */
static void stop(struct gate *gate, bool is_handed_over)
{
	gate->facts.is_stopping = true;
	if (!is_handed_over)
		tick(gate);
	for (unsigned i = 0; i < N_QUEUES; i++) {
		if (queue_fd(&gate->queues[i]) >= 0)
			serve(gate, i);
	}
	close_queues(gate);
	flows_free(gate->flows);
	for (unsigned i = 0; i < N_KINDS; i++)
		sets_close(&gate->sets[i]);
	close(gate->signals);
	close(gate->engine);
	close(gate->control);
	config_free(gate->config);
}

int gate_run(const struct gate_run *given)
{
	struct gate gate = { .config = given->config,
			     .path = given->path,
			     .status = given->status,
			     .metrics = given->metrics,
			     .engine = given->engine,
			     .control = given->control,
			     .must_flush = true };
	uint64_t next_tick = 0;
	int what = GO_ON, r;

	gate.signals = signals_open();
	gate.flows = flows_new(answer_quic, &gate);
	r = sets_open(&gate.sets[KIND_IPSET], &sets_ipset);
	if (r == 0)
		r = sets_open(&gate.sets[KIND_NFTABLES], &sets_nftables);
	if (r == 0 && (gate.signals < 0 || !gate.flows))
		r = -ENOMEM;
	if (r < 0) {
		log_error("the gate cannot start: %s", strerror(-r));
		return 1; /* and all it has goes with it */
	}
	while (what == GO_ON)
		what = turn(&gate, &next_tick);
	stop(&gate, what == HAND_OVER);
	return 0;
}
