"""What a platform holds of the host: processes, mounts, loop devices, cgroups. After its end all of it must be gone."""
import os
import pathlib
import re


def children(pid):
    """Every process below `pid`, as `(pid, start time)`: numbers alone are used again."""
    parents = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        stat = stat_of(folder.name)
        if stat:
            parents[int(folder.name)] = (int(stat[1]), stat[19])
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        below = [child for child, (its_parent, _) in parents.items() if its_parent == parent]
        found += [(child, parents[child][1]) for child in below]
        queue += below
    return found


def stat_of(pid):
    """The fields of /proc/PID/stat from the state on; None when the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def command_of(pid):
    return read_bytes(f"/proc/{pid}/cmdline")


def read_bytes(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def signal_one(pid, number):
    """Sends a signal, if the process is still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def alive(processes):
    """Those that still run; a zombie holds nothing but its number."""
    stats = {(pid, started): stat_of(pid) for pid, started in processes}
    return [key for key, stat in stats.items() if stat and stat[19] == key[1] and stat[0] != "Z"]


def cgroups(processes):
    """The platform's own folder of cgroups, in every hierarchy, found by its members."""
    found = set()
    for pid, _ in processes:
        try:
            text = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            continue
        for own in re.findall(r"/(lambent-[0-9a-f]+)", text):
            found.update(folder for folder, _, _ in os.walk("/sys/fs/cgroup") if folder.endswith("/" + own))
    return found


def mounts(data):
    return [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(data) in line]


def loop_devices(data):
    files = pathlib.Path("/sys/block").glob("loop*/loop/backing_file")
    return [str(file) for file in files if str(data) in read(file)]


def read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def sandbox_cgroups(folders):
    """The cgroups of single sandboxes that are left in the platform's folders."""
    return [str(path) for folder in folders for path in pathlib.Path(folder).glob("*") if path.is_dir()]
