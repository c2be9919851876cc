/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/cfg.h"
#include "app/cfg_machine.h"
#include "app/vici.h"

static struct conf_error err;
static struct cfg_notes notes;

static struct gw_cfg *
build(const char *text)
{
	struct conf *c = conf_parse(text, strlen(text), "t.conf", false, &err);
	struct gw_cfg *cfg;

	memset(&notes, 0, sizeof(notes));
	if (c == NULL)
		return NULL;
	cfg = cfg_build(c, &notes, &err);
	conf_free(c);
	return cfg;
}

static struct gw_cfg *
good(const char *text)
{
	struct gw_cfg *cfg = build(text);

	if (cfg == NULL)
		print_message("%s:%u: %s\n", err.file, err.line, err.msg);
	assert_non_null(cfg);
	return cfg;
}

static unsigned int
noted(const char *says)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < notes.n; i++)
		n += strstr(notes.note[i].msg, says) != NULL;
	return n;
}

static void
done(struct gw_cfg *cfg)
{
	cfg_free(cfg);
	cfg_notes_free(&notes);
}

#define AUTH   "local { auth = psk\n }\n remote { auth = psk\n }\n"
#define SECRET "secrets { ike { secret = hush\n } }\n" /* everybody's */

/* a connection with settings of its own in a line */
static char text[16384];

static const char *
conn(const char *settings)
{
	snprintf(text, sizeof(text), "connections { c {\n%s\n" AUTH "} }\n" SECRET, settings);
	return text;
}

static const char *
child(const char *settings)
{
	snprintf(text, sizeof(text),
		"connections { c {\n" AUTH "children { k {\n%s\n } } } }\n" SECRET, settings);
	return text;
}

#define GATEWAY "gateway { outside { port = net_null0\n address = fd00::1/64, fd01::1/64\n } }\n"
#define OUT     "outside { port = net_null0\n address = fd00::1/64\n }\n"
#define CONNS                                                                                      \
	"connections { c {\n local_addrs = fd00::1\n remote_addrs = fd00::2\n" AUTH                \
	"children { k {\n mode = transport\n local_ts = dynamic[gre]\n remote_ts = dynamic[gre]\n" \
	"} } } }\n"

static const char *
tunnels(const char *sections)
{
	snprintf(text, sizeof(text), GATEWAY CONNS "tunnels {\n%s\n}\n" SECRET, sections);
	return text;
}

static const char *
tunnel(const char *settings)
{
	snprintf(
		text, sizeof(text), GATEWAY CONNS "tunnels {\ngre1 {\n%s\n}\n}\n" SECRET, settings);
	return text;
}

static const struct ike_child_cfg *
only_child(const struct gw_cfg *cfg)
{
	assert_int_equal(cfg->ike.n_conns, 1);
	assert_int_equal(cfg->ike.conns[0].n_children, 1);
	return &cfg->ike.conns[0].children[0];
}

static bool
has(const struct ike_proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
	for (unsigned int i = 0; i < p->n_transforms; i++) {
		if (p->transforms[i].type == type && p->transforms[i].id == id)
			return p->transforms[i].key_bits == bits;
	}
	return false;
}

static void
is_addr(const void *a, const char *want)
{
	struct in6_addr b;

	assert_int_equal(inet_pton(AF_INET6, want, &b), 1);
	assert_memory_equal(a, &b, sizeof(b));
}

#define OURS   "2a05:d014:9c9:2100:9049:489e:d66e:41e9"
#define THEIRS "2001:1620:1111:2222:3333:4444:5555:6666"

/* the reference scenario's own file, untouched */
static void
scenario(void **state)
{
	char path[512], id[256];

	snprintf(path, sizeof(path), "%s/../scenario/swanctl.conf", getenv("TEST_DIR"));
	struct conf *c = conf_load(path, &err);
	assert_non_null(c);
	struct gw_cfg *cfg = cfg_build(c, &notes, &err);
	conf_free(c);
	assert_non_null(cfg);

	const struct ike_conn_cfg *k = &cfg->ike.conns[0];
	assert_int_equal(cfg->ike.n_conns, 1);
	assert_string_equal(k->name, "gw-gw");
	assert_int_equal(k->n_local, 1);
	is_addr(&k->local_addrs[0].from, OURS);
	is_addr(&k->local_addrs[0].to, OURS);
	is_addr(&k->remote_addrs[0].from, THEIRS);
	assert_int_equal(k->local_port, 500);
	assert_int_equal(k->remote_port, 500);
	assert_int_equal(k->local.id.type, IKE_ID_IPV6_ADDR);
	assert_string_equal(ike_id_str(&k->local.id, id, sizeof(id)), OURS);
	assert_string_equal(ike_id_str(&k->remote.id, id, sizeof(id)), THEIRS);
	assert_int_equal(k->proposals.n, 1);
	assert_true(has(&k->proposals.p[0], IKE_TT_ENCR, IKE_ENCR_AES_CBC, 128));
	assert_true(has(&k->proposals.p[0], IKE_TT_INTEG, IKE_INTEG_HMAC_SHA1_96, 0));
	assert_true(has(&k->proposals.p[0], IKE_TT_PRF, IKE_PRF_HMAC_SHA1, 0));
	assert_true(has(&k->proposals.p[0], IKE_TT_DH, IKE_DH_MODP_1024, 0));
	assert_int_equal(k->rekey_time_s, 14400);
	assert_int_equal(k->over_time_s, 1440);
	assert_int_equal(k->rand_time_s, 1440);
	assert_int_equal(k->reauth_time_s, 0);
	assert_int_equal(k->keyingtries, 1);
	assert_false(k->keyingtries_set);
	assert_false(k->dpd_ignore_esp);
	assert_true(k->mobike);
	assert_false(k->encap);

	const struct ike_child_cfg *ch = only_child(cfg);
	assert_string_equal(ch->name, "gre");
	assert_int_equal(ch->mode, IKE_MODE_TRANSPORT);
	assert_int_equal(ch->local_ts.n, 1);
	assert_true(ch->local_ts.ts[0].dynamic);
	assert_int_equal(ch->local_ts.ts[0].proto, 47);
	assert_true(has(&ch->esp.p[0], IKE_TT_DH, IKE_DH_MODP_1024, 0));
	assert_int_equal(ch->time_s.rekey, 3600);
	assert_int_equal(ch->time_s.life, 3960);
	assert_int_equal(ch->time_s.rand, 360);
	assert_int_equal(ch->bytes.rekey, 0);
	assert_int_equal(ch->bytes.life, 0);
	assert_int_equal(ch->replay_window, 1024);
	assert_false(ch->start_action_set);
	assert_string_equal(ch->updown, "/usr/local/libexec/ipsec/_updown iptables");

	const struct ike_secret *s = &cfg->ike.secrets[0];
	assert_int_equal(cfg->ike.n_secrets, 1);
	assert_string_equal(s->name, "ike-1");
	assert_int_equal(s->type, IKE_SECRET_PSK);
	assert_int_equal(s->n_owners, 2);
	assert_string_equal(ike_id_str(&s->owners[1], id, sizeof(id)), THEIRS);
	assert_int_equal(s->len, 25);
	assert_memory_equal(s->data, "MyFavouriteMealIsRaclette", 25);

	/* each legacy algorithm is told of once; PRF and integrity have names of their own */
	assert_int_equal(noted("MODP_1024"), 1);
	assert_int_equal(noted(": HMAC_SHA1_96"), 1);
	assert_int_equal(noted("PRF_HMAC_SHA1"), 1);
	assert_int_equal(noted("no section 'gateway'"), 1);
	/* the script that it names is nowhere */
	assert_int_equal(noted("connections.gw-gw.children.gre.updown: will not be run"), 1);
	assert_string_equal(cfg->outside.port, "");
	done(cfg);
}

/* what users copy from: taken without a word, and what it calls a default is one */
static void
example(void **state)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/../../app/example.conf", getenv("TEST_DIR"));
	struct conf *c = conf_load(path, &err);
	assert_non_null(c);
	struct gw_cfg *cfg = cfg_build(c, &notes, &err);
	conf_free(c);
	assert_non_null(cfg);
	assert_int_equal(notes.n, noted("can be read by others")); /* as it was checked out */

	struct gw_tunnel_cfg shown = cfg->tunnels[0];
	struct gw_outside_cfg outside = cfg->outside;
	bool same = cfg->lcores_auto && cfg->hugepages_auto && cfg->poll == GW_POLL_ADAPTIVE &&
		    strcmp(cfg->vici, "/run/raclette/vici.sock") == 0;
	done(cfg);
	cfg = good(tunnel(""));
	const struct gw_tunnel_cfg *t = &cfg->tunnels[0];
	assert_true(same);
	assert_int_equal(outside.mtu, cfg->outside.mtu);
	assert_int_equal(outside.vlan, cfg->outside.vlan);
	assert_int_equal(outside.router_auto, cfg->outside.router_auto);
	assert_int_equal(shown.mtu, t->mtu);
	assert_int_equal(shown.has_key, t->has_key);
	assert_int_equal(shown.checksum, t->checksum);
	assert_int_equal(shown.sequence, t->sequence);
	assert_int_equal(shown.hop_limit, t->hop_limit);
	assert_int_equal(shown.hold, t->hold);
	assert_int_equal(shown.mss_auto, t->mss_auto);
	assert_int_equal(shown.dscp, t->dscp);
	assert_int_equal(shown.ecn, t->ecn);
	assert_int_equal(shown.flowlabel, t->flowlabel);
	assert_int_equal(shown.carrier, t->carrier);
	assert_int_equal(shown.handoff, t->handoff);
	assert_int_equal(shown.source_check, t->source_check);
	assert_int_equal(shown.offload, t->offload);
	done(cfg);
}

