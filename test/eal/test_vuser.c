/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hand-off by virtio_user, against a driver in memory: frames as the driver leaves them, flags
 * in place of struct virtio_net_hdr, are packets; packets are frames. What vhost-net makes of them
 * is seen in test/interop/vhost.py. The wire reads frames of the same driver.
 */
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mempool.h>

#include "esp_util.h"
#include "lib/bytes.h"
#include "lib/csum.h"
#include "lib/pkt.h"
#include "lib/vuser.h"
#include "lib/wire.h"
#include "test/unit/test_vectors.h"

#define N_MBUF 255
#define LRO    (RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE)

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
static struct rte_mempool *pool;
static struct gw_tunnel tunnel;
static const struct gw_handoff_ops *handoff = &gw_vuser_handoff;

/* ---- the driver ---- */

static struct rte_mbuf *rx[64], *tx[64];
static uint16_t n_rx, n_tx, tx_room;

static uint16_t
driver_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	n = RTE_MIN(n, n_rx);
	memcpy(pkts, rx, n * sizeof(rx[0]));
	n_rx -= n;
	memmove(rx, rx + n, n_rx * sizeof(rx[0]));
	return n;
}

static uint16_t
driver_tx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	n = RTE_MIN(n, tx_room);
	memcpy(tx + n_tx, pkts, n * sizeof(tx[0]));
	n_tx += n;
	tx_room -= n;
	return n;
}

static void
port_up(void)
{
	static void *queue[1], *no_callback[1];
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[0];

	ops->rx_pkt_burst = driver_rx;
	ops->tx_pkt_burst = driver_tx;
	ops->rxq = (struct rte_ethdev_qdata){queue, no_callback};
	ops->txq = (struct rte_ethdev_qdata){queue, no_callback};
}

static void
append(struct rte_mbuf *m, const uint8_t *p, uint16_t len)
{
	memcpy(rte_pktmbuf_append(m, len), p, len);
}

/*
 * A frame of the kernel's: Ethernet and a packet, as a driver receives them.
 * @param piece  bytes of the packet in the first mbuf, and in each other one; 0: all
 */
static struct rte_mbuf *
receive(uint16_t type, const uint8_t *p, uint16_t len, uint16_t piece)
{
	uint16_t at = piece > 0 && piece < len ? piece : len;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *more;
	struct rte_ether_hdr eth = {.ether_type = rte_cpu_to_be_16(type)};

	assert_non_null(m);
	memset(gw_pkt(m), 0xff, sizeof(struct gw_pkt)); /* of whoever had it */
	memcpy(&eth.dst_addr, mac, 6);
	memcpy(&eth.src_addr, mac, 6);
	append(m, (const uint8_t *)&eth, sizeof(eth));
	append(m, p, at);
	for (uint16_t left; (left = len - at) > 0;) {
		more = rte_pktmbuf_alloc(pool);
		assert_non_null(more);
		append(more, p + at, RTE_MIN(left, piece));
		at += more->data_len;
		assert_int_equal(rte_pktmbuf_chain(m, more), 0);
	}
	rx[n_rx++] = m;
	return m;
}

static uint16_t
ether_type(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6;
}

static void
receive_super(const struct gso_vector *v, uint16_t piece)
{
	struct rte_mbuf *m = receive(ether_type(v->packet), v->packet, v->len, piece);

	m->ol_flags = LRO;
	m->tso_segsz = v->size;
}

static uint16_t
read_all(struct rte_mbuf **pkts, uint16_t max, uint16_t *refused)
{
	return handoff->read(&tunnel, pkts, max, refused);
}

static void
is_packet(struct rte_mbuf *m, const uint8_t *p, uint16_t len)
{
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->data_len, len);
	assert_int_equal(m->pkt_len, len);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), p, len);
	assert_int_equal(m->ol_flags, 0);
	assert_ptr_equal(gw_pkt(m)->tunnel, &tunnel);
	assert_int_equal(gw_pkt(m)->drop, GW_DROP_NONE);
	assert_true(rte_pktmbuf_headroom(m) >= 134);
	assert_true(rte_pktmbuf_tailroom(m) >= GW_PKT_TAILROOM);
}

