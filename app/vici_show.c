/* SPDX-License-Identifier: BSD-3-Clause */

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "ctl_balance.h"
#include "ctl_route.h"
#include "suite.h"
#include "vici_cmd.h"

#define XSTATS_MAX 512

/* Each object of a stream is one event, its fields at the root; names are words joined by '_',
 * times are seconds: since, or to go. */
static void
begin(struct vici_out *o, const char *event)
{
	vici_begin(o, VICI_EVENT, event);
}

static void
put_u64(struct vici_out *o, const char *name, uint64_t value)
{
	vici_kvf(o, name, "%llu", (unsigned long long)value);
}

static void
put_bool(struct vici_out *o, const char *name, bool value)
{
	vici_kv(o, name, value ? "yes" : "no");
}

static void
put_addr(struct vici_out *o, const char *name, const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	vici_kv(o, name, inet_ntop(AF_INET6, addr, text, sizeof(text)));
}

static void
put_id(struct vici_out *o, const char *name, const struct ike_id *id)
{
	char text[IKE_ID_MAX * 4];

	vici_kv(o, name, ike_id_str(id, text, sizeof(text)));
}

/* Seconds since a time; left out when it has not been. */
static void
put_since(struct vici_out *o, const char *name, uint64_t at_ms, uint64_t now_ms)
{
	if (at_ms != 0)
		put_u64(o, name, now_ms > at_ms ? (now_ms - at_ms) / 1000 : 0);
}

static void
put_until(struct vici_out *o, const char *name, uint64_t at_ms, uint64_t now_ms)
{
	if (at_ms != 0 && at_ms != UINT64_MAX)
		put_u64(o, name, at_ms > now_ms ? (at_ms - now_ms) / 1000 : 0);
}

static void
put_transform(struct vici_out *o, const char *name, uint8_t type, uint16_t id)
{
	const char *text = ike_transform_name(type, id);

	if (id != 0 && text != NULL)
		vici_kv(o, name, text);
}

static void
put_ts(struct vici_out *o, const char *name, const struct ike_ts_list *list)
{
	char text[256];

	vici_list(o, name);
	for (unsigned int i = 0; list != NULL && i < list->n; i++)
		vici_item(o, ike_ts_str(&list->ts[i], text, sizeof(text)));
	vici_list_end(o);
}

static void
no_ike(void *arg, const struct ike_sa_view *v)
{
}

static void
no_child(void *arg, const struct ike_child_view *v)
{
}

static void
send_object(struct vici_request *req, struct vici_out *o)
{
	req->send(req->send_arg, o);
}

/* ---- sa ---- */

static const char *const child_states[] = {
	[IKE_CST_INSTALLED] = "INSTALLED",
	[IKE_CST_REKEYING] = "REKEYING",
	[IKE_CST_REKEYED] = "REKEYED",
	[IKE_CST_DELETING] = "DELETING",
};

static void
put_counters(struct vici_out *o, const struct gw_child *child, uint64_t now_ms)
{
	struct ike_child_stats st;
	struct gw_sa_stats in = child->last_in;

	if (gw_sas_child_stats(child->sas, child->id, &st) < 0)
		return;
	if (child->in != NULL)
		gw_sa_in_stats(child->in, &in);
	put_u64(o, "packets_in", st.packets_in);
	put_u64(o, "bytes_in", st.bytes_in);
	put_since(o, "use_in", st.last_in_ms, now_ms);
	put_u64(o, "packets_out", st.packets_out);
	put_u64(o, "bytes_out", st.bytes_out);
	put_since(o, "use_out", st.last_out_ms, now_ms);
	put_u64(o, "seq_in", in.seq);
	put_u64(o, "seq_out", st.seq_out);
	put_u64(o, "replays", in.replays);
	put_u64(o, "icv_failures", in.icv_failures);
}

static void
put_tunnels(struct vici_out *o, const struct gw_binding *b)
{
	vici_list(o, "tunnels");
	for (unsigned int i = 0; i < b->n_tunifs; i++)
		vici_item(o, b->tunifs[i]->t->name);
	vici_list_end(o);
}

