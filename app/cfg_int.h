/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_CFG_INT_H
#define GW_CFG_INT_H

/*
 * Inside of the validator: for cfg*.c only. A section is described by a table of keys; one loop
 * reads any section by its table, so that unknown and ignored keys are treated alike everywhere.
 */

#include "cfg.h"

#include <stddef.h>

/*
 * Counts are 16 bits wide (ike/cfg.h). A file of so many is 10 to 20 MB: three times the 10 000
 * that are meant to work, and less than what a slip of a generator writes.
 */
#define CFG_CONNS_MAX	 32768
#define CFG_CHILDREN_MAX 256
#define CFG_SECRETS_MAX	 32768
#define CFG_OWNERS_MAX	 64
#define CFG_TUNNELS_MAX	 32768
#define CFG_PORTS_MAX	 32 /* of Debian's build of DPDK */
#define CFG_FORWARDING_MAX 30000 /* next hops of the routing tables */

struct cfg_seen {
	struct cfg_seen *next;
	char what[];
};

struct cfg_ctx {
	struct gw_cfg *cfg;
	struct cfg_notes *notes;
	struct conf_error *err;
	struct cfg_seen *seen; /* what has been said once */
	const struct conf *conf;
	const struct conf_node *secrets; /* the section, NULL = none: passphrases of keys */
	struct cfg_pki *pki;		 /* cfg_cert.c's */
	const struct ike_conn_cfg **by_name; /* cfg_bind.c's: the connections in order of names */
};

enum cfg_kind {
	CFG_VALUE,
	CFG_LIST,     /* from a file: a value with commas */
	CFG_SECTION,  /* a name ending in '*' stands for all sections that begin so */
	CFG_IGNORED,  /* strongSwan's, without meaning here; section, list or value */
	CFG_MISSING,  /* strongSwan's, which would have one: ignored, too */
	CFG_REFUSED,  /* would do harm; text says why */
};

struct cfg_key;
/** Read node into field (obj + k->off). @return 0, or -EINVAL with x->err filled */
typedef int cfg_set(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *field);

struct cfg_word {
	const char *word;
	unsigned int value;
};

struct cfg_key {
	const char *name;
	enum cfg_kind kind;
	cfg_set *set;
	size_t off;
	uint64_t min, max;	      /* numbers; max also the size of a text */
	const struct cfg_word *words; /* ended by word == NULL */
	const char *text;	      /* CFG_REFUSED and CFG_IGNORED: why, may be NULL for the latter */
};

#define CFG_N(keys) (sizeof(keys) / sizeof((keys)[0]))
#define CFG_IGNORE(key)                                                                            \
	{                                                                                          \
		.name = (key), .kind = CFG_IGNORED                                                 \
	}
#define CFG_MISS(key)                                                                              \
	{                                                                                          \
		.name = (key), .kind = CFG_MISSING                                                 \
	}
#define CFG_IGNORE_AS(key, why)                                                                    \
	{                                                                                          \
		.name = (key), .kind = CFG_IGNORED, .text = (why)                                  \
	}

/* ---- cfg_key.c ---- */

/** Give each child of section to its key's setter. */
int cfg_read(struct cfg_ctx *x, const struct conf_node *section, const struct cfg_key *keys,
	size_t n_keys, void *obj);

