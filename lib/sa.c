/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_malloc.h>

#include "bytes.h"
#include "esp_size.h"
#include "sa_priv.h"
#include "tunnel.h"

#define LINE           64
#define HOP_LIMIT      64  /* outer: overwritten by the tunnel's; inner, tunnel mode: this */
#define SPI_MIN        256 /* RFC 4303 2.1: below is reserved */
#define FLOW_LABEL_MAX 0xfffffu

const char *
gw_alg_str(const struct gw_alg *alg, char *buf, size_t len)
{
	const struct gw_crypto_alg *row = gw_crypto_alg_find(alg);

	snprintf(buf, len, "%s", row != NULL ? row->name : "unknown");
	return buf;
}

void
gw_alg_overhead(const struct gw_alg *alg, uint16_t *fixed, uint16_t *block)
{
	const struct gw_crypto_alg *row = gw_crypto_alg_find(alg);

	*fixed = row != NULL ? (uint16_t)(GW_ESP_HDR_LEN + row->iv_len + 2 + row->icv_len) : 0;
	*block = row != NULL ? row->align : 0;
}

uint16_t
gw_sa_max_payload(const struct gw_sa_params *p, uint16_t path_mtu)
{
	const struct gw_crypto_alg *row = gw_crypto_alg_find(&p->alg);

	if (row == NULL)
		return 0;
	return gw_esp_max_payload(
		path_mtu, row->iv_len, row->icv_len, row->align, p->tunnel_mode, p->udp_encap);
}

static const struct gw_crypto_alg *
params_check(const struct gw_sa_params *p)
{
	if (p->spi < SPI_MIN || p->flow_label > FLOW_LABEL_MAX)
		return NULL;
	if (p->udp_encap && (p->local_port == 0 || p->remote_port == 0))
		return NULL;
	return gw_crypto_alg_find(&p->alg);
}

/* ESN needs the window to know which epoch a number belongs to (RFC 4303 A2) */
static bool
window_ok(const struct gw_sa_params *p)
{
	if (p->replay_window == 0)
		return !p->esn;
	return p->replay_window >= GW_REPLAY_MIN && p->replay_window <= GW_REPLAY_MAX;
}

static void
sa_free(void *sa, size_t size)
{
	explicit_bzero(sa, size);
	rte_free(sa);
}

/* The inner header's hosts are those of the selectors: an outer address may be a NAT's. */
static const struct in6_addr *
inner_host(const struct in6_addr *inner, const struct in6_addr *outer)
{
	return IN6_IS_ADDR_UNSPECIFIED(inner) ? outer : inner;
}

static struct gw_tunnel *
first_tunnel(const struct gw_demux *d)
{
	if (d == NULL || d->keyless != NULL || d->n == 0)
		return d == NULL ? NULL : d->keyless;
	return d->by_key[0].tunnel;
}

static enum gw_sa_layout
layout_of(const struct gw_crypto_alg *row, bool plain)
{
	if (plain && row->auth == GW_AUTH_AEAD && row->iv_len == 8 && row->align == 4)
		return GW_LAYOUT_AEAD;
	if (plain && row->cipher == GW_CIPHER_AES_CBC)
		return GW_LAYOUT_CBC;
	return GW_LAYOUT_ANY;
}

