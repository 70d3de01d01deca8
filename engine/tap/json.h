/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TAP_JSON_H
#define POSTERN_TAP_JSON_H

#include <jansson.h>
#include <stdint.h>

/*
 * The log of events: one JSON object a line, to a file or to standard output. Any thread may write;
 * lines never mix, as each is one write(2) to a descriptor in append mode.
 */
struct json_log;

/* `path`: a file, created 0640 when missing; "stdout"; "none". 0 or -errno. */
int json_log_open(const char *path, struct json_log **ret_log);
void json_log_free(struct json_log *log);

/*
 * Opens the file again by its name, after a rotation. When that fails the old descriptor goes on
 * being used, and -errno is returned.
 */
int json_log_reopen(struct json_log *log);

/* Writes the event and drops the caller's reference to it. What cannot be written is counted. */
void json_log_write(struct json_log *log, json_t *event);

/* Lines lost so far. */
uint64_t json_log_lost(struct json_log *log);

/* "2026-11-22T19:00:00.123456+0000" */
json_t *json_time(uint64_t wall_us);

/* A string of any bytes: what is not UTF-8 or is a control character becomes "\xNN" text. */
json_t *json_text(const void *bytes, size_t n);

#endif
