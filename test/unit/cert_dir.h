/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_CERT_DIR_H
#define TEST_CERT_DIR_H

/*
 * swanctl's folders with certificates and keys, in a new temporary folder:
 *   x509ca   root.pem, leaf.pem (no CA)      x509crl  old.pem (expired)
 *   x509     gw.pem, der.crt, enc.pem, old.pem (expired), nokey.pem, junk.pem
 *   private  gw.key, der.key (DER), enc.key (passphrase "hush"), old.key (all may read)
 */
void cert_dir_make(char *dir, unsigned long len);
void cert_dir_remove(const char *dir);

#endif
