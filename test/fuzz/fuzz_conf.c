/* SPDX-License-Identifier: BSD-3-Clause */
/* Text -> tree -> configuration -> words. What is refused must say why; a refusal of text is
 * stable. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What is read for guard routes is what a good configuration has. */
static void
check_routes(const struct gw_cfg *cfg, const struct gw_cfg *routes)
{
	if (cfg == NULL || routes == NULL)
		return;
	if (routes->n_tunnels != cfg->n_tunnels)
		abort();
	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		const struct gw_tunnel_cfg *a = &cfg->tunnels[i], *b = &routes->tunnels[i];

		if (strcmp(a->name, b->name) != 0 || a->handoff != b->handoff ||
			a->n_routes != b->n_routes || a->n_addrs != b->n_addrs ||
			memcmp(a->routes, b->routes, a->n_routes * sizeof(a->routes[0])) != 0 ||
			memcmp(a->addrs, b->addrs, a->n_addrs * sizeof(a->addrs[0])) != 0)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_error err;
	struct cfg_notes notes;
	struct conf *c = conf_parse((const char *)data, size, "fuzz", false, &err);
	struct gw_cfg *cfg, *routes;

	if (c == NULL) {
		if (err.msg[0] == '\0')
			abort();
		return 0;
	}
	cfg = cfg_build(c, &notes, &err);
	routes = cfg_build_routes(c);
	conf_free(c);
	if ((cfg == NULL) != (err.msg[0] != '\0'))
		abort();
	check_routes(cfg, routes);
	if (cfg != NULL)
		print(cfg);
	cfg_free(routes);
	cfg_notes_free(&notes);
	cfg_free(cfg);
	return 0;
}
