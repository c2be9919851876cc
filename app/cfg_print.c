/* SPDX-License-Identifier: BSD-3-Clause */
/* What raclette would do, in words, for `raclette check`. Nothing secret is printed. */
#include "cfg_int.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pki_file.h"

#define INDENT "  "

/* ---- small words ---- */

static const char *
yes_no(bool b)
{
	return b ? "yes" : "no";
}

/* "4h", "90s" */
static const char *
duration(uint64_t s, char *buf, size_t len)
{
	static const struct {
		unsigned int s;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};

	for (size_t i = 0; i < 4; i++) {
		if (s % units[i].s == 0 && s >= units[i].s) {
			snprintf(buf, len, "%llu%c", (unsigned long long)(s / units[i].s),
				units[i].unit);
			return buf;
		}
	}
	snprintf(buf, len, "0s");
	return buf;
}

static void
print_prefixes(FILE *f, const struct gw_prefix *p, unsigned int n)
{
	char buf[64];

	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "%s%s", i > 0 ? ", " : "", cfg_prefix_str(&p[i], buf, sizeof(buf)));
	if (n == 0)
		fprintf(f, "none");
}

static void
print_ranges(FILE *f, const struct ike_range *r, unsigned int n)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	for (unsigned int i = 0; i < n; i++) {
		inet_ntop(AF_INET6, &r[i].from, from, sizeof(from));
		inet_ntop(AF_INET6, &r[i].to, to, sizeof(to));
		fprintf(f, "%s%s", i > 0 ? ", " : "", from);
		if (strcmp(from, to) != 0)
			fprintf(f, "-%s", to);
	}
	if (n == 0)
		fprintf(f, "any");
}

static void
print_action(FILE *f, unsigned int action)
{
	static const char *const names[] = {"none", "trap", "start", "trap and start"};

	fprintf(f, "%s", names[action & (IKE_ACTION_TRAP | IKE_ACTION_START)]);
}

/* ---- proposals ---- */

/* "AES_CBC_128/HMAC_SHA1_96/MODP_1024", alternatives of a type joined by '|' */
static void
print_proposal(FILE *f, const struct ike_proposal *p)
{
	static const uint8_t types[] = {IKE_TT_ENCR, IKE_TT_INTEG, IKE_TT_PRF, IKE_TT_DH,
		IKE_TT_ADDKE1, IKE_TT_ADDKE1 + 1, IKE_TT_ADDKE1 + 2, IKE_TT_ADDKE1 + 3,
		IKE_TT_ADDKE1 + 4, IKE_TT_ADDKE1 + 5, IKE_TT_ADDKE7, IKE_TT_ESN};
	bool first_type = true;

	for (size_t i = 0; i < sizeof(types); i++) {
		const char *sep = first_type ? "" : "/";
		for (unsigned int k = 0; k < p->n_transforms; k++) {
			const struct ike_transform *t = &p->transforms[k];
			const char *name = ike_transform_name(t->type, t->id);
			/* the usual case, and not worth a word */
			if (t->type != types[i] || (t->type == IKE_TT_ESN && t->id == IKE_ESN_NO) ||
				(t->type == IKE_TT_INTEG && t->id == IKE_INTEG_NONE))
				continue;
			if (t->type == IKE_TT_ESN)
				name = "ESN";
			fprintf(f, "%s", sep);
			if (ike_is_addke(t->type))
				fprintf(f, "KE%u_", t->type - IKE_TT_ADDKE1 + 1U);
			fprintf(f, "%s", name != NULL ? name : "?");
			if (t->key_bits > 0)
				fprintf(f, "-%u", t->key_bits);
			sep = "|";
			first_type = false;
		}
	}
}

static void
print_proposals(FILE *f, const char *indent, const char *what, const struct ike_proposals *list)
{
	for (unsigned int i = 0; i < list->n; i++) {
		fprintf(f, "%s%-11s", indent, i == 0 ? what : "or");
		print_proposal(f, &list->p[i]);
		fputc('\n', f);
	}
}