static void
defaults(void **state)
{
	struct gw_cfg *cfg = good(child(""));
	const struct ike_conn_cfg *c = &cfg->ike.conns[0];
	const struct ike_child_cfg *k = only_child(cfg);

	assert_int_equal(c->n_local, 0);
	assert_int_equal(c->n_remote, 0);
	assert_int_equal(c->local.id.type, IKE_ID_ANY);
	assert_int_equal(c->remote.id.type, IKE_ID_ANY);
	assert_true(c->proposals.n > 0);
	assert_true(k->esp.n > 0);
	assert_int_equal(k->mode, IKE_MODE_TUNNEL);
	assert_int_equal(k->local_ts.n, 1);
	assert_true(k->local_ts.ts[0].dynamic);
	assert_int_equal(k->local_ts.ts[0].proto, 0);
	assert_int_equal(k->start_action, 0);
	assert_int_equal(k->dpd_action, 0);
	assert_null(k->updown);
	/* nothing of the defaults is legacy */
	assert_int_equal(notes.n, 1);
	assert_string_equal(cfg->vici, "/run/raclette/vici.sock");
	assert_true(cfg->lcores_auto);
	assert_true(cfg->hugepages_auto);
	assert_int_equal(cfg->poll, GW_POLL_ADAPTIVE);
	assert_int_equal(cfg->outside.mtu, 1500);
	assert_true(cfg->outside.router_auto);
	done(cfg);

	assert_null(build("# nothing\n"));
	assert_string_equal(err.file, "t.conf");
	assert_int_equal(err.line, 0);
	assert_non_null(strstr(err.msg, "there is nothing in it"));
	cfg_notes_free(&notes);
	cfg = good("connections { }");
	assert_int_equal(cfg->ike.n_conns, 0);
	done(cfg);
}

static void
connection_keys(void **state)
{
	struct gw_cfg *cfg = good(conn(
		"version = 2\nlocal_addrs = fd00::1, fd00::10-fd00::1f\n"
		"remote_addrs = fd01::/64, fd02::2\n"
		"local_port = 4500\nremote_port = 4501\nencap = yes\nmobike = no\n"
		"dpd_delay = 2m\ndpd_ignore_esp = yes\nfragmentation = force\nchildless = force\n"
		"unique = replace\nreauth_time = 1d\nrekey_time = 2h\n"
		"over_time = 10m\nrand_time = 5m\nkeyingtries = 0\n"
		"proposals = aes256gcm16-prfsha384-ecp384, "
		"aes128-sha256-modp2048"));
	const struct ike_conn_cfg *c = &cfg->ike.conns[0];

	assert_int_equal(c->n_local, 2);
	is_addr(&c->local_addrs[1].from, "fd00::10");
	is_addr(&c->local_addrs[1].to, "fd00::1f");
	assert_int_equal(c->n_remote, 2);
	is_addr(&c->remote_addrs[0].from, "fd01::");
	is_addr(&c->remote_addrs[0].to, "fd01::ffff:ffff:ffff:ffff");
	assert_int_equal(c->local_port, 4500);
	assert_int_equal(c->remote_port, 4501);
	assert_true(c->encap);
	assert_false(c->mobike);
	assert_int_equal(c->dpd_delay_s, 120);
	assert_int_equal(c->fragmentation, IKE_FRAG_FORCE);
	assert_int_equal(c->childless, IKE_CHILDLESS_FORCE);
	assert_int_equal(c->unique, IKE_UNIQUE_REPLACE);
	assert_int_equal(c->reauth_time_s, 86400);
	assert_int_equal(c->rekey_time_s, 7200);
	assert_int_equal(c->over_time_s, 600);
	assert_int_equal(c->rand_time_s, 300);
	assert_int_equal(c->keyingtries, 0);
	assert_true(c->keyingtries_set);
	assert_true(c->dpd_ignore_esp);
	assert_int_equal(c->proposals.n, 2);
	assert_true(has(&c->proposals.p[0], IKE_TT_ENCR, IKE_ENCR_AES_GCM_16, 256));
	assert_true(has(&c->proposals.p[1], IKE_TT_DH, IKE_DH_MODP_2048, 0));
	done(cfg);

	cfg = good(conn("remote_addrs = gw.example.com, fd00::1, gw2, %any"));
	c = &cfg->ike.conns[0];
	assert_int_equal(c->n_names, 2);
	assert_string_equal(c->names[0], "gw.example.com");
	assert_string_equal(c->names[1], "gw2");
	assert_true(c->name_first);
	assert_true(c->any_remote);
	assert_int_equal(c->n_remote, 1);
	done(cfg);
	cfg = good(conn("remote_addrs = fd00::1, gw.example.com"));
	assert_false(cfg->ike.conns[0].name_first);
	assert_int_equal(cfg->ike.conns[0].n_remote, 1);
	done(cfg);

	/* any of the list makes it any, the host is still the one to connect to */
	cfg = good(conn("remote_addrs = fd00::1, %any"));
	assert_int_equal(cfg->ike.conns[0].n_remote, 1);
	assert_true(cfg->ike.conns[0].any_remote);
	done(cfg);
}

static void
ike_times(void **state)
{
	static const struct {
		const char *settings;
		uint32_t rekey, reauth, over, rand;
	} t[] = {
		{"", 14400, 0, 1440, 1440},
		{"reauth_time = 1h", 0, 3600, 360, 360},
		{"reauth_time = 10h\nrekey_time = 1h", 3600, 36000, 3600, 1800},
		{"rekey_time = 0", 0, 0, 0, 0},
		{"rekey_time = 100\nover_time = 90", 100, 0, 90, 50},
		{"rekey_time = 0x10", 16, 0, 1, 1},
		{"rand_time = 0s", 14400, 0, 1440, 0},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct gw_cfg *cfg = good(conn(t[i].settings));
		const struct ike_conn_cfg *c = &cfg->ike.conns[0];
		assert_int_equal(c->rekey_time_s, t[i].rekey);
		assert_int_equal(c->reauth_time_s, t[i].reauth);
		assert_int_equal(c->over_time_s, t[i].over);
		assert_int_equal(c->rand_time_s, t[i].rand);
		done(cfg);
	}
}

static void
child_lives(void **state)
{
	static const struct {
		const char *settings;
		uint64_t rekey, life, rand;
	} t[] = {
		{"", 3600, 3960, 360},
		{"rekey_time = 10m", 600, 660, 60},
		{"rekey_time = 10m\nlife_time = 12m", 600, 720, 120},
		{"rekey_time = 10m\nlife_time = 1h", 600, 3600, 300},
		{"life_time = 2h", 3600, 7200, 1800},
		{"life_time = 33m", 1800, 1980, 180},
		{"rekey_time = 0", 0, 0, 0},
		{"rekey_time = 0\nlife_time = 1h", 0, 3600, 0},
		{"rekey_time = 5", 5, 6, 1},
		{"rand_time = 0", 3600, 3960, 0},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct gw_cfg *cfg = good(child(t[i].settings));
		const struct ike_life *l = &only_child(cfg)->time_s;
		assert_int_equal(l->rekey, t[i].rekey);
		assert_int_equal(l->life, t[i].life);
		assert_int_equal(l->rand, t[i].rand);
		done(cfg);
	}
	struct gw_cfg *cfg =
		good(child("rekey_bytes = 2g\nlife_packets = 1000\nrekey_packets = 900"));
	assert_int_equal(only_child(cfg)->bytes.rekey, 2ull << 30);
	assert_int_equal(only_child(cfg)->bytes.life, (2ull << 30) + (2ull << 30) / 10);
	assert_int_equal(only_child(cfg)->packets.rekey, 900);
	assert_int_equal(only_child(cfg)->packets.life, 1000);
	assert_int_equal(only_child(cfg)->packets.rand, 100);
	done(cfg);
}

static void
child_keys(void **state)
{
	struct gw_cfg *cfg =
		good(child("esp_proposals = aes128gcm16-esn-noesn, null-sha256\nmode = TRANSPORT\n"
			   "local_ts = fd00::1/128[gre], dynamic[47]\nstart_action = trap|start\n"
			   "close_action = trap\ndpd_action = restart\nreplay_window = 8192\n"
			   "sha256_96 = no\nah_proposals =\n"));
	const struct ike_child_cfg *k = only_child(cfg);

	assert_int_equal(k->esp.n, 2);
	assert_true(has(&k->esp.p[0], IKE_TT_ESN, IKE_ESN_YES, 0));
	assert_int_equal(k->mode, IKE_MODE_TRANSPORT);
	assert_int_equal(k->local_ts.n, 2);
	assert_true(k->start_action_set);
	assert_int_equal(k->start_action, IKE_ACTION_TRAP | IKE_ACTION_START);
	assert_int_equal(k->close_action, IKE_ACTION_TRAP);
	assert_int_equal(k->dpd_action, IKE_ACTION_START);
	assert_int_equal(k->replay_window, 8192);
	assert_int_equal(noted("NULL is no encryption"), 1);
	done(cfg);

	cfg = good(child("start_action = none\nreplay_window = 0"));
	assert_true(only_child(cfg)->start_action_set);
	assert_int_equal(only_child(cfg)->start_action, 0);
	assert_int_equal(only_child(cfg)->replay_window, 0);
	done(cfg);
}

