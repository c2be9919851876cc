/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Signatures and certificates as jobs: both are asked for before anything has an effect, what they
 * look at outlives configuration, SA and engine, and each thing is said once. What is too long is
 * refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ike/sa.h"
#include "pki.h"

#define ESP "aes128gcm16"
#define PPK "a quantum computer does not know it"

static const struct ike_select all_sas = {.ike = "gw-gw"};

/** Both ends under one root. */
struct ends {
	struct world *w;
	struct pki root, leaf[2];
	struct ike_credential cred[2];
	struct ike_trust *trust;
	struct ike_secret ppk;
	unsigned int proved, ppks; /* lines that say so */
};

static void
count_lines(struct world *w, const struct peer *p, const char *line)
{
	struct ends *n = w->user;

	(void)p;
	n->proved += strstr(line, "the peer proved its identity by") != NULL;
	n->ppks += strstr(line, "PPK '") != NULL;
}

static void
make(struct ends *n, uint64_t seed, unsigned int job_ms)
{
	const struct pki_want root = {.subject = "CN=Root", .key = "p256", .ca = true};

	*n = (struct ends){.w = world_create(seed), .root = pki_make(&root)};
	n->trust = ike_trust_create(&n->root.cert, 1, NULL, 0);
	assert_non_null(n->trust);
	n->w->job_ms = job_ms;
	n->w->user = n;
	n->w->logged = count_lines;
	for (unsigned int i = 0; i < 2; i++) {
		const struct pki_want want = {.subject = i == 0 ? "CN=left" : "CN=right",
			.key = i == 0 ? "rsa2048" : "p384",
			.issuer = &n->root};
		struct ike_conn_cfg *c = &n->w->p[i].conn;

		n->leaf[i] = pki_make(&want);
		n->cred[i] =
			(struct ike_credential){.cert = n->leaf[i].cert, .key = n->leaf[i].key};
		c->local.by = c->remote.by = IKE_BY_PUBKEY;
		c->local.creds = &n->cred[i];
		c->local.n_creds = 1;
		c->remote.trust = n->trust;
		ike_cert_subject(n->leaf[i].cert, &c->local.id);
		c->remote.id = (struct ike_id){.type = IKE_ID_ANY};
	}
}

static void
start(struct ends *n)
{
	peer_start(&n->w->p[0]);
	peer_start(&n->w->p[1]);
	assert_int_equal(ike_initiate(n->w->p[0].e, NULL, "gre", n->w->now), 0);
}

/** The configuration goes: what a job still looks at is the job's. */
static void
forget_config(struct ends *n)
{
	ike_trust_free(n->trust);
	pki_free(&n->root);
	for (unsigned int i = 0; i < 2; i++)
		pki_free(&n->leaf[i]);
}

static void
destroy(struct ends *n)
{
	world_destroy(n->w);
	forget_config(n);
}

/** Two key pairs, a secret, and for each end a signature and a judgement; for each round two more.
 */
static void
test_jobs(void **state)
{
	static const struct {
		const char *ike;
		unsigned int jobs;
	} table[] = {
		{"aes128-sha256-x25519", 3 + 4},
		{"aes128-sha256-x25519-ke1_ecp384", 6 + 4},
		{"aes128gcm16-prfsha384-ecp256-ke1_modp2048-ke2_x448", 9 + 4},
	};
	struct ends n;

	(void)state;
	for (unsigned int i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		make(&n, 10 + i, i % 2 == 0 ? 60 : 0);
		for (unsigned int k = 0; k < 2; k++)
			peer_proposals(&n.w->p[k], table[i / 2].ike, ESP);
		start(&n);
		world_run(n.w, 3000);
		world_assert_settled(n.w, 1);
		assert_int_equal(n.w->n_jobs, i % 2 == 0 ? table[i / 2].jobs : 0);
		assert_int_equal(n.proved, 2);
		assert_int_equal(peer_stats(&n.w->p[0]).retransmits, 0);
		destroy(&n);
	}
}

/** Who sends no certificate has us search those that we have: with many of them that is much work.
 */
static void
test_search_costs(void **state)
{
	struct ends n;

	(void)state;
	for (unsigned int many = 0; many < 2; many++) {
		make(&n, 25 + many, 0);
		n.w->p[0].conn.send_cert = IKE_SEND_CERT_NEVER;
		for (unsigned int i = 0; i < (many ? 1000 : 1); i++)
			assert_int_equal(ike_trust_add_peer(n.trust, n.leaf[0].cert), 0);
		start(&n);
		world_run(n.w, 3000);
		world_assert_settled(n.w, 1);
		if (many)
			assert_true(n.w->stranger_us > 2000);
		else
			assert_true(n.w->stranger_us < 1000);
		destroy(&n);
	}
}

