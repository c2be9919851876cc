/* SPDX-License-Identifier: BSD-3-Clause */
/* swanctl's folders x509, x509ca, x509crl, private, rsa, ecdsa, pkcs8: read once, when first asked
 * for. */
#include "cfg_cert.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki_file.h"

#define FILES_MAX 4096
#define WHY_LEN   (PATH_MAX + 128)

static const char *const key_folders[] = {"private", "rsa", "ecdsa", "pkcs8", NULL};

/** Things of one kind; what they are is known to who put them in. */
struct list {
	unsigned int n;
	void **at;
};

struct cfg_pki {
	struct list certs, cas, crls, keys;
	struct ike_trust *trust; /* of all CAs and certificates; the configuration's */
	char hint[WHY_LEN];      /* the first key file that could not be read, and why */
};

static int
push(struct cfg_ctx *x, struct list *l, void *item)
{
	void **more = l->n < FILES_MAX ? realloc(l->at, (l->n + 1u) * sizeof(*more)) : NULL;

	if (more == NULL)
		return cfg_no_memory(x);
	l->at = more;
	more[l->n++] = item;
	return 0;
}

/** FILE as it is when absolute, else in folder beside the main configuration file. */
static void
full_path(const struct cfg_ctx *x, const char *folder, const char *file, char *buf, size_t len)
{
	char dir[PATH_MAX];

	if (file[0] == '/')
		snprintf(buf, len, "%s", file);
	else
		snprintf(buf, len, "%s/%s/%s", conf_dir(x->conf, dir, sizeof(dir)), folder, file);
}

/* ---- keys and their passphrases ---- */

const char *
cfg_cert_folder(const char *name)
{
	for (unsigned int i = 0; key_folders[i] != NULL; i++)
		if (strncmp(name, key_folders[i], strlen(key_folders[i])) == 0 &&
			strncmp(name, "pkcs12", 6) != 0)
			return key_folders[i];
	return NULL;
}

/** The passphrase that secrets have for a file of that folder. */
static const char *
passphrase(const struct cfg_ctx *x, const char *folder, const char *path)
{
	char other[PATH_MAX + 256];

	for (const struct conf_node *n = x->secrets != NULL ? x->secrets->children : NULL;
		n != NULL; n = n->next) {
		const char *of = n->kind == CONF_SECTION ? cfg_cert_folder(n->name) : NULL;
		const char *file = of != NULL ? conf_get(n, "file") : NULL;

		if (file == NULL || strcmp(of, folder) != 0)
			continue;
		full_path(x, of, file, other, sizeof(other));
		if (strcmp(other, path) == 0)
			return conf_get(n, "secret");
	}
	return NULL;
}

static int
add_key(struct cfg_ctx *x, const struct conf_node *node, const char *folder, const char *path)
{
	struct cfg_pki *p = x->pki;
	enum gw_pki_key_fault fault;
	char why[WHY_LEN];
	bool others = false;
	EVP_PKEY *key =
		gw_pki_key(path, passphrase(x, folder, path), &others, &fault, why, sizeof(why));

	if (others)
		cfg_note(x, true, node, "%s can be read by others than its owner; chmod 600", path);
	if (key != NULL)
		return push(x, &p->keys, key);
	cfg_note(x, true, node, "left out: %s", why);
	if (p->hint[0] == '\0' && fault != GW_PKI_UNREADABLE)
		snprintf(p->hint, sizeof(p->hint), "%s", why);
	return 0;
}

/** A key file that secrets name by an absolute path lies in no folder. */
static int
add_named_keys(struct cfg_ctx *x, const struct conf_node *node)
{
	int ret = 0;

	for (const struct conf_node *n = x->secrets != NULL ? x->secrets->children : NULL;
		n != NULL && ret == 0; n = n->next) {
		const char *of = n->kind == CONF_SECTION ? cfg_cert_folder(n->name) : NULL;
		const char *file = of != NULL ? conf_get(n, "file") : NULL;

		if (file != NULL && file[0] == '/')
			ret = add_key(x, node, of, file);
	}
	return ret;
}

/* ---- folders ---- */