static void
ignored_once(void **state)
{
	struct gw_cfg *cfg =
		good("authorities { x { cacert = y\n } }\npools { p { addrs = 10.0.0.0/8\n } }\n"
		     "connections { a {\n vips = 0.0.0.0\n if_id_in = 1\n"
		     "local { auth = psk\n certs = a.pem\n cert-2 { file = x\n } }\nremote { auth "
		     "= psk\n }\n"
		     "children { k { mark_in = 42\n reqid = 7\n if_id_in = 3\n } l { mark_in = "
		     "43\n } } }\n"
		     "b {\n vips = ::\n" AUTH "} }\nsecrets { eap-1 { id = x\n secret = y\n } "
		     "ike { secret = z\n } }");

	static const char *const keys[] = {"authorities", "pools", "vips", "if_id_in", "certs",
		"cert-2", "mark_in", "reqid", "eap-1"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char what[64];
		snprintf(what, sizeof(what), "%s: ignored", keys[i]);
		if (noted(what) != 1)
			print_message("%s: %u\n", what, noted(what));
		assert_int_equal(noted(what), 1);
	}
	for (unsigned int i = 0; i < notes.n; i++) {
		if (strstr(notes.note[i].msg, "mark_in") != NULL) {
			assert_true(notes.note[i].warning);
			assert_string_equal(notes.note[i].file, "t.conf");
			assert_int_equal(notes.note[i].line, 14);
			assert_non_null(
				strstr(notes.note[i].msg, "connections.a.children.k.mark_in"));
		}
	}
	assert_int_equal(cfg->ike.n_secrets, 1);
	done(cfg);
}

/* what would do something if raclette could, apart from what is another program's */
static void
missing_once(void **state)
{
	struct gw_cfg *cfg = good(child("tfc_padding = mtu\ninactivity = 5m\nipcomp = yes\n"
					"hw_offload = auto\ntfc_padding = 100\nreqid = 7"));

	static const char *const keys[] = {"tfc_padding", "inactivity", "ipcomp", "hw_offload"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char what[64];
		snprintf(what, sizeof(what), "%s: not in this version: ignored", keys[i]);
		assert_int_equal(noted(what), 1);
	}
	assert_int_equal(noted("reqid: ignored: it has no meaning here"), 1);
	done(cfg);
	cfg = good(conn("dscp = 101110"));
	assert_int_equal(noted("connections.c.dscp: not in this version: ignored"), 1);
	done(cfg);
}

static void
secrets(void **state)
{
	static const struct {
		const char *secret, *data;
		size_t len;
	} t[] = {
		{"abc", "abc", 3},
		{"\"a b \"", "a b ", 4},
		{"0x616263", "abc", 3},
		{"0xFfe", "\x0f\xfe", 2},
		{"0sYWJj", "abc", 3},
		{"0sYWI=", "ab", 2},
		{"0sYQ==", "a", 1},
		{"0sYQ", "a", 1},
		{"0s+/+/", "\xfb\xff\xbf", 3},
		{"0", "0", 1},
		{"a # comment", "a", 1},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(text, sizeof(text), "secrets { ike { secret = %s\n } }", t[i].secret);
		struct gw_cfg *cfg = good(text);
		assert_int_equal(cfg->ike.n_secrets, 1);
		assert_int_equal(cfg->ike.secrets[0].n_owners, 0);
		assert_int_equal(cfg->ike.secrets[0].len, t[i].len);
		assert_memory_equal(cfg->ike.secrets[0].data, t[i].data, t[i].len);
		done(cfg);
	}
	struct gw_cfg *cfg =
		good("secrets { ike-b { id = b\n secret = 1\n } ike-a { secret = 2\n } "
		     "ppk1 { id-x = y\n secret = 3\n } }");
	assert_int_equal(cfg->ike.n_secrets, 3);
	assert_string_equal(cfg->ike.secrets[0].name, "ike-b");
	assert_int_equal(cfg->ike.secrets[0].owners[0].type, IKE_ID_FQDN);
	assert_int_equal(cfg->ike.secrets[2].type, IKE_SECRET_PPK);
	done(cfg);
}

static void
gateway(void **state)
{
	struct gw_cfg *cfg =
		good("gateway {\n outside {\n port = 0000:00:06.0,large_llq_hdr=1\n"
		     "address = 2001:db8::1/64, fd00::2/128\n router = fe80::1\n mtu = 9001\n"
		     "vlan = 7\n }\n lcores = 3, 5-7\n poll = busy\n"
		     "vici = unix:///tmp/v.sock\n metrics = [::1]:9817\n hugepages = no\n"
		     "retransmit_timeout = 2.25\n retransmit_tries = 3\n"
		     "retransmit_base = 1.5\n retransmit_jitter = 20\n retransmit_limit = 30s\n"
		     "delete_rekeyed_delay = 7\n"
		     " cookie_threshold = 10\n block_threshold = 20\n"
		     " init_limit_half_open = 40\n fragment_size = 600\n qcd_secret = /srv/x\n "
		     "keep_alive = 1m\n}");

	assert_string_equal(cfg->outside.port, "0000:00:06.0,large_llq_hdr=1");
	assert_int_equal(cfg->outside.n_addrs, 2);
	is_addr(cfg->outside.addrs[0].addr, "2001:db8::1");
	assert_int_equal(cfg->outside.addrs[0].bits, 64);
	assert_int_equal(cfg->outside.addrs[1].bits, 128);
	assert_false(cfg->outside.router_auto);
	is_addr(&cfg->outside.router, "fe80::1");
	assert_int_equal(cfg->outside.mtu, 9001);
	assert_int_equal(cfg->outside.vlan, 7);
	assert_false(cfg->lcores_auto);
	assert_int_equal(cfg->n_lcores, 4);
	assert_int_equal(cfg->lcores[0], 3);
	assert_int_equal(cfg->lcores[3], 7);
	assert_int_equal(cfg->poll, GW_POLL_BUSY);
	assert_string_equal(cfg->vici, "/tmp/v.sock");
	assert_string_equal(cfg->metrics, "[::1]:9817");
	assert_false(cfg->hugepages_auto);
	assert_int_equal(cfg->ike.retransmit_timeout_ms, 2250);
	assert_int_equal((int)(cfg->ike.retransmit_base * 1000), 1500);
	assert_int_equal(cfg->ike.retransmit_jitter, 20);
	assert_int_equal(cfg->ike.retransmit_limit_ms, 30000);
	assert_int_equal(cfg->ike.delete_rekeyed_delay_ms, 7000);
	assert_int_equal(cfg->ike.retransmit_tries, 3);
	assert_int_equal(cfg->ike.fragment_size, 600);
	assert_int_equal(cfg->ike.cookie_threshold, 10);
	assert_int_equal(cfg->ike.block_threshold, 20);
	assert_int_equal(cfg->ike.half_open_max, 40);
	assert_int_equal(cfg->ike.keep_alive_s, 60);
	assert_string_equal(cfg->qcd_secret, "/srv/x");
	assert_int_equal(noted("gateway.metrics"), 1);
	done(cfg);

	cfg = good("gateway { outside { port = net_af_packet0,iface=v0\n address = fd00::1/64\n"
		   "router = none\n } }");
	assert_false(cfg->outside.router_auto);
	is_addr(&cfg->outside.router, "::");
	done(cfg);
}

/* CPUs that are there, and no more of them than there can be workers */
static void
lcores(void **state)
{
	cpu_set_t before, after;
	struct gw_cfg *cfg;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	cfg = good("gateway {\n" OUT "lcores = 1023\n}");
	assert_int_equal(notes.n, 0); /* it may be meant for another machine */
	assert_int_equal(cfg_machine_check(cfg, &err), -ENODEV);
	assert_string_equal(err.file, "t.conf");
	assert_int_equal(err.line, 5);
	assert_non_null(strstr(err.msg, "gateway.lcores: CPU 1023 does not exist or is not"));
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
	done(cfg);

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &before))
			continue;
		snprintf(text, sizeof(text), "gateway {\n" OUT "lcores = %d\n}", cpu);
		cfg = good(text);
		assert_int_equal(cfg_machine_check(cfg, &err), 0);
		done(cfg);
	}
	cfg = good("gateway {\n" OUT "}");
	assert_int_equal(cfg_machine_check(cfg, &err), 0);
	done(cfg);

	cfg = good("gateway {\n" OUT "lcores = 1-17\n}");
	assert_int_equal(notes.n, 0);
	done(cfg);
	cfg = good("gateway {\n" OUT "lcores = 1-31\n}");
	assert_int_equal(noted("gateway.lcores: 31 CPUs, of which the first 17 are used"), 1);
	assert_int_equal(cfg->n_lcores, 17);
	done(cfg);
}

static void
tunnel_defaults(void **state)
{
	struct gw_cfg *cfg = good(tunnel("address = 169.254.123.1/30"));
	const struct gw_tunnel_cfg *t = &cfg->tunnels[0];

	assert_int_equal(cfg->n_tunnels, 1);
	assert_string_equal(t->name, "gre1");
	assert_ptr_equal(t->conn, &cfg->ike.conns[0]);
	assert_ptr_equal(t->child, &cfg->ike.conns[0].children[0]);
	assert_int_equal(t->n_addrs, 1);
	assert_int_equal(t->addrs[0].family, AF_INET);
	assert_int_equal(t->addrs[0].bits, 30);
	assert_memory_equal(t->addrs[0].addr, "\xa9\xfe\x7b\x01", 4);
	assert_int_equal(t->mtu, 0);
	assert_false(t->has_key);
	assert_false(t->checksum);
	assert_false(t->sequence);
	assert_int_equal(t->hop_limit, 64);
	assert_int_equal(t->hold, 16);
	assert_true(t->mss_auto);
	assert_int_equal(t->dscp, GW_DSCP_COPY);
	assert_int_equal(t->ecn, GW_ECN_NORMAL);
	assert_int_equal(t->flowlabel, GW_FLOWLABEL_SA);
	assert_int_equal(t->carrier, GW_CARRIER_ALWAYS);
	assert_int_equal(t->handoff, GW_HANDOFF_TUN);
	assert_true(t->offload);
	assert_int_equal(notes.n, 0);
	done(cfg);
}

