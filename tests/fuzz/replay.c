// SPDX-License-Identifier: Apache-2.0
/* Replays a fuzz target over every file of a corpus folder, and each file cut short at every length up to 64 bytes. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static int replay_file(const char *folder, const char *name, uint8_t *buffer)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return -1;
	}
	size_t len = fread(buffer, 1, INPUT_MAX, file);
	fclose(file);
	for (size_t cut = 0; cut <= len && cut <= 64; cut++) {
		/* An exact allocation lets the address sanitizer see a read behind the end. */
		uint8_t *exact = malloc(cut > 0 ? cut : 1);
		for (size_t i = 0; i < cut; i++)
			exact[i] = buffer[i];
		LLVMFuzzerTestOneInput(exact, cut);
		free(exact);
	}
	LLVMFuzzerTestOneInput(buffer, len);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	if (folder == NULL) {
		fprintf(stderr, "usage: replay CORPUS_FOLDER\n");
		return 2;
	}
	uint8_t *buffer = malloc(INPUT_MAX);
	unsigned files = 0;
	int result = 0;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		result |= replay_file(argv[1], entry->d_name, buffer);
		files++;
	}
	closedir(folder);
	free(buffer);
	printf("%u inputs replayed\n", files);
	return result != 0 || files == 0;
}
