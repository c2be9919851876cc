#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# An IKEv2 peer that we did not build with our own code (odd.py) at the other end of the link, in both
# roles: legal things that nobody does, and illegal ones.
. "$(dirname "$0")/common.sh"
smoke_init odd
ns_add A B
link_add A out B out
link_addr B out $B6/64
odd() { on B $PYTHON "$TOP/test/smoke/odd.py" --local $B6 --remote $A6 --psk "$PSK" "$@" || FAILED=1; }

ACTION=none
write_conf A $A6 $B6 $A4 $AIN6
wait_for 5 on B bash -c "! ip -6 addr show dev out tentative | grep -q inet6"
gw_start A "$LAB_DIR/A.conf"
odd initiator
gw_stop A

ACTION=trap
write_conf A $A6 $B6 $A4 $AIN6
gw_start A "$LAB_DIR/A.conf"
odd responder --start "ip netns exec $LAB-A ping -c 12 -W 1 $B4 >/dev/null 2>&1 &"
smoke_end