struct gw_sa_in *
gw_sa_in_create(const struct gw_sa_params *p, int socket)
{
	const struct gw_crypto_alg *row = params_check(p);
	struct gw_sa_in *sa;
	size_t size;

	if (row == NULL || !window_ok(p)) {
		errno = EINVAL;
		return NULL;
	}
	size = sizeof(*sa) + gw_keys_size(row) +
	       RTE_ALIGN_CEIL(gw_replay_size(p->replay_window), LINE);
	sa = rte_zmalloc_socket("gw_sa_in", size, LINE, socket);
	if (sa == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	sa->size = size;
	sa->alg = row;
	sa->remote = p->remote;
	sa->local = p->local;
	sa->inner_remote = *inner_host(&p->inner_remote, &p->remote);
	sa->inner_local = *inner_host(&p->inner_local, &p->local);
	sa->spi = p->spi;
	memcpy(sa->salt, p->alg.salt, sizeof(sa->salt));
	sa->iv_len = row->iv_len;
	sa->icv_len = row->icv_len;
	sa->align_mask = (uint8_t)(row->align - 1);
	sa->min_len = (uint16_t)(GW_ESP_HDR_LEN + row->iv_len + row->align + row->icv_len);
	sa->aead = row->auth == GW_AUTH_AEAD;
	sa->esn = p->esn;
	sa->tunnel_mode = p->tunnel_mode;
	sa->layout = layout_of(row, !p->esn);
	sa->udp_encap = p->udp_encap;
	sa->remote_port = p->remote_port;
	sa->demux = p->demux;
	sa->first = first_tunnel(p->demux);
	sa->child_id = p->child_id;
	gw_replay_init(&sa->replay, p->replay_window, RTE_PTR_ADD(sa + 1, gw_keys_size(row)));
	if (gw_keys_init((struct gw_keys *)(sa + 1), row, &p->alg, false) != 0) {
		sa_free(sa, size);
		errno = ENOMEM;
		return NULL;
	}
	return sa;
}

/* A move keeps it, and leaves out numbers (GW_SA_MOVE_GAP). */
static void
set_salt(struct gw_sa_out *sa, const struct gw_alg *alg)
{
	static _Atomic(uint32_t) next;
	uint32_t id;

	if (sa->aead) {
		memcpy(sa->salt, alg->salt, sizeof(sa->salt));
		return;
	}
	id = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
	memcpy(sa->salt, &id, sizeof(sa->salt));
}

static void
ip6_template(uint8_t *h, uint8_t next, const struct in6_addr *src, const struct in6_addr *dst)
{
	h[0] = 0x60;
	h[6] = next;
	h[7] = HOP_LIMIT;
	memcpy(h + 8, src, 16);
	memcpy(h + 24, dst, 16);
}

static void
outer_template(struct gw_sa_out *sa, const struct gw_sa_params *p)
{
	uint8_t next = p->udp_encap ? IPPROTO_UDP : IPPROTO_ESP;

	memcpy(sa->hosts, &p->local, 16);
	memcpy(sa->hosts + 16, &p->remote, 16);
	sa->udp_encap = p->udp_encap;
	sa->outer_len = GW_IP6_HDR_LEN + GW_ESP_HDR_LEN;
	if (p->udp_encap) {
		gw_put16(sa->ports, p->local_port);
		gw_put16(sa->ports + 2, p->remote_port);
		sa->outer_len += GW_UDP_HDR_LEN;
	}
	sa->around = (uint8_t)(sa->outer_len + sa->iv_len + sa->alg->icv_len);
	sa->layout = layout_of(sa->alg, !sa->tunnel_mode && !sa->udp_encap && !sa->esn);
	sa->head = UINT64_C(6) << 60 | (uint64_t)p->flow_label << 32 | (uint32_t)next << 8;
}

struct gw_sa_out *
gw_sa_out_create(const struct gw_sa_params *p, int socket)
{
	const struct gw_crypto_alg *row = params_check(p);
	struct gw_sa_out *sa;
	size_t size;

	if (row == NULL) {
		errno = EINVAL;
		return NULL;
	}
	size = sizeof(*sa) + gw_keys_size(row);
	sa = rte_zmalloc_socket("gw_sa_out", size, LINE, socket);
	if (sa == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	sa->size = size;
	sa->alg = row;
	sa->nexthop = p->nexthop;
	sa->seq_max = p->esn ? UINT64_MAX : UINT32_MAX;
	sa->spi = p->spi;
	sa->iv_len = row->iv_len;
	sa->align_mask = (uint8_t)(row->align - 1);
	sa->aead = row->auth == GW_AUTH_AEAD;
	set_salt(sa, &p->alg);
	sa->esn = p->esn;
	sa->tunnel_mode = p->tunnel_mode;
	sa->inner_len = p->tunnel_mode ? GW_IP6_HDR_LEN : 0;
	sa->next_header = p->tunnel_mode ? IPPROTO_IPV6 : IPPROTO_GRE;
	sa->child_id = p->child_id;
	outer_template(sa, p);
	ip6_template(sa->inner, IPPROTO_GRE, inner_host(&p->inner_local, &p->local),
		inner_host(&p->inner_remote, &p->remote));
	if (gw_keys_init((struct gw_keys *)(sa + 1), row, &p->alg, true) != 0) {
		sa_free(sa, size);
		errno = ENOMEM;
		return NULL;
	}
	return sa;
}

/*
 * An accepted race: the worker may read a mixture of old and new for one burst and drop a packet as
 * from a stranger, which the move does anyway. It cannot accept one that it should not: these
 * fields save work, the ICV decides.
 */
void
gw_sa_in_move(struct gw_sa_in *sa, const struct in6_addr *local, const struct in6_addr *remote,
	bool udp_encap, uint16_t remote_port)
{
	sa->remote = *remote;
	sa->local = *local;
	sa->udp_encap = udp_encap;
	sa->remote_port = remote_port;
}

bool
gw_sa_in_elsewhere(struct gw_sa_in *sa, struct in6_addr *addr, uint16_t *port)
{
	if (!atomic_load_explicit(&sa->elsewhere_full, memory_order_acquire))
		return false;
	*addr = sa->elsewhere;
	*port = sa->elsewhere_port;
	atomic_store_explicit(&sa->elsewhere_full, false, memory_order_release);
	return true;
}

struct gw_sa_out *
gw_sa_out_move(const struct gw_sa_out *old, const struct gw_sa_params *p, int socket)
{
	uint64_t seq = atomic_load_explicit(&old->seq, memory_order_relaxed);
	struct gw_sa_out *sa;

	if (p->flow_label > FLOW_LABEL_MAX ||
		(p->udp_encap && (p->local_port == 0 || p->remote_port == 0))) {
		errno = EINVAL;
		return NULL;
	}
	sa = rte_malloc_socket("gw_sa_out", old->size, LINE, socket);
	if (sa == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	memcpy(sa, old, old->size);
	sa->nexthop = p->nexthop;
	outer_template(sa, p);
	/* used up is used up: the numbers must not start again */
	gw_stat_set(
		&sa->seq, seq < sa->seq_max - GW_SA_MOVE_GAP ? seq + GW_SA_MOVE_GAP : sa->seq_max);
	return sa;
}

void
gw_sa_in_destroy(struct gw_sa_in *sa)
{
	if (sa != NULL)
		sa_free(sa, sa->size);
}

void
gw_sa_out_destroy(struct gw_sa_out *sa)
{
	if (sa != NULL)
		sa_free(sa, sa->size);
}

static uint64_t
stat_get(const _Atomic(uint64_t) *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void
gw_sa_in_stats(const struct gw_sa_in *sa, struct gw_sa_stats *st)
{
	st->packets = stat_get(&sa->packets);
	st->bytes = stat_get(&sa->bytes);
	st->last_tsc = stat_get(&sa->last_tsc);
	/* the owner's, which writes it as a whole word */
	st->seq = __atomic_load_n(&sa->replay.top, __ATOMIC_RELAXED);
	st->replays = stat_get(&sa->replays);
	st->icv_failures = stat_get(&sa->icv_failures);
}

void
gw_sa_out_stats(const struct gw_sa_out *sa, struct gw_sa_stats *st)
{
	st->packets = stat_get(&sa->packets);
	st->bytes = stat_get(&sa->bytes);
	st->last_tsc = stat_get(&sa->last_tsc);
	st->seq = stat_get(&sa->seq);
	st->replays = 0;
	st->icv_failures = 0;
}

uint32_t
gw_sa_in_spi(const struct gw_sa_in *sa)
{
	return sa->spi;
}

uint32_t
gw_sa_out_spi(const struct gw_sa_out *sa)
{
	return sa->spi;
}

uint32_t
gw_sa_in_child_id(const struct gw_sa_in *sa)
{
	return sa->child_id;
}

uint32_t
gw_sa_out_child_id(const struct gw_sa_out *sa)
{
	return sa->child_id;
}

const struct gw_demux *
gw_sa_in_demux(const struct gw_sa_in *sa)
{
	return sa->demux;
}

const struct in6_addr *
gw_sa_in_remote(const struct gw_sa_in *sa)
{
	return &sa->remote;
}

struct gw_nexthop *
gw_sa_out_nexthop(const struct gw_sa_out *sa)
{
	return sa->nexthop;
}
