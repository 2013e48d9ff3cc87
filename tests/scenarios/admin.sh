# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
# shellcheck shell=bash disable=SC2034 # the library reads the variables
# Promise: what administrators do to nodes costs no lock, fences nobody and raises no false alarm
#
# Under clients that hold locks and write: maintenance mode in which the helper is restarted, killed, and Pacemaker itself
# is stopped and started (the service must not notice); the package removed, which is refused, and installed again, as by an
# update; a node set to standby and back; Pacemaker stopped in full operation and started again; systemctl reboot of the
# node that runs the service.

ADDRESS4=10.77.0.100 ADDRESS6=fd77::100

# What a running instance is made of: it changes when the service was restarted behind our back.
identity() { # NODE
	# shellcheck disable=SC2016 # for the shell over there
	on "$1" sh -c 'stat -Lc %i /run/netns/gk-web; for d in rpcbind nfsdcld statd mountd; do systemctl show -p MainPID --value gracekeeper-$d@web; done'
}
both_online() { cluster crm_mon -1 --include=none,nodes | grep -q 'Online: \[ node1 node2 \]'; }
removal_refused() { # NODE
	local said
	if said=$(on "$1" dpkg --remove gracekeeper 2>&1); then
		printf 'it was removed: %s\n' "$said"
		return 1
	fi
	printf '%s\n' "$said"
	grep -q 'NFS services run on this node: web' <<<"$said"
}
# The monitor's exit code, called by hand: Pacemaker's tools would only ask where the service is.
agent_says() { # NODE [VARIABLE=VALUE]
	on "$1" sh -c "OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=web OCF_RESKEY_CRM_meta_timeout=60000 ${2:-} \\
		/usr/lib/ocf/resource.d/gracekeeper/nfs monitor >/dev/null 2>&1; echo \$?"
}
helper_answers() { on "$1" gracekeeper status; }

serve web "$ADDRESS4/24 $ADDRESS6/64"
since=$(on node1 date +%s)
need "clients hold their locks" usual_load web $ADDRESS4 $ADDRESS6
check "all locks are on node1" look node1
before=$(identity node1)

event "maintenance mode" '"phase": "maintenance"'
need "maintenance mode" cluster crm_attribute -n maintenance-mode -v true
event "the helper is restarted"
check "restart of the helper" on node1 systemctl restart gracekeeperd
check "the helper answers after a restart" until_true 60 helper_answers node1
same "the monitor after the helper's restart" 0 "$(verdict node1)"
event "the helper is killed"
check "kill -9 of the helper" on node1 systemctl kill -s KILL gracekeeperd
check "the helper answers after kill -9" until_true 60 helper_answers node1
same "the monitor after the helper's death" 0 "$(verdict node1)"
event "pacemaker is stopped and started under the running service"
CLUSTER_NODE=node2
check "pacemaker stops on node1" on node1 systemctl stop pacemaker
same "the instance runs without pacemaker" "$before" "$(identity node1)"
check "pacemaker starts on node1" on node1 systemctl start pacemaker
# Not wait_nodes: in maintenance mode nobody starts node1's fencing device again.
check "node1 is online again" until_true 180 both_online
check "pacemaker finds the service running" wait_started web node1
need "maintenance mode ends" cluster crm_attribute -n maintenance-mode -D
check "the cluster is settled" settled
check "service web is still on node1" wait_started web node1
same "the instance is still the same" "$before" "$(identity node1)"
same "complaints of the monitor" "" "$(complaints node1 "$since" web)"
event "end of maintenance mode" '"phase": "after"'
check "all locks are on node1" look node1

event "the package is to be removed, and is installed again"
check "removal is refused while the service runs" removal_refused node1
check "the package is installed again" install_package
check "the helper answers after the installation" until_true 60 helper_answers node1
same "the monitor after the installation" 0 "$(verdict node1)"
same "the instance did not notice the installation" "$before" "$(identity node1)"
check "all locks are on node1" look node1

# It has been probed there, and never started.
check "what needs no storage is prepared on node2" until_true 150 prepared_on node2 web
check "gracekeeper status says so" on node2 sh -c 'gracekeeper status | grep "^prepared on .*, and not running here: web$"'
same "and as JSON" prepared "$(on node2 gracekeeper status --json | field 0.state -)"
same "a probe without a parameter, by hand" 7 "$(agent_says node2 OCF_RESKEY_CRM_meta_interval=0)"
event "node1 to standby"
need "crm node standby" cluster crm node standby node1
need "service web goes to node2" wait_started web node2
event "service web is started on node2"
check "its first start there has taken over what was prepared" on node2 sh -c 'gracekeeper timeline web | grep "up link, prepared before"'
check "all locks are on node2" look node2
need "crm node online" cluster crm node online node1
check "the cluster is settled" settled
check "service web stays on node2" wait_started web node2
check "what needs no storage is prepared on node1" until_true 150 on node1 test -e /run/gracekeeper/standby/web
same "there the monitor says that it does not run" 7 "$(agent_says node1)"
audit_node node1

event "pacemaker is stopped on node2"
CLUSTER_NODE=node1
check "pacemaker stops on node2" on node2 systemctl stop pacemaker
need "service web goes to node1" wait_started web node1
event "service web is started on node1"
check "its start has taken over what was prepared" on node1 sh -c 'gracekeeper timeline web | grep "up link, prepared before"'
audit_node node2
check "pacemaker starts on node2" on node2 systemctl start pacemaker
check "all locks are on node1" look node1
need "the cluster is complete" wait_nodes

event "systemctl reboot of node1"
CLUSTER_NODE=node2
boot=$(on node1 cat /proc/sys/kernel/random/boot_id)
on node1 systemctl reboot
need "service web goes to node2" wait_started web node2 240
event "service web is started on node2"
check "all locks are on node2" look node2
rebooted() { [ "$(on node1 cat /proc/sys/kernel/random/boot_id)" != "$boot" ]; }
need "node1 boots" until_true 300 rebooted
need "the cluster is complete" wait_nodes
check "both grace periods end" wait_recovered node2

check "the logs come home" end_load
check_load
for name in c1-v3 c1-v40 c2-v3 c2-v42; do
	gap=$(field "phases.maintenance.$name" "$TOTALS")
	check "$name did not notice the maintenance (longest gap $gap s)" python3 -c 'import sys; sys.exit(float(sys.argv[1]) > 5)' "$gap"
done
audit "web=node2:$ADDRESS4"
check "node1 is prepared after its boot" until_true 240 on node1 test -e /run/gracekeeper/standby/web
need "nothing shall be prepared" cluster crm_resource -r web -p warm_standby -v no -Q
check "what was prepared goes" until_true 180 on node1 test ! -e /run/gracekeeper/standby/web
check "service web stops" remove web
audit
