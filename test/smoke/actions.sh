#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What brings a child up: start_action, dpd_action, close_action, each with none, trap and start. A is asked, B helps.
. "$(dirname "$0")/common.sh"
smoke_init actions
GATEWAY_KEYS='qcd_secret = no
		   retransmit_timeout = 0.5s
		   retransmit_tries = 1'
CONN_KEYS='dpd_delay = 1s'
ns_add A B
link_add A out B out "$MTU"
ctl() { on "$1" swanctl "${@:2}" --uri "unix://$(gw_socket "$1")" &>/dev/null; }
is_up() { equal "$(ask A sa "len([s for s in o if s['state'] == 'INSTALLED'])")" 1; }
is_anew() { is_up && changed "$(spis A)" "$old"; }
is_down() { equal "$(ask A sa len\(o\))" 0; }
# gateways START DPD CLOSE: A with these actions, B with none
gateways() {
	ACTION=$1 CHILD_KEYS="dpd_action = $2
		            close_action = $3" write_conf A $A6 $B6 $A4 $AIN6
	ACTION=none CHILD_KEYS='' write_conf B $B6 $A6 $B4 $BIN6
	gw_start B "$LAB_DIR/B.conf"
	gw_start A "$LAB_DIR/A.conf"
}
end() {
	gw_stop A
	gw_stop B
}
by_traffic() { wait_for 5 ping_ok A $B4 -W 0.5; }

gateways none none none
check_not 'none: traffic alone does nothing' ping_ok A $B4
ctl A --initiate --child gre
check 'none: a command does' ping_ok A $B4
ctl B --terminate --ike gw-gw
wait_for 5 is_down
check_not 'close_action = none: it stays down' by_traffic
end

gateways trap none none
check 'trap: traffic brings it up' by_traffic
ctl B --terminate --ike gw-gw
wait_for 5 is_down
check 'trap: again after the peer closed it' by_traffic
end

gateways start none none
check 'start: up by itself' wait_for 5 is_up
ctl B --terminate --ike gw-gw
wait_for 5 is_down
check_not 'start without trap: closed, it stays down' by_traffic
end

for how in close dpd; do
	for action in trap start; do
		close=none dpd=none
		printf -v "$how" %s "$action"
		gateways none "$dpd" "$close"
		check_not "${how}_action = $action: no trap yet" ping_ok A $B4
		ctl A --initiate --child gre
		check "${how}_action = $action: up by command" ping_ok A $B4
		old=$(spis A) # which --terminate may leave for a moment
		if [ $how = close ]; then
			ctl B --terminate --ike gw-gw
		else
			gw_stop B KILL
			wait_for 10 is_down
			gw_start B "$LAB_DIR/B.conf"
		fi
		[ $action = start ] || check "${how}_action = trap: down" wait_for 10 is_down
		[ $action = trap ] || check "${how}_action = start: up by itself" wait_for 40 is_anew
		check "${how}_action = $action: traffic passes again" by_traffic
		end
	done
done
smoke_end