/* One frame comes, and is refused for this. */
static void
is_refused(enum gw_drop reason)
{
	struct rte_mbuf *pkts[64];
	uint16_t refused;

	assert_int_equal(read_all(pkts, 64, &refused), 0);
	assert_int_equal(refused, 1);
	assert_int_equal(gw_pkt(pkts[0])->drop, reason);
	assert_ptr_equal(gw_pkt(pkts[0])->tunnel, &tunnel);
	rte_pktmbuf_free_bulk(pkts, refused);
}

/* A datagram whose checksum the kernel has left to do. @return bytes */
static uint16_t
datagram(uint8_t *p, uint16_t payload)
{
	memset(p, 0, 28);
	p[0] = 0x45;
	gw_put16(p + 2, (uint16_t)(28 + payload));
	p[8] = 64;
	p[9] = 17;
	gw_put32(p + 12, 0x0a000001);
	gw_put32(p + 16, 0x0a000002);
	gw_put16(p + 10, gw_csum_fold(gw_csum_add(0, p, 20)));
	gw_put16(p + 24, (uint16_t)(8 + payload));
	gw_put16(p + 26, (uint16_t)~gw_csum_fold(gw_csum_add(17 + 8u + payload, p + 12, 8)));
	memset(p + 28, 0x5a, payload);
	return (uint16_t)(28 + payload);
}

/* ---- reading ---- */

static void
test_read_plain(void **state)
{
	struct rte_mbuf *pkts[64], *m;
	uint8_t p[1400];
	uint16_t refused, len = datagram(p, 1000);

	for (unsigned int i = 0; i < 40; i++)
		receive(RTE_ETHER_TYPE_IPV4, p, len, 0);
	m = receive(RTE_ETHER_TYPE_IPV4, p, len, 0);
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
	assert_int_equal(read_all(pkts, 16, &refused), 16);
	assert_int_equal(refused, 0);
	assert_int_equal(read_all(pkts + 16, 64, &refused), 16);
	assert_int_equal(read_all(pkts + 32, 32, &refused), 9);
	for (unsigned int i = 0; i < 40; i++)
		is_packet(pkts[i], p, len);
	gw_put16(p + 26, 0);
	gw_put16(p + 26, gw_csum_fold(gw_csum_add(
				 gw_csum_add(17 + len - 20u, p + 12, 8), p + 20, len - 20u)));
	is_packet(pkts[40], p, len);
	rte_pktmbuf_free_bulk(pkts, 41);
}

static void
test_read_refused(void **state)
{
	static const uint8_t arp[46];
	struct rte_mbuf *m;
	uint8_t p[200];
	uint16_t len = datagram(p, 100);

	receive(RTE_ETHER_TYPE_ARP, arp, sizeof(arp), 0);
	is_refused(GW_DROP_WIRE_FRAME);
	receive(RTE_ETHER_TYPE_VLAN, arp, sizeof(arp), 0);
	is_refused(GW_DROP_WIRE_FRAME);
	receive(RTE_ETHER_TYPE_IPV6, p, len, 0); /* the packet says 4 */
	is_refused(GW_DROP_WIRE_FRAME);
	receive(RTE_ETHER_TYPE_IPV4, p, 0, 0);
	is_refused(GW_DROP_WIRE_FRAME);
	m = receive(RTE_ETHER_TYPE_IPV4, p, len, 0);
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - 3));
	is_refused(GW_DROP_WIRE_FRAME);
	receive(RTE_ETHER_TYPE_IPV4, p, len, 60); /* in pieces, and no super-packet */
	is_refused(GW_DROP_OUT_INNER_BAD);
	m = receive(RTE_ETHER_TYPE_IPV4, p, len, 0); /* UDP is not cut */
	m->ol_flags = LRO;
	m->tso_segsz = 50;
	is_refused(GW_DROP_OUT_INNER_BAD);
	m = receive(RTE_ETHER_TYPE_IPV4, p, 24, 0); /* no place for a checksum */
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
	is_refused(GW_DROP_OUT_INNER_BAD);
	receive_super(&gso_vectors[0], 0);
	rx[0]->tso_segsz = 0;
	is_refused(GW_DROP_OUT_INNER_BAD);
}

