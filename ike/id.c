/* SPDX-License-Identifier: BSD-3-Clause */
#include "id.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hash.h"

static const struct {
	const char *prefix;
	uint8_t type;
} prefixes[] = {
	{"ipv4:", IKE_ID_IPV4_ADDR},
	{"ipv6:", IKE_ID_IPV6_ADDR},
	{"fqdn:", IKE_ID_FQDN},
	{"dns:", IKE_ID_FQDN},
	{"email:", IKE_ID_RFC822_ADDR},
	{"rfc822:", IKE_ID_RFC822_ADDR},
	{"userfqdn:", IKE_ID_RFC822_ADDR},
	{"keyid:", IKE_ID_KEY_ID},
	{"asn1dn:", IKE_ID_DER_ASN1_DN},
	{"asn1gn:", IKE_ID_DER_ASN1_GN},
};

#define N_PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))
#define TEXT_MAX   (3 * IKE_ID_MAX + 16)

/* ---- distinguished names, through libcrypto's X509_NAME ---- */

static int
set_data(struct ike_id *id, uint8_t type, const void *data, size_t len)
{
	if (len > IKE_ID_MAX)
		return -E2BIG;
	*id = (struct ike_id){.type = type, .len = (uint16_t)len};
	if (len > 0)
		memcpy(id->data, data, len);
	return 0;
}

/** One "TYPE=value"; strongSwan's E stands for emailAddress. */
static bool
add_rdn(X509_NAME *name, char *rdn)
{
	const char *type = rdn;
	char *value = strchr(rdn, '=');
	size_t len;

	if (value == NULL)
		return false;
	*value++ = '\0';
	len = strlen(rdn);
	while (len > 0 && rdn[len - 1] == ' ')
		rdn[--len] = '\0';
	if (strcasecmp(rdn, "E") == 0 || strcasecmp(rdn, "Email") == 0)
		type = "emailAddress";
	else if (OBJ_txt2nid(rdn) ==
		 NID_undef) /* libcrypto knows "CN", people write "cn" as well */
		for (char *p = rdn; *p != '\0'; p++)
			*p = (char)toupper((unsigned char)*p);
	value += strspn(value, " ");
	len = strlen(value);
	while (len > 0 && value[len - 1] == ' ')
		len--;
	/* a country has two letters, but '*' stands for any in a pattern */
	return X509_NAME_add_entry_by_txt(name, type,
		       strcmp(value, "*") == 0 ? V_ASN1_UTF8STRING : MBSTRING_UTF8,
		       (const unsigned char *)value, (int)len, -1, 0) == 1;
}

/** "C=DE, O=Example, CN=gw" or with '/' in between, which may then also come first. */
static bool
add_rdns(X509_NAME *name, char *text)
{
	const char *sep = *text == '/' ? "/" : ",";
	char *save = NULL;

	for (char *rdn = strtok_r(text, sep, &save); rdn != NULL; rdn = strtok_r(NULL, sep, &save))
		if (!add_rdn(name, rdn + strspn(rdn, " ")))
			return false;
	return X509_NAME_entry_count(name) > 0;
}

static int
parse_dn(struct ike_id *id, const char *text)
{
	unsigned char *der = NULL;
	X509_NAME *name = X509_NAME_new();
	char *copy = strdup(text);
	int len, ret = -EINVAL;

	if (name != NULL && copy != NULL && add_rdns(name, copy)) {
		len = i2d_X509_NAME(name, &der);
		if (len > 0)
			ret = set_data(id, IKE_ID_DER_ASN1_DN, der, (size_t)len);
	}
	OPENSSL_free(der);
	X509_NAME_free(name);
	free(copy);
	return ret;
}

/** @return NULL when the data is not exactly one DER name */
static X509_NAME *
read_dn(const struct ike_id *id)
{
	const unsigned char *p = id->data;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, id->len);

	if (name != NULL && p != id->data + id->len) {
		X509_NAME_free(name);
		name = NULL;
	}
	return name;
}

static bool
dn_equal(const struct ike_id *a, const struct ike_id *b)
{
	X509_NAME *na = read_dn(a), *nb = read_dn(b);
	bool equal = na != NULL && nb != NULL && X509_NAME_cmp(na, nb) == 0;

	X509_NAME_free(na);
	X509_NAME_free(nb);
	return equal;
}

/** libcrypto's hash is over the canonical form that it compares. */
static uint64_t
dn_hash(const struct ike_id *id, uint64_t hash)
{
	X509_NAME *name = read_dn(id);
	unsigned long h = 0;
	int ok = 0;

	if (name == NULL)
		return ike_hash_bytes(hash, id->data, id->len);
	h = X509_NAME_hash_ex(name, NULL, NULL, &ok);
	X509_NAME_free(name);
	return ike_hash_bytes(hash, &h, sizeof(h));
}

