/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_RULE_READ_H
#define POSTERN_POLICY_RULE_READ_H

#include "policy/document.h"
#include "policy/rule.h"

/* Appends the rules of `list`, the value of the key `rules`. 0, or -errno after a mistake(). */
int rule_read(struct document *document, yaml_node_t *list, struct ruleset *rules);

#endif