static void
show_child(void *arg, const struct ike_child_view *v)
{
	struct vici_request *req = arg;
	const struct gw_child *child = gw_sas_find(req->ctl->sas, v->id);
	uint64_t now_ms = req->ctl->now_ms;
	struct vici_out o;
	char text[128];

	begin(&o, "show-sa");
	vici_kv(&o, "name", v->child->name);
	vici_kv(&o, "conn", v->conn->name);
	put_u64(&o, "id", v->id);
	put_u64(&o, "ike_id", v->ike_id);
	vici_kv(&o, "state", child_states[v->state]);
	vici_kv(&o, "mode", v->mode == IKE_MODE_TUNNEL ? "TUNNEL" : "TRANSPORT");
	put_bool(&o, "encap", v->udp_encap);
	vici_kvf(&o, "spi_in", "%08x", v->spi_in);
	vici_kvf(&o, "spi_out", "%08x", v->spi_out);
	if (child != NULL) {
		put_addr(&o, "local", &child->path.local);
		put_addr(&o, "remote", &child->path.remote);
		vici_kv(&o, "alg", gw_alg_str(&child->sizes.alg, text, sizeof(text)));
		put_bool(&o, "sending", child->binding->out == child);
	}
	put_transform(&o, "dh", IKE_TT_DH, v->suite.dh);
	put_bool(&o, "esn", v->suite.esn);
	put_u64(&o, "window", v->child->replay_window);
	if (child != NULL)
		put_counters(&o, child, now_ms);
	put_since(&o, "age", v->installed_ms, now_ms);
	put_until(&o, "rekey_in", v->rekey_at_ms, now_ms);
	put_until(&o, "expires_in", v->expire_at_ms, now_ms);
	put_ts(&o, "local_ts", v->local_ts);
	put_ts(&o, "remote_ts", v->remote_ts);
	if (child != NULL)
		put_tunnels(&o, child->binding);
	send_object(req, &o);
}

void
vici_show_sa(struct vici_request *req)
{
	if (req->streaming)
		ike_walk(req->ctl->ike, no_ike, show_child, req);
	vici_answer_empty(req);
}

/* ---- ike ---- */

static const char *const ike_states[] = {
	[IKE_ST_CONNECTING] = "CONNECTING",
	[IKE_ST_ESTABLISHED] = "ESTABLISHED",
	[IKE_ST_REKEYING] = "REKEYING",
	[IKE_ST_REKEYED] = "REKEYED",
	[IKE_ST_DELETING] = "DELETING",
};

static void
show_ike_sa(void *arg, const struct ike_sa_view *v)
{
	struct vici_request *req = arg;
	struct vici_out o;

	begin(&o, "show-ike");
	vici_kv(&o, "name", v->conn != NULL ? v->conn->name : "");
	put_u64(&o, "id", v->id);
	vici_kv(&o, "state", ike_states[v->state]);
	put_addr(&o, "local", &v->path.local);
	put_u64(&o, "local_port", v->path.local_port);
	put_id(&o, "local_id", &v->local_id);
	put_addr(&o, "remote", &v->path.remote);
	put_u64(&o, "remote_port", v->path.remote_port);
	put_id(&o, "remote_id", &v->remote_id);
	put_bool(&o, "initiator", v->initiator);
	vici_kvf(&o, "spi_i", "%016llx", (unsigned long long)v->spi_i);
	vici_kvf(&o, "spi_r", "%016llx", (unsigned long long)v->spi_r);
	put_bool(&o, "nat_local", v->nat_local);
	put_bool(&o, "nat_remote", v->nat_remote);
	put_bool(&o, "ppk", v->ppk);
	put_transform(&o, "encr", IKE_TT_ENCR, v->suite.encr);
	if (v->suite.encr_key_bits != 0)
		put_u64(&o, "encr_bits", v->suite.encr_key_bits);
	put_transform(&o, "integ", IKE_TT_INTEG, v->suite.integ);
	put_transform(&o, "prf", IKE_TT_PRF, v->suite.prf);
	put_transform(&o, "dh", IKE_TT_DH, v->suite.dh);
	put_since(&o, "age", v->established_ms, req->ctl->now_ms);
	put_until(&o, "rekey_in", v->rekey_at_ms, req->ctl->now_ms);
	put_u64(&o, "children", v->n_children);
	send_object(req, &o);
}

