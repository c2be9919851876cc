/* SPDX-License-Identifier: BSD-3-Clause */
#include "cert_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "pki.h"

static const char *const folders[] = {"x509", "x509ca", "x509crl", "private"};
static const char *const files[] = {"x509ca/root.pem", "x509ca/leaf.pem", "x509crl/old.pem",
	"x509/gw.pem", "x509/der.crt", "x509/enc.pem", "x509/old.pem", "x509/nokey.pem",
	"x509/junk.pem", "private/gw.key", "private/der.key", "private/enc.key", "private/old.key"};

static BIO *
create(const char *dir, const char *name, mode_t mode)
{
	char path[512];
	BIO *bio;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	bio = BIO_new_file(path, "w");
	assert_non_null(bio);
	assert_int_equal(chmod(path, mode), 0);
	return bio;
}

static void
put_cert(const char *dir, const char *name, X509 *cert, bool pem)
{
	BIO *bio = create(dir, name, 0644);

	assert_int_equal(pem ? PEM_write_bio_X509(bio, cert) : i2d_X509_bio(bio, cert), 1);
	BIO_free(bio);
}

static void
put_key(const char *dir, const char *name, EVP_PKEY *key, bool pem, const char *pass, mode_t mode)
{
	BIO *bio = create(dir, name, mode);

	assert_int_equal(pem ? PEM_write_bio_PKCS8PrivateKey(bio, key,
				       pass != NULL ? EVP_aes_128_cbc() : NULL, pass,
				       pass != NULL ? (int)strlen(pass) : 0, NULL, NULL)
			     : i2d_PrivateKey_bio(bio, key),
		1);
	BIO_free(bio);
}

static struct pki
leaf(const struct pki *root, const char *name, int from, int to)
{
	char subject[128], san[128];

	snprintf(subject, sizeof(subject), "C=CH, O=Raclette, CN=%s", name);
	snprintf(san, sizeof(san), "DNS:%s", name);
	return pki_make(&(struct pki_want){.subject = subject,
		.san = san,
		.key = "p256",
		.issuer = root,
		.from_days = from,
		.to_days = to});
}

static void
fill(const char *dir, const struct pki *root)
{
	struct pki gw = leaf(root, "gw.example.org", 0, 0),
		   der = leaf(root, "der.example.org", 0, 0);
	struct pki enc = leaf(root, "enc.example.org", 0, 0),
		   none = leaf(root, "no.example.org", 0, 0);
	struct pki old = leaf(root, "old.example.org", -9, -2);
	X509_CRL *crl = pki_crl(root, NULL, -9, -2);
	BIO *bio = create(dir, "x509crl/old.pem", 0644);

	assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
	BIO_free(bio);
	bio = create(dir, "x509/junk.pem", 0644);
	BIO_puts(bio, "junk\n");
	BIO_free(bio);
	put_cert(dir, "x509ca/root.pem", root->cert, true);
	put_cert(dir, "x509ca/leaf.pem", gw.cert, true);
	put_cert(dir, "x509/gw.pem", gw.cert, true);
	put_cert(dir, "x509/der.crt", der.cert, false);
	put_cert(dir, "x509/enc.pem", enc.cert, true);
	put_cert(dir, "x509/old.pem", old.cert, true);
	put_cert(dir, "x509/nokey.pem", none.cert, true);
	put_key(dir, "private/gw.key", gw.key, true, NULL, 0600);
	put_key(dir, "private/der.key", der.key, false, NULL, 0600);
	put_key(dir, "private/enc.key", enc.key, true, "hush", 0600);
	put_key(dir, "private/old.key", old.key, true, NULL, 0644);
	X509_CRL_free(crl);
	pki_free(&gw);
	pki_free(&der);
	pki_free(&enc);
	pki_free(&none);
	pki_free(&old);
}

void
cert_dir_make(char *dir, unsigned long len)
{
	struct pki root = pki_make(&(struct pki_want){
		.subject = "C=CH, O=Raclette, CN=Root CA", .key = "p256", .ca = true});
	char path[512];

	snprintf(dir, len, "/tmp/raclette-cert.XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (unsigned int i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	fill(dir, &root);
	pki_free(&root);
}

void
cert_dir_remove(const char *dir)
{
	char path[512];

	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		assert_int_equal(unlink(path), 0);
	}
	for (unsigned int i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		assert_int_equal(rmdir(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}
