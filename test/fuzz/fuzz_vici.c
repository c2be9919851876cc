/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet -> tree -> configuration; and a tree written as a message is the same tree again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/cfg.h"
#include "app/vici.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* values with a zero byte cannot be written. @return false when there are some */
static bool
write_section(struct vici_out *o, const struct conf_node *section)
{
	bool whole = true;

	for (const struct conf_node *n = section->children; n != NULL; n = n->next) {
		switch (n->kind) {
		case CONF_SECTION:
			vici_section(o, n->name);
			whole &= write_section(o, n);
			vici_section_end(o);
			break;
		case CONF_VALUE:
			whole &= strlen(n->value) == n->len;
			vici_kv(o, n->name, n->value);
			break;
		case CONF_LIST:
			vici_list(o, n->name);
			for (size_t i = 0; i < n->n_items; i++) {
				whole &= strlen(n->items[i]) == n->item_len[i];
				vici_item(o, n->items[i]);
			}
			vici_list_end(o);
			break;
		}
	}
	return whole;
}

static void
there_and_back(const struct conf *c)
{
	struct vici_out a, b;
	struct conf *again;
	bool whole;

	vici_begin(&a, VICI_CMD_RESPONSE, NULL);
	whole = write_section(&a, conf_root(c));
	if (vici_end(&a) == 0) {
		again = vici_decode(a.buf + 5, a.len - 5);
		if (again == NULL)
			abort();
		vici_begin(&b, VICI_CMD_RESPONSE, NULL);
		write_section(&b, conf_root(again));
		if (vici_end(&b) != 0 ||
			(whole && (a.len != b.len || memcmp(a.buf, b.buf, a.len) != 0)))
			abort();
		vici_out_free(&b);
		conf_free(again);
	}
	vici_out_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vici_packet p;
	struct conf_error err;
	struct cfg_notes notes;
	struct conf *c;

	if (vici_packet_parse(&p, data, size) < 0)
		return 0;
	c = vici_decode(p.msg, p.msg_len);
	if (c == NULL)
		return 0;
	there_and_back(c);
	cfg_free(cfg_build(c, &notes, &err));
	cfg_notes_free(&notes);
	conf_free(c);
	return 0;
}
