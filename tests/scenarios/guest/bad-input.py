#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
"""Gives the agent on this node every kind of bad input and looks at what it says and what it leaves behind.

    bad-input.py DIR SECOND [--taken ADDRESS/PREFIX]

A file system is mounted at DIR; DIR/export and DIR/.gracekeeper are there. Another one, with the same, is at SECOND.
--taken is an address that a service on another node has. Each case is one `start`; refused ones are followed by a probe
(must say: not running) and a `stop` (must succeed). Before and after each case what the node has is compared: namespaces,
links, addresses, mounts, units, daemons, /run/gracekeeper, the node-wide settings of lockd and of leases, and the files on
the file system.
Prints lines "ok ..." and "FAIL ..."; exit status 1 when there is one of the latter.
"""
import argparse
import contextlib
import glob
import os
import re
import subprocess
import sys
import time

AGENT = "/usr/lib/ocf/resource.d/gracekeeper/nfs"
PWNED = "/tmp/gracekeeper-was-here"
NAME = "bad"
FREE = "10.77.0.106/24"
OK, GENERIC, ARGS, INSTALLED, CONFIGURED, NOT_RUNNING = 0, 1, 2, 5, 6, 7


def output(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def agent(action, params, name=NAME, **meta):
    """(exit code, exit reasons) of one call, as Pacemaker makes it."""
    done = subprocess.run([AGENT, action], env=environment(params, name, meta), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, reasons(done.stdout)


def environment(params, name, meta):
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "OCF_ROOT": "/usr/lib/ocf", "OCF_RESOURCE_INSTANCE": name,
           "OCF_RESOURCE_TYPE": "nfs", "OCF_RESOURCE_PROVIDER": "gracekeeper", "OCF_RESOURCE_CLASS": "ocf",
           "OCF_RA_VERSION_MAJOR": "1", "OCF_RA_VERSION_MINOR": "1", "HA_LOGD": "no", "HA_debug": "0",
           "OCF_RESKEY_CRM_meta_timeout": "90000"}
    env.update({"OCF_RESKEY_" + key: value for key, value in params.items() if value is not None})
    env.update({"OCF_RESKEY_CRM_meta_" + key: value for key, value in meta.items()})
    return env


def reasons(said):
    lines = said.decode("utf-8", "replace").splitlines()
    return [line.split("ocf-exit-reason:", 1)[1] for line in lines if "ocf-exit-reason:" in line]


def tree(top):
    """Every path below TOP."""
    return [os.path.join(base, name) for base, directories, files in os.walk(top) for name in directories + files]


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def snapshot(directory, state):
    """What the node has, as {kind: sorted lines}. What a service keeps in its state directory may stay there: it is
    how the next start finds the locks."""
    kinds = {
        "network namespaces": os.listdir("/run/netns") if os.path.isdir("/run/netns") else [],
        "links": os.listdir("/sys/class/net"),
        "addresses": [" ".join(line.split()[1:4]) for line in output("ip", "-o", "addr").splitlines()],
        "units": [" ".join(line.split()[:4]) for line in output(
            "systemctl", "list-units", "--all", "--plain", "--no-legend", "gracekeeper-*").splitlines()],
        "run": tree("/run/gracekeeper"),
        "files": [path for path in tree(directory) if not path.startswith(state + "/")],
        "daemons": [name for name in (read(path).strip() for path in glob.glob("/proc/[0-9]*/comm"))
                    if name in ("rpcbind", "nfsdcld", "rpc.statd", "rpc.mountd", "nfs-notify", "sm-notify", "nfsd")
                    or name.startswith("gk-")],
        "mounts": [" ".join(line.split()[3:5]) for line in read("/proc/self/mountinfo").splitlines()],
        "leases": ["fs.leases-enable " + read("/proc/sys/fs/leases-enable").strip()],
        "lockd settings": [f"{path} {read(path).strip()}" for path in glob.glob("/proc/sys/fs/nfs/*")],
    }
    return {kind: sorted(lines) for kind, lines in kinds.items()}


def difference(before, after):
    found = []
    for kind, lines in before.items():
        # lockd's settings appear with its module, which stays loaded.
        if kind == "lockd settings" and not lines:
            continue
        found += [f"{kind}: new: {line}" for line in after[kind] if line not in lines]
        found += [f"{kind}: gone: {line}" for line in lines if line not in after[kind]]
    return found


class Tests:
    def __init__(self, args):
        self.dir, self.second = args.dir, args.second
        self.taken = args.taken
        self.failed = 0
        self.good = {"ip": FREE, "state_dir": f"{self.dir}/.gracekeeper",
                     "exports": f"{self.dir}/export 10.77.0.0/24(rw,no_subtree_check)",
                     "lease_time": "10", "grace_time": "10"}

    def result(self, name, faults, said=""):
        print(f"{'FAIL' if faults else 'ok'} {name}{': ' + said if said else ''}")
        for fault in faults:
            print(f"    | {fault}")
        sys.stdout.flush()
        self.failed += bool(faults)

    def left(self, before, state):
        """What is left behind since BEFORE, given a moment for what systemd still has to tidy up. What is there then
        is what the next case finds: each fault is told once."""
        deadline = time.monotonic() + 5
        while True:
            now = snapshot(self.dir, state)
            found = difference(before, now)
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.3)

    def refused(self, name, codes, words, around=None, instance=NAME, quick=False, **params):
        """A start that must be refused with one of CODES and one line that has all of WORDS (regular expressions)."""
        full = {**self.good, **params}
        faults = []
        with around() if around else contextlib.nullcontext():
            before = snapshot(self.dir, self.good["state_dir"])
            code, said = agent("start", full, instance)
            if code not in codes:
                faults.append(f"start: exit code {code}, not one of {codes}")
            if len(said) != 1:
                faults.append(f"start: {len(said)} exit reasons: {said}")
            for word in words:
                if not any(re.search(word, line, re.I) for line in said):
                    faults.append(f"start: the reason does not say /{word}/: {said}")
            if code == OK:
                agent("stop", full, instance)
            elif not quick:
                faults += self.idle(full, instance)
            faults += self.left(before, self.good["state_dir"])
        faults += self.executed()
        self.result(name, faults, "; ".join(said))

    def executed(self):
        if not os.path.exists(PWNED):
            return []
        os.unlink(PWNED)
        return ["a parameter was executed"]

    def idle(self, full, instance):
        """Bad parameters must neither keep a stop from succeeding nor make a probe find anything."""
        faults = []
        code, _ = agent("monitor", full, instance, interval="0")
        if code != NOT_RUNNING:
            faults.append(f"probe: exit code {code}, not {NOT_RUNNING}")
        code, said = agent("stop", full, instance)
        if code != OK:
            faults.append(f"stop: exit code {code}: {said}")
        return faults

    def malformed(self, name, words, thorough=False, **params):
        """Wrong on every node. Thoroughly: validate-all says the same, a probe and a stop do not mind."""
        self.refused(name, {CONFIGURED}, words, quick=not thorough, **params)
        if thorough:
            code, said = agent("validate-all", {**self.good, **params})
            self.result(f"{name} (validate-all)", [] if code == CONFIGURED and len(said) == 1 else [f"code {code}: {said}"])

    def accepted(self, name, look=None, around=None, **params):
        """A start that must work; LOOK may find faults while it runs."""
        full = {**self.good, **params}
        with around() if around else contextlib.nullcontext():
            before = snapshot(self.dir, full["state_dir"])
            faults = []
            code, said = agent("start", full)
            if code != OK:
                faults.append(f"start: exit code {code}: {said}")
            else:
                code, said = agent("monitor", full, interval="10000")
                if code != OK:
                    faults.append(f"monitor: exit code {code}: {said}")
                if look:
                    faults += look()
            code, said = agent("stop", full)
            if code != OK:
                faults.append(f"stop: exit code {code}: {said}")
            faults += self.left(before, full["state_dir"])
        self.result(name, faults + self.executed())

    # -- surroundings of a case ------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def made(self, *paths, file=False):
        for path in paths:
            if file:
                with open(path, "wb"):
                    pass
            else:
                os.mkdir(path)
        try:
            yield
        finally:
            for path in paths:
                subprocess.run(["rm", "-rf", "--", path], check=True)

    @contextlib.contextmanager
    def moved_away(self, path):
        os.rename(path, path + ".away")
        try:
            yield
        finally:
            os.rename(path + ".away", path)

    @contextlib.contextmanager
    def read_only(self):
        subprocess.run(["mount", "-o", "remount,ro", self.dir], check=True)
        try:
            yield
        finally:
            subprocess.run(["mount", "-o", "remount,rw", self.dir], check=True)

    @contextlib.contextmanager
    def links(self, *commands, remove):
        for command in commands:
            subprocess.run(["ip"] + command.split(), check=True)
        try:
            yield
        finally:
            for link in remove:
                subprocess.run(["ip", "link", "del", link], check=True)

    @contextlib.contextmanager
    def no_nfsd_module(self):
        """As on a kernel without it: not loaded, and not to be had. (An "install" line of modprobe.d does not forbid it:
        where a module has soft dependencies, as nfsd has on 6.12, modprobe ignores such lines.)"""
        module = subprocess.run(["modinfo", "-n", "nfsd"], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()
        with self.moved_away(module):
            subprocess.run(["sh", "-c", "umount -a -t nfsd; rmmod nfsd; ! grep nfsd$ /proc/filesystems"], check=True)
            yield

    @contextlib.contextmanager
    def running(self, name, **params):
        full = {**self.good, **params}
        code, said = agent("start", full, name)
        if code != OK:
            raise RuntimeError(f"{name} does not start: {said}")
        try:
            yield
        finally:
            code, said = agent("stop", full, name)
            if code != OK:
                raise RuntimeError(f"{name} does not stop: {said}")

    # -- the cases -------------------------------------------------------------------------------------------------
    def run(self):
        # The first start of all makes what the node keeps for good: /run/gracekeeper/ns and the modules.
        agent("start", self.good)
        agent("stop", self.good)
        self.accepted("a good configuration starts and stops")
        self.addresses()
        self.numbers_and_words()
        self.exports()
        self.state_directory()
        self.hostile()
        self.devices()
        self.firewall()
        self.missing_parts()
        self.two_services()
        self.two_starts()
        return 1 if self.failed else 0

    def addresses(self):
        for text in ("", "10.77.0.300/24", "10.77.0.106", "10.77.0.106/33", "10.77.0.106/", "10.77.0.106/24x", "fd77::106/129",
                     "fd77:::106/64", "10.77.0.106/24 10.77.0.106/24", "224.0.0.1/24",
                     "127.0.0.1/8", "0.0.0.0/24", "somewhere/24"):
            bad = [word for word in re.split(r"[ ]", text) if word][-1:]
            self.malformed(f"ip={text!r}", [re.escape(bad[0][:12])] if bad else ["ip"], thorough=not text, ip=text)
        self.malformed("no ip at all", ["ip"], ip=None)
        self.refused("an address that a client has", {GENERIC, ARGS}, [r"10\.77\.0\.51"], ip="10.77.0.51/24")
        self.refused("an IPv6 address that a client has", {GENERIC, ARGS}, ["fd77::51"], ip="fd77::51/64")
        self.refused("an address of this node", {GENERIC, ARGS}, [r"10\.77\.0\.11"], ip="10.77.0.11/24")
        self.refused("an address in no network of this node", {ARGS}, [r"192\.0\.2\.9"], ip="192.0.2.9/24")
        if self.taken:
            self.refused("an address with which another node runs a service", {GENERIC, ARGS},
                         [re.escape(self.taken.split("/")[0])], ip=self.taken)

    def numbers_and_words(self):
        for key, texts in {"threads": ("0", "4097", "-1", "eight", "8.5", "99999999999999999999"),
                           "lease_time": ("9", "3601", "x"),
                           "grace_time": ("9", "3601", "241", "1e2"),
                           "versions": ("2", "5", "3 4.9", "3,4.2", "-3"),
                           "link_type": ("bridge", "IPVLAN "),
                           "routes": ("default", "10.1.0.0/16 dev eth0", "10.1.2.3/16", "fd50::/64 via 10.77.0.1"),
                           "firewall": ("rules.nft", "/etc/a\"b"),
                           "scope": ("a b", "x" * 65, "-x", "a/b", "ä")}.items():
            for text in texts:
                self.malformed(f"{key}={text[:20]!r}", [key], thorough=text == texts[0], **{key: text})
        self.malformed("grace_time below lease_time", ["grace_time", "lease_time"], lease_time="60", grace_time="30")

    def exports(self):
        d = self.dir
        clients = "10.77.0.0/24"
        self.malformed("no export", ["exports"], exports="")
        for what, text, words in (
                ("an open parenthesis", f"{d}/export {clients}(rw", [r"\("]),
                ("an unknown option", f"{d}/export {clients}(rw,nosuchoption)", ["nosuchoption"]),
                ("a relative path", f"export {clients}(rw)", ["export"]),
                ("a bad network", f"{d}/export 10.77.0.0/99(rw)", ["10.77.0.0/99"]),
                ("one bad line of two", f"{d}/export {clients}(rw)\n{d}/export ]{clients}(rw)", ["]10.77"]),
                ("a wildcard name", f"{d}/export *.example.com(rw)", [r"\*\.example\.com"]),
                ("a netgroup", f"{d}/export @group(rw)", ["@group"]),
                ("sec=krb5", f"{d}/export {clients}(rw,sec=krb5)", ["krb5"]),
                ("an option for a line", f"-o rw {d}/export", ["-o"]),
                ("a bad fsid", f"{d}/export {clients}(rw,fsid=x-y)", ["fsid"])):
            self.malformed(f"exports with {what}", words, exports=text)
        uuid = "f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3"
        with self.made(f"{d}/export2"):
            self.malformed("one fsid for two exports", ["fsid", uuid[:8]],
                           exports=f"{d}/export {clients}(rw,fsid={uuid})\n{d}/export2 {clients}(rw,fsid={uuid})")
        self.refused("a host name nobody knows", {ARGS, CONFIGURED}, ["nosuchhost"], exports=f"{d}/export nosuchhost.invalid(rw)")
        self.accepted("a host name that can be resolved", exports=f"{d}/export client1(rw)",
                      look=lambda: self.table_has("10.77.0.51"))
        self.accepted("everybody", exports=f"{d}/export *(rw)")
        self.refused("an export path that is missing", {ARGS}, [f"{d}/none"], exports=f"{d}/none {clients}(rw)")
        self.refused("an export path that is a file", {ARGS}, [f"{d}/file"], exports=f"{d}/file {clients}(rw)",
                     around=lambda: self.made(f"{d}/file", file=True))
        self.refused("an export path on no mounted file system", {ARGS}, ["/srv/unmounted", "mount"],
                     exports=f"/srv/unmounted {clients}(rw)", around=lambda: self.made("/srv/unmounted"))
        self.refused("a file of exports that is missing", {ARGS}, ["/etc/no-such-exports"], exports="/etc/no-such-exports")

    def table_has(self, client):
        with open(f"{self.good['state_dir']}/nfs/etab", encoding="utf-8") as file:
            table = file.read()
        return [] if client in table else [f"{client} is not in the export table: {table}"]

    def state_directory(self):
        d = self.dir
        self.malformed("no state_dir", ["state_dir"], state_dir="")
        self.malformed("a relative state_dir", ["state_dir"], state_dir="srv/state")
        self.refused("a state_dir that is missing", {ARGS}, [f"{d}/none"], state_dir=f"{d}/none")
        self.refused("a state_dir that is a file", {ARGS}, [f"{d}/file"], state_dir=f"{d}/file",
                     around=lambda: self.made(f"{d}/file", file=True))
        self.refused("a state_dir on a read-only file system", {ARGS}, ["read-only", d], around=self.read_only)
        self.refused("a state_dir inside an exported directory", {ARGS, CONFIGURED}, [f"{d}/export", "subdirectory"],
                     state_dir=f"{d}/export/state", around=lambda: self.made(f"{d}/export/state"))
        self.refused("a whole file system exported, with the state in it", {ARGS, CONFIGURED}, ["subdirectory"],
                     exports=f"{d} 10.77.0.0/24(rw)")

    def hostile(self):
        d = self.dir
        run = f"touch {PWNED}"
        texts = (f"$({run})", f"`{run}`", f"'; {run} ; \"", "-rf", "--help", "a\nb", "\x7f")
        for index, key in enumerate(("ip", "nic", "state_dir", "exports", "versions", "threads", "lease_time", "link_type", "scope")):
            # Two for each parameter, all of them in all.
            for text in (texts[index % len(texts)], texts[(index + 3) % len(texts)]):
                self.refused(f"{key}={text!r}", {ARGS, CONFIGURED}, [], quick=key != "ip", **{key: text})
        for text in ("with space", "quo'te\"s", f"$({run.replace('/', '-')})"):
            path = f"{d}/{text}"
            self.accepted(f"state_dir={path!r}", state_dir=path, around=lambda path=path: self.made(path))
        self.accepted("an exported path with a space, as exports(5) writes it", exports=f'"{d}/ex port" 10.77.0.0/24(rw)',
                      around=lambda: self.made(f"{d}/ex port"))
        for name in ("../evil", "a b", "x" * 65):
            self.refused(f"a resource named {name[:20]!r}", {ARGS, CONFIGURED, GENERIC}, [], instance=name)

    def devices(self):
        self.refused("no such device", {ARGS}, ["nope0"], nic="nope0")
        self.refused("the loopback device", {ARGS}, ["lo"], nic="lo")
        self.refused("a port of a bridge", {ARGS}, ["port9", "bridge"], nic="port9", around=lambda: self.links(
            "link add br9 type bridge", "link add port9 type dummy", "link set port9 master br9 up", remove=("port9", "br9")))
        self.refused("ipvlan on a device that carries macvlan", {ARGS}, ["dummy9", "macvlan"], nic="dummy9", around=lambda: self.links(
            "link add dummy9 type dummy", "link set dummy9 up", "link add mv9 link dummy9 type macvlan mode bridge",
            remove=("mv9", "dummy9")))

    def firewall(self):
        self.refused("no firewall file", {ARGS}, ["firewall", "/nope.nft"], firewall="/nope.nft")
        self.refused("a firewall file that nft does not understand", {ARGS}, ["firewall", "/etc/hostname"],
                     firewall="/etc/hostname")

    def missing_parts(self):
        self.refused("nft is missing", {INSTALLED}, ["nftables"], around=lambda: self.moved_away("/usr/sbin/nft"))
        self.refused("nfsdcld is missing", {INSTALLED}, ["nfsdcld"], around=lambda: self.moved_away("/usr/sbin/nfsdcld"))
        self.refused("the nfsd module is missing", {INSTALLED}, ["nfsd"], around=self.no_nfsd_module)

    def two_services(self):
        d = self.dir
        self.clear_state()
        with self.made(f"{d}/export2", f"{d}/.gracekeeper2"), self.running("one"):
            self.refused("a file system that another service exports", {ARGS, GENERIC}, ["one", d], ip="10.77.0.108/24",
                         state_dir=f"{d}/.gracekeeper2", exports=f"{d}/export2 10.77.0.0/24(rw)")
            self.refused("an address that another service of this node has", {ARGS, GENERIC}, [r"10\.77\.0\.106"],
                         state_dir=f"{d}/.gracekeeper2", exports=f"{d}/export2 10.77.0.0/24(rw)")
            self.refused("a state_dir that another service uses", {ARGS, GENERIC}, [], ip="10.77.0.108/24",
                         exports=f"{d}/export2 10.77.0.0/24(rw)")
            code, said = agent("monitor", self.good, "one", interval="10000")
            self.result("the first service is not disturbed", [] if code == OK else [f"monitor: {code}: {said}"])
        self.clear_state()
        line = "/export 10.77.0.0/24(rw,fsid=f1d2d2f9-24e9-86ac-86fd-f7b36b4bcdf3)"
        with self.running("one", exports=d + line):
            self.refused("a fsid that another service has", {CONFIGURED}, ["fsid f1d2d2f9", "one"], ip="10.77.0.108/24",
                         state_dir=f"{self.second}/.gracekeeper", exports=self.second + line)
        self.clear_state()

    def clear_state(self):
        """The state directory belongs to a service for good; the next case has another one."""
        subprocess.run(["find", self.good["state_dir"], "-mindepth", "1", "-delete"], check=True)

    def two_starts(self):
        """Two at once: both find it running in the end, or the second says why not; there is one instance."""
        before = snapshot(self.dir, self.good["state_dir"])
        env = environment(self.good, NAME, {})
        calls = [subprocess.Popen([AGENT, "start"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT) for _ in range(2)]
        said = [reasons(call.communicate()[0]) for call in calls]
        codes = sorted(call.returncode for call in calls)
        faults = [] if codes[0] == OK and codes[1] in (OK, GENERIC) else [f"exit codes {codes}: {said}"]
        code, why = agent("monitor", self.good, interval="10000")
        if code != OK:
            faults.append(f"monitor: exit code {code}: {why}")
        code, why = agent("stop", self.good)
        if code != OK:
            faults.append(f"stop: exit code {code}: {why}")
        faults += self.left(before, self.good["state_dir"])
        self.result("two starts at once", faults, str(codes))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir")
    parser.add_argument("second", help="another file system, laid out like the first")
    parser.add_argument("--taken")
    return Tests(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