static void
tunnel_keys(void **state)
{
	struct gw_cfg *cfg = good(
		tunnel("connection = c\nchild = k\naddress = 10.0.0.1/24, fd10::1/64, fe80::1/64, "
		       "10.9.9.9\n"
		       "mtu = 1400\nkey = 1.2.3.4\nchecksum = yes\nsequence = 1\nhop_limit = "
		       "255\nhold = 64\n"
		       "mss = 1300\ndscp = af41\necn = compat\nflowlabel = flow\n"
		       "routes = 10.1.0.0/16, fd11::/48, 0.0.0.0/0\ncarrier = sa\n"));
	const struct gw_tunnel_cfg *t = &cfg->tunnels[0];

	assert_int_equal(t->n_addrs, 4);
	assert_int_equal(t->addrs[3].bits, 32);
	assert_int_equal(t->mtu, 1400);
	assert_true(t->has_key);
	assert_int_equal(t->key, 0x01020304);
	assert_true(t->checksum);
	assert_true(t->sequence);
	assert_int_equal(t->hop_limit, 255);
	assert_int_equal(t->hold, 64);
	assert_false(t->mss_auto);
	assert_int_equal(t->mss, 1300);
	assert_int_equal(t->dscp, 34);
	assert_int_equal(t->ecn, GW_ECN_COMPAT);
	assert_int_equal(t->flowlabel, GW_FLOWLABEL_FLOW);
	assert_int_equal(t->n_routes, 3);
	assert_int_equal(t->routes[1].bits, 48);
	assert_int_equal(t->carrier, GW_CARRIER_SA);
	done(cfg);

	cfg = good(tunnel("handoff = wire\nhandoff_port = net_ring1\naddress = 10.0.0.1/24\nmtu = "
			  "1400\nhold = 0\nmss = off"));
	assert_int_equal(cfg->tunnels[0].handoff, GW_HANDOFF_WIRE);
	assert_string_equal(cfg->tunnels[0].handoff_port, "net_ring1");
	done(cfg);
}

/* n tunnels with this hand-off */
static const char *
many(unsigned int n, const char *handoff)
{
	static char sections[8192];
	size_t len = 0;

	for (unsigned int i = 0; i < n; i++)
		len += (size_t)snprintf(sections + len, sizeof(sections) - len,
			"t%u { key = %u\n handoff = %s\n }\n", i, i, handoff);
	return tunnels(sections);
}

static void
virtio_user(void **state)
{
	struct gw_cfg *cfg = good(tunnel("handoff = virtio-user\noffload = no"));

	assert_int_equal(cfg->tunnels[0].handoff, GW_HANDOFF_VIRTIO_USER);
	assert_false(cfg->tunnels[0].offload);
	done(cfg);

	/* DPDK's ports, the outside one included; interfaces are no ports */
	done(good(many(31, "virtio-user")));
	done(good(many(40, "tun")));
	assert_null(build(many(32, "virtio-user")));
	assert_non_null(strstr(err.msg, "tunnels.t31.handoff"));
	assert_non_null(strstr(err.msg, "32 at most"));
	cfg_notes_free(&notes);
}

static void
inside(void **state)
{
	struct gw_cfg *cfg =
		good("gateway {\n" OUT "inside {\n port = net_ring1\n interface = lan7\n"
		     "address = 10.1.0.1/24, fd01::1/64\n mtu = 9000\n source_check = loose\n "
		     "}\n}\n" CONNS
		     "tunnels { t { handoff = port\n routes = 10.2.0.0/16\n offload = no\n "
		     "source_check = strict\n } }\n" SECRET);

	assert_string_equal(cfg->inside.port, "net_ring1");
	assert_string_equal(cfg->inside.interface, "lan7");
	assert_int_equal(cfg->inside.n_addrs, 2);
	assert_int_equal(cfg->inside.addrs[0].bits, 24);
	is_addr(cfg->inside.addrs[1].addr, "fd01::1");
	assert_int_equal(cfg->inside.mtu, 9000);
	assert_int_equal(cfg->tunnels[0].handoff, GW_HANDOFF_PORT);
	assert_false(cfg->tunnels[0].offload);
	assert_int_equal(cfg->inside.source_check, GW_SOURCE_LOOSE);
	assert_int_equal(cfg->tunnels[0].source_check, GW_SOURCE_STRICT);
	assert_int_equal(notes.n, 0);
	done(cfg);

	/* with its defaults, and nothing that forwards */
	cfg = good("gateway {\n" OUT "inside { port = 0000:00:07.0\n } }\n" CONNS
		   "tunnels { t { } }\n" SECRET);
	assert_string_equal(cfg->inside.interface, "inside");
	assert_int_equal(cfg->inside.mtu, 1500);
	assert_int_equal(cfg->inside.source_check, GW_SOURCE_ANY);
	assert_int_equal(noted("forwards nothing"), 1);
	done(cfg);
}

/* for guard routes: whatever else is wrong, and in the tunnel itself */
static void
routes_of_a_bad_file(void **state)
{
	char path[] = "/tmp/cfg.XXXXXX";
	static const char bad[] =
		"connections { c { local { auth = pubkey\n certs = none.pem\n } } }\n"
		"tunnels { a {\n routes = 10.1.0.0/16, 10.2.0.1/16, junk, 0.0.0.0/0, fd01::/48\n"
		"address = 169.254.7.1/30, junk\n mtu = 17\n what = ever\n }\n"
		"b = c\n w {\n handoff = wire\n routes { }\n } }\n";
	int fd = mkstemp(path);
	struct gw_cfg *cfg;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bad, sizeof(bad) - 1), sizeof(bad) - 1);
	assert_null(cfg_load(path, &notes, &err));
	cfg_notes_free(&notes);
	cfg = cfg_load_routes(path);
	assert_non_null(cfg);
	assert_int_equal(cfg->n_tunnels, 2);
	assert_string_equal(cfg->tunnels[0].name, "a");
	assert_int_equal(cfg->tunnels[0].n_routes, 4);
	assert_int_equal(cfg->tunnels[0].routes[2].bits, 0);
	is_addr(cfg->tunnels[0].routes[3].addr, "fd01::");
	assert_int_equal(cfg->tunnels[0].n_addrs, 1);
	assert_int_equal(cfg->tunnels[0].addrs[0].bits, 30);
	assert_int_equal(cfg->tunnels[1].handoff, GW_HANDOFF_WIRE);
	assert_int_equal(cfg->tunnels[1].n_routes, 0);
	cfg_free(cfg);
	/* what is no configuration at all */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "tunnels {", 9, 0), 9);
	assert_null(cfg_load_routes(path));
	close(fd);
	unlink(path);
	assert_null(cfg_load_routes(path));
}

static void
tunnel_words(void **state)
{
	static const struct {
		const char *setting;
		long key, hold, mss, dscp;
	} t[] = {
		{"key = 0", 0, 16, -1, 255},
		{"key = 0xffffffff", 0xffffffff, 16, -1, 255},
		{"hold = no", -1, 0, -1, 255},
		{"hold = yes", -1, 16, -1, 255},
		{"hold = 1", -1, 1, -1, 255},
		{"mss = off", -1, 16, 0, 255},
		{"mss = no", -1, 16, 0, 255},
		{"mss = auto", -1, 16, -1, 255},
		{"dscp = copy", -1, 16, -1, 255},
		{"dscp = 0", -1, 16, -1, 0},
		{"dscp = 63", -1, 16, -1, 63},
		{"dscp = 0x2e", -1, 16, -1, 46},
		{"dscp = 101110", -1, 16, -1, 46},
		{"dscp = 000000", -1, 16, -1, 0},
		{"dscp = EF", -1, 16, -1, 46},
		{"dscp = cs6", -1, 16, -1, 48},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct gw_cfg *cfg = good(tunnel(t[i].setting));
		const struct gw_tunnel_cfg *u = &cfg->tunnels[0];
		assert_int_equal(u->has_key, t[i].key >= 0);
		assert_int_equal(u->key, t[i].key < 0 ? 0 : t[i].key);
		assert_int_equal(u->hold, t[i].hold);
		assert_int_equal(u->mss_auto, t[i].mss < 0);
		assert_int_equal(u->mss, t[i].mss < 0 ? 0 : t[i].mss);
		assert_int_equal(u->dscp, t[i].dscp);
		done(cfg);
	}
}

static void
several(void **state)
{
	/* networks may lie beside and, within one tunnel, in one another; link-local ones are each
	 * link's */
	struct gw_cfg *cfg =
		good(tunnels("a { address = 10.0.0.1/24, 10.0.0.2/25, fe80::1/64\n key = 1\n }\n"
			     "b { address = 10.0.1.1/24, fe80::1/64\n key = 2\n }\nc { address = "
			     "10.0.2.1/23\n }\n"));
	assert_int_equal(cfg->n_tunnels, 3);
	done(cfg);
	/* so may routes, but for the same one twice */
	done(good(tunnels("a { routes = 0.0.0.0/1, 10.0.0.0/8, 10.0.0.0/8, ::/0\n key = 1\n }\n"
			  "b { routes = 128.0.0.0/1, 10.0.0.0/9\n key = 2\n }\n")));

	snprintf(text, sizeof(text), "%s",
		GATEWAY "tunnels { t1 { connection = a\n child = y\n } t2 { connection = b\n } }\n"
			"connections { a {\n" AUTH "children { x { } y { } } }\nb {\n" AUTH
			"children { z { } } } }\n" SECRET);
	cfg = good(text);
	assert_string_equal(cfg->tunnels[0].child->name, "y");
	assert_string_equal(cfg->tunnels[1].child->name, "z");
	assert_string_equal(cfg->tunnels[1].conn->name, "b");
	assert_int_equal(noted("child 'x' of connection 'a' belongs to no tunnel"), 1);
	assert_int_equal(notes.n, 1);
	done(cfg);
}

