/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_ID_H
#define IKE_ID_H

/* Identities: RFC 7296 section 3.5, and swanctl.conf's notation of them. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ike_id_type {
	IKE_ID_ANY = 0, /* %any: configuration only, never on the wire */
	IKE_ID_IPV4_ADDR = 1,
	IKE_ID_FQDN = 2,
	IKE_ID_RFC822_ADDR = 3,
	IKE_ID_IPV6_ADDR = 5,
	IKE_ID_DER_ASN1_DN = 9,
	IKE_ID_DER_ASN1_GN = 10,
	IKE_ID_KEY_ID = 11,
};

#define IKE_ID_MAX 256 /* longest identity data we hold, bytes */

struct ike_id {
	uint8_t type; /* enum ike_id_type */
	uint16_t len; /* bytes used in data */
	uint8_t data[IKE_ID_MAX];
};

/**
 * Parse an identity in swanctl.conf's notation.
 *
 * Without a prefix the type is guessed as strongSwan does: empty or "%any", IPv4 or IPv6 address,
 * "a@b", "@fqdn", "@#hex" (key id), distinguished name (has '='), FQDN, else key id. Prefixes:
 * ipv4: ipv6: fqdn: dns: email: rfc822: userfqdn: keyid: asn1dn: (data verbatim, or #hex), {N}:.
 *
 * @return 0, or -EINVAL (not an identity of that type), -E2BIG (longer than IKE_ID_MAX)
 */
int ike_id_parse(struct ike_id *id, const char *text);

/** Write id in swanctl.conf's notation; always terminated. @return buf */
const char *ike_id_str(const struct ike_id *id, char *buf, size_t len);

/** %any */
extern const struct ike_id ike_id_any;

/**
 * A copy on the heap, no longer than its data: read it by pointer, and copy it by ike_id_load() only.
 * @return NULL on lack of memory
 */
struct ike_id *ike_id_dup(const struct ike_id *id);
void ike_id_load(struct ike_id *out, const struct ike_id *id);

/** Names without regard to case: all len bytes, no byte ends them. */
bool ike_name_equal(const void *a, const void *b, size_t len);
bool ike_id_equal(const struct ike_id *a, const struct ike_id *b);
/** An order that depends on nothing but their bytes. @return below 0, 0 or above as memcmp() */
int ike_id_order(const struct ike_id *a, const struct ike_id *b);

/** Continue a hash: the same for identities that are equal. */
uint64_t ike_id_hash(const struct ike_id *id, uint64_t hash);

/**
 * How well id fits a configured pattern: 0 not at all, 1 for %any, rising to 20 for an exact match
 * ('*' at the front of an FQDN or mail pattern, or for the value of an RDN, lies between). The RDNs
 * of a distinguished name come in the order of the pattern, as many of them.
 */
unsigned int ike_id_match(const struct ike_id *id, const struct ike_id *pattern);

/** %any, or with '*' where ike_id_match() takes it for anything. */
bool ike_id_is_pattern(const struct ike_id *id);

#endif
