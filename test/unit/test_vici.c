/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/vici.h"

/* key1=value1, section1{ sub-section{ key2=value2 } list1=[item1,item2] } as charon encodes it */
static const uint8_t vector[] = "\x03\x04key1\x00\x06value1"
				"\x01\x08section1"
				"\x01\x0bsub-section"
				"\x03\x04key2\x00\x06value2"
				"\x02"
				"\x04\x05list1\x05\x00\x05item1\x05\x00\x05item2\x06"
				"\x02";
#define VECTOR_LEN (sizeof(vector) - 1)

static void
encode(void **state)
{
	struct vici_out o;

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_kv(&o, "key1", "value1");
	vici_section(&o, "section1");
	vici_section(&o, "sub-section");
	vici_kvf(&o, "key2", "value%d", 2);
	vici_section_end(&o);
	vici_list(&o, "list1");
	vici_item(&o, "item1");
	vici_item(&o, "item2");
	vici_list_end(&o);
	vici_section_end(&o);
	assert_int_equal(vici_end(&o), 0);
	assert_int_equal(o.len, 4 + 1 + VECTOR_LEN);
	assert_memory_equal(o.buf, "\x00\x00\x00\x4e\x01", 5);
	assert_int_equal(VECTOR_LEN + 1, 0x4e);
	assert_memory_equal(o.buf + 5, vector, VECTOR_LEN);
	vici_out_free(&o);

	vici_begin(&o, VICI_CMD_REQUEST, "version");
	assert_int_equal(vici_end(&o), 0);
	assert_int_equal(o.len, 13);
	assert_memory_equal(o.buf, "\x00\x00\x00\x09\x00\x07version", 13);
	vici_out_free(&o);
}

static void
decode(void **state)
{
	struct conf *c = vici_decode(vector, VECTOR_LEN);
	const struct conf_node *s, *l;

	assert_non_null(c);
	assert_string_equal(conf_get(conf_root(c), "key1"), "value1");
	s = conf_child(conf_root(c), "section1");
	assert_non_null(s);
	assert_null(s->file);
	assert_string_equal(conf_get(conf_child(s, "sub-section"), "key2"), "value2");
	l = conf_child(s, "list1");
	assert_int_equal(l->kind, CONF_LIST);
	assert_int_equal(l->n_items, 2);
	assert_string_equal(l->items[0], "item1");
	assert_string_equal(l->items[1], "item2");
	assert_int_equal(l->item_len[1], 5);
	conf_free(c);

	c = vici_decode(NULL, 0);
	assert_non_null(c);
	assert_null(conf_root(c)->children);
	conf_free(c);

	/* values are octets, names may be empty, the last value counts, lists grow */
	c = vici_decode((const uint8_t *)"\x03\x00\x00\x03"
					 "a\x00z"
					 "\x03\x01k\x00\x01x\x03\x01k\x00\x00"
					 "\x04\x01l\x06\x04\x01l\x05\x00\x00\x06",
		29);
	assert_non_null(c);
	s = conf_child(conf_root(c), "");
	assert_int_equal(s->len, 3);
	assert_memory_equal(s->value, "a\0z", 4);
	assert_string_equal(conf_get(conf_root(c), "k"), "");
	assert_int_equal(conf_child(conf_root(c), "l")->n_items, 1);
	conf_free(c);
}

/* no prefix of a message is a message but where an element ends at the root; all are read safely */
static void
truncated(void **state)
{
	for (size_t n = 0; n < VECTOR_LEN; n++) {
		uint8_t *copy = malloc(n > 0 ? n : 1); /* exact size: a read beyond is seen */
		memcpy(copy, vector, n);
		struct conf *c = vici_decode(copy, n);
		if (n == 0 || n == 14) {
			assert_non_null(c);
			conf_free(c);
		} else {
			assert_null(c);
			assert_int_equal(errno, EPROTO);
		}
		free(copy);
	}
}

static void
malformed(void **state)
{
	static const struct {
		const char *msg;
		size_t len;
	} t[] = {
		{"\x00", 1}, {"\x07", 1}, {"\x02", 1}, /* nothing to close */
		{"\x05\x00\x01x", 4},                  /* item outside a list */
		{"\x06", 1},                           /* end outside a list */
		{"\x01\x01s", 3},                      /* section left open */
		{"\x04\x01l", 3},                      /* list left open */
		{"\x04\x01l\x04\x01m\x06\x06", 8},     /* list in a list */
		{"\x04\x01l\x01\x01s\x02\x06", 8},     /* section in a list */
		{"\x04\x01l\x03\x01k\x00\x00\x06", 9}, /* key in a list */
		{"\x03\x01\x00\x00\x00", 5},           /* NUL in a name */
		{"\x03\x01\x80\x00\x00", 5},           /* name that is not ASCII */
		{"\x03\x01k\xff\xff", 5},              /* value longer than the message */
		{"\x03\x01k\x00\x00\x01\x01k\x02", 9}, /* value and section of one name */
		{"\x01\x01s\x02\x02", 5},              /* one end too many */
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t *copy = malloc(t[i].len);
		memcpy(copy, t[i].msg, t[i].len);
		errno = 0;
		assert_null(vici_decode(copy, t[i].len));
		assert_int_equal(errno, EPROTO);
		free(copy);
	}
}

