/* SPDX-License-Identifier: BSD-3-Clause */
#include "auth_cert.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>

/* ---- what both ends announce ---- */

static bool
uses_signatures(const struct ike_conn_cfg *c)
{
	return c->local.by == IKE_BY_PUBKEY || c->remote.by == IKE_BY_PUBKEY;
}

void
ike_auth_build_hashes(const struct ike_sa *sa, struct ike_chain *c)
{
	/* SHA-1 is not for RFC 7427 (RFC 8247 3.2) */
	static const uint8_t hashes[] = {0, IKE_HASH_SHA2_256, 0, IKE_HASH_SHA2_384, 0,
		IKE_HASH_SHA2_512, 0, IKE_HASH_IDENTITY};

	if (sa->initiator ? uses_signatures(sa->conn) : sa->setup->peer_hashes != 0)
		ike_pld_notify_build(c, IKE_N_SIGNATURE_HASH_ALGORITHMS, hashes, sizeof(hashes));
}

static void
read_hashes(struct ike_sa *sa, const struct ike_msg *m)
{
	struct ike_notify n;
	struct ike_rd r;

	if (!ike_msg_notify(m, IKE_N_SIGNATURE_HASH_ALGORITHMS, &n))
		return;
	for (r = ike_rd_view(n.data); r.left >= 2;) {
		uint16_t h = ike_rd_u16(&r);

		if (h >= IKE_HASH_SHA1 && h <= IKE_HASH_IDENTITY)
			sa->setup->peer_hashes |= (uint8_t)IKE_HASH_BIT(h);
	}
}

/** The hashes of a CERTREQ, as far as there is room. */
static size_t
add_cas(uint8_t *to, size_t at, struct ike_view data)
{
	while (data.len >= IKE_KEYHASH_LEN && at < (size_t)IKE_CERTREQ_MAX * IKE_KEYHASH_LEN) {
		memcpy(to + at, data.p, IKE_KEYHASH_LEN);
		at += IKE_KEYHASH_LEN;
		data.p += IKE_KEYHASH_LEN;
		data.len -= IKE_KEYHASH_LEN;
	}
	return at;
}

static void
read_certreqs(struct ike_sa *sa, const struct ike_msg *m)
{
	uint8_t cas[IKE_CERTREQ_MAX * IKE_KEYHASH_LEN];
	struct ike_cert req;
	size_t len = 0;

	for (unsigned int i = 0; i < m->n; i++) {
		if (m->pld[i].type != IKE_PLD_CERTREQ ||
			ike_pld_cert_parse(&req, m->pld[i].body) != 0 ||
			req.encoding != IKE_CERT_X509_SIGNATURE)
			continue;
		sa->setup->peer_certreq = true;
		len = add_cas(cas, len, req.data);
	}
	if (len > 0)
		ike_blob_set(&sa->setup->cas, cas,
			len); /* without it the first certificate is as good */
}

void
ike_auth_read_wishes(struct ike_sa *sa, const struct ike_msg *m)
{
	read_hashes(sa, m);
	read_certreqs(sa, m);
}

/* ---- CERTREQ ---- */

#define CERTREQ_LEN_MAX (1 + IKE_CERTREQ_MAX * IKE_KEYHASH_LEN)

static bool
asks_for_cert(const struct ike_conn_cfg *c)
{
	return c->remote.by == IKE_BY_PUBKEY && !c->no_certreq;
}

/** Write trust's CAs that are not there yet. */
static void
write_cas(struct ike_wr *w, size_t start, const struct ike_trust *trust)
{
	uint8_t hash[IKE_KEYHASH_LEN];

	for (unsigned int i = 0; i < trust->n_cas; i++) {
		bool known = false;

		if (ike_cert_keyhash(trust->cas[i], hash) != 0)
			continue;
		for (size_t at = start; at + sizeof(hash) <= w->len && !known; at += sizeof(hash))
			known = memcmp(w->buf + at, hash, sizeof(hash)) == 0;
		if (!known && w->len - start < (size_t)IKE_CERTREQ_MAX * sizeof(hash))
			ike_wr_bytes(w, hash, sizeof(hash));
	}
}

/** RFC 7296 3.7: one payload, the hashes in a row. @return its length, 0 = none of them asks */
static size_t
write_certreq(const struct ike_conn_cfg *conns, uint16_t n, uint8_t body[CERTREQ_LEN_MAX])
{
	const struct ike_trust *last = NULL;
	struct ike_wr w = ike_wr_make(body, CERTREQ_LEN_MAX);

	ike_wr_u8(&w, IKE_CERT_X509_SIGNATURE);
	for (uint16_t i = 0; i < n; i++) {
		if (!asks_for_cert(&conns[i]) || conns[i].remote.trust == last)
			continue;
		last = conns[i].remote.trust;
		write_cas(&w, 1, last);
	}
	return last != NULL ? w.len : 0;
}

