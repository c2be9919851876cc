/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sa.h"

#define STRANGER_LINES_PER_S 10

/** Strangers do not fill the log: the rest of a second's lines is only counted. */
static bool
leave_out(struct ike *e)
{
	char text[64];

	if (e->now_ms - e->stranger_log_ms >= 1000) {
		if (e->stranger_lines > STRANGER_LINES_PER_S) {
			snprintf(text, sizeof(text), "%u lines about strangers were left out",
				e->stranger_lines - STRANGER_LINES_PER_S);
			e->host.log(e->host.arg, IKE_LOG_WARN, "IKE", NULL, text);
		}
		e->stranger_log_ms = e->now_ms;
		e->stranger_lines = 0;
	}
	return ++e->stranger_lines > STRANGER_LINES_PER_S;
}

void
ike_log(struct ike *e, enum ike_log_level level, const char *group, const char *name,
	const char *fmt, ...)
{
	char text[4 * IKE_TEXT_MAX];
	va_list ap;

	if (e->stranger && leave_out(e))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e->host.log(e->host.arg, level, group, name, text);
}

/** Append to a text that may already be full. */
static void add(char *buf, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
add(char *buf, size_t len, const char *fmt, ...)
{
	size_t at = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + at, len - at, fmt, ap);
	va_end(ap);
}

static void
add_transform(char *buf, size_t len, uint8_t type, uint16_t id, uint16_t bits, const char *sep)
{
	const char *name = ike_transform_name(type, id);

	if (name != NULL && ike_is_addke(type)) /* as strongSwan 6 writes it */
		add(buf, len, "%sKE%u_%s", sep, type - IKE_TT_ADDKE1 + 1U, name);
	else if (name != NULL)
		add(buf, len, "%s%s", sep, name);
	else
		add(buf, len, "%s%u:%u", sep, type, id);
	if (type == IKE_TT_ENCR && bits != 0)
		add(buf, len, "_%u", bits);
}

const char *
ike_proposals_text(const struct ike_proposals *l, char *buf, size_t len)
{
	buf[0] = '\0';
	for (uint8_t i = 0; i < l->n; i++) {
		const struct ike_proposal *p = &l->p[i];

		if (i > 0)
			add(buf, len, ", ");
		for (uint8_t k = 0; k < p->n_transforms; k++)
			add_transform(buf, len, p->transforms[k].type, p->transforms[k].id,
				p->transforms[k].key_bits, k > 0 ? "/" : "");
	}
	return l->n == 0 ? "nothing" : buf;
}

const char *
ike_suite_text(const struct ike_suite *s, char *buf, size_t len)
{
	buf[0] = '\0';
	add_transform(buf, len, IKE_TT_ENCR, s->encr, s->encr_key_bits, "");
	if (s->integ != IKE_INTEG_NONE)
		add_transform(buf, len, IKE_TT_INTEG, s->integ, 0, "/");
	if (s->prf != 0)
		add_transform(buf, len, IKE_TT_PRF, s->prf, 0, "/");
	if (s->dh != IKE_DH_NONE)
		add_transform(buf, len, IKE_TT_DH, s->dh, 0, "/");
	for (unsigned int i = 0; i < IKE_ADDKE_MAX; i++)
		if (s->addke[i] != IKE_DH_NONE)
			add_transform(buf, len, (uint8_t)(IKE_TT_ADDKE1 + i), s->addke[i], 0, "/");
	if (s->esn)
		add(buf, len, "/ESN");
	return buf;
}

const char *
ike_ts_list_text(const struct ike_ts_list *l, char *buf, size_t len)
{
	char one[160];

	buf[0] = '\0';
	for (uint8_t i = 0; i < l->n; i++)
		add(buf, len, "%s%s", i > 0 ? " " : "", ike_ts_str(&l->ts[i], one, sizeof(one)));
	return l->n == 0 ? "nothing" : buf;
}

const char *
ike_addr_text(const struct in6_addr *a, uint16_t port, char *buf, size_t len)
{
	char text[INET6_ADDRSTRLEN];

	snprintf(buf, len, "%s[%u]", inet_ntop(AF_INET6, a, text, sizeof(text)), port);
	return buf;
}