/* ---- sizes ---- */

struct sizes {
	FILE *f;
	const struct gw_cfg *cfg;
	const struct gw_tunnel_cfg *t;
};

static void
print_size(const struct cfg_esp *e, void *arg)
{
	const struct sizes *s = arg;
	bool transport = s->t->child->mode == IKE_MODE_TRANSPORT, encap = s->t->conn->encap;
	uint16_t path = s->cfg->outside.mtu;

	fprintf(s->f, INDENT INDENT "MTU %u with %s%s%s",
		cfg_inner_mtu(s->t, path, e, !transport, encap), e->cipher,
		e->integ != NULL ? " and " : "", e->integ != NULL ? e->integ : "");
	if (transport)
		fprintf(s->f, "; %u if the peer insists on tunnel mode",
			cfg_inner_mtu(s->t, path, e, true, encap));
	if (!encap)
		fprintf(s->f, "; %u through a NAT", cfg_inner_mtu(s->t, path, e, !transport, true));
	fputc('\n', s->f);
}

static void
print_mtu(FILE *f, const struct gw_cfg *cfg, const struct gw_tunnel_cfg *t)
{
	uint16_t path = cfg->outside.mtu;
	unsigned int most = cfg_inner_mtu_max(cfg, t);

	fprintf(f, INDENT "MTU        ");
	if (t->mtu == 0)
		fprintf(f, "follows the SA and the path; on a path of %u bytes:\n", path);
	else if (most > 0 && t->mtu > most)
		fprintf(f, "%u at most, less than the %u configured; on a path of %u bytes:\n",
			most, t->mtu, path);
	else
		fprintf(f, "%u at most, as configured; what fits in one packet of %u bytes:\n",
			t->mtu, path);
	cfg_each_esp(t, print_size, &(struct sizes){.f = f, .cfg = cfg, .t = t});
}

/* ---- sections ---- */

static void
print_source(FILE *f, enum gw_source_check check, const char *here)
{
	fprintf(f, INDENT "sources    ");
	if (check == GW_SOURCE_ANY)
		fprintf(f, "not checked\n");
	else
		fprintf(f, "%s: forwarded when routed %s\n", cfg_word(cfg_source_words, check),
			check == GW_SOURCE_LOOSE ? "to the port or a tunnel" : here);
}

static void
print_inside(FILE *f, const struct gw_inside_cfg *in)
{
	if (in->port[0] == '\0')
		return;
	fprintf(f, "inside: port %s, MTU %u\n", in->port, in->mtu);
	fprintf(f, INDENT "interface  %s, whose routes and neighbours are followed\n",
		in->interface);
	fprintf(f, INDENT "addresses  ");
	print_prefixes(f, in->addrs, in->n_addrs);
	fprintf(f, "\n");
	print_source(f, in->source_check, "to the port");
}

static void
print_gateway(FILE *f, const struct gw_cfg *cfg)
{
	const struct gw_outside_cfg *o = &cfg->outside;
	char router[INET6_ADDRSTRLEN];

	if (o->port[0] == '\0') {
		fprintf(f, "outside: none, so nothing can run\n");
		return;
	}
	inet_ntop(AF_INET6, &o->router, router, sizeof(router));
	fprintf(f, "outside: port %s, MTU %u", o->port, o->mtu);
	if (o->vlan > 0)
		fprintf(f, ", VLAN %u", o->vlan);
	fprintf(f, "\n" INDENT "addresses  ");
	print_prefixes(f, o->addrs, o->n_addrs);
	fprintf(f, "\n" INDENT "router     %s\n",
		o->router_auto                        ? "from router advertisements"
		: IN6_IS_ADDR_UNSPECIFIED(&o->router) ? "none, every peer is on the link"
						      : router);
	fprintf(f, INDENT "CPUs       ");
	if (cfg->lcores_auto)
		fprintf(f, "chosen at start");
	for (unsigned int i = 0; i < cfg->n_lcores; i++)
		fprintf(f, "%s%u", i > 0 ? ", " : "", cfg->lcores[i]);
	fprintf(f, ", polling %s, huge pages %s\n",
		cfg->poll == GW_POLL_BUSY ? "all the time" : "less when idle",
		cfg->hugepages_auto ? "when reserved" : "never");
	fprintf(f, INDENT "control    %s\n", cfg->vici);
	fprintf(f, INDENT "crash      %s%s\n",
		cfg->qcd_secret[0] != '\0' ? "peers get tokens (RFC 6290), made with "
					   : "peers get no tokens (RFC 6290)",
		cfg->qcd_secret);
}

