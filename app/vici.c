/* SPDX-License-Identifier: BSD-3-Clause */
#include "vici.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum element {
	SECTION_START = 1,
	SECTION_END = 2,
	KEY_VALUE = 3,
	LIST_START = 4,
	LIST_ITEM = 5,
	LIST_END = 6,
};

#define NAME_MAX_LEN  255
#define VALUE_MAX_LEN 65535

/* ---- reading ---- */

struct reader {
	const uint8_t *p;
	size_t left;
	bool failed; /* sticky */
};

static const uint8_t *
take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->failed || n > r->left) {
		r->failed = true;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

static uint8_t
take_u8(struct reader *r)
{
	const uint8_t *p = take(r, 1);

	return p != NULL ? *p : 0;
}

static const uint8_t *
take_value(struct reader *r, size_t *len)
{
	const uint8_t *p = take(r, 2);

	*len = p != NULL ? (size_t)p[0] << 8 | p[1] : 0;
	return take(r, *len);
}

/* printable ASCII only: names are compared and printed as text */
static void
take_name(struct reader *r, char name[NAME_MAX_LEN + 1])
{
	size_t len = take_u8(r);
	const uint8_t *p = take(r, len);

	name[0] = '\0';
	if (p == NULL)
		return;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			r->failed = true;
	}
	memcpy(name, p, len);
	name[len] = '\0';
}

static bool
is_named(enum vici_type type)
{
	return type == VICI_CMD_REQUEST || type == VICI_EVENT_REGISTER ||
	       type == VICI_EVENT_UNREGISTER || type == VICI_EVENT;
}

int
vici_packet_parse(struct vici_packet *p, const uint8_t *buf, size_t len)
{
	struct reader r = {.p = buf, .left = len};
	uint8_t type = take_u8(&r);

	memset(p, 0, sizeof(*p));
	if (r.failed || type > VICI_EVENT)
		return -EPROTO;
	p->type = type;
	if (is_named(p->type))
		take_name(&r, p->name);
	if (r.failed)
		return -EPROTO;
	p->msg = r.p;
	p->msg_len = r.left;
	return 0;
}

/* a name twice, as two kinds, and too much of everything are the sender's fault */
static int
added(const struct conf_node *n)
{
	if (n != NULL)
		return 0;
	return errno == ENOMEM ? ENOMEM : EPROTO;
}

/* one element; *section is where we are, *list the list that is open or NULL. @return 0 or errno */
static int
decode_element(
	struct conf *c, struct reader *r, struct conf_node **section, struct conf_node **list)
{
	uint8_t type = take_u8(r);
	char name[NAME_MAX_LEN + 1] = "";
	const uint8_t *value;
	size_t len = 0;

	if ((*list != NULL) != (type == LIST_ITEM || type == LIST_END))
		return EPROTO;
	if (type == SECTION_START || type == KEY_VALUE || type == LIST_START)
		take_name(r, name);
	value = type == KEY_VALUE || type == LIST_ITEM ? take_value(r, &len) : NULL;
	if (r->failed)
		return EPROTO;

	switch (type) {
	case SECTION_START:
		*section = conf_add_section(c, *section, name);
		return added(*section);
	case SECTION_END:
		*section = (*section)->parent;
		return *section != NULL ? 0 : EPROTO;
	case KEY_VALUE:
		return added(conf_add_value(c, *section, name, value, len));
	case LIST_START:
		*list = conf_add_list(c, *section, name);
		return added(*list);
	case LIST_ITEM:
		return -conf_add_item(c, *list, value, len);
	case LIST_END:
		*list = NULL;
		return 0;
	default:
		return EPROTO;
	}
}

