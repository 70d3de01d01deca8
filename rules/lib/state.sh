# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # the options are postern-rules' variables
# What `up` did: the options, the sysctls' values before, the text it loaded. In /run, gone with the
# kernel's own memory of it. A network namespace with a name has a file of its own.

options="backend lan wan port own offload bridge lan_ports wan_ports preference table on_failure"

state_init() {
	name=$(ip netns identify 2>/dev/null | head -n 1) || name=
	state=/run/postern/rules${name:+.$name}
}

state_exists() {
	[ -e "$state" ]
}

# The values of a key, one a line.
state_get() {
	sed -n "s/^$1 //p" "$state"
}

# The options of the last `up` take the place of these.
state_read() {
	for key in $options; do
		eval "$key=\$(state_get $key)"
	done
}

# What the first of several `up` found: that is what `down` goes back to.
state_past() {
	saved=$(state_get sysctl)
	made=$(state_get made)
}

state_write() {
	mkdir -p "${state%/*}"
	{
		echo "# What postern-rules up did; postern-rules down needs it."
		for key in $options; do
			eval "echo \"$key \$$key\""
		done
		echo "$saved" | sed -n 's/^./sysctl &/p'
		echo "$made" | sed -n 's/^./made &/p'
	} >"$state.new"
	cp "$text" "$state.text"
	mv "$state.new" "$state"
}

state_remove() {
	rm -f "$state" "$state.text"
}
