/* SPDX-License-Identifier: BSD-3-Clause */
/* `local` and `remote`: who proves what, and how. */
#include "cfg_cert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct auth_read {
	struct ike_auth_cfg *auth;
	struct cfg_certs certs, cacerts;
};

#define AUTH_WORDS                                                                                 \
	"psk, pubkey, rsa, rsa/pss, ecdsa, ed25519 or ed448, the latter with -BITS of the key "    \
	"and "                                                                                     \
	"-sha256, -sha384, -sha512 or -sha1; 'ike:' before it for AUTH's signature alone"
#define PSK_CERTS "pre-shared keys need none"

/* ---- auth ---- */

static const struct cfg_word key_words[] = {
	{"pubkey", 0},
	{"rsa", IKE_KEY_BIT(IKE_KEY_RSA)},
	{"rsa/pss", IKE_KEY_BIT(IKE_KEY_RSA)},
	{"ecdsa", IKE_KEY_BIT(IKE_KEY_ECDSA)},
	{"ed25519", IKE_KEY_BIT(IKE_KEY_ED25519)},
	{"ed448", IKE_KEY_BIT(IKE_KEY_ED448)},
	{NULL, 0},
};

static const struct cfg_word hash_words[] = {
	{"sha1", IKE_HASH_BIT(IKE_HASH_SHA1)},
	{"sha256", IKE_HASH_BIT(IKE_HASH_SHA2_256)},
	{"sha384", IKE_HASH_BIT(IKE_HASH_SHA2_384)},
	{"sha512", IKE_HASH_BIT(IKE_HASH_SHA2_512)},
	{"identity", IKE_HASH_BIT(IKE_HASH_IDENTITY)},
	{NULL, 0},
};

static const struct cfg_word *
find_word(const struct cfg_word *words, const char *text)
{
	for (; words->word != NULL; words++)
		if (strcasecmp(words->word, text) == 0)
			return words;
	return NULL;
}

/** One word between dashes. @return false when it has no meaning there */
static bool
read_word(struct ike_sig_rules *r, const char *word, const struct cfg_word **kind)
{
	const struct cfg_word *key = find_word(key_words, word),
			      *hash = find_word(hash_words, word);
	uint64_t bits;

	if (key != NULL) {
		/* hashes in front of it would count for one kind of key and not for the other */
		if (*kind != NULL && (r->hashes != 0 || (*kind)->value == 0 || key->value == 0))
			return false;
		r->keys |= (uint8_t)key->value;
		r->pss |= strchr(key->word, '/') != NULL;
		*kind = key;
		return true;
	}
	if (*kind == NULL)
		return false;
	if (hash != NULL) {
		r->hashes |= (uint8_t)hash->value;
		return true;
	}
	if (!cfg_parse_uint(word, IKE_RSA_BITS_MAX, &bits) || bits == 0)
		return false;
	if ((*kind)->value == IKE_KEY_BIT(IKE_KEY_RSA))
		r->rsa_bits = (uint16_t)bits;
	else if ((*kind)->value == IKE_KEY_BIT(IKE_KEY_ECDSA))
		r->ecdsa_bits = (uint16_t)bits;
	else
		return false;
	return true;
}

static bool
read_rules(struct ike_sig_rules *r, const char *text)
{
	const struct cfg_word *kind = NULL;
	char copy[160], *rest = copy, *word;
	bool good = strlen(text) < sizeof(copy);

	if (!good)
		return false;
	strcpy(copy, text);
	while (good && (word = strsep(&rest, "-")) != NULL)
		good = read_word(r, word, &kind);
	return good;
}

static int
set_auth(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct auth_read *a = obj;
	bool ike_only = strncasecmp(node->value, "ike:", 4) == 0;
	struct ike_sig_rules r = {0};

	if (strcasecmp(node->value, "psk") == 0)
		return 0;
	if (!read_rules(&r, node->value + (ike_only ? 4 : 0)))
		return cfg_bad_value(x, node, node->value, AUTH_WORDS);
	if ((r.hashes & IKE_HASH_BIT(IKE_HASH_SHA1)) != 0)
		cfg_note(x, true, node, "SHA-1 is no longer safe in signatures (RFC 8247 3.2)");
	a->auth->rules = r;
	if (!ike_only) {
		a->auth->chain_rules = r;
		a->auth->chain_rules.pss = false; /* how AUTH is signed, not how certificates are */
	}
	return 0;
}

static int
set_id(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct auth_read *a = obj;

	switch (ike_id_parse(&a->auth->id, node->value)) {
	case 0:
		return 0;
	case -E2BIG:
		return cfg_error(x, node, "an identity has at most %d bytes", IKE_ID_MAX);
	default:
		return cfg_bad_value(x, node, node->value,
			"an address, a name, user@host, a distinguished name, or TYPE:VALUE");
	}
}

/* ---- certificates ---- */

static int
add_cert(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	return cfg_certs_add(x, node, item, "x509", arg);
}

static int
add_cacert(struct cfg_ctx *x, const struct conf_node *node, const char *item, void *arg)
{
	return cfg_certs_add(x, node, item, "x509ca", arg);
}

static int
set_certs(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct auth_read *a = obj;

	return cfg_each(x, node, add_cert, &a->certs);
}

static int
set_cacerts(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct auth_read *a = obj;

	return cfg_each(x, node, add_cacert, &a->cacerts);
}