static void
print_life(FILE *f, const char *unit, const struct ike_life *l)
{
	if (l->rekey == 0 && l->life == 0)
		return;
	fprintf(f, "; by %s: rekeyed from %llu to %llu, gone at %llu", unit,
		(unsigned long long)(l->rekey - l->rand), (unsigned long long)l->rekey,
		(unsigned long long)l->life);
}

static void
print_ts(FILE *f, const char *what, const struct ike_ts_list *list)
{
	char buf[160];

	fprintf(f, INDENT INDENT "%-11s", what);
	for (unsigned int i = 0; i < list->n; i++)
		fprintf(f, "%s%s", i > 0 ? ", " : "", ike_ts_str(&list->ts[i], buf, sizeof(buf)));
	fputc('\n', f);
}

static bool
is_bound(const struct gw_cfg *cfg, const struct ike_child_cfg *c)
{
	for (unsigned int i = 0; i < cfg->n_tunnels; i++) {
		if (cfg->tunnels[i].child == c)
			return true;
	}
	return false;
}

static void
print_child(FILE *f, const struct gw_cfg *cfg, const struct ike_child_cfg *c)
{
	char rekey[32], life[32];

	fprintf(f, INDENT "child %s: %s\n", c->name,
		c->mode == IKE_MODE_TRANSPORT
			? "transport mode, tunnel mode if the peer does not agree"
			: "tunnel mode");
	print_proposals(f, INDENT INDENT, "ESP", &c->esp);
	print_ts(f, "ours", &c->local_ts);
	print_ts(f, "theirs", &c->remote_ts);
	fprintf(f, INDENT INDENT "lifetime   ");
	if (c->time_s.rekey > 0)
		fprintf(f, "rekeyed within %s", duration(c->time_s.rekey, rekey, sizeof(rekey)));
	else
		fprintf(f, "not rekeyed by time");
	if (c->time_s.life > 0)
		fprintf(f, ", gone after %s", duration(c->time_s.life, life, sizeof(life)));
	print_life(f, "bytes", &c->bytes);
	print_life(f, "packets", &c->packets);
	fprintf(f, "\n" INDENT INDENT "start      ");
	if (!c->start_action_set && is_bound(cfg, c))
		fprintf(f, "trap, for the tunnels that use it");
	else
		print_action(f, c->start_action);
	fprintf(f, "; when the peer is dead ");
	print_action(f, c->dpd_action);
	fprintf(f, "; when it closes ");
	print_action(f, c->close_action);
	if (c->replay_window > 0)
		fprintf(f, "\n" INDENT INDENT "replay     window of %u packets\n",
			c->replay_window);
	else
		fprintf(f, "\n" INDENT INDENT "replay     not looked for\n");
	if (c->updown != NULL)
		fprintf(f, INDENT INDENT "updown     %s\n", c->updown);
}

static const char *
auth_words(const struct ike_conn_cfg *c)
{
	static const char *const words[2][2] = {
		{"pre-shared key", "pre-shared key here, certificate there"},
		{"certificate here, pre-shared key there", "certificates"}};

	return words[c->local.by == IKE_BY_PUBKEY][c->remote.by == IKE_BY_PUBKEY];
}

