/* SPDX-License-Identifier: BSD-3-Clause */
/* `secrets`: nothing of what they hold is ever quoted. */
#include "cfg_cert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_LEN_MAX 1024

static int
hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

/* out holds strlen(s) bytes. @return bytes, or -1 */
static ssize_t
from_hex(const char *s, uint8_t *out)
{
	size_t n = strlen(s), at = 0;
	/* of an odd number the first digit stands alone */
	unsigned int byte = 0, half = n % 2;

	for (; *s != '\0'; s++) {
		int d = hex_digit(*s);
		if (d < 0)
			return -1;
		byte = byte << 4 | (unsigned int)d;
		half ^= 1;
		if (half == 0) {
			out[at++] = (uint8_t)byte;
			byte = 0;
		}
	}
	return (ssize_t)at;
}

/* out holds strlen(s) bytes. @return bytes, or -1 */
static ssize_t
from_base64(const char *s, uint8_t *out)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned int acc = 0, bits = 0;
	size_t n = strcspn(s, "="), at = 0;

	/* padding fills the last group of four, or is left out */
	if (n % 4 == 1 || (s[n] != '\0' && (strlen(s) % 4 != 0 || strspn(s + n, "=") > 2 ||
						   s[n + strspn(s + n, "=")] != '\0')))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *d = strchr(alphabet, s[i]);
		if (d == NULL)
			return -1;
		acc = (acc << 6 | (unsigned int)(d - alphabet)) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[at++] = (uint8_t)(acc >> bits);
		}
	}
	explicit_bzero(&acc, sizeof(acc));
	return (ssize_t)at;
}

static int
set_secret(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_secret *s = obj;
	const char *v = node->value;
	ssize_t len;

	s->data = malloc(node->len + 1);
	if (s->data == NULL)
		return cfg_no_memory(x);
	s->len = node->len;
	if (strncasecmp(v, "0x", 2) == 0) {
		len = from_hex(v + 2, s->data);
	} else if (strncasecmp(v, "0s", 2) == 0) {
		len = from_base64(v + 2, s->data);
	} else {
		memcpy(s->data, v, node->len);
		len = (ssize_t)node->len;
	}
	if (len < 0)
		return cfg_error(x, node, "is neither hexadecimal after 0x nor base64 after 0s");
	s->len = (size_t)len;
	if (len == 0)
		return cfg_error(x, node, "is empty: everybody could guess it");
	if (len > SECRET_LEN_MAX)
		return cfg_error(x, node, "has more than %d bytes", SECRET_LEN_MAX);
	return 0;
}

static int
set_owner(struct cfg_ctx *x, const struct conf_node *node, const struct cfg_key *k, void *obj)
{
	struct ike_secret *s = obj;
	struct ike_id *more;

	if (s->n_owners == CFG_OWNERS_MAX)
		return cfg_error(x, node, "more than %d identities for one secret", CFG_OWNERS_MAX);
	more = realloc(s->owners, (s->n_owners + 1u) * sizeof(*more));
	if (more == NULL)
		return cfg_no_memory(x);
	s->owners = more;
	if (ike_id_parse(&more[s->n_owners], node->value) < 0)
		return cfg_bad_value(x, node, node->value,
			"an address, a name, user@host, a distinguished name, or TYPE:VALUE");
	s->n_owners++;
	return 0;
}

/* id, id-1a, idle... are all identities */
static const struct cfg_key shared_keys[] = {
	{"secret", CFG_VALUE, set_secret, 0},
	{"id*", CFG_VALUE, set_owner, 0},
};

static int
add_shared(struct cfg_ctx *x, const struct conf_node *node, enum ike_secret_type type)
{
	struct ike_cfg *ike = &x->cfg->ike;
	struct ike_secret *s = &ike->secrets[ike->n_secrets];
	int ret = cfg_name(x, node, s->name, sizeof(s->name));

	if (ret < 0)
		return ret;
	ike->n_secrets++;
	s->type = type;
	ret = cfg_read(x, node, shared_keys, sizeof(shared_keys) / sizeof(shared_keys[0]), s);
	if (ret == 0 && s->data == NULL)
		return cfg_error(x, node, "has no secret; write 'secret = ...'");
	return ret;
}

static bool
begins(const char *name, const char *const *prefixes)
{
	for (; *prefixes != NULL; prefixes++) {
		if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
			return true;
	}
	return false;
}

static int
add_secret(struct cfg_ctx *x, const struct conf_node *node)
{
	static const char *const ike[] = {"ike", NULL}, *const ppk[] = {"ppk", NULL},
				 *const foreign[] = {
					 "eap", "xauth", "ntlm", "pkcs12", "token", NULL};

	if (begins(node->name, ike))
		return add_shared(x, node, IKE_SECRET_PSK);
	if (begins(node->name, ppk))
		return add_shared(x, node, IKE_SECRET_PPK);
	if (cfg_cert_folder(node->name) != NULL)
		return cfg_cert_secret(x, node);
	if (!begins(node->name, foreign))
		return cfg_error(x, node,
			"is no kind of secret; names begin with ike, ppk, private, rsa, ecdsa, "
			"pkcs8 (or "
			"eap, xauth, ntlm, pkcs12, token, which are ignored)");
	cfg_note(x, true, node,
		"ignored: this version knows pre-shared keys (ike..., ppk...) and files of private "
		"keys (private..., rsa..., ecdsa..., pkcs8...) only");
	return 0;
}

/* of a private key's passphrase, too: once for each file */
static void
note_readable(struct cfg_ctx *x, const struct conf_node *secret)
{
	char once[300];

	if (secret == NULL || !conf_others_read(x->conf, secret))
		return;
	snprintf(once, sizeof(once), "readable %s", secret->file);
	if (cfg_first(x, once))
		cfg_note(x, true, secret, "%s can be read by others than its owner; chmod 600",
			secret->file);
}

int
cfg_secrets(struct cfg_ctx *x, const struct conf_node *section)
{
	struct ike_cfg *ike = &x->cfg->ike;
	unsigned int n;
	int ret = cfg_count(x, section, "secret", CFG_SECRETS_MAX, &n);

	if (ret < 0 || n == 0)
		return ret;
	ike->secrets = calloc(n, sizeof(*ike->secrets));
	if (ike->secrets == NULL)
		return cfg_no_memory(x);
	for (const struct conf_node *node = section->children; node != NULL && ret == 0;
		node = node->next) {
		note_readable(x, conf_child(node, "secret"));
		ret = add_secret(x, node);
	}
	return ret;
}

void
cfg_secrets_free(struct ike_cfg *ike)
{
	for (unsigned int i = 0; i < ike->n_secrets; i++) {
		struct ike_secret *s = &ike->secrets[i];
		if (s->data != NULL)
			explicit_bzero(s->data, s->len);
		free(s->data);
		free(s->owners);
	}
	free(ike->secrets);
}
