#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""What the agents of a group cost: each one's monitor, stop and start, as wall and CPU time.

    agent-costs.py [--monitors N] [--rounds N] [--dummies N] [--idle SECONDS] RESOURCE...

The resources run on this node, in the order in which they are started, and the cluster is in maintenance mode. Each is called
as Pacemaker calls it, with the parameters it has in the CIB. Prints a line of JSON for each resource and action: the medians
in seconds. CPU time is that of the agent and of what it waited for; for ocf:gracekeeper:nfs also the helper's, which is shown
by itself too ("helper"): all that the helper did meanwhile, for whatever service. What systemd does for an agent is in nobody's.
Last comes the helper's resident memory, in MB, and with --idle the CPU time that it uses in a second while nobody asks it anything.

--dummies: monitors of so many of ocf:pacemaker:Dummy too, of which the cluster knows nothing: they are started and stopped here.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

HELPER = "/sys/fs/cgroup/system.slice/gracekeeperd.service"


def primitive(name):
    text = subprocess.run(["cibadmin", "-Q", "--xpath", f"//primitive[@id='{name}']"], check=True, stdout=subprocess.PIPE,
                          encoding="utf-8").stdout
    node = xml.fromstring(text)
    return node.get("provider"), node.get("type"), {
        pair.get("name"): pair.get("value") for pair in node.findall("./instance_attributes/nvpair")}


def helper_cpu():
    with open(f"{HELPER}/cpu.stat", encoding="ascii") as file:
        return int(dict(line.split() for line in file)["usage_usec"]) / 1e6


def helper_memory():
    """Of the largest process of the unit: that is the JVM."""
    sizes = [0]
    with open(f"{HELPER}/cgroup.procs", encoding="ascii") as pids:
        for pid in pids.read().split():
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                sizes += [int(line.split()[1]) for line in file if line.startswith("VmRSS:")]
    return max(sizes) / 1024


def call(name, provider, kind, params, action):
    """(wall, CPU, of which the helper's) in seconds."""
    env = {"PATH": os.environ["PATH"], "OCF_ROOT": "/usr/lib/ocf", "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1",
           "OCF_RESOURCE_INSTANCE": name, "OCF_RESOURCE_TYPE": kind, "OCF_RESOURCE_PROVIDER": provider,
           "OCF_RESKEY_CRM_meta_timeout": "180000", "OCF_RESKEY_CRM_meta_interval": "10000" if action == "monitor" else "0",
           "HA_LOGFACILITY": "daemon", **{f"OCF_RESKEY_{key}": value for key, value in params.items()}}

    def cpu():
        """(of the agent, of the helper)"""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime, helper_cpu() if provider == "gracekeeper" else 0.0

    before, begin = cpu(), time.monotonic()
    done = subprocess.run([f"/usr/lib/ocf/resource.d/{provider}/{kind}", action], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    wall = time.monotonic() - begin
    if done.returncode != 0:
        sys.exit(f"{name}: {action}: exit code {done.returncode}: {done.stdout}")
    agent, helper = (now - then for now, then in zip(cpu(), before))
    return wall, agent + helper, helper


def helper_idle(seconds):
    before, begin = helper_cpu(), time.monotonic()
    time.sleep(seconds)
    return (helper_cpu() - before) / (time.monotonic() - begin)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--monitors", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dummies", type=int, default=0)
    parser.add_argument("--idle", type=float, default=0)
    parser.add_argument("resource", nargs="+")
    args = parser.parse_args()
    resources = [(name, *primitive(name)) for name in args.resource]
    dummies = [(f"costs-{number}", "pacemaker", "Dummy", {}) for number in range(1, args.dummies + 1)]
    found = {}
    for one in dummies:
        call(*one, "start")
    for one in resources + dummies:
        call(*one, "monitor")
        found[one[0], one[2], "monitor"] = [call(*one, "monitor") for _ in range(args.monitors)]
    for one in dummies:
        call(*one, "stop")
    for _ in range(args.rounds):
        for one in reversed(resources):
            found.setdefault((one[0], one[2], "stop"), []).append(call(*one, "stop"))
        for one in resources:
            found.setdefault((one[0], one[2], "start"), []).append(call(*one, "start"))
    for (name, kind, action), costs in found.items():
        wall, cpu, helper = (round(statistics.median(times), 4) for times in zip(*costs))
        print(json.dumps({"resource": name, "agent": kind, "action": action, "wall": wall, "cpu": cpu, "helper": helper}))
    if any(one[1] == "gracekeeper" for one in resources):
        last = {"memory": round(helper_memory(), 1)}
        if args.idle:
            last["idle"] = round(helper_idle(args.idle), 4)
        print(json.dumps(last))
    return 0


if __name__ == "__main__":
    sys.exit(main())
