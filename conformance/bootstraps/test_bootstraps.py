"""Runs every function of the corpus under our bootstraps, started for it and started ahead, and under AWS's clients, and
demands the same behaviour.

    python3 conformance/bootstraps/test_bootstraps.py             (installs AWS's clients into the cache when missing)
    python3 conformance/bootstraps/test_bootstraps.py -k logs     (only cases whose name contains "logs")

Each case is compared twice: with its expectation in ../functions/table.json, and with what AWS's client does now.
A case may carry `deviates`, which names what differs from AWS's client and why; everything else must still be equal.
"""
import concurrent.futures
import json
import os
import sys
import tempfile
import unittest

import clients
import compare
import platform_side

FUNCTIONS = os.path.join(os.path.dirname(clients.HERE), "functions")
PLATFORM_OPTIONS = ("headers", "frames", "chunked", "post_status", "hang_up", "pieces")
ASPECTS = ("posts", "records", "exit")


def load_cases():
    with open(os.path.join(FUNCTIONS, "table.json"), encoding="utf-8") as file:
        return json.load(file)


def events_of(case):
    if "event_bytes" in case:
        return [json.dumps("x" * (case["event_bytes"] - 2)).encode()]
    if "event_raw" in case:
        return [case["event_raw"].encode()]
    return case.get("events", [{}])


def execute(case, command, **more):
    folder = os.path.join(FUNCTIONS, case["function"], case["runtime"])
    options = {name: case[name] for name in PLATFORM_OPTIONS if name in case} | more
    return platform_side.run(
        command(case["runtime"], case["handler"]), clients.environment(case, folder), folder, events_of(case), **options)


def aspects(run):
    return {
        "posts": [compare.post(item) for item in run.posts],
        "records": compare.records(run.records),
        "exit": run.exit_code,
    }


class Corpus(unittest.TestCase):
    maxDiff = None

    def check(self, case, mine, theirs, waited):
        outcomes = [compare.outcome(item) for item in mine.posts]
        for got, wanted in zip(outcomes, case["posts"]):
            if "message" not in wanted:
                got.pop("message", None)  # The interpreter's own words, different in each version.
        self.assertEqual(outcomes, case["posts"])
        self.assertEqual(mine.exit_code, case["exit"])
        written = "".join(value + "\n" for _, value in mine.records)
        for wanted in case.get("log", []):
            self.assertIn(wanted, written)
        deviates = case.get("deviates", {})
        ours, of_waited = aspects(mine), aspects(waited)
        for aspect in ASPECTS:
            # What AWS's client cannot finish depends on time.
            if "all" not in deviates and not deviates.get(aspect, "").startswith("varies: "):
                self.assertEqual(of_waited[aspect], ours[aspect], "started ahead: " + aspect)
        if theirs is None:
            return
        aws = aspects(theirs)
        for aspect in ASPECTS:
            if deviates.get(aspect, "").startswith("varies: "):
                continue  # AWS's client itself does not always do the same.
            if aspect in deviates:
                # A deviation that is none any more has to leave the list.
                self.assertNotEqual(ours[aspect], aws[aspect], "no longer deviates: " + aspect)
            else:
                self.assertEqual(ours[aspect], aws[aspect], aspect)


def add_tests(cases, pool):
    # Processes of all cases start in the background, a few at a time; each test waits for its two.
    wanted = [sys.argv[i + 1] for i, word in enumerate(sys.argv[:-1]) if word == "-k"]
    for case in cases:
        name = "test_" + case["name"].replace(" ", "_")
        if wanted and not any(word in name for word in wanted):
            continue
        mine, theirs = pool.submit(execute, case, clients.ours), None
        waited = pool.submit(execute, case, clients.ours, ahead=True)
        # "all" is for what AWS's client cannot finish in this setting.
        if "all" not in case.get("deviates", {}):
            theirs = pool.submit(execute, case, clients.official)

        def test(self, case=case, mine=mine, theirs=theirs, waited=waited):
            self.check(case, mine.result(), theirs and theirs.result(), waited.result())

        assert not hasattr(Corpus, name), name
        setattr(Corpus, name, test)


if __name__ == "__main__":
    clients.install()
    with tempfile.TemporaryDirectory() as built, concurrent.futures.ThreadPoolExecutor(3) as executor:
        clients.use_built(built)
        add_tests(load_cases(), executor)
        unittest.main()