void
vici_show_ike(struct vici_request *req)
{
	if (req->streaming)
		ike_walk(req->ctl->ike, show_ike_sa, no_child, req);
	vici_answer_empty(req);
}

/* ---- tunnels ---- */

static uint64_t
relaxed(const _Atomic(uint64_t) *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static void
show_tunnel(struct vici_request *req, const struct gw_tunif *tif)
{
	struct gw_tunnel *t = tif->t;
	const struct gw_child *out = tif->binding != NULL ? tif->binding->out : NULL;
	struct vici_out o;

	begin(&o, "show-tunnels");
	vici_kv(&o, "name", t->name);
	vici_kv(&o, "conn", tif->cfg->conn->name);
	vici_kv(&o, "child", tif->cfg->child->name);
	vici_kv(&o, "state", out != NULL ? "UP" : "DOWN");
	if (out != NULL) {
		put_addr(&o, "remote", &out->path.remote);
		vici_kvf(&o, "spi_out", "%08x", out->spi_out);
	}
	if (t->has_key)
		put_u64(&o, "key", t->key);
	put_bool(&o, "checksum", t->checksum);
	put_bool(&o, "sequence", t->sequence);
	put_u64(&o, "mtu", atomic_load_explicit(&t->mtu, memory_order_relaxed));
	put_u64(&o, "if_mtu", tif->if_mtu);
	put_u64(&o, "mss", atomic_load_explicit(&t->mss4, memory_order_relaxed));
	put_bool(&o, "carrier", tif->carrier);
	put_u64(&o, "held", __atomic_load_n(&t->n_held, __ATOMIC_RELAXED));
	put_u64(&o, "rx_packets", relaxed(&t->rx_packets));
	put_u64(&o, "rx_bytes", relaxed(&t->rx_bytes));
	put_u64(&o, "tx_packets", relaxed(&t->tx_packets));
	put_u64(&o, "tx_bytes", relaxed(&t->tx_bytes));
	put_u64(&o, "drops", relaxed(&t->drops));
	put_u64(&o, "worker", atomic_load_explicit(&t->demux->owner, memory_order_relaxed));
	send_object(req, &o);
}

void
vici_show_tunnels(struct vici_request *req)
{
	for (uint32_t i = 0; req->streaming && i < req->ctl->tunnels->n_tunifs; i++)
		show_tunnel(req, &req->ctl->tunnels->tunifs[i]);
	vici_answer_empty(req);
}

/* ---- ports ---- */

static void
put_xstats(struct vici_out *o, uint16_t port_id)
{
	struct rte_eth_xstat_name names[XSTATS_MAX];
	struct rte_eth_xstat values[XSTATS_MAX];
	int n = rte_eth_xstats_get_names(port_id, names, XSTATS_MAX);

	if (n <= 0 || n > XSTATS_MAX || rte_eth_xstats_get(port_id, values, (unsigned int)n) != n)
		return;
	vici_section(o, "xstats");
	for (int i = 0; i < n; i++) {
		if (values[i].id < (uint64_t)n && values[i].value != 0)
			put_u64(o, names[values[i].id].name, values[i].value);
	}
	vici_section_end(o);
}

static void
put_workers(struct vici_out *o, const struct gw_ctl *c)
{
	uint64_t polls = 0, sleeps = 0, passed = 0, helped = 0;

	for (unsigned int i = 0; i < c->plane->n_workers; i++) {
		struct gw_worker_stats st;

		gw_worker_get_stats(c->workers[i], &st);
		polls += st.polls;
		sleeps += st.sleeps;
		passed += st.passed;
		helped += st.helped;
	}
	put_u64(o, "polls", polls);
	put_u64(o, "sleeps", sleeps);
	put_u64(o, "workers", c->plane->n_workers);
	if (c->balance == NULL)
		return;
	put_u64(o, "passed", passed);
	put_u64(o, "helped", helped);
	for (unsigned int i = 0; i < c->plane->n_workers; i++) {
		char key[32];

		snprintf(key, sizeof(key), "worker_%u_busy", i);
		/* with what others do for it: 100 may be exceeded; what it does for others is
		 * theirs */
		put_u64(o, key, gw_balance_busy(c->balance, i));
	}
}

static void
put_forwarding(struct vici_out *o, const struct gw_ctl *c)
{
	struct gw_worker_stats sum = {0};
	struct gw_routes_stats st;

	for (unsigned int i = 0; i < c->plane->n_workers; i++) {
		struct gw_worker_stats w;

		gw_worker_get_stats(c->workers[i], &w);
		sum.fwd_from_port += w.fwd_from_port;
		sum.fwd_to_port += w.fwd_to_port;
		sum.fwd_to_tunnels += w.fwd_to_tunnels;
		sum.fwd_to_kernel += w.fwd_to_kernel;
		sum.fwd_from_kernel += w.fwd_from_kernel;
	}
	gw_routes_get_stats(c->routes, &st);
	vici_kv(o, "interface", c->plane->inside->cfg->interface);
	put_u64(o, "from_port", sum.fwd_from_port);
	put_u64(o, "to_port", sum.fwd_to_port);
	put_u64(o, "to_tunnels", sum.fwd_to_tunnels);
	put_u64(o, "to_kernel", sum.fwd_to_kernel);
	put_u64(o, "from_kernel", sum.fwd_from_kernel);
	put_u64(o, "routes", st.prefixes);
	put_u64(o, "routes_refused", st.refused);
	put_u64(o, "neighbours", st.neighbours);
	put_u64(o, "readings", st.readings);
	put_u64(o, "resyncs", st.resyncs);
}

static void
show_port(struct vici_request *req, const struct gw_port *port, const char *use)
{
	bool outside = port == req->ctl->port;
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	struct rte_eth_link link = {0};
	struct rte_eth_stats st = {0};
	struct vici_out o;

	if (!port->down) {
		rte_eth_link_get_nowait(port->id, &link);
		rte_eth_stats_get(port->id, &st);
	}
	rte_ether_format_addr(mac, sizeof(mac), &port->mac);
	begin(&o, "show-ports");
	vici_kv(&o, "name", port->name);
	vici_kv(&o, "use", use);
	vici_kv(&o, "driver", port->driver);
	vici_kv(&o, "mac", mac);
	put_u64(&o, "mtu", port->mtu);
	if (port->vlan != 0)
		put_u64(&o, "vlan", port->vlan);
	vici_kv(&o, "link", link.link_status == RTE_ETH_LINK_UP ? "up" : "down");
	if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		put_u64(&o, "mbits", link.link_speed);
	vici_kv(&o, "multicast", port->mcast);
	put_bool(&o, "rx_csum", port->rx_csum);
	put_u64(&o, "rx_packets", st.ipackets);
	put_u64(&o, "rx_bytes", st.ibytes);
	put_u64(&o, "tx_packets", st.opackets);
	put_u64(&o, "tx_bytes", st.obytes);
	put_u64(&o, "rx_missed", st.imissed);
	put_u64(&o, "rx_errors", st.ierrors);
	put_u64(&o, "rx_no_mbuf", st.rx_nombuf);
	put_u64(&o, "tx_errors", st.oerrors);
	put_u64(&o, "resets", port->resets);
	if (outside)
		put_workers(&o, req->ctl);
	if (req->ctl->routes != NULL && port == &req->ctl->plane->inside->port)
		put_forwarding(&o, req->ctl);
	if (!port->down)
		put_xstats(&o, port->id);
	send_object(req, &o);
}

void
vici_show_ports(struct vici_request *req)
{
	const struct gw_tunnels *ts = req->ctl->tunnels;

	if (req->streaming)
		show_port(req, req->ctl->port, "outside");
	if (req->streaming && req->ctl->routes != NULL)
		show_port(req, &req->ctl->plane->inside->port, "inside");
	for (uint32_t i = 0; req->streaming && i < ts->n_tunifs; i++) {
		if (ts->tunifs[i].port.started)
			show_port(req, &ts->tunifs[i].port, ts->tunifs[i].t->name);
	}
	vici_answer_empty(req);
}

/* ---- drops ---- */

void
vici_show_drops(struct vici_request *req)
{
	uint64_t drops[GW_DROP_N];

	memcpy(drops, req->ctl->drops, sizeof(drops));
	for (unsigned int i = 0; i < req->ctl->plane->n_workers; i++) {
		struct gw_worker_stats st;

		gw_worker_get_stats(req->ctl->workers[i], &st);
		for (int r = 0; r < GW_DROP_N; r++)
			drops[r] += st.drops[r];
	}
	for (int r = GW_DROP_NONE + 1; req->streaming && r < GW_DROP_N; r++) {
		struct vici_out o;

		begin(&o, "show-drops");
		vici_kv(&o, "reason", gw_drop_name((enum gw_drop)r));
		put_u64(&o, "packets", drops[r]);
		vici_kv(&o, "text", gw_drop_text((enum gw_drop)r));
		send_object(req, &o);
	}
	vici_answer_empty(req);
}

/* ---- neighbours ---- */

static void
put_mac(struct vici_out *o, const uint8_t mac[6])
{
	static const uint8_t unknown[6];

	if (memcmp(mac, unknown, sizeof(unknown)) != 0)
		vici_kvf(o, "mac", "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
			mac[4], mac[5]);
}

static void
show_neighbour(void *arg, const struct nd_info *info)
{
	struct vici_request *req = arg;
	struct vici_out o;

	begin(&o, "show-neighbours");
	put_addr(&o, "address", &info->addr);
	vici_kv(&o, "link", "outside");
	put_mac(&o, info->mac);
	vici_kv(&o, "state", info->state);
	put_bool(&o, "router", info->router);
	put_bool(&o, "default", info->is_default);
	put_u64(&o, "users", info->refs);
	put_since(&o, "confirmed", info->confirmed_ms, req->ctl->now_ms);
	send_object(req, &o);
}

static const char *
nud_name(uint16_t state)
{
	return state & NUD_REACHABLE ? "REACHABLE"
	       : state & NUD_STALE   ? "STALE"
	       : state & NUD_DELAY   ? "DELAY"
	       : state & NUD_PROBE   ? "PROBE"
				     : "PERMANENT";
}

static void
show_inside_neighbour(void *arg, const struct in6_addr *addr, const uint8_t mac[6], uint16_t state)
{
	struct vici_request *req = arg;
	char text[INET6_ADDRSTRLEN];
	struct vici_out o;

	begin(&o, "show-neighbours");
	if (IN6_IS_ADDR_V4MAPPED(addr))
		vici_kv(&o, "address", inet_ntop(AF_INET, addr->s6_addr + 12, text, sizeof(text)));
	else
		put_addr(&o, "address", addr);
	vici_kv(&o, "link", "inside");
	put_mac(&o, mac);
	vici_kv(&o, "state", nud_name(state));
	put_bool(&o, "default", false);
	send_object(req, &o);
}

void
vici_show_neighbours(struct vici_request *req)
{
	if (req->streaming)
		nd_walk(req->ctl->nd, show_neighbour, req);
	if (req->streaming && req->ctl->routes != NULL)
		gw_routes_walk_neigh(req->ctl->routes, show_inside_neighbour, req);
	vici_answer_empty(req);
}
