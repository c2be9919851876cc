/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/show_fmt.h"

static char *
printed(const char *what, struct conf **objects, size_t n)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	if (what != NULL)
		gw_show_table(f, what, objects, n);
	else
		gw_show_json(f, objects, n);
	fclose(f);
	return text;
}

static void
add(struct conf *c, const char *name, const char *value)
{
	assert_non_null(conf_add_value(c, conf_root(c), name, value, strlen(value)));
}

static struct conf *
drop(const char *reason, const char *packets, const char *text)
{
	struct conf *c = conf_new();

	assert_non_null(c);
	add(c, "reason", reason);
	add(c, "packets", packets);
	add(c, "text", text);
	return c;
}

static void
expect(const char *what, struct conf **objects, size_t n, const char *want)
{
	char *text = printed(what, objects, n);

	assert_string_equal(text, want);
	free(text);
}

/* Counts are numbers, flags are booleans, names stay text whatever they look like. */
static void
json_types(void **state)
{
	struct conf *c = conf_new();
	struct conf_node *list, *section;

	add(c, "name", "42");
	add(c, "spi_in", "00000017");
	add(c, "packets_in", "18446744073709551615");
	add(c, "esn", "no");
	add(c, "remote_id", "yes");
	add(c, "alg", "A\"B\\C\n\xff");
	add(c, "mac", "00");
	list = conf_add_list(c, conf_root(c), "tunnels");
	assert_int_equal(conf_add_item(c, list, "1", 1), 0);
	assert_int_equal(conf_add_item(c, list, "b", 1), 0);
	section = conf_add_section(c, conf_root(c), "xstats");
	assert_non_null(conf_add_value(c, section, "q", "7", 1));
	expect(NULL, &c, 1,
		"[\n {\"name\": \"42\", \"spi_in\": \"00000017\", "
		"\"packets_in\": 18446744073709551615, \"esn\": false, \"remote_id\": \"yes\", "
		"\"alg\": \"A\\\"B\\\\C\\u000a\\u00ff\", \"mac\": \"00\", "
		"\"tunnels\": [\"1\", \"b\"], \"xstats\": {\"q\": 7}}\n]\n");
	conf_free(c);
	expect(NULL, NULL, 0, "[]\n");
}

static void
table_lines_up(void **state)
{
	struct conf *c[] = {drop("no-sa", "1234567890", "unknown"), drop("icv", "0", "failed"),
		drop("clear-gre", "7", "clear")};

	expect("drops", c, 3,
		"REASON        PACKETS  MEANING\n"
		"no-sa      1234567890  unknown\n"
		"clear-gre           7  clear\n");
	expect("drops", &c[1], 1, "no packet dropped\n");
	for (size_t i = 0; i < 3; i++)
		conf_free(c[i]);
}

static void
missing_fields(void **state)
{
	struct conf *c = conf_new();
	char *text;

	add(c, "address", "fe80::1");
	add(c, "mac", "");
	text = printed("neighbours", &c, 1);
	assert_non_null(
		strstr(text, "fe80::1  -     -    -      -       -            -          -\n"));
	free(text);
	conf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_types),
		cmocka_unit_test(table_lines_up),
		cmocka_unit_test(missing_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
