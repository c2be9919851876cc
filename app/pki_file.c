/* SPDX-License-Identifier: BSD-3-Clause */
#include "pki_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ike/cert.h"

#define FILE_MAX (16u << 20) /* CRLs can be long */

struct bytes {
	unsigned char *p;
	size_t len;
	mode_t mode;
};

static void
bytes_free(struct bytes *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->len);
	free(b->p);
}

static int
read_all(int fd, struct bytes *b)
{
	size_t got = 0;

	b->p = malloc(b->len + 1);
	if (b->p == NULL)
		return -ENOMEM;
	while (got < b->len) {
		ssize_t n = read(fd, b->p + got, b->len - got);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	b->len = got;
	b->p[got] = '\0';
	return 0;
}

/* @return false with why and errno */
static bool
slurp(const char *path, struct bytes *b, char *why, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st = {0};
	int err = fd < 0 || fstat(fd, &st) != 0 ? -errno : 0;

	*b = (struct bytes){.mode = st.st_mode, .len = (size_t)st.st_size};
	if (err == 0 && !S_ISREG(st.st_mode))
		err = -EINVAL;
	if (err == 0 && b->len > FILE_MAX)
		err = -EFBIG;
	if (err == 0)
		err = read_all(fd, b);
	if (fd >= 0)
		close(fd);
	if (err == 0)
		return true;
	snprintf(why, len, "%s: %s", path, strerror(-err));
	bytes_free(b);
	b->p = NULL;
	errno = -err;
	return false;
}

static bool
is_pem(const struct bytes *b)
{
	return memmem(b->p, b->len, "-----BEGIN ", 11) != NULL;
}

/* ---- certificates and lists ---- */

X509 *
gw_pki_cert(const char *path, char *why, size_t len)
{
	const unsigned char *p;
	struct bytes b;
	X509 *x = NULL;
	BIO *bio;

	if (!slurp(path, &b, why, len))
		return NULL;
	p = b.p;
	bio = BIO_new_mem_buf(b.p, (int)b.len);
	if (bio != NULL)
		x = is_pem(&b) ? PEM_read_bio_X509(bio, NULL, NULL, NULL)
			       : d2i_X509(NULL, &p, (long)b.len);
	BIO_free(bio);
	bytes_free(&b);
	ERR_clear_error();
	if (x == NULL)
		snprintf(why, len, "%s: is no X.509 certificate, neither PEM nor DER", path);
	else if (i2d_X509(x, NULL) > IKE_CERT_LEN_MAX) {
		snprintf(why, len, "%s: has more than the %d bytes that a certificate may have",
			path, IKE_CERT_LEN_MAX);
		X509_free(x);
		x = NULL;
	}
	return x;
}

X509_CRL *
gw_pki_crl(const char *path, char *why, size_t len)
{
	const unsigned char *p;
	struct bytes b;
	X509_CRL *crl = NULL;
	BIO *bio;

	if (!slurp(path, &b, why, len))
		return NULL;
	p = b.p;
	bio = BIO_new_mem_buf(b.p, (int)b.len);
	if (bio != NULL)
		crl = is_pem(&b) ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)
				 : d2i_X509_CRL(NULL, &p, (long)b.len);
	BIO_free(bio);
	bytes_free(&b);
	ERR_clear_error();
	if (crl == NULL)
		snprintf(why, len, "%s: is no CRL, neither PEM nor DER", path);
	return crl;
}

/* ---- private keys ---- */

struct pass {
	const char *text;
	bool asked;
};

static int
give_pass(char *buf, int size, int rwflag, void *arg)
{
	struct pass *p = arg;
	size_t len = p->text != NULL ? strlen(p->text) : 0;

	(void)rwflag;
	p->asked = true;
	if (p->text == NULL || len > (size_t)size)
		return -1;
	memcpy(buf, p->text, len);
	return (int)len;
}

/** PKCS#8 with or without passphrase, or the older forms of RSA and EC. */
static EVP_PKEY *
decode_key(const struct bytes *b, struct pass *pass)
{
	BIO *bio = BIO_new_mem_buf(b->p, (int)b->len);
	const unsigned char *p = b->p;
	EVP_PKEY *key = NULL;

	if (bio != NULL && is_pem(b))
		key = PEM_read_bio_PrivateKey(bio, NULL, give_pass, pass);
	else if (bio != NULL)
		key = d2i_AutoPrivateKey(NULL, &p, (long)b->len);
	if (bio != NULL && key == NULL && !is_pem(b))
		key = d2i_PKCS8PrivateKey_bio(bio, NULL, give_pass, pass);
	BIO_free(bio);
	ERR_clear_error();
	return key;
}

EVP_PKEY *
gw_pki_key(const char *path, const char *passphrase, bool *others, enum gw_pki_key_fault *fault,
	char *why, size_t len)
{
	struct pass pass = {.text = passphrase};
	struct bytes b;
	EVP_PKEY *key;

	*fault = GW_PKI_UNREADABLE;
	if (!slurp(path, &b, why, len)) {
		if (errno == EACCES || errno == EPERM)
			*fault = GW_PKI_FORBIDDEN;
		return NULL;
	}
	*others = (b.mode & (S_IRGRP | S_IROTH)) != 0;
	key = decode_key(&b, &pass);
	bytes_free(&b);
	if (key != NULL)
		return key;
	if (pass.asked)
		*fault = passphrase == NULL ? GW_PKI_NO_PASSPHRASE : GW_PKI_WRONG_PASSPHRASE;
	snprintf(why, len, "%s: %s", path,
		!pass.asked          ? "is no private key, neither PEM nor DER"
		: passphrase == NULL ? "is encrypted, and no passphrase is configured for it"
				     : "cannot be decrypted with its passphrase");
	return NULL;
}

