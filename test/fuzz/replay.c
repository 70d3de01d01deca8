/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzz target over kept inputs, without libFuzzer: every file of every folder named. */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Each input gets a block of just its size, so that AddressSanitizer sees a read beyond it. */
static bool file_read(const char *path, uint8_t **ret_bytes, size_t *ret_n)
{
	struct stat st;
	FILE *file = fopen(path, "rb");
	if (!file)
		return false;

	size_t n = fstat(fileno(file), &st) == 0 ? (size_t)st.st_size : 0;
	uint8_t *bytes = malloc(n > 0 ? n : 1);
	bool ok = bytes && fread(bytes, 1, n, file) == n;

	fclose(file);
	if (!ok) {
		free(bytes);
		return false;
	}
	*ret_bytes = bytes;
	*ret_n = n;
	return true;
}

/* Returns how many inputs ran, or -1. */
static int folder_replay(const char *folder)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int count = 0;
	DIR *dir = opendir(folder);
	if (!dir)
		return -1;

	while ((entry = readdir(dir))) {
		uint8_t *bytes;
		size_t n;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (!file_read(path, &bytes, &n)) {
			count = -1;
			break;
		}
		LLVMFuzzerTestOneInput(bytes, n);
		free(bytes);
		count++;
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int count = folder_replay(argv[i]);

		if (count <= 0) {
			fprintf(stderr, "%s: no inputs that can be read\n", argv[i]);
			return EXIT_FAILURE;
		}
		printf("%s: %d inputs\n", argv[i], count);
	}
	return EXIT_SUCCESS;
}