static bool
print_dn(const struct ike_id *id, char *buf, size_t len)
{
	const unsigned long flags = XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | ASN1_STRFLGS_ESC_CTRL |
				    ASN1_STRFLGS_UTF8_CONVERT;
	X509_NAME *name = read_dn(id);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n = 0;
	bool ok = name != NULL && bio != NULL && X509_NAME_entry_count(name) > 0 &&
		  X509_NAME_print_ex(bio, name, 0, flags) >= 0;

	if (ok) {
		n = BIO_get_mem_data(bio, &text);
		ok = n > 0 && (size_t)n < len;
	}
	if (ok) {
		memcpy(buf, text, (size_t)n);
		buf[n] = '\0';
	}
	BIO_free(bio);
	X509_NAME_free(name);
	return ok;
}

/* ---- parsing ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/** Pairs of hex digits, ':' between them allowed. */
static int
parse_hex(struct ike_id *id, uint8_t type, const char *text)
{
	uint8_t data[IKE_ID_MAX];
	size_t n = 0;

	while (*text != '\0') {
		int hi = hex_digit(text[0]), lo = hi < 0 ? -1 : hex_digit(text[1]);

		if (lo < 0)
			return -EINVAL;
		if (n == sizeof(data))
			return -E2BIG;
		data[n++] = (uint8_t)(hi << 4 | lo);
		text += 2;
		if (text[0] == ':' && text[1] != '\0')
			text++;
	}
	return set_data(id, type, data, n);
}

static int
parse_addr(struct ike_id *id, uint8_t type, const char *text)
{
	uint8_t addr[16];
	int family = type == IKE_ID_IPV4_ADDR ? AF_INET : AF_INET6;

	if (inet_pton(family, text, addr) != 1)
		return -EINVAL;
	return set_data(id, type, addr, type == IKE_ID_IPV4_ADDR ? 4 : 16);
}

static int
parse_verbatim(struct ike_id *id, uint8_t type, const char *text)
{
	if (text[0] == '#')
		return parse_hex(id, type, text + 1);
	return set_data(id, type, text, strlen(text));
}

static int
parse_typed(struct ike_id *id, uint8_t type, const char *text)
{
	switch (type) {
	case IKE_ID_IPV4_ADDR:
	case IKE_ID_IPV6_ADDR:
		return parse_addr(id, type, text);
	case IKE_ID_DER_ASN1_DN:
		return text[0] == '#' ? parse_hex(id, type, text + 1) : parse_dn(id, text);
	default:
		return parse_verbatim(id, type, text);
	}
}

/** "{N}:data", N an identity type of RFC 7296 3.5. */
static int
parse_numbered(struct ike_id *id, const char *text)
{
	unsigned int type = 0;
	int ret;

	for (text++; *text >= '0' && *text <= '9' && type < 256; text++)
		type = type * 10 + (unsigned int)(*text - '0');
	if (type == 0 || type > 255 || strncmp(text, "}:", 2) != 0)
		return -EINVAL;
	ret = parse_verbatim(id, (uint8_t)type, text + 2);
	if (ret == 0 && ((type == IKE_ID_IPV4_ADDR && id->len != 4) ||
				(type == IKE_ID_IPV6_ADDR && id->len != 16)))
		return -EINVAL;
	return ret;
}