/* selectors that GRE can pass, and some that it cannot are in bad_input() */
static void
selectors(void **state)
{
	static const char *const ok[] = {
		"local_ts = dynamic\nremote_ts = dynamic",
		"local_ts = dynamic[47]\nremote_ts = fd00::/64[gre]",
		"local_ts = fd00::1\nremote_ts = dynamic[tcp], dynamic[gre]",
		"local_ts = ::/0\nremote_ts = ::/0",
	};

	for (size_t i = 0; i < sizeof(ok) / sizeof(ok[0]); i++) {
		snprintf(text, sizeof(text),
			GATEWAY
			"tunnels { t { } }\nconnections { c {\nremote_addrs = fd00::2\n" AUTH
			"children { k {\n%s\n} } } }\n" SECRET,
			ok[i]);
		done(good(text));
		/* a peer from anywhere */
		snprintf(text, sizeof(text),
			GATEWAY "tunnels { t { } }\nconnections { c {\n" AUTH
				"children { k {\n%s\n} } } }\n" SECRET,
			ok[i]);
		done(good(text));
	}
}

/* a template at the top is no unknown section; what is wrong in it is told where it stands */
static void
templates(void **state)
{
	struct gw_cfg *cfg =
		good("base {\n mobike = no\n local { auth = psk\n }\n remote { auth = psk\n }\n}\n"
		     "connections { a : base { } b : base { mobike = yes\n } }\n" SECRET);
	assert_false(cfg->ike.conns[0].mobike);
	assert_true(cfg->ike.conns[1].mobike);
	done(cfg);

	assert_null(build("base {\n mobike = perhaps\n}\nconnections { a : base { } }\n"));
	assert_int_equal(err.line, 2);
	assert_non_null(strstr(err.msg, "connections.a.mobike"));
	cfg_notes_free(&notes);

	cfg = good("connections { a : base {\n" AUTH "} }\n" SECRET);
	assert_int_equal(noted("'base'"), 1);
	done(cfg);
}

/* sections of one name are one, as in swanctl, but not without a word */
static void
named_again(void **state)
{
	struct gw_cfg *cfg = good("connections { c {\n mobike = no\n" AUTH
				  "children { k {\n mode = transport\n }\nk { reqid = 1\n } }\n}\n"
				  "c { mobike = yes\n } }\n"
				  "secrets { ike { id = a\n secret = hush\n }\nike { id = b\n } }");

	assert_int_equal(cfg->ike.n_conns, 1);
	assert_true(cfg->ike.conns[0].mobike);
	assert_int_equal(cfg->ike.n_secrets, 1);
	assert_int_equal(noted("connections.c: is there already, in line 1"), 1);
	assert_int_equal(noted("connections.c.mobike: is set again; what line 2"), 1);
	assert_int_equal(noted("connections.c.children.k: is there already, in line 7"), 1);
	assert_int_equal(noted("secrets.ike: is there already, in line 15"), 1);
	assert_int_equal(noted("secrets.ike.id: is set again; what line 15"), 1);
	assert_int_equal(noted("hush"), 0);
	done(cfg);
}

/* the file that a secret is in, and none beside it; once for all of its secrets */
static void
readable(void **state)
{
	static const struct {
		mode_t main, part;
		unsigned int n;
	} t[] = {{0600, 0600, 0}, {0644, 0600, 0}, {0600, 0640, 1}, {0600, 0604, 1}};
	char dir[] = "/tmp/test_cfg.XXXXXX", main[64], part[64];

	assert_non_null(mkdtemp(dir));
	snprintf(main, sizeof(main), "%s/main", dir);
	snprintf(part, sizeof(part), "%s/part", dir);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		FILE *f = fopen(main, "w");
		assert_non_null(f);
		fputs("connections { }\ninclude part\n", f);
		fclose(f);
		f = fopen(part, "w");
		assert_non_null(f);
		fputs("secrets { ike-1 {\n secret = hush\n }\nike-2 { secret = hush\n } }\n", f);
		fclose(f);
		chmod(main, t[i].main);
		chmod(part, t[i].part);
		struct gw_cfg *cfg = cfg_load(main, &notes, &err);
		assert_non_null(cfg);
		assert_int_equal(noted("can be read by others than its owner; chmod 600"), t[i].n);
		assert_int_equal(noted("secrets.ike-1.secret"), t[i].n);
		done(cfg);
		unlink(main);
		unlink(part);
	}
	rmdir(dir);
}

/* which pairs of ends find a secret; the rule itself is ike/conn.c's */
static void
psk(void **state)
{
	static const struct {
		const char *conn, *local, *remote, *secrets;
		bool found;
		const char *says;
	} t[] = {
		{"", "", "", "", false, "for '%any' and '%any'"},
		{"", "id = a", "id = b", "", false, "for 'a' and 'b'"},
		{"", "id = a", "id = b", "ppk { id = b\n secret = hush\n }", false, "for 'a' and"},
		{"", "id = a", "id = b", "ike { secret = hush\n }", true, NULL},
		{"", "id = a", "id = b", "ike { id-1 = a\n id-2 = b\n secret = hush\n }", true,
			NULL},
		{"", "id = a", "id = b", "ike { id = b\n secret = hush\n }", true, NULL},
		{"", "id = a", "id = b", "ike { id = a\n secret = hush\n }", true, NULL},
		{"", "id = a", "id = b", "ike { id-1 = c\n id-2 = d\n secret = hush\n }", false,
			"for 'a' and 'b'"},
		/* ours is enough for IKE, and yet it looks like a slip */
		{"", "id = a", "id = b", "ike { id-1 = a\n id-2 = c\n secret = hush\n }", true,
			"'ike' would be used, which does not name the peer 'b'"},
		/* an end that has no identity yet: its address, or whoever comes */
		{"local_addrs = fd00::1", "", "id = b", "ike { id = c\n secret = hush\n }", false,
			"for 'fd00::1' and 'b'"},
		{"local_addrs = fd00::1", "", "id = b", "ike { id = fd00::1\n secret = hush\n }",
			true, NULL},
		{"local_addrs = fd00::/64", "", "id = b", "ike { id = fd00::1\n secret = hush\n }",
			true, NULL},
		{"", "id = a", "", "ike { id = c\n secret = hush\n }", true, NULL},
		{"", "id = a", "id = *.b", "ike { id = c\n secret = hush\n }", false,
			"for 'a' and '*.b'"},
		{"", "id = a", "id = *.b", "ike { id = c.b\n secret = hush\n }", true, NULL},
		{"", "id = a", "id = *.b", "ike { id = *.c.b\n secret = hush\n }", true, NULL},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct gw_cfg *cfg;

		snprintf(text, sizeof(text),
			"connections {\nc {\n%s\nlocal { auth = psk\n%s\n}\nremote { auth = "
			"psk\n%s\n} } }\nsecrets {\n%s\n}\n",
			t[i].conn, t[i].local, t[i].remote, t[i].secrets);
		memset(&err, 0, sizeof(err));
		cfg = build(text);
		if ((cfg != NULL) != t[i].found)
			print_message("[%s] %s\n", text, err.msg);
		assert_int_equal(cfg != NULL, t[i].found);
		assert_int_equal(err.line, t[i].found ? 0 : 2);
		if (!t[i].found) {
			assert_non_null(
				strstr(err.msg, "connections.c: auth = psk, but no secret"));
			assert_non_null(strstr(err.msg, t[i].says));
		}
		assert_int_equal(noted("would be used"), t[i].found && t[i].says != NULL);
		if (t[i].found && t[i].says != NULL)
			assert_int_equal(noted(t[i].says), 1);
		done(cfg);
	}
	/* no section at all */
	assert_null(build("connections {\nc {\n" AUTH "} }\n"));
	assert_int_equal(err.line, 2);
	cfg_notes_free(&notes);
}

enum where { RAW, CONN, CHILD, TUNNEL, TUNNELS };

