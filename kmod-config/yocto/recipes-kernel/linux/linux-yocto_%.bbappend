# SPDX-License-Identifier: GPL-3.0-or-later
# An example: copy recipes-kernel into a layer of yours.
FILESEXTRAPATHS:prepend := "${THISDIR}/linux-yocto:"

SRC_URI += "file://postern.scc file://postern.cfg"
