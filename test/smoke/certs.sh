#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Certificates are read anew on SIGHUP: what a new CRL lists is refused from then on, and the SA that is up stays; what
# cannot be read, or is not about certificates, leaves the old ones in use. What ends soon is said.
. "$(dirname "$0")/common.sh"
smoke_init certs
pair
"$PYTHON" "$TOP/test/smoke/certs.py" "$LAB_DIR"
for ns in A B; do
	sed -i -e 's/auth = psk/auth = pubkey/; /^ *id = 2001/d' "$LAB_DIR/$ns.conf"
	mv "$LAB_DIR/$ns.conf" "$LAB_DIR/$ns/$ns.conf"
	gw_start $ns "$LAB_DIR/$ns/$ns.conf"
done
said() { grep -q "$1" "$LAB_DIR/A.log"; }
sighup() { kill -HUP "${PIDS[A]}"; }
ids() { ask A ike "sorted((s['id'], s['state']) for s in o)"; }

check 'comes up' wait_for 10 ping_ok B $A4 -W 0.5
check 'a certificate that ends in three days is named' wait_for 5 said "certificate 'C=CH, O=Raclette, CN=us.example.org' expires on"
check 'so is a CRL that ends in a day' said 'the CRL of .*CN=Root CA. expires on'
before=$(ids)

head -c 300 "$LAB_DIR/revoked.pem" >"$LAB_DIR/A/x509crl/root.pem"
sighup
check 'half a file: the old ones stay, and it is named' wait_for 10 said 'the old ones stay: .*/A/x509crl/root.pem: is no CRL'
cp "$LAB_DIR/revoked.pem" "$LAB_DIR/A/x509crl/root.pem"
sed -i 's/auth = pubkey/auth = psk/' "$LAB_DIR/A/A.conf"
sighup
check 'another kind of authentication: the old ones stay' wait_for 10 said 'the old ones stay: connections.gw-gw.local: auth, id or revocation'
sed -i 's/auth = psk/auth = pubkey/; s/version = 2/version = two/' "$LAB_DIR/A/A.conf"
sighup
check 'an error in the file: the old ones stay' wait_for 10 said 'the old ones stay: .*/A/A.conf:[0-9]*: .*version'
sed -i 's/version = two/version = 2/' "$LAB_DIR/A/A.conf"
check 'nothing was exchanged so far' lacks 'the new ones are in use' "$LAB_DIR/A.log"

sighup
check 'a CRL that lists B is taken' wait_for 10 said 'the new ones are in use'
check 'the SA is the same' equal "$(ids)" "$before"
check 'and carries traffic' ping_ok B $A4
gw_stop B KILL
gw_start B "$LAB_DIR/B/B.conf"
check_not 'B starts anew: it does not get in' wait_for 6 ping_ok B $A4 -W 0.5
check 'because it is revoked' said 'certificate revoked'
smoke_end
