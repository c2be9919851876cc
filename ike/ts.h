/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_TS_H
#define IKE_TS_H

/* Traffic selectors: RFC 7296 sections 2.9 and 3.13, and swanctl.conf's notation. Pure. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKE_TS_MAX 16 /* per payload */

enum ike_ts_type { IKE_TS_IPV4_ADDR_RANGE = 7, IKE_TS_IPV6_ADDR_RANGE = 8 };

struct ike_ts {
	uint8_t type;	/* enum ike_ts_type */
	uint8_t proto;	/* 0 = any */
	bool dynamic;	/* configuration: addresses become the SA's own host */
	uint16_t port_from, port_to; /* 0..65535; OPAQUE is 65535..0 */
	uint8_t from[16], to[16];    /* IPv4 uses the first four bytes */
};

struct ike_ts_list {
	uint8_t n;
	struct ike_ts ts[IKE_TS_MAX];
};

/**
 * Parse "dynamic", ADDR, ADDR/BITS or ADDR-ADDR, directly followed by an optional [PROTO],
 * [PROTO/PORT] or [/PORT]. Protocol and service names come from a table of our own, so that the
 * result does not depend on the host's files.
 * @return 0, or -EINVAL with a sentence in err
 */
int ike_ts_parse(struct ike_ts *ts, const char *text, char *err, size_t err_len);

/** "fd00:1::1/128[gre]", "FROM..TO[tcp/http]", "dynamic[gre]"; always terminated. @return buf */
const char *ike_ts_str(const struct ike_ts *ts, char *buf, size_t len);

/** Replace dynamic addresses by host. */
void ike_ts_resolve(struct ike_ts_list *out, const struct ike_ts_list *cfg, const struct in6_addr *host);

/** Intersection of two selectors. @return false when it is empty */
bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out);

/**
 * Narrow what the peer offers to what policy allows (RFC 7296 2.9), keeping the first, specific
 * selector's preference. Both lists resolved.
 * @return 0, or -ENOENT when nothing is left (TS_UNACCEPTABLE)
 */
int ike_ts_narrow(const struct ike_ts_list *policy, const struct ike_ts_list *offered,
	struct ike_ts_list *out);

/** True when every selector of inner lies in some selector of outer. */
bool ike_ts_subset(const struct ike_ts_list *inner, const struct ike_ts_list *outer);

/** True when ts holds protocol proto between the two hosts and nothing is asked of ports. */
bool ike_ts_covers(const struct ike_ts_list *list, const struct in6_addr *host, uint8_t proto);

#endif