static void
give_ppk(struct ends *n, unsigned int i, bool secret, bool required)
{
	struct peer *p = &n->w->p[i];

	p->conn.ppk_required = required;
	if (i == 0)
		peer_id(&p->conn.ppk_id, "ppk.example");
	n->ppk = (struct ike_secret){.name = "ppk",
		.type = IKE_SECRET_PPK,
		.len = strlen(PPK),
		.data = (uint8_t *)(uintptr_t)PPK};
	if (secret) {
		p->cfg.secrets = &n->ppk;
		p->cfg.n_secrets = 1;
	}
}

/** With a PPK, required or not, and where the responder has another one: by NO_PPK_AUTH. */
static void
test_ppk(void **state)
{
	static const struct {
		bool required, has;
		unsigned int jobs;
	} table[] = {{true, true, 7}, {false, true, 8}, {false, false, 8}};
	struct ike_id other;
	struct ends n;

	(void)state;
	peer_id(&other, "other.example");
	for (unsigned int i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		make(&n, 30 + i, i % 2 == 0 ? 60 : 0);
		give_ppk(&n, 0, true, table[i / 2].required);
		give_ppk(&n, 1, true, false);
		struct ike_secret foreign = n.ppk;

		foreign.owners = &other;
		foreign.n_owners = 1;
		if (!table[i / 2].has)
			n.w->p[1].cfg.secrets = &foreign;
		start(&n);
		world_run(n.w, 3000);
		world_assert_settled(n.w, 1);
		for (unsigned int k = 0; k < 2; k++)
			assert_int_equal(n.w->p[k].e->sas->ppk, table[i / 2].has);
		assert_int_equal(n.w->n_jobs, i % 2 == 0 ? table[i / 2].jobs : 0);
		assert_int_equal(n.proved, 2);
		assert_int_equal(n.ppks, 2);
		destroy(&n);
	}
}

/** The SA, or the whole engine, goes at any moment while jobs are under way. */
static void
test_gone_meanwhile(void **state)
{
	struct ends n;

	(void)state;
	for (unsigned int i = 0; i < 120; i++) {
		struct peer *victim;

		make(&n, 100 + i, 60);
		victim = &n.w->p[i % 2];
		start(&n);
		world_run(n.w, 4 * (i % 60));
		if (i % 3 == 0) {
			peer_kill(victim);
			peer_start(victim);
		} else if (i % 3 == 1) {
			ike_terminate(victim->e, &all_sas, n.w->now);
		} else {
			ike_shutdown(victim->e, n.w->now);
		}
		world_run(n.w, 300000);
		for (unsigned int k = 0; k < 2; k++)
			assert_int_equal(peer_stats(&n.w->p[k]).n_jobs, 0);
		destroy(&n); /* no child and no SPI is left behind */
	}
}

/** Engine and configuration go while jobs are under way: these have what they look at. */
static void
test_config_gone(void **state)
{
	struct ends n;

	(void)state;
	for (unsigned int jobs = 4; jobs <= 7; jobs++) {
		make(&n, 300 + jobs, 60);
		start(&n);
		while (n.w->n_jobs < jobs && n.w->now < 3000)
			world_run(n.w, 1);
		assert_int_equal(n.w->n_jobs, jobs);
		assert_non_null(n.w->jobs);
		for (unsigned int i = 0; i < 2; i++)
			peer_kill(&n.w->p[i]);
		forget_config(&n);
		world_abandon(n.w);
	}
}

/** The peer asks again and again while its proof is judged: one job, one answer. */
static void
test_retransmissions(void **state)
{
	uint64_t again = 0;
	struct ends n;

	(void)state;
	for (uint64_t seed = 400; seed < 406; seed++) {
		make(&n, seed, 4000);
		start(&n);
		world_run(n.w, 120000);
		world_assert_settled(n.w, 1);
		assert_int_equal(n.w->n_jobs, 7);
		again += peer_stats(&n.w->p[1]).retransmits;
		destroy(&n);
	}
	assert_true(again > 0);
}

static bool
fill_jobs(struct world *w, unsigned int from, uint8_t *buf, size_t *len)
{
	(void)len;
	if (from == 0 && buf[18] == IKE_X_AUTH)
		w->jobs_full = w->now < 3000;
	return true;
}

