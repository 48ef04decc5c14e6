#!/usr/bin/env python3
"""Concurrency is rate times duration: sends requests at a steady rate and prints how many run at once.

    eval "$(lambent env)"                       # or real credentials, for AWS itself
    pip install boto3
    python3 examples/concurrency/load.py        # 100 requests/s x 0.1 s = 10 at once

The lesson's numbers are 1,000 requests/s x 0.1 s = 100 environments. Two cores carry about a tenth of that through
boto3, so the rate is scaled by 1/10 unless --rate says otherwise; the arithmetic is the same.

--reserved 5 reserves less than that and shows what is throttled; --provisioned 10 has environments ready before the
first request, so that none is slow.
"""
import argparse
import collections
import concurrent.futures
import io
import itertools
import json
import pathlib
import threading
import time
import zipfile

import boto3
import botocore.config
import botocore.exceptions

LESSON_RATE = 1000
NAME = "concurrency-example"
ROLE = "arn:aws:iam::000000000000:role/concurrency-example"
FOLDER = pathlib.Path(__file__).resolve().parent


def main():
    options = parse()
    threads = max(32, int(options.rate * options.duration * 4))
    # No retries: what is throttled is to be seen.
    config = botocore.config.Config(retries={"total_max_attempts": 1}, max_pool_connections=threads)
    api = boto3.client("lambda", region_name=options.region, config=config)
    qualifier = deploy(api, options)
    expected = options.rate * options.duration
    print(f"{options.rate:g} requests/s x {options.duration:g} s = {expected:g} at once"
          f"   (scale 1/{LESSON_RATE / options.rate:g} of the lesson's {LESSON_RATE}/s)\n")
    print("second   sent   answered   throttled   at once (mean, max)   environments   slowest")
    load = Load(api, qualifier, options.duration)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        load.run(pool, options.rate, options.seconds)
    steady = [mean for mean, _ in load.seconds[1:]] or [load.seconds[0][0]]
    print(f"\nat once, after the first second: {sum(steady) / len(steady):.1f} (expected {expected:g});"
          f" environments used: {len(load.environments)}")
    api.delete_function(FunctionName=NAME)


def parse():
    parser = argparse.ArgumentParser(description="Concurrency is rate times duration.")
    parser.add_argument("--rate", type=float, default=100, help="requests a second [100]")
    parser.add_argument("--duration", type=float, default=0.1, help="seconds that a request takes [0.1]")
    parser.add_argument("--seconds", type=int, default=10, help="how long [10]")
    parser.add_argument("--reserved", type=int, help="reserve so much concurrency")
    parser.add_argument("--provisioned", type=int, help="provision so many environments")
    parser.add_argument("--runtime", default="python3.13", help="[python3.13]")
    parser.add_argument("--role", default=ROLE, help="execution role (any, on Lambent)")
    parser.add_argument("--region", default=None)
    return parser.parse_args()


def deploy(api, options):
    """Makes the function anew; gives the version to call."""
    try:
        api.delete_function(FunctionName=NAME)
    except api.exceptions.ResourceNotFoundException:
        pass
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(FOLDER / "lambda_function.py", "lambda_function.py")
    api.create_function(FunctionName=NAME, Runtime=options.runtime, Role=options.role, Timeout=30,
                        Handler="lambda_function.lambda_handler", Code={"ZipFile": package.getvalue()})
    api.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 1})
    version = api.publish_version(FunctionName=NAME)["Version"]
    if options.reserved is not None:
        api.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=options.reserved)
    if options.provisioned:
        target = {"FunctionName": NAME, "Qualifier": version}
        api.put_provisioned_concurrency_config(**target, ProvisionedConcurrentExecutions=options.provisioned)
        while (shown := api.get_provisioned_concurrency_config(**target))["Status"] != "READY":
            assert shown["Status"] != "FAILED", shown
            time.sleep(0.2)
    return version


class Load:
    """Sends, counts and prints."""

    def __init__(self, api, qualifier, duration):
        self.api, self.qualifier = api, qualifier
        self.payload = json.dumps({"seconds": duration})
        self.lock = threading.Lock()
        self.running = 0
        self.counts = collections.Counter()
        self.environments = set()
        self.slowest = 0.0
        self.seconds = []

    def run(self, pool, rate, seconds):
        began = time.monotonic()
        stop = threading.Event()
        printer = threading.Thread(target=self.print_seconds, args=(stop,))
        printer.start()
        for number in itertools.count():
            due = began + number / rate
            if due >= began + seconds:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            self.counts["sent"] += 1
            pool.submit(self.call)
        stop.set()
        printer.join()

    def call(self):
        with self.lock:
            self.running += 1
        began = time.monotonic()
        environment, outcome = None, "answered"
        try:
            answer = self.api.invoke(FunctionName=NAME, Qualifier=self.qualifier, Payload=self.payload)
            environment = json.loads(answer["Payload"].read())
        except self.api.exceptions.TooManyRequestsException:
            outcome = "throttled"
        except botocore.exceptions.BotoCoreError as error:
            outcome = type(error).__name__
        with self.lock:
            self.running -= 1
            self.counts[outcome] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
            if environment:
                self.environments.add(environment)

    def print_seconds(self, stop):
        for second in itertools.count(1):
            samples, until = [], time.monotonic() + 1
            while time.monotonic() < until and not stop.is_set():
                samples.append(self.running)
                time.sleep(0.01)
            if stop.is_set() and len(samples) < 50:
                return
            mean, most = sum(samples) / len(samples), max(samples)
            with self.lock:
                counts, self.counts = self.counts, collections.Counter()
                slowest, self.slowest = self.slowest, 0.0
            self.seconds.append((mean, most))
            print(f"{second:6d} {counts['sent']:6d} {counts['answered']:10d} {counts['throttled']:11d}"
                  f" {mean:12.1f}, {most:3d}       {len(self.environments):10d} {slowest * 1000:8.0f} ms"
                  f"   {'#' * round(mean)}", flush=True)


if __name__ == "__main__":
    main()