/* However it lies in mbufs, and however few are asked for: the segments that scapy made of it. */
static void
test_read_super(void **state)
{
	for (size_t i = 0; i < N_VECTORS(gso_vectors); i++) {
		const struct gso_vector *v = &gso_vectors[i];

		for (uint16_t piece = 64; piece <= 448; piece += 64) {
			for (uint16_t max = 1; max <= 4; max++) {
				const uint8_t *want = v->segs;
				struct rte_mbuf *pkts[64];
				uint16_t n = 0, got, refused;

				receive_super(v, piece);
				while ((got = read_all(pkts + n, max, &refused)) > 0)
					n += got;
				assert_int_equal(refused, 0);
				assert_int_equal(n, v->n_segs);
				for (uint16_t k = 0; k < n; k++) {
					is_packet(pkts[k], want, v->seg_len[k]);
					want += v->seg_len[k];
				}
				rte_pktmbuf_free_bulk(pkts, n);
			}
		}
	}
}

/* Without mbufs what is left of a super-packet waits, and goes before what came later. */
static void
test_read_no_mbufs(void **state)
{
	const struct gso_vector *v = &gso_vectors[0];
	struct rte_mbuf *pkts[64], *all[N_MBUF];
	uint16_t refused;
	unsigned int n;
	uint8_t p[200];
	uint16_t len = datagram(p, 100);

	receive_super(v, 0);
	receive(RTE_ETHER_TYPE_IPV4, p, len, 0);
	for (n = 0; n < N_MBUF && (all[n] = rte_pktmbuf_alloc(pool)) != NULL; n++)
		;
	assert_int_equal(read_all(pkts, 64, &refused), 1); /* the mbuf it came in */
	assert_int_equal(read_all(pkts + 1, 64, &refused), 0);
	assert_int_equal(refused, 0);
	rte_pktmbuf_free_bulk(all, n);
	assert_int_equal(read_all(pkts + 1, 64, &refused), v->n_segs);
	is_packet(pkts[0], v->segs, v->seg_len[0]);
	is_packet(pkts[v->n_segs - 1], v->segs + v->seg_len[0] * (v->n_segs - 1),
		v->seg_len[v->n_segs - 1]);
	is_packet(pkts[v->n_segs], p, len);
	rte_pktmbuf_free_bulk(pkts, v->n_segs + 1u);
}

/* What was received and not handed out is freed with the tunnel. */
static void
test_destroy(void **state)
{
	struct gw_vuser *kept = tunnel.vuser;
	struct rte_mbuf *pkts[4];
	uint16_t refused, len;
	uint8_t p[200];

	tunnel.vuser = gw_vuser_create(0, mac, pool, SOCKET_ID_ANY);
	assert_non_null(tunnel.vuser);
	len = datagram(p, 100);
	for (unsigned int i = 0; i < 20; i++)
		receive(RTE_ETHER_TYPE_IPV4, p, len, 0);
	assert_int_equal(read_all(pkts, 4, &refused), 4);
	rte_pktmbuf_free_bulk(pkts, 4);
	gw_vuser_destroy(tunnel.vuser);
	gw_vuser_destroy(NULL);
	tunnel.vuser = kept;
}

/* ---- the wire ---- */

/* A frame of a VLAN whose tag the port has taken off, and one in pieces, are neither answered nor
 * learned from. */
