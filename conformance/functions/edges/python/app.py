"""Mixes the runtime with child processes, threads and a closed standard output."""
import importlib
import inspect
import logging
import os
import subprocess
import sys
import threading


def child(event, context):
    print("before")
    subprocess.run(["echo", "child"], check=True)
    print("after")
    logging.warning("long " + "x" * 70000)
    return "_LAMBDA_TELEMETRY_LOG_FD" in os.environ


def threads(event, context):
    workers = [threading.Thread(target=logging.warning, args=("same",)) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def processes(event, context):
    import multiprocessing

    queue = multiprocessing.Queue()
    worker = multiprocessing.Process(target=queue.put, args=(event,))
    worker.start()
    result = queue.get()
    worker.join()
    return result


def reloaded(event, context):
    importlib.reload(logging)
    logging.warning("once")
    return [len(logging.getLogger().handlers), len(inspect.getsource(logging)) > 1000]


def closed_output(event, context):
    sys.stdout.close()
    return "ok"


def surrogate(event, context):
    return "\ud800"
