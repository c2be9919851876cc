# SPDX-License-Identifier: BSD-3-Clause
"""Cases that want a newer strongSwan than Debian 12 has, above all those of several key exchanges (RFC 9370):
IKE_INTERMEDIATE when the IKE SA is set up (RFC 9242), IKE_FOLLOWUP_KE when it or a child is rekeyed. strongSwan has them
since 6.0, ML-KEM by OpenSSL's since 6.0.2."""
import re

import flow

KE1 = dict(ike='aes256gcm16-prfsha384-x25519-ke1_ecp384', esp='aes128gcm16-x25519-ke1_ecp384', encaplimit='none',
           selected='/PRF_HMAC_SHA2_384/CURVE_25519/KE1_ECP_384')
KE2 = dict(ike='aes128-sha256-ecp256-ke1_x25519-ke2_modp3072', esp='aes128-sha256-ecp256-ke1_x25519-ke2_modp3072',
           encaplimit='none', selected='/PRF_HMAC_SHA2_256/ECP_256/KE1_CURVE_25519/KE2_MODP_3072')
MLKEM = dict(ike='aes256gcm16-prfsha384-x25519-ke1_mlkem768', esp='aes128gcm16-x25519-ke1_mlkem768', encaplimit='none',
             selected='/PRF_HMAC_SHA2_384/CURVE_25519/KE1_ML_KEM_768', since=(6, 0, 2))
RACE = dict(conn='rekey_time = 9s\n   rand_time = 0s\n   over_time = 60s',
            child='rekey_time = 4s\n   rand_time = 0s\n   life_time = 60s')


def child_says(pattern):
    """The peer's list of SAs has the key exchanges of the child once it was rekeyed."""
    def step(run):
        sas = run.lab.peer_sas()
        run.check(f'the child was rekeyed with {pattern}', re.search(f'INSTALLED, .*{pattern}', sas), sas)
    return step


def charon_says(pattern):
    def step(run):
        log = run.lab.peer.check('cat /var/log/charon.log')
        run.check(f"the peer's log says '{pattern}'", re.search(pattern, log), log[-2000:])
    return step


def cases(Case, rekey, rekey_ike, says):
    modern = dict(ike='aes256gcm16-prfsha384-ecp384', esp='aes128gcm16-x25519', encaplimit='none')
    each_way = (rekey('us'), rekey_ike('us'), rekey('peer'), rekey_ike('peer'))
    new = {'since': (6, 0)}
    return {
        'addke': Case(**new | KE1, steps=(*each_way, child_says('CURVE_25519/KE1_ECP_384'))),
        'addke-peer': Case(**new | KE1, first='peer', steps=(*each_way, child_says('CURVE_25519/KE1_ECP_384'))),
        'addke-two': Case(**new | KE2, steps=each_way),
        'addke-two-peer': Case(**new | KE2, first='peer', steps=each_way),
        # what is offered as optional and the peer does not want; and whose first group is guessed wrong
        'addke-optional': Case(**new | KE1 | dict(ike='aes256gcm16-prfsha384-x25519-ke1_ecp384-ke1_none', selected='SHA2_384/CURVE_25519\n'),
                               ike_peer='aes256gcm16-prfsha384-x25519', steps=each_way),
        'addke-guess': Case(**new | KE1 | dict(ike='aes256gcm16-prfsha384-ecp256-x25519-ke1_ecp384'),
                            ike_peer='aes256gcm16-prfsha384-x25519-ke1_ecp384',
                            steps=(says('the peer wants group'), *each_way)),
        'addke-frag': Case(**new | KE2, conn_us='fragmentation = force', gateway='fragment_size = 400', charon='fragment_size = 400',
                           steps=(charon_says(r'parsed IKE_INTERMEDIATE request \d+ \[ EF'), *each_way)),
        'flow-addke': Case(**new | KE1 | RACE, steps=(flow.flow(),)),
        'mlkem': Case(**MLKEM, steps=(*each_way, child_says('CURVE_25519/KE1_ML_KEM_768'))),
        'mlkem-peer': Case(**MLKEM, first='peer', steps=(*each_way, child_says('CURVE_25519/KE1_ML_KEM_768'))),
        'mlkem-512': Case(**MLKEM | dict(selected=''), ike_peer='aes256gcm16-prfsha384-x25519-ke1_mlkem512',
                          refused='NO_PROPOSAL_CHOSEN'),
        # SAs for each CPU (RFC 9611), of which ours says nothing: the peer makes one
        'per-cpu': Case(**modern, since=(6, 0, 2), child_peer='per_cpu_sas = yes', first='peer',
                        steps=(charon_says("didn't send SA_RESOURCE_INFO notify"), rekey('peer'))),
        'flow-mlkem': Case(**MLKEM | RACE, steps=(flow.flow(),)),
    }