static const struct bad {
	enum where where;
	const char *text;
	unsigned int line; /* in what stands around it */
	const char *key, *says;
} bads[] = {
	/* top */
	{RAW, "conections { }", 1, "conections", "did you mean 'connections'"},
	{RAW, "foo { }", 1, "foo", "known here: connections, secrets, gateway, tunnels"},
	{RAW, "gateway = 1", 1, "gateway", "is a section"},
	{RAW, "connections { x = 1\n }", 1, "connections.x", "unknown key"},
	{RAW, "tunnels { t { } }", 1, "tunnels", "no section 'gateway'"},
	/* connections */
	{CONN, "version = 1", 2, "connections.c.version", "IKEv1"},
	{CONN, "version = 3", 2, "connections.c.version", "2, or 0"},
	{CONN, "verson = 2", 2, "connections.c.verson", "did you mean 'version'"},
	{CONN, "local_adrs = fd00::1", 2, "local_adrs", "did you mean 'local_addrs'"},
	{CONN, "xyzzy = 2", 2, "connections.c.xyzzy", "known here: version, local_addrs"},
	{CONN, "local_addrs = fd00::1, gw.example.com", 2, "local_addrs", "'gw.example.com'"},
	{CONN, "local_addrs = gw.example.com", 2, "local_addrs", "raclette's own"},
	{CONN, "remote_addrs = -gw.example.com", 2, "remote_addrs", "a host name"},
	{CONN, "remote_addrs = 10.0.0.300", 2, "remote_addrs", "a host name"},
	{CONN, "remote_addrs = gw..example.com", 2, "remote_addrs", "a host name"},
	{CONN, "remote_addrs = 192.0.2.1", 2, "remote_addrs", "IPv4"},
	{CONN, "remote_addrs = fd00::2-fd00::1", 2, "remote_addrs", "FIRST-LAST"},
	{CONN, "remote_addrs = fd00::/129", 2, "remote_addrs", "ADDRESS/BITS"},
	{CONN, "remote_addrs {\n}", 2, "remote_addrs", "takes a list"},
	{CONN, "local_port = 501", 2, "local_port", "500 or 4500"},
	{CONN, "remote_port = 65536", 2, "remote_port", "from 1 to 65535"},
	{CONN, "proposals = aes128-sha1", 2, "proposals", ""},
	{CONN, "proposals = aes129-sha1-modp2048", 2, "proposals", "aes129"},
	{CONN, "proposals = null-sha256-modp2048", 2, "connections.c.proposals", "null"},
	{CONN, "encap = maybe", 2, "encap", "allowed: yes, no"},
	{CONN, "dpd_delay = 5 minutes", 2, "dpd_delay", "s, m, h or d"},
	{CONN, "dpd_delay = -1", 2, "dpd_delay", "number of seconds"},
	{CONN, "dpd_delay = 99999999999999999999", 2, "dpd_delay", "number of seconds"},
	{CONN, "fragmentation = often", 2, "fragmentation", "yes, accept, force, no"},
	{CONN, "unique = yes", 2, "unique", "no, never, keep, replace"},
	{CONN, "childless = maybe", 2, "childless", "allow"},
	{CONN, "rand_time = 5h", 1, "connections.c", "rand_time must be less"},
	{CONN, "keyingtries = x", 2, "keyingtries", "a number"},
	{CONN, "ppk_required = maybe", 2, "ppk_required", "allowed: yes, no"},
	{CONN, "ppk_id = ipv6:zz", 2, "ppk_id", "the name of a PPK"},
	{CONN, "local-2 { auth = psk\n }", 4, "connections.c.local", "second round"},
	{CONN, "children { k = 1\n }", 2, "children.k", "sections"},
	{RAW, "connections {\n c {\n remote { auth = psk\n } } }", 2, "connections.c",
		"auth = psk"},
	{RAW, "connections { c {\n local { auth = psk\n } } }", 1, "connections.c", "'remote'"},
	{RAW, "connections { c {\n local {\n id = x\n } } }", 2, "connections.c.local",
		"write 'certs = FILE'"},
	{RAW, "connections { c {\n local {\n auth = pubkey\n } } }", 2, "connections.c.local",
		"write 'certs = FILE'"},
	{RAW, "connections { c {\n local { auth = psk\n }\n remote { auth = pubkey\n } } }", 4,
		"connections.c.remote", "write 'cacerts = FILE'"},
	{RAW, "connections { c {\n local {\n certs = none.pem\n } } }", 3, "local.certs",
		"./x509/none.pem: No such file"},
	{RAW, "connections { c {\n local { auth = eap-md5\n } } }", 2, "local.auth", "psk, pubkey"},
	{RAW, "connections { c {\n local { auth = rsa-md5\n } } }", 2, "local.auth", "psk, pubkey"},
	{RAW, "connections { c {\n local { auth = sha256-rsa\n } } }", 2, "local.auth", "-sha256"},
	{RAW, "connections { c {\n local { auth = ed25519-256\n } } }", 2, "local.auth", "BITS"},
	{RAW, "connections { c {\n local { auth = rsa-sha256-ecdsa\n } } }", 2, "local.auth",
		"BITS"},
	{RAW, "connections { c {\n local { pubkeys = x\n } } }", 2, "local.pubkeys", "use certs"},
	{RAW, "connections { c {\n local { ca_id = x\n } } }", 2, "local.ca_id", "remove the key"},
	{RAW, "connections { c {\n local { cert-1 {\n slot = 1\n } } } }", 3, "cert-1.slot",
		"file"},
	{RAW, "connections { c {\n local { auth = psk\n }\n remote { revocation = yes\n } } }", 4,
		"remote.revocation", "relaxed, ifuri, strict"},
	{RAW, "connections { c {\n local { auth = psk id = x\n } } }", 2, "local.auth",
		"each setting needs a line of its own"},
	{RAW, "connections { c { local { auth = psk\n id = ipv6:zz\n } } }", 2, "local.id",
		"'ipv6:zz'"},
	{RAW, "connections { c { local { auth = psk\n idd = x\n } } }", 2, "local.idd", "'id'"},
	{RAW,
		"connections { aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		"{ } }",
		1, "aaa", "at most 63"},
	/* children */
	{CHILD, "mode = pass", 7, "connections.c.children.k.mode", "past ESP"},
	{CHILD, "mode = Drop", 7, "mode", "past ESP"},
	{CHILD, "mode = beet", 7, "mode", "tunnel, transport"},
	{CHILD, "mode = transport_proxy", 7, "mode", "tunnel, transport"},
	{CHILD, "mode = x", 7, "mode", "tunnel, transport"},
	{CHILD, "ah_proposals = sha256", 7, "ah_proposals", "AH would carry GRE in clear"},
	{CHILD, "sha256_96 = yes", 7, "sha256_96", "96 bits"},
	{CHILD, "esp_proposals = aes128ctr-sha256", 7, "esp_proposals", "aes128ctr"},
	{CHILD, "esp_proposals = aes128-sha256-esn\nreplay_window = 0", 7, "esp_proposals", "esn"},
	{CHILD, "replay_window = 0\nesp_proposals = aes128gcm16-noesn-esn", 8, "esp_proposals",
		"esn"},
	{CHILD, "replay_window = 16", 7, "replay_window", "32 to 8192"},
	{CHILD, "replay_window = 8193", 7, "replay_window", "32 to 8192"},
	{CHILD, "local_ts = dynamic[foo]", 7, "local_ts", "foo"},
	{CHILD, "local_ts = 1.2.3.4.5", 7, "local_ts", ""},
	{CHILD, "start_action = go", 7, "start_action", "none, trap"},
	{CHILD, "dpd_action = go", 7, "dpd_action", "clear"},
	{CHILD, "rekey_time = 1h\nlife_time = 1h", 6, "children.k", "life_time must be larger"},
	{CHILD, "rekey_bytes = 1g\nlife_bytes = 1m", 6, "children.k", "life_bytes must be larger"},
	{CHILD, "rand_time = 1h", 6, "children.k", "rand_time must be less"},
	{CHILD, "rekey_bytes = 1t", 7, "rekey_bytes", "k, m or g"},
	{CHILD, "rekey_packets = 1k", 7, "rekey_packets", "a number"},
	{CHILD, "updown = \"/bin/true 'x\"", 7, "connections.c.children.k.updown", ""},
	{CHILD, "updown = true", 7, "updown", "absolute"},
	{CHILD, "rekeytime = 1h", 7, "rekeytime", "'rekey_time'"},
	/* secrets */
	{RAW, "secrets { ike {\n id = x\n } }", 1, "secrets.ike", "no secret"},
	{RAW, "secrets { ike {\n secret = \"\"\n } }", 2, "secrets.ike.secret", "empty"},
	{RAW, "secrets { ike {\n secret = 0x\n } }", 2, "secrets.ike.secret", "empty"},
	{RAW, "secrets { ike {\n secret = 0xhush\n } }", 2, "secrets.ike.secret", "hexadecimal"},
	{RAW, "secrets { ike {\n secret = 0shush!\n } }", 2, "secrets.ike.secret", "base64"},
	{RAW, "secrets { ike {\n secret = 0sYQ=\n } }", 2, "secrets.ike.secret", "base64"},
	{RAW, "secrets { ike {\n secret = 0sYWI=YQ\n } }", 2, "secrets.ike.secret", "base64"},
	{RAW, "secrets { ike {\n sekret = hush\n } }", 2, "secrets.ike.sekret",
		"did you mean 'secret'"},
	{RAW, "secrets { psk { secret = hush\n } }", 1, "secrets.psk", "no kind of secret"},
	{RAW, "secrets { ike { secret = hush\n id1 = ipv4:zz\n } }", 2, "secrets.ike.id1",
		"ipv4:zz"},
	/* gateway */
	{RAW, "gateway { }", 1, "gateway", "outside"},
	{RAW, "gateway { outside { address = fd00::1/64\n } }", 1, "gateway.outside", "no port"},
	{RAW, "gateway { outside { port = net_null0\n } }", 1, "gateway.outside", "no address"},
	{RAW, "gateway { outside {\n port = eth0\n } }", 2, "outside.port", "PCI address"},
	{RAW, "gateway { outside {\n port = 0000:00:06\n } }", 2, "outside.port", "PCI address"},
	{RAW, "gateway { outside {\n port = net_null0 x\n } }", 2, "outside.port", "PCI address"},
	{RAW, "gateway { outside {\n address = fd00::1\n } }", 2, "outside.address",
		"length of its prefix"},
	{RAW, "gateway { outside {\n address = 10.0.0.1/8\n } }", 2, "outside.address", "IPv6"},
	{RAW, "gateway { outside {\n address = ff02::1/64\n } }", 2, "outside.address", "unicast"},
	{RAW, "gateway { outside {\n address = fd00::1/64, fd00::1/80\n } }", 2, "address",
		"twice"},
	{RAW, "gateway { outside {\n router = yes\n } }", 2, "outside.router", "auto, none"},
	{RAW, "gateway { outside {\n mtu = 1279\n } }", 2, "outside.mtu", "from 1280 to 9216"},
	{RAW, "gateway { outside {\n vlan = 4095\n } }", 2, "outside.vlan", "4094"},
	{RAW, "gateway {\n lcores = 1, x\n }", 2, "gateway.lcores", "CPU numbers"},
	{RAW, "gateway {\n lcores = 7-5\n }", 2, "gateway.lcores", "CPU numbers"},
	{RAW, "gateway {\n lcores = 1, 0-2, 2\n }", 2, "gateway.lcores", "twice"},
	{RAW, "gateway {\n lcores = 0-64\n }", 2, "gateway.lcores", "more than 64"},
	{RAW, "gateway {\n poll = lazy\n }", 2, "gateway.poll", "adaptive, busy"},
	{RAW, "gateway {\n vici = tcp://[::]:4502\n }", 2, "gateway.vici", "unix://"},
	{RAW, "gateway {\n vici = unix://sock\n }", 2, "gateway.vici", "absolute"},
	{RAW, "gateway {\n retransmit_timeout = 0\n }", 2, "gateway.retransmit_timeout",
		"0.1 to 60 seconds"},
	{RAW, "gateway {\n retransmit_timeout = 1.\n }", 2, "gateway.retransmit_timeout",
		"0.1 to 60 seconds"},
	{RAW, "gateway {\n retransmit_timeout = 1.2345\n }", 2, "gateway.retransmit_timeout",
		"0.1 to 60 seconds"},
	{RAW, "gateway {\n retransmit_timeout = 99999999999999999999\n }", 2,
		"gateway.retransmit_timeout", "0.1 to 60 seconds"},
	{RAW, "gateway {\n retransmit_base = 0.9\n }", 2, "gateway.retransmit_base", "1 to 10"},
	{RAW, "gateway {\n retransmit_jitter = 21\n }", 2, "gateway.retransmit_jitter", "20"},
	{RAW, "gateway {\n retransmit_limit = -1\n }", 2, "gateway.retransmit_limit", "0 to 3600"},
	{RAW, "gateway {\n delete_rekeyed_delay = 0\n }", 2, "gateway.delete_rekeyed_delay",
		"0.1 to 60 seconds"},
	{RAW, "gateway {\n fragment_size = 100\n }", 2, "gateway.fragment_size", "256 to 9216"},
	{RAW, "gateway {\n qcd_secret = yes\n }", 2, "gateway.qcd_secret", "absolute path"},
	{RAW, "gateway {\n keep_alive = soon\n }", 2, "gateway.keep_alive", "number of seconds"},
	{RAW, "gateway {\n retransmit_tries = 99\n }", 2, "gateway.retransmit_tries", "16"},
	{RAW, "gateway {\n hugepages = 2M\n }", 2, "gateway.hugepages", "auto, no"},
	{RAW, "gateway {\n port = net_null0\n }", 2, "gateway.port", "known here"},
	/* tunnels */
	{TUNNEL, "connection = d", 18, "tunnels.gre1.connection", "allowed: c"},
	{TUNNEL, "child = d", 18, "tunnels.gre1.child", "allowed: k"},
	{TUNNEL, "address = 10.0.0.1/33", 18, "tunnels.gre1.address", "length of its prefix"},
	{TUNNEL, "address = 224.0.0.5/24", 18, "address", "host's address"},
	{TUNNEL, "address = 10.0.0.1/24, 10.0.0.1/25", 18, "address", "twice"},
	{TUNNEL, "mtu = 575", 18, "tunnels.gre1.mtu", "576 to 1500"},
	{TUNNEL, "mtu = 1501", 18, "tunnels.gre1.mtu", "576 to 1500"},
	{TUNNEL, "address = fd10::1/64\nmtu = 1279", 19, "tunnels.gre1.mtu", "1280"},
	{TUNNEL, "key = x", 18, "tunnels.gre1.key", "dotted quad"},
	{TUNNEL, "key = 4294967296", 18, "tunnels.gre1.key", "4294967295"},
	{TUNNEL, "hop_limit = 0", 18, "hop_limit", "from 1 to 255"},
	{TUNNEL, "hold = 65", 18, "hold", "0 to 64"},
	{TUNNEL, "mss = 100", 18, "mss", "256 to 9176"},
	{TUNNEL, "dscp = 64", 18, "dscp", "0 to 63"},
	{TUNNEL, "dscp = cs8", 18, "dscp", "cs6"},
	{TUNNEL, "ecn = no", 18, "ecn", "normal, compat"},
	{TUNNEL, "flowlabel = x", 18, "flowlabel", "sa, flow"},
	{TUNNEL, "routes = 10.0.0.1/8", 18, "routes", "beyond its prefix"},
	{TUNNEL, "routes = default", 18, "routes", "networks"},
	{TUNNEL, "carrier = x", 18, "carrier", "always, sa"},
	{TUNNEL, "handoff = tap", 18, "handoff", "not in this version"},
	{TUNNEL, "handoff = vhost", 18, "handoff", "virtio-user"},
	{TUNNEL, "handoff = virtio-user\nhandoff_port = net_null1", 19, "handoff_port",
		"handoff = wire"},
	{TUNNELS, "a[0] { handoff = virtio-user\n }", 17, "tunnels.a[0]", "mean something to DPDK"},
	{TUNNELS, "abcdefghijklmnop { handoff = virtio-user\n }", 17, "tunnels.abcdefghijklmnop",
		"at most 15"},
	{TUNNEL, "handoff = wire", 17, "tunnels.gre1", "handoff_port"},
	{TUNNEL, "handoff_port = net_null1", 18, "handoff_port", "handoff = wire"},
	{TUNNEL, "offload = perhaps", 18, "offload", "yes"},
	{TUNNEL, "handoff = wire\nhandoff_port = net_null1\noffload = yes", 20, "offload",
		"handoff = wire"},
	{TUNNEL, "handoff = wire\nhandoff_port = net_null1\nroutes = 10.1.0.0/16", 20,
		"gre1.routes", "has no meaning with 'handoff = wire': Linux has no interface"},
	{TUNNEL, "carrier = always\nhandoff = wire\nhandoff_port = net_null1", 18, "gre1.carrier",
		"has no meaning with 'handoff = wire': Linux has no interface"},
	{TUNNEL, "source_check = strict", 18, "source_check",
		"Linux, which routes else, has rp_filter"},
	{RAW, "gateway {\n" OUT "inside { source_check = yes\n } }", 5, "inside.source_check",
		"no, loose, strict"},
	{TUNNEL, "handoff = port", 18, "handoff", "gateway.inside"},
	{TUNNEL, "handoff = port\nhandoff_port = net_null1", 19, "handoff_port", "handoff = wire"},
	{RAW, "gateway {\n" OUT "inside {\n } }", 5, "gateway.inside", "no port"},
	{RAW, "gateway {\n" OUT "inside { port = net_null0\n } }", 5, "inside.port", "a port each"},
	{RAW, "gateway {\n" OUT "inside { port = lan\n } }", 5, "inside.port", "PCI address"},
	{RAW, "gateway {\n" OUT "inside { interface = a/b\n } }", 5, "inside.interface", "'/'"},
	{RAW, "gateway {\n" OUT "inside { interface = lo\n } }", 5, "inside.interface", "'lo'"},
	{RAW, "gateway {\n" OUT "inside { interface = abcdefghijklmnop\n } }", 5,
		"inside.interface", "at most 15"},
	{RAW, "gateway {\n" OUT "inside { address = 10.1.0.1\n } }", 5, "inside.address",
		"10.1.0.1/24"},
	{RAW, "gateway {\n" OUT "inside { address = 224.0.0.1/24\n } }", 5, "inside.address",
		"a host's address"},
	{RAW, "gateway {\n" OUT "inside { address = 10.1.0.1/24, 10.1.0.1/8\n } }", 5,
		"inside.address", "twice"},
	{RAW, "gateway {\n" OUT "inside { mtu = 1279\n } }", 5, "inside.mtu", "from 1280 to 9216"},
	{RAW, "gateway {\n" OUT "inside { router = auto\n } }", 5, "inside.router", "unknown key"},
	{RAW,
		"gateway {\n" OUT "inside { port = net_null1\n interface = t\n } }\n" CONNS
		"tunnels { t { handoff = port\n } }",
		20, "tunnels.t", "gateway.inside.interface"},
	{RAW,
		"gateway {\n" OUT "inside { port = net_null1\n } }\n" CONNS
		"tunnels { t { handoff = wire\n handoff_port = net_null1\n } }",
		20, "tunnels.t.handoff_port", "the inside"},
	{TUNNEL, "adress = 10.0.0.1/8", 18, "adress", "did you mean 'address'"},
	{TUNNELS, "lo { }", 17, "tunnels.lo", "'lo'"},
	{TUNNELS, "a { key = 1\n }\nb { key = 2\n }\na { key = 3\n }", 21, "tunnels.a",
		"is there already, in line 17"},
	{TUNNELS, "default { }", 17, "tunnels.default", "'default'"},
	{TUNNELS, "a/b { }", 17, "tunnels.a/b", "'/'"},
	{TUNNELS, "a%d { }", 17, "tunnels.a%d", "'%'"},
	{TUNNELS, "abcdefghijklmnop { }", 17, "tunnels.abc", "at most 15"},
	{TUNNELS, "a { }\nb { }", 18, "tunnels.b", "no key either"},
	{TUNNELS, "a { key = 7\n }\nb { }\nc { key = 7\n }", 20, "tunnels.c", "the same key"},
	{TUNNELS, "a { address = 10.0.0.1/24\n }\nb { key = 1\n address = 10.0.0.9/30\n }", 20,
		"tunnels.b.address", "10.0.0.8/30 overlaps with 10.0.0.0/24 of tunnel 'a'"},
	{TUNNELS, "a { address = fd10::1/64\n }\nb { key = 1\n address = fd10::1/64\n }", 20,
		"tunnels.b.address", "overlaps"},
	{TUNNELS,
		"a { address = 10.0.0.1/8\n }\nb { key = 1\n address = 11.0.0.1/8\n }\n"
		"c { key = 2\n address = 10.255.0.1/32\n }",
		23, "tunnels.c.address", "tunnel 'a'"},
	{TUNNELS,
		"a { handoff = wire\n handoff_port = net_null1\n }\n"
		"b { key = 1\n handoff = wire\n handoff_port = net_null1\n }",
		22, "tunnels.b.handoff_port", "already"},
	{TUNNEL, "handoff = wire\nhandoff_port = net_null0", 19, "handoff_port", "already"},
	{TUNNELS,
		"a { routes = 10.1.0.0/16\n }\nb { key = 1\n routes = 10.2.0.0/16, 10.1.0.0/16\n }",
		20, "tunnels.b.routes",
		"10.1.0.0/16 goes into tunnel 'a' already, by 10.1.0.0/16 in line 17 of t.conf"},
	{TUNNELS, "a { routes = fd01::/48, ::/0\n }\nb { key = 1\n routes = 8000::/1\n }", 20,
		"tunnels.b.routes", "8000::/1 goes into tunnel 'a' already, by ::/0 in line 17"},
	{RAW, GATEWAY "tunnels { t { } }", 4, "tunnels.t", "no connection"},
	{RAW, GATEWAY "tunnels { t { } }\nconnections { a {\n" AUTH "} b {\n" AUTH "} }", 4,
		"tunnels.t", "there are 2"},
	{RAW, GATEWAY "tunnels { t { } }\nconnections {\na {\n" AUTH "} }", 4, "tunnels.t",
		"connection 'a' (line 6) has no children"},
	{RAW, GATEWAY "tunnels { t { child = x\n } }\nconnections { a {\n" AUTH "} }", 4,
		"tunnels.t", "has no children"},
	{RAW,
		GATEWAY "tunnels { t { } }\nconnections { a {\nlocal_addrs = fd77::1\n" AUTH
			"children { k { } } } }",
		4, "tunnels.t", "gateway.outside.address"},
	{RAW,
		GATEWAY "tunnels { t { } }\nconnections { a {\n" AUTH
			"children { k { local_ts = dynamic[tcp]\n } } } }",
		10, "connections.a.children.k.local_ts", "write 'local_ts = dynamic[gre]'"},
	{RAW,
		GATEWAY "tunnels { t { } }\nconnections { a {\n remote_addrs = fd00::2\n" AUTH
			"children { k { remote_ts = fd00::3[gre]\n } } } }",
		11, "connections.a.children.k.remote_ts", "which tunnel 't' needs"},
	{RAW,
		GATEWAY "tunnels { t { } }\nconnections { a {\n" AUTH
			"children { k { remote_ts = 10.0.0.0/8\n } } } }",
		10, "connections.a.children.k.remote_ts", "remote_ts = dynamic[gre]"},
};