static struct conf *
nested(unsigned int levels)
{
	uint8_t msg[1024];

	for (unsigned int i = 0; i < levels; i++)
		memcpy(msg + i * 3, "\x01\x01s", 3);
	memset(msg + levels * 3, 2, levels);
	return vici_decode(msg, levels * 4);
}

static void
depth(void **state)
{
	struct conf *c = nested(CONF_DEPTH_MAX);

	assert_non_null(c);
	conf_free(c);
	assert_null(nested(CONF_DEPTH_MAX + 1));
	assert_int_equal(errno, EPROTO);
}

static void
packets(void **state)
{
	struct vici_packet p;

	assert_int_equal(vici_packet_parse(&p, (const uint8_t *)"\x00\x04statx", 7), 0);
	assert_int_equal(p.type, VICI_CMD_REQUEST);
	assert_string_equal(p.name, "stat");
	assert_int_equal(p.msg_len, 1);
	assert_int_equal(*p.msg, 'x');
	assert_int_equal(vici_packet_parse(&p, (const uint8_t *)"\x01", 1), 0);
	assert_int_equal(p.type, VICI_CMD_RESPONSE);
	assert_int_equal(p.msg_len, 0);
	assert_string_equal(p.name, "");
	assert_int_equal(vici_packet_parse(&p, (const uint8_t *)"\x03\x03log", 5), 0);
	assert_int_equal(p.type, VICI_EVENT_REGISTER);

	assert_int_equal(vici_packet_parse(&p, (const uint8_t *)"", 0), -EPROTO);
	assert_int_equal(vici_packet_parse(&p, (const uint8_t *)"\x08", 1), -EPROTO);
	assert_int_equal(vici_packet_parse(&p, (const uint8_t *)"\x00", 1), -EPROTO);
	assert_int_equal(vici_packet_parse(&p, (const uint8_t *)"\x00\x04sta", 5), -EPROTO);
	assert_int_equal(vici_packet_parse(&p, (const uint8_t *)"\x00\x02s\n", 4), -EPROTO);
}

static void
out_errors(void **state)
{
	struct vici_out o;
	char name[300];
	char *value = malloc(65537);

	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	memset(value, 'v', 65536);
	value[65536] = '\0';

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_kv(&o, name, "x");
	assert_int_equal(vici_end(&o), -EOVERFLOW);
	vici_out_free(&o);

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_kv(&o, "k", value);
	assert_int_equal(vici_end(&o), -EOVERFLOW);
	vici_out_free(&o);

	/* the longest there may be, and its way back */
	name[255] = '\0';
	value[65535] = '\0';
	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_kv(&o, name, value);
	assert_int_equal(vici_end(&o), 0);
	struct conf *c = vici_decode(o.buf + 5, o.len - 5);
	assert_non_null(c);
	assert_string_equal(conf_get(conf_root(c), name), value);
	conf_free(c);
	vici_out_free(&o);

	vici_begin(&o, VICI_EVENT, "list-sa");
	for (int i = 0; i < 9; i++)
		vici_kv(&o, "k", value);
	assert_int_equal(vici_end(&o), -EOVERFLOW);
	vici_out_free(&o);

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_section(&o, "s");
	assert_int_equal(vici_end(&o), -EINVAL);
	vici_out_free(&o);

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_section_end(&o);
	assert_int_equal(vici_end(&o), -EINVAL);
	vici_out_free(&o);

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_list(&o, "l");
	vici_kv(&o, "k", "v");
	vici_list_end(&o);
	assert_int_equal(vici_end(&o), -EINVAL);
	vici_out_free(&o);

	vici_begin(&o, VICI_CMD_RESPONSE, NULL);
	vici_item(&o, "i");
	assert_int_equal(vici_end(&o), -EINVAL);
	vici_out_free(&o);
	free(value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encode),
		cmocka_unit_test(decode),
		cmocka_unit_test(truncated),
		cmocka_unit_test(malformed),
		cmocka_unit_test(depth),
		cmocka_unit_test(packets),
		cmocka_unit_test(out_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