struct conf *
vici_decode(const uint8_t *msg, size_t len)
{
	struct reader r = {.p = msg, .left = len};
	struct conf_node *section, *list = NULL;
	struct conf *c = conf_new();
	int error = 0;

	if (c == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	section = conf_root(c);
	while (r.left > 0 && error == 0)
		error = decode_element(c, &r, &section, &list);
	if (error == 0 && (section != conf_root(c) || list != NULL))
		error = EPROTO;
	if (error == 0)
		return c;
	conf_free(c);
	errno = error == ENOMEM ? ENOMEM : EPROTO;
	return NULL;
}

/* ---- writing ---- */

/* not realloc(): what is left behind may hold a secret */
static bool
reserve(struct vici_out *o, size_t n)
{
	size_t cap = o->cap > 0 ? o->cap : 512;
	uint8_t *buf;

	if (o->error != 0)
		return false;
	if (n <= o->cap - o->len)
		return true;
	if (n > VICI_SEGMENT_MAX + 4 - o->len) {
		o->error = EOVERFLOW;
		return false;
	}
	while (cap - o->len < n)
		cap *= 2;
	buf = malloc(cap);
	if (buf == NULL) {
		o->error = ENOMEM;
		return false;
	}
	if (o->len > 0) {
		memcpy(buf, o->buf, o->len);
		explicit_bzero(o->buf, o->len);
	}
	free(o->buf);
	o->buf = buf;
	o->cap = cap;
	return true;
}

static void
put(struct vici_out *o, const void *p, size_t len)
{
	if (len == 0 || !reserve(o, len))
		return;
	memcpy(o->buf + o->len, p, len);
	o->len += len;
}

static void
put_u8(struct vici_out *o, uint8_t v)
{
	put(o, &v, 1);
}

static void
put_name(struct vici_out *o, const char *name)
{
	size_t len = strlen(name);

	if (len > NAME_MAX_LEN && o->error == 0)
		o->error = EOVERFLOW;
	put_u8(o, (uint8_t)len);
	put(o, name, len);
}

static void
put_value(struct vici_out *o, const void *value, size_t len)
{
	if (len > VALUE_MAX_LEN && o->error == 0)
		o->error = EOVERFLOW;
	put_u8(o, (uint8_t)(len >> 8));
	put_u8(o, (uint8_t)len);
	put(o, value, len);
}

/* sections and values stand between lists, items in them */
static void
expect_list(struct vici_out *o, bool in_list)
{
	if (o->in_list != in_list && o->error == 0)
		o->error = EINVAL;
}

void
vici_begin(struct vici_out *o, enum vici_type type, const char *name)
{
	static const uint8_t no_length[4];

	memset(o, 0, sizeof(*o));
	put(o, no_length, sizeof(no_length));
	put_u8(o, (uint8_t)type);
	if ((name != NULL) != is_named(type) && o->error == 0)
		o->error = EINVAL;
	if (name != NULL)
		put_name(o, name);
}

void
vici_section(struct vici_out *o, const char *name)
{
	expect_list(o, false);
	put_u8(o, SECTION_START);
	put_name(o, name);
	o->depth++;
}

void
vici_section_end(struct vici_out *o)
{
	expect_list(o, false);
	if (o->depth == 0 && o->error == 0)
		o->error = EINVAL;
	put_u8(o, SECTION_END);
	o->depth--;
}

void
vici_kv(struct vici_out *o, const char *name, const char *value)
{
	expect_list(o, false);
	put_u8(o, KEY_VALUE);
	put_name(o, name);
	put_value(o, value, strlen(value));
}

void
vici_kvf(struct vici_out *o, const char *name, const char *fmt, ...)
{
	char *value = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (len < 0) {
		if (o->error == 0)
			o->error = ENOMEM;
		return;
	}
	vici_kv(o, name, value);
	free(value);
}

void
vici_list(struct vici_out *o, const char *name)
{
	expect_list(o, false);
	put_u8(o, LIST_START);
	put_name(o, name);
	o->in_list = true;
}

void
vici_item(struct vici_out *o, const char *value)
{
	expect_list(o, true);
	put_u8(o, LIST_ITEM);
	put_value(o, value, strlen(value));
}

void
vici_list_end(struct vici_out *o)
{
	expect_list(o, true);
	put_u8(o, LIST_END);
	o->in_list = false;
}

int
vici_end(struct vici_out *o)
{
	size_t len;

	if (o->error == 0 && (o->depth != 0 || o->in_list))
		o->error = EINVAL;
	if (o->error != 0)
		return -o->error;
	len = o->len - 4;
	o->buf[0] = (uint8_t)(len >> 24);
	o->buf[1] = (uint8_t)(len >> 16);
	o->buf[2] = (uint8_t)(len >> 8);
	o->buf[3] = (uint8_t)len;
	return 0;
}

void
vici_out_free(struct vici_out *o)
{
	if (o->buf != NULL)
		explicit_bzero(o->buf, o->len);
	free(o->buf);
	memset(o, 0, sizeof(*o));
}