static bool
is_any(const char *text)
{
	static const char *const words[] = {
		"", "%any", "%any4", "%any6", "*", "0.0.0.0", "::", "0::0"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

static int
parse_at(struct ike_id *id, const char *text)
{
	if (text[1] == '#')
		return parse_hex(id, IKE_ID_KEY_ID, text + 2);
	if (text[1] == '@')
		return set_data(id, IKE_ID_RFC822_ADDR, text + 2, strlen(text + 2));
	return set_data(id, IKE_ID_FQDN, text + 1, strlen(text + 1));
}

/** Without a prefix: strongSwan's guesses, in its order. */
static int
parse_guess(struct ike_id *id, const char *text)
{
	int ret;

	if (is_any(text)) {
		*id = (struct ike_id){.type = IKE_ID_ANY};
		return 0;
	}
	if (strchr(text, '=') != NULL) {
		ret = parse_dn(id, text);
		return ret == -EINVAL ? set_data(id, IKE_ID_KEY_ID, text, strlen(text)) : ret;
	}
	if (text[0] == '@')
		return parse_at(id, text);
	if (strchr(text, '@') != NULL)
		return set_data(id, IKE_ID_RFC822_ADDR, text, strlen(text));
	if (parse_addr(id, IKE_ID_IPV4_ADDR, text) == 0 ||
		parse_addr(id, IKE_ID_IPV6_ADDR, text) == 0)
		return 0;
	return set_data(
		id, strchr(text, ':') == NULL ? IKE_ID_FQDN : IKE_ID_KEY_ID, text, strlen(text));
}

int
ike_id_parse(struct ike_id *id, const char *text)
{
	for (size_t i = 0; i < N_PREFIXES; i++) {
		size_t len = strlen(prefixes[i].prefix);

		if (strncasecmp(text, prefixes[i].prefix, len) == 0)
			return parse_typed(id, prefixes[i].type, text + len);
	}
	if (text[0] == '{')
		return parse_numbered(id, text);
	return parse_guess(id, text);
}

/* ---- printing ---- */

static bool
is_printable(const struct ike_id *id)
{
	for (unsigned int i = 0; i < id->len; i++)
		if (id->data[i] <= 0x20 || id->data[i] >= 0x7f)
			return false;
	return true;
}

/** Does text read back as id? Else it needs its prefix. */
static bool
reads_back(const char *text, const struct ike_id *id)
{
	struct ike_id back;

	return ike_id_parse(&back, text) == 0 && back.type == id->type && back.len == id->len &&
	       memcmp(back.data, id->data, id->len) == 0;
}

static const char *
type_prefix(uint8_t type)
{
	for (size_t i = 0; i < N_PREFIXES; i++)
		if (prefixes[i].type == type)
			return prefixes[i].prefix;
	return NULL;
}

static void
print_hex(const struct ike_id *id, char *text, size_t len)
{
	const char *prefix = type_prefix(id->type);
	int at = prefix != NULL ? snprintf(text, len, "%s#", prefix)
				: snprintf(text, len, "{%u}:#", id->type);

	for (unsigned int i = 0; i < id->len; i++)
		at += snprintf(text + at, len - (size_t)at, "%02x", id->data[i]);
}

static void
print_text(const struct ike_id *id, char *text, size_t len)
{
	const char *prefix = type_prefix(id->type);

	snprintf(text, len, "%.*s", (int)id->len, (const char *)id->data);
	if (reads_back(text, id))
		return;
	snprintf(text, len, "%s%.*s", prefix == NULL ? "" : prefix, (int)id->len,
		(const char *)id->data);
	if (!reads_back(text, id))
		print_hex(id, text, len);
}

static bool
print_addr(const struct ike_id *id, char *text, size_t len)
{
	bool v4 = id->type == IKE_ID_IPV4_ADDR;
	char addr[INET6_ADDRSTRLEN];

	if (id->len != (v4 ? 4 : 16))
		return false;
	inet_ntop(v4 ? AF_INET : AF_INET6, id->data, addr, sizeof(addr));
	snprintf(text, len, "%s", addr);
	if (!reads_back(text, id)) /* the unspecified address alone means %any */
		snprintf(text, len, "%s%s", type_prefix(id->type), addr);
	return true;
}

static void
print(const struct ike_id *id, char *text, size_t len)
{
	struct ike_id back;

	switch (id->type) {
	case IKE_ID_ANY:
		snprintf(text, len, "%%any");
		return;
	case IKE_ID_IPV4_ADDR:
	case IKE_ID_IPV6_ADDR:
		if (print_addr(id, text, len))
			return;
		break;
	case IKE_ID_DER_ASN1_DN:
		/* string types may differ; a value with a separator in it reads back as something
		 * else */
		if (print_dn(id, text, len) && ike_id_parse(&back, text) == 0 &&
			ike_id_equal(&back, id))
			return;
		break;
	default:
		if (is_printable(id)) {
			print_text(id, text, len);
			return;
		}
	}
	print_hex(id, text, len);
}

const char *
ike_id_str(const struct ike_id *id, char *buf, size_t len)
{
	char text[TEXT_MAX];

	print(id, text, sizeof(text));
	snprintf(buf, len, "%s", text);
	return buf;
}

/* ---- comparing ---- */

static bool
is_name(uint8_t type)
{
	return type == IKE_ID_FQDN || type == IKE_ID_RFC822_ADDR;
}

const struct ike_id ike_id_any = {.type = IKE_ID_ANY};

static size_t
bytes_used(const struct ike_id *id)
{
	return offsetof(struct ike_id, data) + id->len;
}

struct ike_id *
ike_id_dup(const struct ike_id *id)
{
	void *p = malloc(bytes_used(id));

	if (p != NULL)
		memcpy(p, id, bytes_used(id));
	return p;
}

void
ike_id_load(struct ike_id *out, const struct ike_id *id)
{
	memset(out, 0, sizeof(*out));
	memcpy(out, id, bytes_used(id));
}

bool
ike_name_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *p = a, *q = b;

	for (size_t i = 0; i < len; i++)
		if (tolower(p[i]) != tolower(q[i]))
			return false;
	return true;
}

bool
ike_id_equal(const struct ike_id *a, const struct ike_id *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == IKE_ID_ANY)
		return true;
	if (a->len == b->len && memcmp(a->data, b->data, a->len) == 0)
		return true;
	if (is_name(a->type))
		return a->len == b->len && ike_name_equal(a->data, b->data, a->len);
	return a->type == IKE_ID_DER_ASN1_DN && dn_equal(a, b);
}

