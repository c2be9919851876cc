/* SPDX-License-Identifier: BSD-3-Clause */
#include "natd.h"

#include <string.h>

#include "payload.h"

#define HASH_LEN 20

static int
hash(uint64_t spi_i, uint64_t spi_r, const struct in6_addr *addr, uint16_t port,
	uint8_t out[HASH_LEN])
{
	uint8_t text[8 + 8 + 16 + 2];
	const struct ike_view v = {.p = text, .len = sizeof(text)};
	struct ike_wr w = ike_wr_make(text, sizeof(text));

	ike_wr_u64(&w, spi_i);
	ike_wr_u64(&w, spi_r);
	ike_wr_bytes(&w, addr, 16);
	ike_wr_u16(&w, port);
	return ike_sha1(&v, 1, out);
}

void
ike_natd_build(const struct ike_sa *sa, const struct ike_path *path, struct ike_chain *c)
{
	uint8_t src[HASH_LEN], dst[HASH_LEN];

	if (hash(sa->spi_i, sa->spi_r, &path->local, path->local_port, src) != 0 ||
		hash(sa->spi_i, sa->spi_r, &path->remote, path->remote_port, dst) != 0)
		return;
	if (sa->conn->encap)
		sa->e->host.random(sa->e->host.arg, src, sizeof(src));
	ike_pld_notify_build(c, IKE_N_NAT_DETECTION_SOURCE_IP, src, sizeof(src));
	ike_pld_notify_build(c, IKE_N_NAT_DETECTION_DESTINATION_IP, dst, sizeof(dst));
}

void
ike_natd_check(struct ike_sa *sa, const struct ike_path *path, const struct ike_msg *m)
{
	uint8_t own[HASH_LEN], peer[HASH_LEN];
	bool src_seen = false, dst_seen = false, src_ok = false, dst_ok = false;
	struct ike_notify n;
	unsigned int pos = 0;

	if (hash(m->hdr.spi_i, m->hdr.spi_r, &path->local, path->local_port, own) != 0 ||
		hash(m->hdr.spi_i, m->hdr.spi_r, &path->remote, path->remote_port, peer) != 0)
		return;
	/* there may be several sources: the sender need not know which address will be used */
	while (ike_msg_notify_next(m, &pos, &n)) {
		if (n.type == IKE_N_NAT_DETECTION_SOURCE_IP) {
			src_seen = true;
			src_ok |= n.data.len == HASH_LEN && memcmp(n.data.p, peer, HASH_LEN) == 0;
		} else if (n.type == IKE_N_NAT_DETECTION_DESTINATION_IP) {
			dst_seen = true;
			dst_ok |= n.data.len == HASH_LEN && memcmp(n.data.p, own, HASH_LEN) == 0;
		}
	}
	sa->peer_natt = src_seen && dst_seen;
	sa->nat_remote = sa->peer_natt && !src_ok;
	sa->behind_nat = sa->peer_natt && !dst_ok;
	sa->nat_local = sa->behind_nat || (sa->peer_natt && sa->conn->encap);
}
