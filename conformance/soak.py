"""A soak: mixed load for minutes, every answer checked, and what the platform holds of the host counted as it goes.

    conformance/run.sh --soak 30          minutes; prints a line for each, fails when something is lost or grows

Cold starts, warm calls, errors, timeouts, asynchronous and streamed invocations run beside each other, each kind one
after the other with a pause, so that the machine is busy and not choked. Resident memory, open files, mounts, cgroups and processes are counted every few seconds, between the
same two points of the load; the last third of the run must not hold more than the second.
"""
import collections
import json
import os
import pathlib
import statistics
import sys
import threading
import time

import leftovers
from harness import Functions, Lambent, NODE, wait

CODE = """
import json, sys, time
handled = 0
def handler(event, context):
    global handled
    handled += 1
    if event.get("fail"):
        raise ValueError("as asked")
    if event.get("sleep"):
        time.sleep(event["sleep"])
    print("handled", event.get("number"))
    return {"number": event.get("number"), "cold": handled == 1}
"""
STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  for (let part = 0; part < event.parts; part += 1) stream.write(`${part};`);
  stream.end();
});
"""
PARTS = 50
SAMPLE_S = 5
PAUSE_S = 0.05
# What may be held more in the last third than in the second: caches that fill, allocators that do not give back.
GROWTH = {"rss_kib": 1.10, "spawner_rss_kib": 1.10, "fds": 1.10, "mounts": 1.10, "cgroups": 1.10, "processes": 1.10}


class Soak:
    def __init__(self, minutes):
        self.until = time.monotonic() + minutes * 60
        self.platform = Lambent()
        self.functions = Functions(self.platform)
        self.counts = collections.Counter()
        self.wrong = []
        self.samples = []

    def run(self):
        self.names = [self.functions.create(CODE, Timeout=30) for _ in range(4)]
        self.slow = self.functions.create(CODE, Timeout=1)
        self.stream = self.functions.create({"index.js": STREAM}, NODE, "index.handler")
        loads = [self.warm, self.warm, self.cold, self.error, self.timeout, self.asynchronous, self.streaming]
        threads = [threading.Thread(target=self.repeat, args=(load,)) for load in loads]
        [thread.start() for thread in threads]
        self.watch()
        [thread.join() for thread in threads]
        self.check_asynchronous()
        return self.report()

    def repeat(self, load):
        api = self.platform.client("lambda")
        number = 0
        while time.monotonic() < self.until:
            number += 1
            time.sleep(PAUSE_S)
            try:
                expected = load(api, number)
            except Exception as error:  # Whatever it is, the soak goes on and tells.
                self.wrong.append(f"{load.__name__} {number}: {error!r}")
                continue
            self.counts[load.__name__] += 1
            if not expected:
                self.wrong.append(f"{load.__name__} {number}: another answer than expected")

    @staticmethod
    def invoke(api, name, event, **arguments):
        answer = api.invoke(FunctionName=name, Payload=json.dumps(event), **arguments)
        return answer.get("FunctionError"), json.loads(answer["Payload"].read() or b"null")

    def warm(self, api, number):
        failed, body = self.invoke(api, self.names[number % 2], {"number": number})
        return failed is None and body["number"] == number

    def cold(self, api, number):
        name = self.names[2]
        api.update_function_configuration(FunctionName=name, Description=f"change {number}")
        wait(api, "function_updated_v2", FunctionName=name)
        failed, body = self.invoke(api, name, {"number": number})
        return failed is None and body == {"number": number, "cold": True}

    def error(self, api, number):
        failed, body = self.invoke(api, self.names[3], {"number": number, "fail": True})
        return failed == "Unhandled" and body["errorType"] == "ValueError"

    def timeout(self, api, number):
        failed, body = self.invoke(api, self.slow, {"number": number, "sleep": 20})
        return failed == "Unhandled" and body["errorType"] == "Sandbox.Timedout"

    def asynchronous(self, api, number):
        answer = api.invoke(FunctionName=self.names[1], Payload=json.dumps({"number": f"async-{number}"}),
                            InvocationType="Event")
        return answer["StatusCode"] == 202

    def streaming(self, api, number):
        answer = api.invoke_with_response_stream(FunctionName=self.stream, Payload=json.dumps({"parts": PARTS}))
        events = list(answer["EventStream"])
        text = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
        return text.decode() == "".join(f"{part};" for part in range(PARTS)) and "InvokeComplete" in events[-1]

    def watch(self):
        began = time.monotonic()
        while time.monotonic() < self.until:
            time.sleep(SAMPLE_S)
            sample = held(self.platform)
            self.samples.append(sample)
            if len(self.samples) % (60 // SAMPLE_S) == 0:
                print(f"{(time.monotonic() - began) / 60:5.1f} min", dict(self.counts), sample, f"wrong: {len(self.wrong)}",
                      flush=True)

    def check_asynchronous(self):
        """Every accepted event was handled: its line is in the log."""
        wanted = self.counts["asynchronous"]
        deadline = time.monotonic() + 120
        seen = set()
        pages = self.functions.logs.get_paginator("filter_log_events")
        while len(seen) < wanted and time.monotonic() < deadline:
            for page in pages.paginate(logGroupName=f"/aws/lambda/{self.names[1]}", filterPattern='"handled async-"'):
                seen.update(event["message"].strip() for event in page["events"])
            time.sleep(1)
        if len(seen) != wanted:
            self.wrong.append(f"asynchronous: {wanted} accepted, {len(seen)} handled")

    def report(self):
        third = len(self.samples) // 3
        for key, growth in GROWTH.items():
            before = statistics.median(sample[key] for sample in self.samples[third:2 * third])
            after = statistics.median(sample[key] for sample in self.samples[2 * third:])
            print(f"{key:16} second third {before:10.0f}   last third {after:10.0f}")
            if after > before * growth + 8:
                self.wrong.append(f"{key} grew from {before} to {after}")
        held_at_end = (leftovers.children(self.platform.pid), leftovers.mounts(self.platform.data))
        self.platform.stop()
        left = leftovers.alive(held_at_end[0]) + leftovers.mounts(self.platform.data)
        if left:
            self.wrong.append(f"left behind: {left}")
        self.platform.remove()
        print(f"answered: {dict(self.counts)}")
        print("\n".join(self.wrong[:20]) or "nothing lost, nothing grew")
        return 1 if self.wrong else 0


def held(platform):
    processes = leftovers.children(platform.pid)
    own = [pid for pid, _ in processes if b"lambent" in leftovers.command_of(pid)]
    folders = leftovers.cgroups(processes)
    return {
        "rss_kib": resident(platform.pid),
        "spawner_rss_kib": sum(resident(pid) for pid in own),
        "fds": sum(open_files(pid) for pid in [platform.pid, *own]),
        "mounts": sum(mounts(pid) for pid in own),
        "cgroups": len(leftovers.sandbox_cgroups(folders)),
        "processes": len(processes),
    }


def resident(pid):
    status = leftovers.read(pathlib.Path(f"/proc/{pid}/status"))
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def open_files(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def mounts(pid):
    return leftovers.read(pathlib.Path(f"/proc/{pid}/mountinfo")).count("\n")


if __name__ == "__main__":
    sys.exit(Soak(float(sys.argv[1])).run())