int
ike_auth_init(struct ike *e)
{
	uint8_t body[CERTREQ_LEN_MAX];

	return ike_blob_set(&e->certreq, body, write_certreq(e->cfg->conns, e->cfg->n_conns, body));
}

/** A responder does not know the peer yet and asks for all; a stranger's request costs no walk over
 * them. */
void
ike_auth_build_certreq(const struct ike_sa *sa, struct ike_chain *c)
{
	const struct ike_blob *all = &sa->e->certreq;
	uint8_t body[CERTREQ_LEN_MAX];
	size_t len;

	if (!sa->initiator) {
		if (all->len > 0)
			ike_pld_raw_build(c, IKE_PLD_CERTREQ, all->p, all->len);
		return;
	}
	len = write_certreq(sa->conn, 1, body);
	if (len > 0)
		ike_pld_raw_build(c, IKE_PLD_CERTREQ, body, len);
}

/* ---- CERT ---- */

const struct ike_credential *
ike_auth_credential(const struct ike_sa *sa, struct ike_sig *sig)
{
	const struct ike_auth_cfg *local = &sa->conn->local;
	const struct ike_view cas = {.p = sa->setup->cas.p, .len = sa->setup->cas.len};

	/* first those that the peer asks for */
	for (int asked = 1; asked >= 0; asked--) {
		for (uint16_t i = 0; i < local->n_creds; i++) {
			const struct ike_credential *c = &local->creds[i];

			if ((!asked || ike_credential_wanted(c, cas)) &&
				ike_sig_choose(
					sig, c->key, &local->rules, sa->setup->peer_hashes) == 0)
				return c;
		}
	}
	return NULL;
}

static void
build_one(struct ike_chain *c, X509 *cert)
{
	size_t at = ike_pld_begin(c, IKE_PLD_CERT);
	int len = i2d_X509(cert, NULL);
	unsigned char *p;

	ike_wr_u8(&c->w, IKE_CERT_X509_SIGNATURE);
	p = len > 0 ? ike_wr_space(&c->w, (size_t)len) : NULL;
	if (p != NULL)
		i2d_X509(cert, &p);
	ike_pld_end(c, at);
}

void
ike_auth_build_cert(struct ike_sa *sa, struct ike_chain *c)
{
	const struct ike_conn_cfg *conn = sa->conn;
	const struct ike_credential *cred;
	struct ike_sig sig;

	if (conn->local.by != IKE_BY_PUBKEY || conn->send_cert == IKE_SEND_CERT_NEVER ||
		(conn->send_cert == IKE_SEND_CERT_IFASKED && !sa->setup->peer_certreq))
		return;
	cred = ike_auth_credential(sa, &sig);
	if (cred == NULL)
		return; /* AUTH says so */
	build_one(c, cred->cert);
	for (unsigned int i = 0; i < cred->n_chain; i++)
		build_one(c, cred->chain[i]);
}

/* ---- the peer's proof ---- */

static void
log_skipped(const struct ike_sa *sa, const char *what)
{
	ike_log(sa->e, IKE_LOG_WARN, "IKE", sa->conn->name,
		"IKE_SA %u: a certificate of the peer is left out: %s", sa->id, what);
}

/** Copy one as it came. @return false on lack of memory */
static bool
copy_cert(struct ike_proof *p, const struct ike_sa *sa, const struct ike_payload *pld)
{
	struct ike_cert cert;

	if (ike_pld_cert_parse(&cert, pld->body) != 0)
		return true;
	if (cert.encoding == IKE_CERT_HASH_URL || cert.encoding == IKE_CERT_HASH_URL_BUNDLE) {
		log_skipped(
			sa, "it is only a hash and an URL, and nothing is looked up by HTTP here");
		return true;
	}
	if (cert.encoding != IKE_CERT_X509_SIGNATURE) {
		log_skipped(sa, "it is not of the encoding 'X.509 Certificate - Signature'");
		return true;
	}
	if (cert.data.len == 0 || cert.data.len > IKE_CERT_LEN_MAX) {
		log_skipped(sa, "it is empty, or longer than 8192 bytes");
		return true;
	}
	if (ike_blob_set(&p->der[p->n_der], cert.data.p, cert.data.len) != 0)
		return false;
	p->n_der++;
	return true;
}

static bool
copy_certs(struct ike_proof *p, const struct ike_sa *sa, const struct ike_msg *m)
{
	bool good = true;

	for (unsigned int i = 0; i < m->n && good; i++) {
		if (m->pld[i].type != IKE_PLD_CERT)
			continue;
		if (p->n_der == IKE_CERTS_MAX) {
			log_skipped(sa, "it sent more than 12");
			break;
		}
		good = copy_cert(p, sa, &m->pld[i]);
	}
	return good;
}