/** At start the rest is better than nothing; for cfg_renew() it is worse than what runs. */
static void
left_out(struct cfg_ctx *x, const struct conf_node *node, const char *why)
{
	cfg_note(x, true, node, "left out: %s", why);
	if (x->cfg->pki_fault[0] == '\0')
		snprintf(x->cfg->pki_fault, sizeof(x->cfg->pki_fault), "%.*s",
			(int)sizeof(x->cfg->pki_fault) - 1, why);
}

static int
add_cert(struct cfg_ctx *x, const struct conf_node *node, const char *folder, const char *path)
{
	bool ca = strcmp(folder, "x509ca") == 0;
	char why[WHY_LEN], when[64];
	X509 *cert = gw_pki_cert(path, why, sizeof(why));

	if (cert == NULL) {
		left_out(x, node, why);
		return 0;
	}
	if (ca && !gw_pki_is_ca(cert)) {
		snprintf(why, sizeof(why), "%.*s: is no CA's certificate (basicConstraints)",
			PATH_MAX, path);
		left_out(x, node, why);
		gw_pki_cert_free(cert);
		return 0;
	}
	if (gw_pki_not_valid(cert, when, sizeof(when)) != NULL)
		cfg_note(x, true, node, "%s %s", path, when);
	return push(x, ca ? &x->pki->cas : &x->pki->certs, cert);
}

static int
add_crl(struct cfg_ctx *x, const struct conf_node *node, const char *folder, const char *path)
{
	char why[WHY_LEN], when[64];
	X509_CRL *crl = gw_pki_crl(path, why, sizeof(why));

	(void)folder;
	if (crl == NULL) {
		left_out(x, node, why);
		return 0;
	}
	if (gw_pki_crl_stale(crl, when, sizeof(when)) != NULL)
		cfg_note(x, true, node, "%s %s", path, when);
	return push(x, &x->pki->crls, crl);
}

