# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a header of files: cmake -D OUTPUT=files.h -D FILES="a.css;b.js" -P embed.cmake
file(WRITE "${OUTPUT}.new" "/* Made by embed.cmake. */\n")
foreach(path IN LISTS FILES)
	cmake_path(GET path FILENAME name)
	string(MAKE_C_IDENTIFIER ${name} identifier)
	file(READ "${path}" bytes HEX)
	string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
	file(APPEND "${OUTPUT}.new" "static const unsigned char ${identifier}[] = { ${bytes} };\n")
endforeach()
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
