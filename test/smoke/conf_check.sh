#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `raclette check`: takes the scenario unchanged, names file, line and key of what is wrong, and needs no privileges.
. "$(dirname "$0")/common.sh"
smoke_init conf_check
write_confs
# what it says is in "out", and with all the rest in a log, for the look at the end
logged() { "$@" 2>&1 | tee -a "$LAB_DIR/raclette.log" >"$LAB_DIR/out" || { cat "$LAB_DIR/out"; return 1; }; }
check 'a good file' logged "$RACLETTE" check -c "$LAB_DIR/A.conf"
{
	gw_conf A out 2a05:d014:9c9:2100:9049:489e:d66e:41e9/64
	echo 'tunnels { ip6gre4 { connection = gw-gw
	   child = gre
	   address = 169.254.123.1/30 } }'
	echo "include $TOP/test/scenario/swanctl.conf"
} >"$LAB_DIR/scenario.conf"
check 'the scenario, unchanged' logged "$RACLETTE" check -c "$LAB_DIR/scenario.conf"
check 'the secret is not printed' lacks MyFavouriteMealIsRaclette "$LAB_DIR/out"
chmod 755 "$LAB_DIR"
check 'without privileges' logged setpriv --reuid 65534 --regid 65534 --clear-groups "$RACLETTE" check -c "$LAB_DIR/scenario.conf"

# refuse WHAT SED-EXPRESSION KEY: the good file, spoilt, is refused with its file, a line and the key
refuse() {
	sed -E "$2" "$LAB_DIR/A.conf" >"$LAB_DIR/bad.conf"
	if cmp -s "$LAB_DIR/A.conf" "$LAB_DIR/bad.conf"; then
		fail "$1: the test changes nothing"
	elif logged "$RACLETTE" check -c "$LAB_DIR/bad.conf"; then
		fail "$1: accepted"
	else
		check "$1: file, line and key" grep -E "bad\.conf:[0-9]+.*$3" "$LAB_DIR/out"
	fi
}
refuse 'unknown key' 's/( *)lcores = auto/\1lcoers = auto/' lcoers
refuse 'impossible value' 's/mtu = 1500/mtu = 12/' mtu
refuse 'no such mode' 's/mode = transport/mode = pass/' mode
refuse 'AH' 's/esp_proposals = .*/ah_proposals = sha1/' ah_proposals
refuse 'unknown algorithm' 's/esp_proposals = .*/esp_proposals = rot13-sha1/' esp_proposals
refuse 'no such connection' 's/connection = gw-gw/connection = gw-wg/' connection
refuse 'forwarding without a port' 's/( *)child = gre/\1child = gre\n\1handoff = port/' handoff
refuse 'no secret for the peer' 's/id-1([ab]) = .*/id-1\1 = \1.example.org/' \
	"connections\.gw-gw: auth = psk, but no secret in 'secrets' is for '$A6' and '$B6'"
refuse 'no secrets at all' '/^secrets \{/,$d' 'connections\.gw-gw: auth = psk, but no secret'
refuse 'include of a file that is not there' 's/^secrets \{/include psk.conf\n&/' 'there is no file .*/psk\.conf'
refuse 'a tunnel twice' 's/^   ip6gre4 \{/   ip6gre4 { }\n&/' 'tunnels\.ip6gre4: is there already, in line [0-9]+'
refuse 'missing brace' 's/^secrets \{/secrets/' ''

# warned WHAT TEXT: said of the good file, which stays accepted
warned() {
	if logged "$RACLETTE" check -c "$LAB_DIR/A.conf"; then
		check "$1" grep -E "A\.conf:[0-9]+: warning: $2" "$LAB_DIR/out"
	else
		fail "$1: refused"
	fi
}
chmod 640 "$LAB_DIR/A.conf"
warned 'others can read the secrets' 'secrets\.ike-1\.secret: .*/A\.conf can be read by others .*chmod 600'
chmod 600 "$LAB_DIR/A.conf"
logged "$RACLETTE" check -c "$LAB_DIR/A.conf" || true
check 'only the owner can' lacks 'can be read by others' "$LAB_DIR/out"
sed -E 's/lcores = auto/lcores = 0, 1023/' "$LAB_DIR/A.conf" >"$LAB_DIR/cpu.conf"
logged "$RACLETTE" check -c "$LAB_DIR/cpu.conf" && pass 'CPUs of another machine are no error' || fail 'CPUs of another machine: refused'
check 'but told of' grep -E 'cpu\.conf:[0-9]+: warning: gateway\.lcores: CPU 1023 does not exist or is not allowed here' "$LAB_DIR/out"
ns_add A
logged on A "$RACLETTE" run -c "$LAB_DIR/cpu.conf" && fail 'run with these: started' || pass 'run with these is an error'
check 'which names the line' grep -E 'error config: .*cpu\.conf:[0-9]+: gateway\.lcores: CPU 1023' "$LAB_DIR/out"
check 'and is told instead of DPDK' lacks EAL "$LAB_DIR/out"

: >"$LAB_DIR/empty.conf"
logged "$RACLETTE" check -c "$LAB_DIR/empty.conf" && fail 'an empty file: accepted' || pass 'an empty file is an error'
check 'which names it' grep -F "empty.conf: there is nothing in it" "$LAB_DIR/out"
swanctl=$TOP/test/scenario/swanctl.conf
logged "$RACLETTE" check -c "$swanctl" && pass 'a swanctl.conf alone can be checked' || fail 'a swanctl.conf alone: refused'
check 'but not run' grep -F "swanctl.conf: no section 'gateway'" "$LAB_DIR/out"
logged "$RACLETTE" run -c "$swanctl" && fail 'run of it: started' || pass 'run of it is an error'
check 'which says so' grep -F "swanctl.conf: has no section 'gateway'" "$LAB_DIR/out"

"$PYTHON" "$TOP/test/smoke/certs.py" "$LAB_DIR"
sed -E 's/auth = psk/auth = pubkey/; /^ *id = 2001/d' "$LAB_DIR/A.conf" >"$LAB_DIR/A/A.conf"
chmod -R go+rX "$LAB_DIR/A"
chmod 600 "$LAB_DIR/A/private/own.pem"
check 'certificates' logged "$RACLETTE" check -c "$LAB_DIR/A/A.conf"
sed -i 's/auth = pubkey/&\n certs = own.pem/' "$LAB_DIR/A/A.conf"
logged setpriv --reuid 65534 --regid 65534 --clear-groups "$RACLETTE" check -c "$LAB_DIR/A/A.conf" &&
	fail 'a key that may not be read: accepted' || pass 'a key that may not be read is an error'
check 'which says so itself' grep -E 'A\.conf:[0-9]+: .*no private key belongs to .*; .*private/own\.pem: Permission denied' "$LAB_DIR/out"
logged "$RACLETTE" check -c /nonexistent && fail 'no file: accepted' || pass 'no file is an error'
# the README's first configuration, word by word
awk '/^```/ {if (in_it) exit; next} /^gateway \{/ {in_it = 1} in_it' "$TOP/README.md" >"$LAB_DIR/readme.conf"
check "the README's configuration" grep -q 'gateway' "$LAB_DIR/readme.conf"
check "the README's configuration is accepted" logged "$RACLETTE" check -c "$LAB_DIR/readme.conf"
check 'program: --version' logged "$RACLETTE" --version
check 'program: --help' logged "$RACLETTE" --help
smoke_end