/** In the job: whoever sends them is unknown yet, and libcrypto takes its time to read them. */
static void
parse_certs(struct ike_proof *p)
{
	for (unsigned int i = 0; i < p->n_der; i++) {
		X509 *x = ike_cert_parse(ike_blob_view(&p->der[i]));

		if (x != NULL)
			p->claim.certs[p->claim.n++] = x;
		else
			p->n_unread++;
	}
}

/**
 * RFC 8247 3: SHA-1 only where it is configured, or a peer without RFC 7427 knows nothing else.
 */
static bool
hash_acceptable(const struct ike_sa *sa, const struct ike_sig *sig)
{
	uint8_t listed = sa->conn->remote.rules.hashes;

	if (sig->hash != IKE_HASH_SHA1)
		return true;
	return (listed & IKE_HASH_BIT(IKE_HASH_SHA1)) != 0 ||
	       (listed == 0 && sig->method == IKE_AUTH_RSA && sa->setup->peer_hashes == 0);
}

static bool
acceptable(const struct ike_sa *sa, const struct ike_sig *sig, int err, uint8_t method)
{
	char text[64], why[IKE_PROOF_TEXT];

	if (err == -EBADMSG)
		snprintf(why, sizeof(why), "the peer's signature is malformed");
	else if (method == IKE_AUTH_PSK)
		snprintf(why, sizeof(why),
			"the peer authenticates by pre-shared key, a certificate is what is "
			"configured");
	else if (err != 0)
		snprintf(why, sizeof(why),
			"the peer signs by a method or algorithm that is not implemented (AUTH "
			"method %u)",
			method);
	else if (!hash_acceptable(sa, sig) || !ike_sig_allowed(sig, &sa->conn->remote.rules))
		snprintf(why, sizeof(why), "the peer signs by %s, which is not allowed here",
			ike_sig_str(sig, text, sizeof(text)));
	else
		return true;
	ike_auth_log(sa, "authentication failed", why);
	return false;
}

bool
ike_proof_read(struct ike_proof *p, const struct ike_sa *sa, const struct ike_msg *m,
	const struct ike_auth *auth)
{
	const struct ike_auth_cfg *remote = &sa->conn->remote;
	struct ike_view value;
	int err;

	*p = (struct ike_proof){.rules = remote->rules};
	err = ike_sig_parse(&p->sig, auth->method, auth->data, &value);
	if (!acceptable(sa, &p->sig, err, auth->method))
		return false;
	if (value.len > sizeof(p->value)) {
		ike_auth_log(sa, "authentication failed", "the peer's signature is too long");
		return false;
	}
	memcpy(p->value, value.p, value.len);
	p->value_len = value.len;
	p->claim.trust = ike_trust_hold(remote->trust);
	p->claim.revocation = remote->revocation;
	p->claim.rules = remote->chain_rules;
	ike_id_load(&p->claim.id, sa->remote_id);
	if (copy_certs(p, sa, m))
		return true;
	ike_auth_log(sa, "authentication failed", "out of memory");
	return false;
}

void
ike_proof_log_unread(const struct ike_proof *p, const struct ike_sa *sa)
{
	for (unsigned int i = 0; i < p->n_unread; i++)
		log_skipped(sa, "it cannot be read");
}

void
ike_proof_check(struct ike_proof *p)
{
	const struct ike_view octets = {.p = p->octets.p, .len = p->octets.len};
	EVP_PKEY *key;
	X509 *cert;

	parse_certs(p);
	cert = ike_cert_verify(&p->claim, p->why, sizeof(p->why));
	if (cert == NULL)
		return;
	key = X509_get0_pubkey(cert);
	ike_cert_str(cert, p->subject, sizeof(p->subject));
	if (key == NULL || !ike_key_allowed(key, &p->rules))
		snprintf(p->why, sizeof(p->why),
			"the key of its certificate is not of a kind that is allowed here");
	else if (ike_sig_verify(&p->sig, key, octets,
			 (struct ike_view){.p = p->value, .len = p->value_len}) != 0)
		snprintf(p->why, sizeof(p->why),
			"its signature was not made with the key of its certificate");
	else
		p->good = true;
	X509_free(cert);
}

void
ike_proof_fini(struct ike_proof *p)
{
	for (unsigned int i = 0; i < p->claim.n; i++)
		X509_free(p->claim.certs[i]);
	p->claim.n = 0;
	for (unsigned int i = 0; i < p->n_der; i++)
		ike_blob_set(&p->der[i], NULL, 0);
	p->n_der = 0;
	ike_trust_free(p->claim.trust);
	p->claim.trust = NULL;
	ike_blob_set(&p->octets, NULL, 0);
}