static void
print_certs(FILE *f, const struct ike_conn_cfg *c)
{
	static const char *const how[] = {"when listed", "when listed, or named and not known",
		"unless a valid list clears it"};
	const struct ike_trust *t = c->remote.trust;
	char buf[800];

	for (unsigned int i = 0; i < c->local.n_creds; i++)
		fprintf(f, INDENT "%-11s%s, %u intermediate\n", i == 0 ? "our cert" : "or",
			gw_pki_describe(c->local.creds[i].cert, buf, sizeof(buf)),
			c->local.creds[i].n_chain);
	if (t == NULL)
		return;
	for (unsigned int i = 0; i < t->n_cas && !(t->pinned && t->n_peers > 0); i++)
		fprintf(f, INDENT "%-11s%s\n", i == 0 ? "trusted CA" : "or",
			gw_pki_describe(t->cas[i], buf, sizeof(buf)));
	for (unsigned int i = 0; i < t->n_peers; i++)
		fprintf(f, INDENT "%-11s%s\n", i == 0 ? "their cert" : "or",
			gw_pki_describe(t->peers[i], buf, sizeof(buf)));
	fprintf(f, INDENT "revocation refused %s\n", how[c->remote.revocation]);
}

static void
print_conn(FILE *f, const struct gw_cfg *cfg, const struct ike_conn_cfg *c)
{
	static const char *const frag[] = {"yes", "accepted only", "forced", "no"};
	static const char *const unique[] = {"replaced when the peer starts afresh",
		"never replaced", "kept, new ones refused", "replaced by new ones"};
	char id[IKE_ID_MAX * 4], t[32];

	fprintf(f, "connection %s: IKEv2, %s\n", c->name, auth_words(c));
	fprintf(f, INDENT "local      ");
	print_ranges(f, c->local_addrs, c->n_local);
	fprintf(f, " as %s\n" INDENT "remote     ",
		c->local.id.type == IKE_ID_ANY ? "its address"
					       : ike_id_str(&c->local.id, id, sizeof(id)));
	for (uint8_t i = 0; i < c->n_names; i++)
		fprintf(f, "%s%s", i > 0 ? ", " : "", c->names[i]);
	if (c->n_names > 0 && (c->n_remote > 0 || c->any_remote))
		fprintf(f, ", ");
	if (c->n_remote > 0 || c->n_names == 0)
		print_ranges(f, c->remote_addrs, c->n_remote);
	if (c->any_remote && c->n_remote > 0)
		fprintf(f, ", ");
	if (c->any_remote && c->n_remote + c->n_names > 0)
		print_ranges(f, NULL, 0);
	fprintf(f, " as %s\n", ike_id_str(&c->remote.id, id, sizeof(id)));
	print_certs(f, c);
	print_proposals(f, INDENT, "IKE", &c->proposals);
	fprintf(f, INDENT "lifetime   ");
	if (c->rekey_time_s > 0)
		fprintf(f, "rekeyed within %s", duration(c->rekey_time_s, t, sizeof(t)));
	else
		fprintf(f, "not rekeyed");
	if (c->reauth_time_s > 0)
		fprintf(f, ", authenticated again within %s",
			duration(c->reauth_time_s, t, sizeof(t)));
	if (c->over_time_s > 0)
		fprintf(f, ", gone %s later", duration(c->over_time_s, t, sizeof(t)));
	if (c->ppk_id.type != IKE_ID_ANY || c->ppk_required)
		fprintf(f, "\n" INDENT "PPK        %s, %s", ike_id_str(&c->ppk_id, id, sizeof(id)),
			c->ppk_required ? "required" : "if the peer has it");
	fprintf(f, "\n" INDENT "liveness   ");
	if (c->dpd_delay_s > 0)
		fprintf(f, "asked after %s %s", duration(c->dpd_delay_s, t, sizeof(t)),
			c->dpd_ignore_esp ? "without an IKE message" : "of silence");
	else
		fprintf(f, "not asked");
	fprintf(f,
		"\n" INDENT "details    MOBIKE %s, UDP encapsulation %s, fragmentation %s, tries ",
		yes_no(c->mobike), c->encap ? "always" : "behind a NAT", frag[c->fragmentation]);
	if (c->keyingtries > 0)
		fprintf(f, "%u", c->keyingtries);
	else
		fprintf(f, "for ever");
	if (!c->keyingtries_set)
		fprintf(f, ", and again later what has 'start'");
	fprintf(f, ", double SAs %s\n", unique[c->unique]);
	for (unsigned int i = 0; i < c->n_children; i++)
		print_child(f, cfg, &c->children[i]);
}