/** No room for a stranger's proof: as if it had not come, until there is. */
static void
test_full(void **state)
{
	struct ends n;

	(void)state;
	make(&n, 500, 60);
	n.w->filter = fill_jobs;
	start(&n);
	world_run(n.w, 3000);
	assert_int_equal(peer_stats(&n.w->p[1]).jobs_refused, 1);
	assert_int_equal(peer_live_children(&n.w->p[1]), 0);
	world_run(n.w, 20000);
	world_assert_settled(n.w, 1);
	destroy(&n);
}

/** More certificates than an unknown peer may have kept for it: refused and said, nothing grows. */
static void
test_too_long(void **state)
{
	static char san[7000];
	struct ends n;
	struct pki fat;
	size_t at = 0;

	(void)state;
	for (unsigned int i = 0; at < sizeof(san) - 64; i++)
		at += (size_t)snprintf(san + at, sizeof(san) - at, "%sDNS:host-%u.example.org",
			i > 0 ? "," : "", i);
	for (unsigned int frag = 0; frag < 2; frag++) {
		make(&n, 600, 0);
		n.w->logged = NULL;
		fat = pki_make(&(struct pki_want){
			.subject = "CN=fat", .san = san, .key = "p256", .issuer = &n.root});
		n.cred[0].n_chain = 3;
		for (unsigned int i = 0; i < 3; i++)
			n.cred[0].chain[i] = fat.cert;
		for (unsigned int i = 0; i < 2; i++)
			n.w->p[i].conn.fragmentation = frag ? IKE_FRAG_YES : IKE_FRAG_NO;
		start(&n);
		world_run(n.w, 1000);
		if (strstr(n.w->p[1].log, "too many or too large certificates") == NULL)
			fail_msg("%s", n.w->p[1].log);
		assert_non_null(strstr(n.w->p[0].log, "INVALID_SYNTAX"));
		assert_int_equal(peer_stats(&n.w->p[1]).n_half_open, 0);
		assert_int_equal(peer_live_sas(&n.w->p[0]), 0);
		pki_free(&fat);
		destroy(&n);
	}
}

/* ---- what runs where ---- */

static struct {
	bool in_job;
	unsigned int inside, outside; /* certificates read */
} reads;

X509 *__real_ike_cert_parse(struct ike_view der);
X509 *__wrap_ike_cert_parse(struct ike_view der);
void __real_ike_job_run(struct ike_job *job);
void __wrap_ike_job_run(struct ike_job *job);

X509 *
__wrap_ike_cert_parse(struct ike_view der)
{
	if (reads.in_job)
		reads.inside++;
	else
		reads.outside++;
	return __real_ike_cert_parse(der);
}

void
__wrap_ike_job_run(struct ike_job *job)
{
	reads.in_job = true;
	__real_ike_job_run(job);
	reads.in_job = false;
}

/** A stranger's certificates are read by the job, not by the thread that everybody waits for. */
static void
test_read_in_job(void **state)
{
	struct ends n;

	(void)state;
	make(&n, 700, 60);
	memset(&reads, 0, sizeof(reads));
	start(&n);
	world_run(n.w, 3000);
	world_assert_settled(n.w, 1);
	assert_int_equal(reads.inside, 2);
	assert_int_equal(reads.outside, 0);
	destroy(&n);
}

/** The rules for a peer's signature change while it is judged: the old judgement does not count. */
static void
test_rules_change_meanwhile(void **state)
{
	struct ends n;

	(void)state;
	for (unsigned int chain = 0; chain < 2; chain++) {
		struct ike_auth_cfg *remote;

		make(&n, 710, 60);
		n.w->logged = NULL;
		remote = &n.w->p[1].conn.remote;
		start(&n);
		while (n.w->n_jobs < 5 && n.w->now < 3000)
			world_run(n.w, 1);
		assert_non_null(n.w->jobs);
		*(chain ? &remote->chain_rules : &remote->rules) =
			(struct ike_sig_rules){.keys = IKE_KEY_BIT(IKE_KEY_ED25519)};
		world_run(n.w, 3000);
		assert_int_equal(peer_live_sas(&n.w->p[1]), 0);
		assert_non_null(strstr(n.w->p[1].log, "authentication failed"));
		destroy(&n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_search_costs),
		cmocka_unit_test(test_ppk),
		cmocka_unit_test(test_gone_meanwhile),
		cmocka_unit_test(test_config_gone),
		cmocka_unit_test(test_retransmissions),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_read_in_job),
		cmocka_unit_test(test_rules_change_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