static int
not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/** Each file of a folder, by name; no folder is no fault. */
static int
read_folder(struct cfg_ctx *x, const struct conf_node *node, const char *folder,
	int (*add)(struct cfg_ctx *, const struct conf_node *, const char *, const char *))
{
	char path[PATH_MAX + 256];
	struct dirent **names;
	int n, ret = 0;

	full_path(x, folder, "", path, sizeof(path));
	n = scandir(path, &names, not_hidden, alphasort);
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		return cfg_error(x, node, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		full_path(x, folder, names[i]->d_name, path, sizeof(path));
		if (ret == 0)
			ret = add(x, node, folder, path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return ret;
}

static int
read_folders(struct cfg_ctx *x, const struct conf_node *node)
{
	int ret;

	if (x->pki != NULL)
		return 0;
	x->pki = calloc(1, sizeof(*x->pki));
	if (x->pki == NULL)
		return cfg_no_memory(x);
	ret = read_folder(x, node, "x509ca", add_cert);
	if (ret == 0)
		ret = read_folder(x, node, "x509", add_cert);
	if (ret == 0)
		ret = read_folder(x, node, "x509crl", add_crl);
	for (unsigned int i = 0; key_folders[i] != NULL && ret == 0; i++)
		ret = read_folder(x, node, key_folders[i], add_key);
	return ret == 0 ? add_named_keys(x, node) : ret;
}

void
cfg_cert_done(struct cfg_ctx *x)
{
	struct cfg_pki *p = x->pki;

	if (p == NULL)
		return;
	for (unsigned int i = 0; i < p->certs.n; i++)
		gw_pki_cert_free(p->certs.at[i]);
	for (unsigned int i = 0; i < p->cas.n; i++)
		gw_pki_cert_free(p->cas.at[i]);
	for (unsigned int i = 0; i < p->crls.n; i++)
		gw_pki_crl_free(p->crls.at[i]);
	for (unsigned int i = 0; i < p->keys.n; i++)
		gw_pki_key_free(p->keys.at[i]);
	free(p->certs.at);
	free(p->cas.at);
	free(p->crls.at);
	free(p->keys.at);
	free(p);
	x->pki = NULL;
}

/* ---- what sections name ---- */

int
cfg_certs_add(struct cfg_ctx *x, const struct conf_node *node, const char *file, const char *folder,
	struct cfg_certs *list)
{
	char path[PATH_MAX + 256], why[WHY_LEN], when[64];
	X509 *cert;

	if (list->n == CFG_CERTS_MAX)
		return cfg_error(x, node, "more than %d certificates", CFG_CERTS_MAX);
	full_path(x, folder, file, path, sizeof(path));
	cert = gw_pki_cert(path, why, sizeof(why));
	if (cert == NULL)
		return cfg_error(x, node, "%s", why);
	list->cert[list->n++] = cert;
	if (gw_pki_not_valid(cert, when, sizeof(when)) != NULL)
		cfg_note(x, true, node, "%s %s", path, when);
	if (strcmp(folder, "x509ca") == 0 && !gw_pki_is_ca(cert))
		return cfg_error(x, node, "%s: is no CA's certificate (basicConstraints)", path);
	return 0;
}

void
cfg_certs_free(struct cfg_certs *list)
{
	for (unsigned int i = 0; i < list->n; i++)
		gw_pki_cert_free(list->cert[i]);
	list->n = 0;
}

int
cfg_cert_secret(struct cfg_ctx *x, const struct conf_node *node)
{
	const char *file = conf_get(node, "file");
	char path[PATH_MAX + 256];
	FILE *f;

	for (const struct conf_node *n = node->children; n != NULL; n = n->next)
		if (strcmp(n->name, "file") != 0 && strcmp(n->name, "secret") != 0)
			return cfg_error(x, n, "unknown key; known here: file, secret");
	if (file == NULL)
		return cfg_error(x, node,
			"names no key file; write 'file = NAME', from the folder '%s' or absolute",
			cfg_cert_folder(node->name));
	full_path(x, cfg_cert_folder(node->name), file, path, sizeof(path));
	f = fopen(path, "re");
	if (f == NULL)
		return cfg_error(x, node, "%s: %s", path, strerror(errno));
	fclose(f);
	return 0;
}

/* whoever writes no `auth` may not know what it then is */
static const char *
or_psk(const struct conf_node *node)
{
	return conf_get(node, "auth") == NULL ? ", or 'auth = psk': without 'auth' it is pubkey"
					      : "";
}

/* ---- ours ---- */

static EVP_PKEY *
key_of(const struct cfg_pki *p, const X509 *cert)
{
	for (unsigned int i = 0; i < p->keys.n; i++)
		if (gw_pki_match(cert, p->keys.at[i]))
			return p->keys.at[i];
	return NULL;
}

static int
no_key(struct cfg_ctx *x, const struct conf_node *node, const X509 *cert)
{
	char name[IKE_ID_MAX * 2];

	return cfg_error(x, node,
		"no private key belongs to the certificate '%s'; %u were read from the folders "
		"private, "
		"rsa, ecdsa and pkcs8%s%s",
		ike_cert_str(cert, name, sizeof(name)), x->pki->keys.n,
		x->pki->hint[0] != '\0' ? "; " : "", x->pki->hint);
}

static int
add_credential(
	struct cfg_ctx *x, const struct conf_node *node, X509 *cert, struct ike_auth_cfg *auth)
{
	EVP_PKEY *key = key_of(x->pki, cert);
	struct ike_credential *more;
	char name[IKE_ID_MAX * 2];

	if (key == NULL)
		return no_key(x, node, cert);
	if (!ike_key_allowed(key, &auth->rules))
		return cfg_error(x, node,
			"the key of the certificate '%s' is not as 'auth' demands",
			ike_cert_str(cert, name, sizeof(name)));
	more = realloc(auth->creds, (auth->n_creds + 1u) * sizeof(*more));
	if (more == NULL)
		return cfg_no_memory(x);
	auth->creds = more;
	more += auth->n_creds++;
	*more = (struct ike_credential){.cert = gw_pki_cert_ref(cert), .key = gw_pki_key_ref(key)};
	if (ike_credential_chain(more, (X509 *const *)x->pki->cas.at, x->pki->cas.n) != 0)
		cfg_note(x, false, node,
			"the issuers of the certificate '%s' are not all in x509ca: it is sent "
			"without them",
			ike_cert_str(cert, name, sizeof(name)));
	return 0;
}

/** No list: those of x509 that we have keys of and that hold the identity. */
static int
find_credentials(struct cfg_ctx *x, const struct conf_node *node, struct ike_auth_cfg *auth)
{
	int ret = 0;

	for (unsigned int i = 0; i < x->pki->certs.n && ret == 0; i++) {
		X509 *cert = x->pki->certs.at[i];

		if (key_of(x->pki, cert) != NULL &&
			(auth->id.type == IKE_ID_ANY || ike_cert_has_id(cert, &auth->id)) &&
			ike_key_allowed(key_of(x->pki, cert), &auth->rules))
			ret = add_credential(x, node, cert, auth);
	}
	if (ret == 0 && auth->n_creds == 0)
		return cfg_error(x, node,
			"has no certificate; write 'certs = FILE', from the folder x509 or "
			"absolute%s%s%s",
			or_psk(node), x->pki->hint[0] != '\0' ? "; " : "", x->pki->hint);
	return ret;
}

int
cfg_cert_local(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_certs *certs,
	struct ike_auth_cfg *auth)
{
	char name[IKE_ID_MAX * 2], id[IKE_ID_MAX * 4];
	int ret = read_folders(x, node);

	for (unsigned int i = 0; i < certs->n && ret == 0; i++)
		ret = add_credential(x, node, certs->cert[i], auth);
	if (ret == 0 && certs->n == 0)
		ret = find_credentials(x, node, auth);
	if (ret < 0)
		return ret;
	if (auth->id.type == IKE_ID_ANY && ike_cert_subject(auth->creds[0].cert, &auth->id) != 0)
		return cfg_error(x, node,
			"the certificate's subject is longer than the %d bytes of an identity; "
			"write id",
			IKE_ID_MAX);
	if (!ike_cert_has_id(auth->creds[0].cert, &auth->id))
		cfg_note(x, true, node,
			"the certificate '%s' does not hold the identity '%s': peers will refuse "
			"it",
			ike_cert_str(auth->creds[0].cert, name, sizeof(name)),
			ike_id_str(&auth->id, id, sizeof(id)));
	return 0;
}

/* ---- theirs ---- */

static int
make_trust(struct cfg_ctx *x, X509 *const *cas, unsigned int n_cas, X509 *const *peers,
	unsigned int n_peers, struct ike_trust **out)
{
	struct gw_cfg *cfg = x->cfg;
	struct ike_trust **more = realloc(cfg->trusts, (cfg->n_trusts + 1u) * sizeof(*more));
	struct ike_trust *t;

	if (more == NULL)
		return cfg_no_memory(x);
	cfg->trusts = more;
	t = ike_trust_create(cas, n_cas, (X509_CRL *const *)x->pki->crls.at, x->pki->crls.n);
	if (t == NULL)
		return cfg_no_memory(x);
	more[cfg->n_trusts++] = t;
	for (unsigned int i = 0; i < n_peers; i++)
		if (ike_trust_add_peer(t, peers[i]) != 0)
			return cfg_no_memory(x);
	*out = t;
	return 0;
}

/** Shared by all who name nothing. */
static int
common_trust(struct cfg_ctx *x, struct ike_trust **out)
{
	struct cfg_pki *p = x->pki;
	int ret = 0;

	if (p->trust == NULL)
		ret = make_trust(x, (X509 *const *)p->cas.at, p->cas.n, (X509 *const *)p->certs.at,
			p->certs.n, &p->trust);
	*out = p->trust;
	return ret;
}

int
cfg_cert_remote(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_certs *certs,
	const struct cfg_certs *cas, struct ike_auth_cfg *auth)
{
	struct ike_trust *t = NULL;
	int ret = read_folders(x, node);

	if (ret == 0 && certs->n == 0 && cas->n == 0)
		ret = common_trust(x, &t);
	else if (ret == 0 && cas->n > 0)
		ret = make_trust(x, cas->cert, cas->n, certs->cert, certs->n, &t);
	else if (ret == 0)
		ret = make_trust(
			x, (X509 *const *)x->pki->cas.at, x->pki->cas.n, certs->cert, certs->n, &t);
	if (ret < 0)
		return ret;
	if (certs->n > 0)
		t->pinned = true;
	if (t->n_cas == 0 && t->n_peers == 0)
		return cfg_error(x, node,
			"there is nothing to check the peer's certificate with; put its CA's into "
			"the "
			"folder x509ca, or write 'cacerts = FILE' or 'certs = FILE'%s",
			or_psk(node));
	auth->trust = t;
	return 0;
}
