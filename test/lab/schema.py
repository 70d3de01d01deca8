# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of events, doc/events.schema.json, as something that events can be held against."""

import json
import sys

try:
    import fastjsonschema
except ImportError:  # a Python that is not Debian's own
    sys.path.append("/usr/lib/python3/dist-packages")
    import fastjsonschema

from lab import REPOSITORY

SCHEMA = REPOSITORY / "doc" / "events.schema.json"

Mismatch = fastjsonschema.JsonSchemaException

# Compiled once: labs leave some ten thousand lines behind.
validate = fastjsonschema.compile(json.loads(SCHEMA.read_text()))


def keys(schema=None, prefix=""):
    """Every key that an event may have, with dots: "tls.ja3.hash", "stats.outputs[].name"."""
    whole = json.loads(SCHEMA.read_text())
    for key, value in (schema or whole)["properties"].items():
        name = prefix + key
        while "$ref" in value or "items" in value:
            if "$ref" in value:
                value = whole["definitions"][value["$ref"].rsplit("/", 1)[1]]
            else:
                value, name = value["items"], f"{name}[]"
        if "properties" in value:
            yield from keys(value, f"{name}.")
        else:
            yield name