static void
print_handoff(FILE *f, const struct gw_tunnel_cfg *t)
{
	static const char *const ways[] = {
		[GW_HANDOFF_TUN] = "",
		[GW_HANDOFF_PORT] = "forwarded to and from the inside port; ",
		[GW_HANDOFF_VIRTIO_USER] = "by vhost-net, ",
	};
	const char *alone =
		t->handoff == GW_HANDOFF_VIRTIO_USER ? "no super-packets" : "a packet a call";

	if (t->handoff == GW_HANDOFF_WIRE) {
		fprintf(f, INDENT "hand-off   wire, port %s\n", t->handoff_port);
		return;
	}
	fprintf(f, INDENT "hand-off   %sinterface %s, carrier %s, %s\n", ways[t->handoff], t->name,
		t->carrier == GW_CARRIER_SA ? "while there is an SA" : "always",
		t->offload ? "TCP super-packets (offload)" : alone);
	if (t->handoff == GW_HANDOFF_PORT)
		print_source(f, t->source_check, "into this tunnel");
}

static void
print_tunnel(FILE *f, const struct gw_cfg *cfg, const struct gw_tunnel_cfg *t)
{
	fprintf(f, "tunnel %s: GRE", t->name);
	if (t->has_key)
		fprintf(f, " key %u", t->key);
	fprintf(f, "%s%s, in child %s of connection %s\n", t->checksum ? ", checksum" : "",
		t->sequence ? ", sequence" : "", t->child->name, t->conn->name);
	print_handoff(f, t);
	fprintf(f, INDENT "addresses  ");
	print_prefixes(f, t->addrs, t->n_addrs);
	fprintf(f, "\n" INDENT "routes     ");
	print_prefixes(f, t->routes, t->n_routes);
	fprintf(f, "\n" INDENT "outside    hop limit %u, DSCP ", t->hop_limit);
	if (t->dscp == GW_DSCP_COPY)
		fprintf(f, "copied");
	else
		fprintf(f, "%u", t->dscp);
	fprintf(f, ", ECN %s, flow label per %s\n",
		t->ecn == GW_ECN_COMPAT ? "off (compat)" : "normal",
		t->flowlabel == GW_FLOWLABEL_FLOW ? "flow" : "SA");
	fprintf(f, INDENT "without SA ");
	if (t->hold > 0)
		fprintf(f, "%u packets held, then dropped\n", t->hold);
	else
		fprintf(f, "packets dropped\n");
	fprintf(f, INDENT "TCP MSS    ");
	if (t->mss_auto)
		fprintf(f, "clamped to the MTU\n");
	else if (t->mss > 0)
		fprintf(f, "clamped to %u (IPv6 %u)\n", t->mss, t->mss - 20u);
	else
		fprintf(f, "untouched\n");
	print_mtu(f, cfg, t);
}

void
cfg_print(const struct gw_cfg *cfg, void *file)
{
	FILE *f = file;

	print_gateway(f, cfg);
	print_inside(f, &cfg->inside);
	for (unsigned int i = 0; i < cfg->ike.n_conns; i++)
		print_conn(f, cfg, &cfg->ike.conns[i]);
	for (unsigned int i = 0; i < cfg->ike.n_secrets; i++)
		fprintf(f, "secret %s: for %u identities\n", cfg->ike.secrets[i].name,
			cfg->ike.secrets[i].n_owners);
	for (unsigned int i = 0; i < cfg->n_tunnels; i++)
		print_tunnel(f, cfg, &cfg->tunnels[i]);
}