static void
test_read_wire(void **state)
{
	static const uint8_t arp[46] = {
		0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 8, 10, 0, 0, 1, [24] = 10, 0, 0, 2};
	static const uint8_t nobody[6];
	struct rte_mbuf *pkts[2], *m;
	uint16_t refused, len;
	uint8_t p[200];

	len = datagram(p, 100);
	handoff = &gw_wire_handoff;
	memcpy(tunnel.wire_mac, mac, sizeof(tunnel.wire_mac));
	tx_room = 1;
	m = receive(RTE_ETHER_TYPE_ARP, arp, sizeof(arp), 0);
	m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	is_refused(GW_DROP_WIRE_FRAME);
	receive(RTE_ETHER_TYPE_ARP, arp, sizeof(arp), 28);
	is_refused(GW_DROP_WIRE_FRAME);
	m = receive(RTE_ETHER_TYPE_IPV4, p, len, 0);
	m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	is_refused(GW_DROP_WIRE_FRAME);
	assert_memory_equal(tunnel.wire_peer, nobody, 6);
	assert_int_equal(n_tx, 0);
	receive(RTE_ETHER_TYPE_ARP, arp, sizeof(arp), 0);
	receive(RTE_ETHER_TYPE_IPV4, p, len, 0);
	assert_int_equal(read_all(pkts, 2, &refused), 1);
	assert_int_equal(refused, 0);
	assert_memory_equal(tunnel.wire_peer, mac, 6);
	assert_int_equal(n_tx, 1);
	is_packet(pkts[0], p, len);
	rte_pktmbuf_free(pkts[0]);
	rte_pktmbuf_free(tx[0]);
	n_tx = 0;
	handoff = &gw_vuser_handoff;
}

/* ---- writing ---- */

static struct rte_mbuf *
inner(const uint8_t *p, uint16_t len)
{
	struct rte_mbuf *m = gw_pkt_alloc(pool);

	assert_non_null(m);
	append(m, p, len);
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD; /* the port's word on the ESP packet */
	gw_pkt(m)->tunnel = &tunnel;
	return m;
}

static uint16_t
segments_of(const struct gso_vector *v, struct rte_mbuf **pkts)
{
	const uint8_t *p = v->segs;

	for (uint16_t k = 0; k < v->n_segs; k++) {
		pkts[k] = inner(p, v->seg_len[k]);
		p += v->seg_len[k];
	}
	return v->n_segs;
}

/* Frame m: Ethernet to the interface, and these bytes. */
static void
is_frame(const struct rte_mbuf *m, const uint8_t *p, size_t len)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	uint8_t buf[2048];
	const uint8_t *got;

	assert_int_equal(m->pkt_len, sizeof(*eth) + len);
	assert_memory_equal(&eth->dst_addr, mac, 6);
	assert_memory_not_equal(&eth->src_addr, mac, 6);
	assert_true(rte_is_unicast_ether_addr(&eth->src_addr));
	assert_int_equal(rte_be_to_cpu_16(eth->ether_type), ether_type(p));
	got = rte_pktmbuf_read(m, sizeof(*eth), (uint32_t)len, buf);
	assert_non_null(got);
	assert_memory_equal(got, p, len);
	rte_mbuf_sanity_check(m, 1);
}

static void
sent_free(void)
{
	rte_pktmbuf_free_bulk(tx, n_tx);
	n_tx = 0;
}

static void
test_write_plain(void **state)
{
	struct rte_mbuf *pkts[3];
	uint8_t p[200];
	uint16_t len = datagram(p, 100);

	tx_room = 2;
	for (unsigned int i = 0; i < 3; i++)
		pkts[i] = inner(p, len);
	assert_int_equal(gw_vuser_handoff.write(&tunnel, pkts, 3), 2);
	assert_int_equal(gw_pkt(pkts[0])->drop, GW_DROP_TUN_FULL);
	rte_pktmbuf_free(pkts[0]);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(tx[i]->ol_flags, 0);
		is_frame(tx[i], p, len);
	}
	sent_free();
}