/* cert-x { file = ... } */
static int
set_section(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct auth_read *a = obj;
	bool ca = strncmp(k->name, "ca", 2) == 0;
	const char *file = conf_get(node, "file");

	for (const struct conf_node *n = node->children; n != NULL; n = n->next)
		if (strcmp(n->name, "file") != 0)
			return cfg_error(
				x, n, "unknown key; known here: file (tokens are not read)");
	if (file == NULL)
		return cfg_error(x, node, "names no file; write 'file = NAME'");
	return cfg_certs_add(x, node, file, ca ? "x509ca" : "x509", ca ? &a->cacerts : &a->certs);
}

static const struct cfg_word revocations[] = {
	{"relaxed", IKE_REVOCATION_RELAXED},
	{"ifuri", IKE_REVOCATION_IFURI},
	{"strict", IKE_REVOCATION_STRICT},
	{NULL, 0},
};

static int
set_revocation(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct auth_read *a = obj;

	return cfg_enum(x, node, k, &a->auth->revocation);
}

static const struct cfg_key psk_keys[] = {
	{"auth", CFG_VALUE, set_auth, 0},
	{"id", CFG_VALUE, set_id, 0},
	CFG_IGNORE("round"),
	CFG_IGNORE_AS("certs", PSK_CERTS),
	CFG_IGNORE_AS("cacerts", PSK_CERTS),
	CFG_IGNORE_AS("pubkeys", PSK_CERTS),
	CFG_IGNORE_AS("cert_policy", PSK_CERTS),
	CFG_IGNORE_AS("revocation", PSK_CERTS),
	CFG_IGNORE_AS("ca_id", PSK_CERTS),
	CFG_IGNORE("eap_id"),
	CFG_IGNORE("aaa_id"),
	CFG_IGNORE("xauth_id"),
	CFG_IGNORE("groups"),
	CFG_IGNORE_AS("cert*", PSK_CERTS),
	CFG_IGNORE_AS("cacert*", PSK_CERTS),
};

/* what would make strongSwan stricter is refused, not left out */
#define REFUSE(key, why)                                                                           \
	{                                                                                          \
		.name = (key), .kind = CFG_REFUSED, .text = (why)                                  \
	}
#define RAW_KEYS "raw public keys are not in this version; use certs, self-signed ones too"
#define STRICTER                                                                                   \
	"is not in this version, and the connection would be open to more peers than meant; "      \
	"remove the key"

static const struct cfg_key pubkey_keys[] = {
	{"auth", CFG_VALUE, set_auth, 0},
	{"id", CFG_VALUE, set_id, 0},
	{"certs", CFG_LIST, set_certs, 0},
	{"cacerts", CFG_LIST, set_cacerts, 0},
	{"revocation", CFG_VALUE, set_revocation, 0, .words = revocations},
	CFG_IGNORE("round"),
	REFUSE("pubkeys", RAW_KEYS),
	REFUSE("cert_policy", STRICTER),
	REFUSE("ca_id", STRICTER),
	REFUSE("groups", STRICTER),
	CFG_IGNORE("eap_id"),
	CFG_IGNORE("aaa_id"),
	CFG_IGNORE("xauth_id"),
	{"cert*", CFG_SECTION, set_section, 0},
	{"cacert*", CFG_SECTION, set_section, 0},
};

/* ---- rounds ---- */

/* sections called local, local-1, localhost... are rounds of authentication */
static const struct conf_node *
first_round(const struct conf_node *conn, const char *prefix)
{
	for (const struct conf_node *n = conn->children; n != NULL; n = n->next) {
		if (n->kind == CONF_SECTION && strncmp(n->name, prefix, strlen(prefix)) == 0)
			return n;
	}
	return NULL;
}

static int
read_pubkey(struct cfg_ctx *x, const struct conf_node *node, struct auth_read *a, bool local)
{
	int ret = cfg_read(x, node, pubkey_keys, CFG_N(pubkey_keys), a);

	a->auth->by = IKE_BY_PUBKEY;
	if (ret == 0 && local && a->cacerts.n > 0)
		cfg_note(x, true, node,
			"ignored: cacerts say whom the remote end's certificate is from");
	if (ret == 0)
		ret = local ? cfg_cert_local(x, node, &a->certs, a->auth)
			    : cfg_cert_remote(x, node, &a->certs, &a->cacerts, a->auth);
	cfg_certs_free(&a->certs);
	cfg_certs_free(&a->cacerts);
	return ret;
}

int
cfg_auth(struct cfg_ctx *x, const struct conf_node *conn, const char *prefix,
	struct ike_auth_cfg *auth)
{
	const struct conf_node *node = first_round(conn, prefix);
	struct auth_read a = {.auth = auth};
	const char *by;

	if (node == NULL)
		return cfg_error(x, conn,
			"has no section '%s'; write '%s { auth = psk }' for a pre-shared key, or "
			"'%s { auth = pubkey }' for a certificate",
			prefix, prefix, prefix);
	by = conf_get(node, "auth");
	if (by != NULL && strcasecmp(by, "psk") == 0)
		return cfg_read(x, node, psk_keys, CFG_N(psk_keys), &a);
	return read_pubkey(x, node, &a, strcmp(prefix, "local") == 0);
}

int
cfg_auth_round(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	char prefix[8];
	size_t len = strlen(k->name) - 1;

	memcpy(prefix, k->name, len);
	prefix[len] = '\0';
	if (first_round(node->parent, prefix) != node)
		return cfg_error(x, node,
			"a second round of authentication (RFC 4739) is not in this version");
	return 0; /* read by cfg_auth() */
}

void
cfg_auth_free(struct ike_auth_cfg *auth)
{
	for (unsigned int i = 0; i < auth->n_creds; i++)
		ike_credential_fini(&auth->creds[i]);
	free(auth->creds);
}