static const char *
surrounded(const struct bad *b)
{
	switch (b->where) {
	case CONN:
		return conn(b->text);
	case CHILD:
		return child(b->text);
	case TUNNEL:
		return tunnel(b->text);
	case TUNNELS:
		return tunnels(b->text);
	default:
		return b->text;
	}
}

/* each names the file, the line, the key and what would be right, and never a secret */
static void
bad_input(void **state)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *b = &bads[i];
		struct gw_cfg *cfg;

		memset(&err, 0xff, sizeof(err));
		cfg = build(surrounded(b));
		cfg_notes_free(&notes);
		if (cfg == NULL && err.line == b->line && strcmp(err.file, "t.conf") == 0 &&
			strstr(err.msg, b->key) != NULL && strstr(err.msg, b->says) != NULL &&
			strstr(err.msg, "hush") == NULL)
			continue;
		if (cfg != NULL)
			print_message("taken: [%s]\n", b->text);
		else
			print_message("[%s]\n%s:%u: %s\n", b->text, err.file, err.line, err.msg);
		cfg_free(cfg);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* lists of a message are lists; commands are not taken from it */
static void
from_vici(void **state)
{
	struct vici_out o;

	for (int as_value = 0; as_value < 2; as_value++) {
		vici_begin(&o, VICI_CMD_REQUEST, "load-conn");
		vici_section(&o, "connections");
		vici_section(&o, "c");
		if (as_value) {
			vici_kv(&o, "remote_addrs", "fd00::1");
		} else {
			vici_list(&o, "remote_addrs");
			vici_item(&o, "fd00::1");
			vici_item(&o, "fd00::2");
			vici_list_end(&o);
		}
		vici_section(&o, "local");
		vici_kv(&o, "auth", "psk");
		vici_section_end(&o);
		vici_section(&o, "remote");
		vici_kv(&o, "auth", "psk");
		vici_section_end(&o);
		vici_section(&o, "children");
		vici_section(&o, "k");
		vici_kv(&o, "updown", "/bin/true");
		vici_section_end(&o);
		vici_section_end(&o);
		vici_section_end(&o);
		vici_section_end(&o);
		assert_int_equal(vici_end(&o), 0);
		struct vici_packet p;
		assert_int_equal(vici_packet_parse(&p, o.buf + 4, o.len - 4), 0);
		struct conf *c = vici_decode(p.msg, p.msg_len);
		assert_non_null(c);
		vici_out_free(&o);
		struct gw_cfg *cfg = cfg_build(c, &notes, &err);
		conf_free(c);
		if (as_value) {
			assert_null(cfg);
			assert_string_equal(err.file, "");
			assert_non_null(
				strstr(err.msg, "connections.c.remote_addrs: takes a list"));
		} else {
			assert_non_null(cfg);
			assert_int_equal(cfg->ike.conns[0].n_remote, 2);
			assert_null(only_child(cfg)->updown);
			assert_int_equal(noted("updown"), 1);
		}
		done(cfg);
	}
}

