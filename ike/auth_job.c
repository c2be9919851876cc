/* SPDX-License-Identifier: BSD-3-Clause */
#include "auth_job.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

/* ---- what it costs: measured on a server core of 2023 with OpenSSL 3.0, in us ---- */

#define CHAIN_US                                                                                   \
	250 /* a certificate of the peer: it is read, its signature and a CRL's verified           \
	     */

#define KNOWN_US 4 /* one of those that we have: whether it is the peer's */

static uint32_t
sign_us(const EVP_PKEY *key)
{
	uint32_t k = (uint32_t)(EVP_PKEY_get_bits(key) + 1023) / 1024;

	switch (ike_key_type(key)) {
	case IKE_KEY_RSA:
		return 49 * k * k * k;
	case IKE_KEY_ECDSA:
		return EVP_PKEY_get_bits(key) <= 256 ? 15 : 540;
	case IKE_KEY_ED25519:
		return 22;
	default:
		return 140;
	}
}

static uint32_t
judge_us(const struct ike_proof *p)
{
	/* who sends none has all those looked at that are configured */
	uint32_t us = p->n_der > 0 ? CHAIN_US * p->n_der : KNOWN_US * p->claim.trust->n_peers;

	switch (p->sig.key) {
	case IKE_KEY_RSA:
		return us + 50;
	case IKE_KEY_ECDSA: /* two numbers of the curve's size, in DER at most 8 octets more */
		return us + (p->value_len <= 72 ? 42 : 450);
	case IKE_KEY_ED25519:
		return us + 62;
	default:
		return us + 160;
	}
}

/* ---- ours ---- */

static enum ike_job_side
side_of(const struct ike_sa *sa)
{
	return sa->initiator ? IKE_JOB_OWN : IKE_JOB_PEER;
}

static bool
same_octets(const struct ike_blob *a, const struct ike_blob *b)
{
	return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

struct signing {
	struct ike_sig sig;
	EVP_PKEY *key;
	struct ike_blob octets;
	/* results */
	int err;
	size_t len;
	uint8_t auth[IKE_SIG_MAX];
};

static void
sign(void *data)
{
	struct signing *s = data;

	s->err = ike_sig_make(&s->sig, s->key,
		(struct ike_view){.p = s->octets.p, .len = s->octets.len}, s->auth, sizeof(s->auth),
		&s->len);
}

static void
signing_fini(void *data)
{
	struct signing *s = data;

	EVP_PKEY_free(s->key);
	ike_blob_set(&s->octets, NULL, 0);
}

static const struct ike_job_ops sign_ops = {
	.size = sizeof(struct signing), .run = sign, .fini = signing_fini};

int
ike_sign_job(struct ike_sa *sa, uint32_t tag, const struct ike_sig *sig, EVP_PKEY *key,
	struct ike_blob *octets, struct ike_view *auth)
{
	struct ike_job *j = ike_job_find(sa, side_of(sa), &sign_ops, tag);
	struct signing *s = j != NULL ? ike_job_data(j) : NULL;
	int err;

	if (s == NULL || s->key != key || !same_octets(&s->octets, octets)) {
		j = ike_job_new(sa, side_of(sa), &sign_ops, tag);
		s = j != NULL ? ike_job_data(j) : NULL;
	}
	if (s != NULL && s->key == NULL) {
		EVP_PKEY_up_ref(key);
		*s = (struct signing){.sig = *sig, .key = key, .octets = *octets};
		*octets = (struct ike_blob){0};
	}
	ike_blob_set(octets, NULL, 0);
	if (s == NULL)
		return -ENOMEM;
	err = ike_job_await(j, sign_us(key));
	if (err == 0)
		err = s->err;
	if (err == 0)
		*auth = (struct ike_view){.p = s->auth, .len = s->len};
	return err;
}

/* ---- the peer's ---- */

static void
judge(void *data)
{
	ike_proof_check(data);
}

static void
proof_fini(void *data)
{
	ike_proof_fini(data);
}

static const struct ike_job_ops proof_ops = {
	.size = sizeof(struct ike_proof), .run = judge, .fini = proof_fini};

static bool
is_about(const struct ike_proof *p, const struct ike_sa *sa, const struct ike_blob *octets)
{
	const struct ike_auth_cfg *remote = &sa->conn->remote;

	return p->claim.trust == remote->trust && p->claim.revocation == remote->revocation &&
	       ike_sig_rules_equal(&p->rules, &remote->rules) &&
	       ike_sig_rules_equal(&p->claim.rules, &remote->chain_rules) &&
	       ike_id_equal(&p->claim.id, sa->remote_id) && same_octets(&p->octets, octets);
}

/** The job that answers this question. @return 0, -EACCES (there is nothing to judge), -ENOMEM */
static int
find_proof(struct ike_sa *sa, const struct ike_msg *m, const struct ike_auth *auth,
	struct ike_blob *octets, struct ike_job **out)
{
	struct ike_job *j = ike_job_find(sa, side_of(sa), &proof_ops, 0);
	struct ike_proof *p;

	*out = j;
	if (j != NULL && is_about(ike_job_data(j), sa, octets))
		return 0;
	*out = j = ike_job_new(sa, side_of(sa), &proof_ops, 0);
	if (j == NULL)
		return -ENOMEM;
	p = ike_job_data(j);
	if (!ike_proof_read(p, sa, m, auth))
		return -EACCES;
	p->octets = *octets;
	*octets = (struct ike_blob){0};
	return 0;
}

/** Said once: the handler may run again for the sake of another job. */
static void
log_proof(const struct ike_sa *sa, struct ike_proof *p)
{
	char text[64];

	if (!p->told)
		ike_proof_log_unread(p, sa);
	if (!p->told && p->good)
		ike_log(sa->e, IKE_LOG_INFO, "IKE", sa->conn->name,
			"IKE_SA %u: the peer proved its identity by %s, certificate '%s'", sa->id,
			ike_sig_str(&p->sig, text, sizeof(text)), p->subject);
	p->told = true;
}

int
ike_proof_job(struct ike_sa *sa, const struct ike_msg *m, const struct ike_auth *auth,
	struct ike_blob *octets)
{
	struct ike_job *j;
	struct ike_proof *p;
	int err = find_proof(sa, m, auth, octets, &j);

	ike_blob_set(octets, NULL, 0);
	if (err != 0)
		return err;
	p = ike_job_data(j);
	err = ike_job_await(j, judge_us(p));
	if (err != 0)
		return err;
	log_proof(sa, p);
	if (p->good)
		return 0;
	ike_auth_log(sa, "authentication failed", p->why);
	return -EACCES;
}
