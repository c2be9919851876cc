/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "show_fmt.h"

#define COLUMNS_MAX 16

/* ---- JSON ---- */

/* What is text though it may look like a number: names are the user's. */
static const char *const text_keys[] = {
	"name",
	"use",
	"conn",
	"child",
	"spi_in",
	"spi_out",
	"spi_i",
	"spi_r",
	"local_id",
	"remote_id",
};

static bool
is_text_key(const char *name)
{
	for (size_t i = 0; i < sizeof(text_keys) / sizeof(text_keys[0]); i++) {
		if (strcmp(name, text_keys[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_number(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 20 && s[n] == '\0' && (s[0] != '0' || n == 1);
}

static void
json_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '"' || ch == '\\')
			fprintf(f, "\\%c", ch);
		else if (ch < 0x20 || ch > 0x7e) /* names are ASCII; bytes of others as Latin-1 */
			fprintf(f, "\\u%04x", ch);
		else
			fputc(ch, f);
	}
	fputc('"', f);
}

static void
json_value(FILE *f, const struct conf_node *node)
{
	if (is_text_key(node->name))
		json_string(f, node->value);
	else if (is_number(node->value))
		fputs(node->value, f);
	else if (strcmp(node->value, "yes") == 0 || strcmp(node->value, "no") == 0)
		fputs(node->value[0] == 'y' ? "true" : "false", f);
	else
		json_string(f, node->value);
}

static void
json_list(FILE *f, const struct conf_node *node)
{
	fputc('[', f);
	for (size_t i = 0; i < node->n_items; i++) {
		fputs(i > 0 ? ", " : "", f);
		json_string(f, node->items[i]);
	}
	fputc(']', f);
}

/* Depth is what vici_decode() lets through: our own server sends two levels. */
static void
json_section(FILE *f, const struct conf_node *section)
{
	const char *sep = "";

	fputc('{', f);
	for (const struct conf_node *node = section->children; node != NULL; node = node->next) {
		fputs(sep, f);
		json_string(f, node->name);
		fputs(": ", f);
		if (node->kind == CONF_SECTION)
			json_section(f, node);
		else if (node->kind == CONF_LIST)
			json_list(f, node);
		else
			json_value(f, node);
		sep = ", ";
	}
	fputc('}', f);
}

void
gw_show_json(FILE *f, struct conf *const *objects, size_t n)
{
	fputc('[', f);
	for (size_t i = 0; i < n; i++) {
		fputs(i > 0 ? ",\n " : "\n ", f);
		json_section(f, conf_root(objects[i]));
	}
	fputs(n > 0 ? "\n]\n" : "]\n", f);
}

/* ---- tables ---- */

struct column {
	const char *key, *head;
	bool right;
};

static const struct table {
	const char *what;
	const char *skip_zero; /* objects where this is 0 are left out */
	const char *empty;     /* said when nothing is left */
	struct column columns[COLUMNS_MAX];
} tables[] = {
	{"sa", NULL, "no SA",
		{{"name", "CHILD", false}, {"state", "STATE", false}, {"mode", "MODE", false},
			{"local", "LOCAL", false}, {"remote", "REMOTE", false},
			{"spi_in", "SPI-IN", false}, {"spi_out", "SPI-OUT", false},
			{"alg", "ALGORITHM", false}, {"packets_in", "IN", true},
			{"bytes_in", "BYTES", true}, {"packets_out", "OUT", true},
			{"bytes_out", "BYTES", true}, {"age", "AGE", true},
			{"rekey_in", "REKEY", true}}},
	{"ike", NULL, "no IKE SA",
		{{"name", "CONNECTION", false}, {"id", "ID", true}, {"state", "STATE", false},
			{"local", "LOCAL", false}, {"remote", "REMOTE", false},
			{"remote_id", "REMOTE-ID", false}, {"spi_i", "SPI-I", false},
			{"spi_r", "SPI-R", false}, {"encr", "ENCRYPTION", false},
			{"prf", "PRF", false}, {"dh", "DH", false}, {"age", "AGE", true},
			{"rekey_in", "REKEY", true}, {"children", "CHILDREN", true}}},
	{"tunnels", NULL, "no tunnel",
		{{"name", "TUNNEL", false}, {"state", "STATE", false}, {"child", "CHILD", false},
			{"remote", "REMOTE", false}, {"key", "KEY", true}, {"mtu", "MTU", true},
			{"held", "HELD", true}, {"rx_packets", "RX", true},
			{"rx_bytes", "BYTES", true}, {"tx_packets", "TX", true},
			{"tx_bytes", "BYTES", true}, {"drops", "DROPS", true}}},
	{"ports", NULL, "no port",
		{{"name", "PORT", false}, {"use", "USE", false}, {"driver", "DRIVER", false},
			{"mac", "MAC", false}, {"mtu", "MTU", true}, {"link", "LINK", false},
			{"rx_packets", "RX", true}, {"rx_bytes", "BYTES", true},
			{"tx_packets", "TX", true}, {"tx_bytes", "BYTES", true},
			{"rx_missed", "MISSED", true}, {"rx_errors", "RX-ERR", true},
			{"rx_no_mbuf", "NO-MBUF", true}, {"tx_errors", "TX-ERR", true},
			{"resets", "RESETS", true}}},
	{"drops", "packets", "no packet dropped",
		{{"reason", "REASON", false}, {"packets", "PACKETS", true},
			{"text", "MEANING", false}}},
	{"neighbours", NULL, "no neighbour",
		{{"address", "ADDRESS", false}, {"link", "LINK", false}, {"mac", "MAC", false},
			{"state", "STATE", false}, {"router", "ROUTER", false},
			{"default", "DEFAULT", false}, {"users", "USERS", true},
			{"confirmed", "CONFIRMED", true}}},
};

static const char *
cell(const struct conf *object, const char *key)
{
	const char *value = conf_get(conf_root((struct conf *)(uintptr_t)object), key);

	return value != NULL && value[0] != '\0' ? value : "-";
}

static bool
skipped(const struct table *t, const struct conf *object)
{
	return t->skip_zero != NULL && strcmp(cell(object, t->skip_zero), "0") == 0;
}

/* The last column is not padded: no blanks at the end of a line. */
static void
print_cell(FILE *f, const struct column *col, const char *text, int width, bool last)
{
	if (col->right)
		fprintf(f, "%*s", width, text);
	else
		fprintf(f, "%-*s", last ? 0 : width, text);
	fputs(last ? "\n" : "  ", f);
}

void
gw_show_table(FILE *f, const char *what, struct conf *const *objects, size_t n)
{
	const struct table *t = tables;
	int width[COLUMNS_MAX] = {0};
	size_t shown = 0, n_cols = 0;

	while (strcmp(t->what, what) != 0)
		t++;
	while (n_cols < COLUMNS_MAX && t->columns[n_cols].key != NULL)
		n_cols++;
	for (size_t c = 0; c < n_cols; c++)
		width[c] = (int)strlen(t->columns[c].head);
	for (size_t i = 0; i < n; i++) {
		if (skipped(t, objects[i]))
			continue;
		shown++;
		for (size_t c = 0; c < n_cols; c++) {
			int len = (int)strlen(cell(objects[i], t->columns[c].key));

			width[c] = len > width[c] ? len : width[c];
		}
	}
	if (shown == 0) {
		fprintf(f, "%s\n", t->empty);
		return;
	}
	for (size_t c = 0; c < n_cols; c++)
		print_cell(f, &t->columns[c], t->columns[c].head, width[c], c + 1 == n_cols);
	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; !skipped(t, objects[i]) && c < n_cols; c++)
			print_cell(f, &t->columns[c], cell(objects[i], t->columns[c].key), width[c],
				c + 1 == n_cols);
	}
}