/* What gso.h cut becomes one frame again, with the header of struct virtio_net_hdr as flags. */
static void
test_write_super(void **state)
{
	unsigned int supers = 0;

	for (size_t i = 0; i < N_VECTORS(gso_vectors); i++) {
		const struct gso_vector *v = &gso_vectors[i];
		bool v4 = v->packet[0] >> 4 == 4;
		struct rte_mbuf *pkts[64];
		uint16_t n = segments_of(v, pkts);

		tx_room = 64;
		assert_int_equal(gw_vuser_handoff.write(&tunnel, pkts, n), n);
		if (v->gro) {
			assert_int_equal(n_tx, 1);
			is_frame(tx[0], v->packet, v->len);
			assert_int_equal(tx[0]->nb_segs, n);
			assert_int_equal(tx[0]->ol_flags,
				RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
					(v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6));
			assert_int_equal(tx[0]->l2_len, 14);
			assert_int_equal(tx[0]->l3_len, v->csum_start);
			assert_int_equal(tx[0]->l3_len + tx[0]->l4_len + v->size, v->seg_len[0]);
			assert_int_equal(tx[0]->tso_segsz, v->size);
			supers++;
		}
		sent_free();
	}
	assert_true(supers > 1);
}

/* A full ring: each packet of what did not go is refused, and whole enough to be freed alone. */
static void
test_write_full(void **state)
{
	const struct gso_vector *v = &gso_vectors[0];
	struct rte_mbuf *pkts[64];
	uint16_t n, len;
	uint8_t p[200];

	len = datagram(p, 30);
	for (tx_room = 0; tx_room < 3; tx_room++) {
		uint16_t room = tx_room;

		n = segments_of(v, pkts);
		pkts[n++] = inner(p, len);
		n += segments_of(&gso_vectors[1], pkts + n);
		assert_int_equal(gw_vuser_handoff.write(&tunnel, pkts, n), room == 0 ? 0
									   : room == 1
										   ? v->n_segs
										   : v->n_segs + 1);
		assert_int_equal(n_tx, room);
		for (uint16_t i = 0; i < n - (room > 0 ? v->n_segs : 0) - (room > 1); i++) {
			assert_int_equal(gw_pkt(pkts[i])->drop, GW_DROP_TUN_FULL);
			assert_int_equal(pkts[i]->nb_segs, 1);
			assert_null(pkts[i]->next);
			rte_mbuf_sanity_check(pkts[i], 1);
			rte_pktmbuf_free(pkts[i]);
		}
		sent_free();
		tx_room = room;
	}
}

/* offload = no: what comes in one burst goes as it came. */
static void
test_write_no_offload(void **state)
{
	const struct gso_vector *v = &gso_vectors[0];
	struct rte_mbuf *pkts[64];
	uint16_t n = segments_of(v, pkts);

	tunnel.offload = false;
	tx_room = 64;
	assert_int_equal(gw_vuser_handoff.write(&tunnel, pkts, n), n);
	assert_int_equal(n_tx, n);
	is_frame(tx[0], v->segs, v->seg_len[0]);
	assert_int_equal(tx[0]->ol_flags, 0);
	sent_free();
	tunnel.offload = true;
}

static int
each_comes_back(void **state)
{
	assert_int_equal(n_rx, 0);
	assert_int_equal(n_tx, 0);
	assert_int_equal(rte_mempool_avail_count(pool), N_MBUF);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_read_plain, each_comes_back),
		cmocka_unit_test_teardown(test_read_refused, each_comes_back),
		cmocka_unit_test_teardown(test_read_super, each_comes_back),
		cmocka_unit_test_teardown(test_read_no_mbufs, each_comes_back),
		cmocka_unit_test_teardown(test_destroy, each_comes_back),
		cmocka_unit_test_teardown(test_read_wire, each_comes_back),
		cmocka_unit_test_teardown(test_write_plain, each_comes_back),
		cmocka_unit_test_teardown(test_write_super, each_comes_back),
		cmocka_unit_test_teardown(test_write_full, each_comes_back),
		cmocka_unit_test_teardown(test_write_no_offload, each_comes_back),
	};
	int rc;

	util_eal("test_vuser");
	port_up();
	pool = gw_pkt_pool_create("vuser", N_MBUF, 2048, SOCKET_ID_ANY);
	tunnel.offload = true;
	tunnel.vuser = gw_vuser_create(0, mac, pool, SOCKET_ID_ANY);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	gw_vuser_destroy(tunnel.vuser);
	rte_mempool_free(pool);
	return rc;
}
