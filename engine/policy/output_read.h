/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_OUTPUT_READ_H
#define POSTERN_POLICY_OUTPUT_READ_H

#include "policy/document.h"

/* Reads the list `log.outputs` into config->log, in the place of what was there. 0 or -errno. */
int output_read(struct document *document, yaml_node_t *list, struct config *config);

/* What holds when no file has the key: everything goes to standard output. */
void output_default(struct config *config);

#endif