/** An error at node, "PATH: ..."; @return -EINVAL */
int cfg_error(struct cfg_ctx *x, const struct conf_node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** "PATH: 'VALUE' is not ALLOWED"; @return -EINVAL */
int cfg_bad_value(struct cfg_ctx *x, const struct conf_node *node, const char *value,
	const char *allowed);
int cfg_no_memory(struct cfg_ctx *x); /* @return -ENOMEM */
void cfg_note(struct cfg_ctx *x, bool warning, const struct conf_node *node, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** True the first time that what is asked about. */
bool cfg_first(struct cfg_ctx *x, const char *what);

/** Count the sections among section's children. @return -EINVAL for other kinds, or more than max */
int cfg_count(struct cfg_ctx *x, const struct conf_node *section, const char *what, unsigned int max,
	unsigned int *n);
/** Copy a name of at most len - 1 bytes. */
int cfg_name(struct cfg_ctx *x, const struct conf_node *node, char *buf, size_t len);
/** Call each(item) for every item of a list; empty ones are skipped. */
int cfg_each(struct cfg_ctx *x, const struct conf_node *node,
	int (*each)(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg),
	void *arg);

/* ---- cfg_val.c: setters; field's type is the one named ---- */

cfg_set cfg_bool;      /* bool */
cfg_set cfg_u8;	       /* uint8_t, k->min..k->max */
cfg_set cfg_u16;       /* uint16_t */
cfg_set cfg_u32;       /* uint32_t */
cfg_set cfg_time_u32;  /* uint32_t, seconds */
cfg_set cfg_time_u64;  /* uint64_t, seconds */
cfg_set cfg_bytes_u64; /* uint64_t */
cfg_set cfg_count_u64; /* uint64_t */
cfg_set cfg_enum;      /* unsigned int or an enum: k->words */
cfg_set cfg_text;      /* char[k->max] */
cfg_set cfg_port;      /* char[k->max]: an ethdev */
extern const struct cfg_word cfg_source_words[]; /* enum gw_source_check */

/** An integer as strongSwan reads it: decimal, 0x or octal. @return false when it is not one, or > max */
bool cfg_parse_uint(const char *s, uint64_t max, uint64_t *v);
/** Seconds with up to three decimals, with or without an s. @return false when it is none, or > max ms */
bool cfg_parse_milli(const char *s, uint64_t max, uint64_t *ms);
/** What stands for v in words; NULL if nothing does. */
const char *cfg_word(const struct cfg_word *words, unsigned int v);
/** ADDRESS or ADDRESS/BITS; bits is the whole address where none are written. */
bool cfg_parse_prefix(const char *s, struct gw_prefix *p, bool *has_bits);
/** True when bits beyond the prefix are set. */
bool cfg_prefix_has_host_bits(const struct gw_prefix *p);
/** The address of an IPv6 prefix, aligned. */
struct in6_addr cfg_in6(const struct gw_prefix *p);
/** ADDRESS, ADDRESS/BITS or ADDRESS-ADDRESS, IPv6. */
bool cfg_parse_range(const char *s, struct ike_range *r);
const char *cfg_prefix_str(const struct gw_prefix *p, char *buf, size_t len);
/** Clear the host bits. */
void cfg_mask(struct gw_prefix *p);

/* ---- cfg_size.c ---- */

/** A pair of ESP's algorithms, and what they add. */
struct cfg_esp {
	const char *cipher, *integ; /* names; integ NULL: the cipher has its own */
	uint16_t iv_len, icv_len, block;
};

/** Each pair that the tunnel's child may agree on. */
void cfg_each_esp(const struct gw_tunnel_cfg *t, void (*each)(const struct cfg_esp *e, void *arg), void *arg);
/** The largest inner packet on a path of so many bytes; 0 = none fits. */
unsigned int cfg_inner_mtu(const struct gw_tunnel_cfg *t, uint16_t path, const struct cfg_esp *e,
	bool tunnel_mode, bool udp_encap);
/** The same on the port's own path, without a NAT, with those algorithms that leave the most. */
unsigned int cfg_inner_mtu_max(const struct gw_cfg *cfg, const struct gw_tunnel_cfg *t);

/* ---- sections ---- */

cfg_set cfg_proposals; /* struct ike_proposals; k->min is the enum ike_protocol */
bool cfg_has_transform(const struct ike_proposals *list, uint8_t type, uint16_t id);
int cfg_child(struct cfg_ctx *x, const struct conf_node *node, struct ike_child_cfg *c);
/** Whether Linux takes node's name, or value, for an interface's. @return 0 or -EINVAL */
int cfg_check_ifname(struct cfg_ctx *x, const struct conf_node *node, const char *name);
/** True for an address that a host may have. */
bool cfg_is_host(const struct gw_prefix *p);
/** Errors that no tunnel shows alone: keys shared in one child, networks that overlap. */
int cfg_tunnels_check(struct cfg_ctx *x, const struct conf_node *section);

/** The authentication of one end: the section called prefix. */
int cfg_auth(struct cfg_ctx *x, const struct conf_node *conn, const char *prefix, struct ike_auth_cfg *auth);
cfg_set cfg_auth_round; /* refuses all but the first */
void cfg_auth_free(struct ike_auth_cfg *auth);
int cfg_connections(struct cfg_ctx *x, const struct conf_node *section);
int cfg_secrets(struct cfg_ctx *x, const struct conf_node *section);
/** Connections, all of which are read, that have no secret although they need one. */
int cfg_psk_check(struct cfg_ctx *x, const struct conf_node *connections);
int cfg_gateway(struct cfg_ctx *x, const struct conf_node *section);
int cfg_tunnels(struct cfg_ctx *x, const struct conf_node *section);
/* of each tunnel its connection and child, NULL: the only one; begin before the first, end in any case */
int cfg_bind_begin(struct cfg_ctx *x);
int cfg_bind(struct cfg_ctx *x, const struct conf_node *tunnel, const struct conf_node *conn,
	const struct conf_node *child, struct gw_tunnel_cfg *t);
void cfg_bind_end(struct cfg_ctx *x);
/** For cfg_load_routes(): errors are passed over. */
void cfg_tunnels_routes(struct cfg_ctx *x, const struct conf_node *section);
void cfg_conns_free(struct ike_cfg *ike);
void cfg_secrets_free(struct ike_cfg *ike);

#endif