bool
gw_pki_match(const X509 *cert, const EVP_PKEY *key)
{
	const EVP_PKEY *pub = X509_get0_pubkey(cert);
	bool same = pub != NULL && EVP_PKEY_eq(pub, key) == 1;

	ERR_clear_error();
	return same;
}

/* ---- words ---- */

bool
gw_pki_is_ca(X509 *cert)
{
	return X509_check_ca(cert) > 0;
}

static const char *
date(const ASN1_TIME *t, char *buf, size_t len)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		snprintf(buf, len, "?");
	else
		strftime(buf, len, "%Y-%m-%d %H:%M UTC", &tm);
	return buf;
}

const char *
gw_pki_not_valid(const X509 *cert, char *buf, size_t len)
{
	char when[32];

	if (X509_cmp_current_time(X509_get0_notBefore(cert)) >= 0)
		snprintf(buf, len, "is not valid before %s",
			date(X509_get0_notBefore(cert), when, sizeof(when)));
	else if (X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
		snprintf(buf, len, "has expired on %s",
			date(X509_get0_notAfter(cert), when, sizeof(when)));
	else
		return NULL;
	return buf;
}

const char *
gw_pki_crl_stale(const X509_CRL *crl, char *buf, size_t len)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	char when[32];

	if (next == NULL || X509_cmp_current_time(next) > 0)
		return NULL;
	snprintf(buf, len, "has expired on %s", date(next, when, sizeof(when)));
	return buf;
}

/** t is that near, or over. */
static bool
is_near(const ASN1_TIME *t, long soon_s)
{
	time_t then = time(NULL) + soon_s;

	return t != NULL && X509_cmp_time(t, &then) < 0;
}

const char *
gw_pki_ends_soon(const X509 *cert, long soon_s, char *buf, size_t len)
{
	const ASN1_TIME *end = X509_get0_notAfter(cert);
	char name[512], when[32];

	if (!is_near(end, soon_s))
		return NULL;
	snprintf(buf, len, "certificate '%s' %s on %s", ike_cert_str(cert, name, sizeof(name)),
		is_near(end, 0) ? "has expired" : "expires", date(end, when, sizeof(when)));
	return buf;
}

const char *
gw_pki_crl_due(const X509_CRL *crl, long soon_s, char *buf, size_t len)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	char name[512], when[32];

	if (!is_near(next, soon_s))
		return NULL;
	X509_NAME_oneline(X509_CRL_get_issuer(crl), name, sizeof(name));
	snprintf(buf, len,
		"the CRL of '%s' %s on %s: a newer one belongs into x509crl, then SIGHUP", name,
		is_near(next, 0) ? "has expired" : "expires", date(next, when, sizeof(when)));
	return buf;
}

static void
fingerprint(const X509 *cert, char *buf, size_t len)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	size_t at = 0;

	buf[0] = '\0';
	if (X509_digest(cert, EVP_sha256(), md, &n) != 1)
		return;
	for (unsigned int i = 0; i < n && at + 4 < len; i++)
		at += (size_t)snprintf(buf + at, len - at, "%s%02x", i > 0 ? ":" : "", md[i]);
}

const char *
gw_pki_describe(const X509 *cert, char *buf, size_t len)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	char name[512], when[32], print[100];

	ike_cert_str(cert, name, sizeof(name));
	fingerprint(cert, print, sizeof(print));
	snprintf(buf, len, "'%s', %s %d bits, until %s, SHA-256 %s", name,
		key != NULL ? ike_key_name(ike_key_type(key)) : "unknown",
		key != NULL ? EVP_PKEY_get_bits(key) : 0,
		date(X509_get0_notAfter(cert), when, sizeof(when)), print);
	return buf;
}

const char *
gw_pki_crl_describe(const X509_CRL *crl, char *buf, size_t len)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	char name[256], when[32];

	X509_NAME_oneline(X509_CRL_get_issuer(crl), name, sizeof(name));
	snprintf(buf, len, "of '%s', %d revoked, next update %s", name,
		sk_X509_REVOKED_num(X509_CRL_get_REVOKED((X509_CRL *)(uintptr_t)crl)),
		next != NULL ? date(next, when, sizeof(when)) : "not said");
	return buf;
}

/* ---- references ---- */

X509 *
gw_pki_cert_ref(X509 *cert)
{
	X509_up_ref(cert);
	return cert;
}

EVP_PKEY *
gw_pki_key_ref(EVP_PKEY *key)
{
	EVP_PKEY_up_ref(key);
	return key;
}

void
gw_pki_cert_free(X509 *cert)
{
	X509_free(cert);
}

void
gw_pki_crl_free(X509_CRL *crl)
{
	X509_CRL_free(crl);
}

void
gw_pki_key_free(EVP_PKEY *key)
{
	EVP_PKEY_free(key);
}