int
ike_id_order(const struct ike_id *a, const struct ike_id *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->data, b->data, a->len);
}

uint64_t
ike_id_hash(const struct ike_id *id, uint64_t hash)
{
	uint8_t b = id->type;

	hash = ike_hash_bytes(hash, &b, 1);
	if (id->type == IKE_ID_DER_ASN1_DN)
		return dn_hash(id, hash);
	if (!is_name(id->type))
		return ike_hash_bytes(hash, id->data, id->len);
	for (uint16_t i = 0; i < id->len; i++) {
		b = (uint8_t)tolower(id->data[i]);
		hash = ike_hash_bytes(hash, &b, 1);
	}
	return hash;
}

/** A pattern "*rest" fits what ends in rest and has something before it; longer rests fit better.
 */
static unsigned int
match_star(const struct ike_id *id, const struct ike_id *pattern)
{
	size_t rest = pattern->len - 1U;

	if (id->type != pattern->type || id->len <= rest ||
		!ike_name_equal(id->data + (id->len - rest), pattern->data + 1, rest))
		return 0;
	return rest > 17 ? 19 : 2 + (unsigned int)rest;
}

static bool
is_star(const X509_NAME_ENTRY *e)
{
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(e);

	return ASN1_STRING_length(value) == 1 && *ASN1_STRING_get0_data(value) == '*';
}

/** One RDN with another of the same type, by libcrypto's own folding of case and blanks. */
static bool
rdn_equal(const X509_NAME_ENTRY *a, const X509_NAME_ENTRY *b)
{
	X509_NAME *na = X509_NAME_new(), *nb = X509_NAME_new();
	bool equal = na != NULL && nb != NULL && X509_NAME_add_entry(na, a, -1, 0) == 1 &&
		     X509_NAME_add_entry(nb, b, -1, 0) == 1 && X509_NAME_cmp(na, nb) == 0;

	X509_NAME_free(na);
	X509_NAME_free(nb);
	return equal;
}

/** As many RDNs, in the same order, '*' in the pattern for any value; each '*' fits a little less.
 */
static unsigned int
match_rdns(const X509_NAME *name, const X509_NAME *pattern)
{
	int n = X509_NAME_entry_count(pattern);
	unsigned int score = 20;

	if (X509_NAME_entry_count(name) != n)
		return 0;
	for (int i = 0; i < n; i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
		const X509_NAME_ENTRY *p = X509_NAME_get_entry(pattern, i);

		if (OBJ_cmp(X509_NAME_ENTRY_get_object(e), X509_NAME_ENTRY_get_object(p)) != 0 ||
			X509_NAME_ENTRY_set(e) != X509_NAME_ENTRY_set(p))
			return 0;
		if (is_star(p))
			score = score > 2 ? score - 1 : 2;
		else if (!rdn_equal(e, p))
			return 0;
	}
	return score;
}

static unsigned int
match_dn(const struct ike_id *id, const struct ike_id *pattern)
{
	X509_NAME *name, *like;
	unsigned int score = 0;

	if (id->type != pattern->type)
		return 0;
	name = read_dn(id);
	like = read_dn(pattern);
	if (name != NULL && like != NULL)
		score = match_rdns(name, like);
	X509_NAME_free(name);
	X509_NAME_free(like);
	return score;
}

static bool
dn_has_star(const struct ike_id *id)
{
	X509_NAME *name = read_dn(id);
	bool found = false;

	for (int i = 0; name != NULL && i < X509_NAME_entry_count(name) && !found; i++)
		found = is_star(X509_NAME_get_entry(name, i));
	X509_NAME_free(name);
	return found;
}

bool
ike_id_is_pattern(const struct ike_id *id)
{
	if (id->type == IKE_ID_DER_ASN1_DN)
		return dn_has_star(id);
	return id->type == IKE_ID_ANY || (is_name(id->type) && id->len > 0 && id->data[0] == '*');
}

unsigned int
ike_id_match(const struct ike_id *id, const struct ike_id *pattern)
{
	if (pattern->type == IKE_ID_ANY)
		return 1;
	if (ike_id_equal(id, pattern))
		return 20;
	if (is_name(pattern->type) && pattern->len > 0 && pattern->data[0] == '*')
		return match_star(id, pattern);
	return pattern->type == IKE_ID_DER_ASN1_DN ? match_dn(id, pattern) : 0;
}
