/* SPDX-License-Identifier: BSD-3-Clause */
/* Text -> tree -> configuration -> words. What is refused must say why; a refusal of text is
 * stable. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/cfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
print(const struct gw_cfg *cfg)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return;
	cfg_print(cfg, f);
	fclose(f);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_error err;
	struct cfg_notes notes;
	struct conf *c = conf_parse((const char *)data, size, "fuzz", false, &err);
	struct gw_cfg *cfg;

	if (c == NULL) {
		if (err.msg[0] == '\0')
			abort();
		return 0;
	}
	cfg = cfg_build(c, &notes, &err);
	conf_free(c);
	if ((cfg == NULL) != (err.msg[0] != '\0'))
		abort();
	if (cfg != NULL)
		print(cfg);
	cfg_notes_free(&notes);
	cfg_free(cfg);
	return 0;
}
