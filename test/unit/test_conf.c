/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/conf.h"

static struct conf_error err;

static struct conf *
parse(const char *text)
{
	struct conf *c = conf_parse(text, strlen(text), "t.conf", false, &err);

	if (c == NULL)
		print_message("%s:%u: %s\n", err.file, err.line, err.msg);
	return c;
}

/* "a.b.c" */
static const struct conf_node *
at(const struct conf *c, const char *path)
{
	const struct conf_node *n = conf_root(c);
	char buf[256], *save = NULL;

	snprintf(buf, sizeof(buf), "%s", path);
	for (char *s = strtok_r(buf, ".", &save); s != NULL && n != NULL;
		s = strtok_r(NULL, ".", &save))
		n = conf_child(n, s);
	return n;
}

static const char *
value(const struct conf *c, const char *path)
{
	const struct conf_node *n = at(c, path);

	return n != NULL && n->kind == CONF_VALUE ? n->value : NULL;
}

static void
values(void **state)
{
	static const struct {
		const char *text, *value;
	} t[] = {
		{"k = v", "v"},
		{"k=v", "v"},
		{"k = a b   c\t d  ", "a b c d"},
		{"k = a # b", "a"},
		{"k = a#b", "a"},
		{"k = \"a # } b\" # c", "a # } b"},
		{"k = a,b:c=d.e/f[g]*`h", "a,b:c=d.e/f[g]*`h"},
		{"k = { x", "{ x"},
		{"k = fd00::1/64, fd00::2", "fd00::1/64, fd00::2"},
		{"k = \"a\\n\\t\\r\\\"\\\\\\x\"", "a\n\t\r\"\\x"},
		{"k = \"a\\\n  b\"", "a  b"},
		{"k = \"a\n  b\"", "a\n  b"},
		{"k = a\"b c\"d", "a b c d"},
		{"k = \"\"", ""},
		{"k = \"\" \"\"", " "},
		{"k =", NULL},
		{"k = # nothing", NULL},
		{"k = 1\nk = 2", "2"},
		{"k = 1\nk =", NULL},
		{"k = 1\r\n", "1"},
		{"\xef\xbb\xbfk = 1", "1"},
		{"include = x\nk = y", "y"},
		{"k = caf\xc3\xa9", "caf\xc3\xa9"},
		{"local = 1\nk = psk id = x", "psk id = x"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct conf *c = parse(t[i].text);
		assert_non_null(c);
		if (t[i].value == NULL)
			assert_null(at(c, "k"));
		else
			assert_string_equal(value(c, "k"), t[i].value);
		conf_free(c);
	}
}

static void
sections(void **state)
{
	struct conf *c = parse("# top\n"
			       "a { k = 1 }\n"
			       "b{x=2}\n"
			       "c\n{\n y = 3 # three\n d { z = 4\n} }\n"
			       "a { k = 5\n l = 6 }\n"
			       "include { q = 7 }\n"
			       "e {}");
	const struct conf_node *n;

	assert_non_null(c);
	assert_string_equal(value(c, "a.k"), "5");
	assert_string_equal(value(c, "a.l"), "6");
	assert_string_equal(value(c, "b.x"), "2");
	assert_string_equal(value(c, "c.y"), "3");
	assert_string_equal(value(c, "c.d.z"), "4");
	assert_string_equal(value(c, "include.q"), "7");
	assert_int_equal(at(c, "c.d.z")->line, 7);
	assert_string_equal(at(c, "c.d.z")->file, "t.conf");
	assert_int_equal(at(c, "a")->line, 2);
	assert_int_equal(at(c, "a.k")->line, 9);
	assert_null(at(c, "e")->children);
	n = conf_root(c)->children;
	for (const char *want = "abcie"; *want != '\0'; want++, n = n->next)
		assert_int_equal(n->name[0], *want);
	assert_null(n);
	assert_int_equal(at(c, "a")->again, 9);
	assert_non_null(conf_warnings(c));
	assert_string_equal(
		conf_warnings(c)->msg, "a.k: is set again; what line 2 says does not count");
	assert_null(conf_warnings(c)->next);
	conf_free(c);
}

static void
inheritance(void **state)
{
	struct conf *c = parse("base {\n  a = base\n  b = base\n  e = base\n"
			       "  local { auth = psk\n id = base }\n}\n"
			       "more : base { b = more\n c = more\n local { id = more } }\n"
			       "other { c = other\n d = other }\n"
			       "x : more, other {\n  a = own\n  e =\n"
			       "  local { id = own }\n  k : base.local { }\n}\n"
			       "y : x.k, nosuch.thing { }\n"
			       "z : x.local, x.local\n{\n}\n");

	assert_non_null(c);
	assert_string_equal(value(c, "x.a"), "own");
	assert_string_equal(value(c, "x.b"), "more");
	assert_string_equal(value(c, "x.c"), "more");
	assert_string_equal(value(c, "x.d"), "other");
	assert_null(at(c, "x.e"));
	assert_string_equal(value(c, "base.e"), "base");
	assert_string_equal(value(c, "x.local.id"), "own");
	assert_string_equal(value(c, "x.local.auth"), "psk");
	assert_string_equal(value(c, "more.local.id"), "more");
	assert_string_equal(value(c, "x.k.id"), "base");
	assert_string_equal(value(c, "y.id"), "base");
	assert_string_equal(value(c, "z.id"), "own");
	/* a value is told of where it was written */
	assert_int_equal(at(c, "x.d")->line, 12);
	assert_non_null(conf_warnings(c));
	assert_non_null(strstr(conf_warnings(c)->msg, "nosuch.thing"));
	assert_int_equal(conf_warnings(c)->line, 19);
	assert_null(conf_warnings(c)->next);
	conf_free(c);
}

/* a sub-section's own reference wins over what its parent inherits; a template written later works
 */
static void
inheritance_order(void **state)
{
	struct conf *c = parse("x : t { s : u { } }\n"
			       "t { s { k = t\n l = t } }\n"
			       "u : v { k = u }\n"
			       "v { m = v\n sub { n = v } }\n"
			       "w : x.s.sub { }\n");

	assert_non_null(c);
	assert_string_equal(value(c, "x.s.k"), "u");
	assert_string_equal(value(c, "x.s.l"), "t");
	assert_string_equal(value(c, "x.s.m"), "v");
	assert_string_equal(value(c, "w.n"), "v");
	assert_null(conf_warnings(c));
	conf_free(c);
}

static void
errors(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *says;
	} t[] = {
		{"a {\n b {\n }\n", 1, "'a' is never closed"},
		{"a {\n b {\n c = 1\n", 2, "'b' is never closed"},
		{"a {\n}\n}\n", 3, "'}' without a section"},
		{"k = \"x\n\n", 1, "never closed"},
		{"\nk v\n", 2, "'k' is followed by 'v'"},
		{"k\nl = 1\n", 1, "'k' is followed by the end of the line"},
		{"k # x\n", 1, "'k' is followed by the end of the line"},
		{"k", 1, "'k' is followed by the end of the file"},
		{"a.b = 1", 1, "dotted"},
		{"= 1", 1, "'=' where a name should be"},
		{"\"a\" = 1", 1, "'\"' where a name should be"},
		{"a, b = 1", 1, "','"},
		{"{ }", 1, "'{' where a name should be"},
		{"a : { }", 1, "'{' after ':'"},
		{"a : b c { }", 1, "'c' after a section"},
		{"a : b, { }", 1, "'{' after ':'"},
		{"a : b", 1, "the end of the file after a section"},
		{"a : a { }", 1, "itself"},
		{"a : b { }\nb : c { }\nc : a { }", 3, "itself"},
		{"a { b : a { } }", 1, "itself"},
		{"a : a.b { b { } }", 1, "itself"},
		{"a = 1\na { }", 2, "both a setting and a section"},
		{"a { }\na = 1", 2, "both a setting and a section"},
		{"a = \x01", 1, "0x01"},
		{"a = 1\n\n\x7f", 3, "0x7f"},
		{"include x.conf", 1, "include is not possible"},
		{"\n\ninclude \"x y\" z", 3, "'z' in an include"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(&err, 0xff, sizeof(err));
		struct conf *c = conf_parse(t[i].text, strlen(t[i].text), "bad.conf", false, &err);
		if (c != NULL || strstr(err.msg, t[i].says) == NULL || err.line != t[i].line)
			print_message("[%s]: %u: %s\n", t[i].text, err.line, err.msg);
		assert_null(c);
		assert_non_null(strstr(err.msg, t[i].says));
		assert_int_equal(err.line, t[i].line);
		assert_string_equal(err.file, "bad.conf");
	}
	assert_null(conf_parse("a = \0b", 6, "nul", false, &err));
	assert_non_null(strstr(err.msg, "0x00"));
}

static void
bounds(void **state)
{
	char *text = malloc(1 << 20), *p = text;

	for (int i = 0; i < CONF_DEPTH_MAX; i++)
		p += sprintf(p, "a {");
	for (int i = 0; i < CONF_DEPTH_MAX; i++)
		p += sprintf(p, "}\n");
	struct conf *c = parse(text);
	assert_non_null(c);
	conf_free(c);

	p = text;
	for (int i = 0; i <= CONF_DEPTH_MAX; i++)
		p += sprintf(p, "a {\n");
	for (int i = 0; i <= CONF_DEPTH_MAX; i++)
		p += sprintf(p, "}\n");
	assert_null(parse(text));
	assert_int_equal(err.line, CONF_DEPTH_MAX + 1);

	/* each section holds the one before twice: 2^27 nodes */
	p = text;
	p += sprintf(p, "s0 { k = 1 }\n");
	for (int i = 1; i < 28; i++)
		p += sprintf(p, "s%d { x : s%d { }\n y : s%d { } }\n", i, i - 1, i - 1);
	assert_null(parse(text));
	assert_non_null(strstr(err.msg, "too many"));

	p = text;
	for (int i = 0; i < 2000; i++)
		p += sprintf(p, "s%d : s%d { }\n", i, i + 1);
	assert_null(parse(text));
	assert_non_null(strstr(err.msg, "inherits through more"));

	/* many names in one section are found as fast as few */
	p = text;
	for (int i = 0; i < 50000; i++)
		p += sprintf(p, "k%d = %d\n", i, i);
	c = parse(text);
	assert_non_null(c);
	assert_string_equal(value(c, "k49999"), "49999");
	conf_free(c);
	free(text);
}

/* ---- files ---- */

static char dir[64];

static void
file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct conf *
load(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return conf_load(path, &err);
}

static int
make_dir(void **state)
{
	char sub[128];

	snprintf(dir, sizeof(dir), "/tmp/test_conf[*].XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(sub, sizeof(sub), "%s/d", dir);
	return mkdir(sub, 0700);
}

static int
remove_dir(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	return system(cmd) == 0 ? 0 : -1;
}

static void
includes(void **state)
{
	file("main", "a = 1\ninclude d/*.conf # all\nsec { include \"d/in sec\"\n b = 2 }\n"
		     "include d/in\\ sec\ninclude none/*.conf\nc = 3\n");
	file("d/2.conf", "a = 3\ninclude ../up\n");
	file("d/1.conf", "a = 2\nonly1 = x\n");
	file("d/in sec", "s = in\n");
	file("up", "u = up\n");
	struct conf *c = load("main");
	assert_non_null(c);
	assert_string_equal(value(c, "a"), "3");
	assert_string_equal(value(c, "only1"), "x");
	assert_string_equal(value(c, "u"), "up");
	assert_string_equal(value(c, "s"), "in");
	assert_string_equal(value(c, "sec.s"), "in");
	assert_string_equal(value(c, "sec.b"), "2");
	assert_non_null(strstr(at(c, "sec.b")->file, "/main"));
	assert_int_equal(at(c, "sec.b")->line, 4);
	assert_non_null(strstr(at(c, "only1")->file, "/d/1.conf"));
	assert_int_equal(at(c, "only1")->line, 2);
	assert_non_null(conf_warnings(c));
	assert_int_equal(conf_warnings(c)->line, 6);
	assert_non_null(strstr(conf_warnings(c)->msg, "none/*.conf"));
	conf_free(c);
}

/* one file says a thing once; files override one another */
static void
set_again(void **state)
{
	file("main", "sec { k = 1\n l = 1\n k = 2\n}\ninclude over\nsec { l = 3 }\n");
	file("over", "sec { k = 3\n}\nsec { m = 1\n}\n");
	struct conf *c = load("main");
	assert_non_null(c);
	assert_string_equal(value(c, "sec.k"), "3");
	assert_string_equal(value(c, "sec.l"), "3");
	const struct conf_warning *w = conf_warnings(c);
	assert_non_null(w);
	assert_int_equal(w->line, 3);
	assert_non_null(strstr(w->file, "/main"));
	assert_string_equal(w->msg, "sec.k: is set again; what line 1 says does not count");
	w = w->next;
	assert_non_null(w); /* main's second `sec` is its own */
	assert_int_equal(w->line, 6);
	assert_null(w->next);
	assert_int_equal(at(c, "sec")->again, 6);
	conf_free(c);

	file("main", "include over\nsec { k = 9\n}\n");
	file("over", "sec { k = 3\n}\n");
	c = load("main");
	assert_non_null(c);
	assert_string_equal(value(c, "sec.k"), "9");
	assert_null(conf_warnings(c));
	assert_int_equal(at(c, "sec")->again, 0);
	conf_free(c);
}

static void
include_errors(void **state)
{
	file("bad", "x {\n k v\n}\n");
	file("main", "a = 1\n\ninclude bad\n");
	assert_null(load("main"));
	assert_non_null(strstr(err.file, "/bad"));
	assert_int_equal(err.line, 2);

	/* braces close in the file that opens them */
	file("bad", "}\n");
	file("main", "a {\ninclude bad\n");
	assert_null(load("main"));
	assert_non_null(strstr(err.file, "/bad"));

	file("main", "include two\n");
	file("two", "\ninclude main\n");
	assert_null(load("main"));
	assert_non_null(strstr(err.msg, "leads back"));
	assert_non_null(strstr(err.file, "/two"));
	assert_int_equal(err.line, 2);

	file("main", "include d\n");
	assert_null(load("main"));
	assert_non_null(strstr(err.msg, "cannot be read"));

	/* a file that is named has to be there; one with '*' in its name as well */
	file("main", "\ninclude no/such\n");
	assert_null(load("main"));
	assert_non_null(strstr(err.file, "/main"));
	assert_int_equal(err.line, 2);
	assert_non_null(strstr(err.msg, "/no/such"));
	file("main", "include no\\*such\n");
	assert_null(load("main"));
	assert_non_null(strstr(err.msg, "there is no file"));

	assert_null(load("missing"));
	assert_non_null(strstr(err.file, "/missing"));
	assert_non_null(strstr(err.msg, "cannot be opened"));

	for (int i = 0; i < 40; i++) {
		char name[16], text[64];
		snprintf(name, sizeof(name), "n%d", i);
		snprintf(text, sizeof(text), "include n%d\n", i + 1);
		file(name, text);
	}
	assert_null(load("n0"));
	assert_non_null(strstr(err.msg, "deep"));
	assert_non_null(strstr(err.file, "/n16"));
}

/* a file larger than one read */
static void
large_file(void **state)
{
	char *text = malloc(400000), *p = text;

	for (int i = 0; i < 20000; i++)
		p += sprintf(p, "name%d = %d\n", i, i);
	file("large", text);
	struct conf *c = load("large");
	assert_non_null(c);
	assert_string_equal(value(c, "name19999"), "19999");
	assert_int_equal(at(c, "name19999")->line, 20000);
	conf_free(c);
	free(text);
}

static void
scenario(void **state)
{
	char path[512];
	struct conf *c;

	snprintf(path, sizeof(path), "%s/../scenario/swanctl.conf", getenv("TEST_DIR"));
	c = conf_load(path, &err);
	assert_non_null(c);
	assert_string_equal(value(c, "connections.gw-gw.children.gre.updown"),
		"/usr/local/libexec/ipsec/_updown iptables");
	assert_string_equal(value(c, "secrets.ike-1.secret"), "MyFavouriteMealIsRaclette");
	assert_string_equal(
		value(c, "connections.gw-gw.local.id"), "2a05:d014:9c9:2100:9049:489e:d66e:41e9");
	conf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(sections),
		cmocka_unit_test(inheritance),
		cmocka_unit_test(inheritance_order),
		cmocka_unit_test(errors),
		cmocka_unit_test(bounds),
		cmocka_unit_test_setup_teardown(includes, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(set_again, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(include_errors, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(large_file, make_dir, remove_dir),
		cmocka_unit_test(scenario),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
