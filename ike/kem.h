/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_KEM_H
#define IKE_KEM_H

/*
 * ML-KEM-768 (FIPS 203) for dh.c. libcrypto has it from OpenSSL 3.5 on; whether it is there is found out
 * at run time, so one binary serves old and new ones. Private to ike/.
 */

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "rd.h"

#define IKE_MLKEM_PUB_LEN    1184 /* encapsulation key: what the initiator sends */
#define IKE_MLKEM_CT_LEN     1088 /* ciphertext: what the responder sends */
#define IKE_MLKEM_SECRET_LEN 32

bool ike_mlkem_available(void);

/** A fresh pair. @param pub [out] IKE_MLKEM_PUB_LEN bytes @return NULL when libcrypto failed */
EVP_PKEY *ike_mlkem_keygen(uint8_t *pub);

/**
 * @param ct     [out] IKE_MLKEM_CT_LEN bytes
 * @param secret [out] IKE_MLKEM_SECRET_LEN bytes
 * @return 0, -EINVAL (pub is no encapsulation key), -EIO
 */
int ike_mlkem_encapsulate(struct ike_view pub, uint8_t *ct, uint8_t *secret);

/** A wrong ciphertext gives a secret that nobody has (FIPS 203 6.3). @return 0, -EINVAL (length), -EIO */
int ike_mlkem_decapsulate(EVP_PKEY *key, struct ike_view ct, uint8_t *secret);

#endif