static char *
printed(const struct gw_cfg *cfg)
{
	char *buf = NULL;
	size_t len;
	FILE *f = open_memstream(&buf, &len);

	cfg_print(cfg, f);
	fclose(f);
	return buf;
}

static void
print(void **state)
{
	struct gw_cfg *cfg = good(GATEWAY
		"connections { c {\n remote_addrs = fd00::2\n proposals = "
		"aes128-sha1-modp1024\n" AUTH
		"children { k {\n mode = transport\n esp_proposals = aes128-sha1-modp1024, "
		"aes256gcm16-aes128gcm16\n } } } }\n"
		"secrets { ike { id = a\n secret = hush\n } }\n"
		"tunnels { t { address = 10.0.0.1/30\n key = 9\n routes = 10.1.0.0/16\n } }\n");
	char *out = printed(cfg);

	static const char *const says[] = {"net_null0", "fd00::1/64, fd01::1/64",
		"AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024", "AES_GCM_16-256|AES_GCM_16-128",
		"transport mode, tunnel mode if the peer does not agree", "rekeyed within 4h",
		"rekeyed within 1h", "tunnel t: GRE key 9", "10.0.0.1/30", "10.1.0.0/16",
		/* 4 below the known figures, for the key */
		"MTU 1414 with AES_CBC and HMAC_SHA1_96; 1374 if the peer insists on tunnel "
		"mode; "
		"1398 through a NAT",
		"MTU 1418 with AES_GCM_16; 1378 if the peer insists on tunnel mode; 1410 "
		"through "
		"a NAT",
		"carrier always, TCP super-packets", "secret ike: for 1 "};

	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		if (strstr(out, says[i]) == NULL)
			print_message("no '%s' in:\n%s\n", says[i], out);
		assert_non_null(strstr(out, says[i]));
	}
	assert_null(strstr(out, "hush"));
	free(out);
	done(cfg);
}

/* a ceiling: what fits is used, and said */
static void
print_mtu(void **state)
{
	static const struct {
		const char *settings, *says;
		unsigned int warned;
	} t[] = {
		{"mtu = auto", "MTU        follows the SA and the path; on a path of 1500", 0},
		{"mtu = 1400", "MTU        1400 at most, as configured; what fits", 0},
		/* 1500 less IPv6 40, ESP 8 + 8 + 16 + 2 and GRE 4 (8 with a key), padded to 4 */
		{"mtu = 1422", "MTU        1422 at most, as configured", 0},
		{"mtu = 1476", "MTU        1422 at most, less than the 1476 configured", 1},
		{"mtu = 1422\nkey = 1", "MTU        1418 at most, less than the 1422 configured",
			1},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct gw_cfg *cfg = good(tunnel(t[i].settings));
		char *out = printed(cfg);

		if (strstr(out, t[i].says) == NULL)
			print_message("no '%s' in:\n%s\n", t[i].says, out);
		assert_non_null(strstr(out, t[i].says));
		assert_int_equal(noted("tunnels.gre1.mtu: "), t[i].warned);
		free(out);
		done(cfg);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenario),
		cmocka_unit_test(example),
		cmocka_unit_test(defaults),
		cmocka_unit_test(connection_keys),
		cmocka_unit_test(ike_times),
		cmocka_unit_test(child_lives),
		cmocka_unit_test(child_keys),
		cmocka_unit_test(ignored_once),
		cmocka_unit_test(missing_once),
		cmocka_unit_test(secrets),
		cmocka_unit_test(gateway),
		cmocka_unit_test(lcores),
		cmocka_unit_test(tunnel_defaults),
		cmocka_unit_test(tunnel_keys),
		cmocka_unit_test(virtio_user),
		cmocka_unit_test(inside),
		cmocka_unit_test(routes_of_a_bad_file),
		cmocka_unit_test(tunnel_words),
		cmocka_unit_test(several),
		cmocka_unit_test(selectors),
		cmocka_unit_test(templates),
		cmocka_unit_test(named_again),
		cmocka_unit_test(psk),
		cmocka_unit_test(readable),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(from_vici),
		cmocka_unit_test(print),
		cmocka_unit_test(print_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
