"""SnapStart: hooks, the fork that becomes the snapshot, and what has to begin anew in every environment.

Loaded by bootstrap.py only in environments with SnapStart. Also what `import snapshot_restore_py` finds where the
function's package has no copy of that library: on AWS the runtime carries it.
"""
import sys
import types

BEFORE, AFTER = [], []


def register_before_snapshot(function, *args, **kwargs):
    BEFORE.append((function, args, kwargs))
    return function


def register_after_restore(function, *args, **kwargs):
    AFTER.append((function, args, kwargs))
    return function


def get_before_snapshot():
    return BEFORE


def get_after_restore():
    return AFTER


def library():
    """A module that offers the hooks under the library's name."""
    module = types.ModuleType("snapshot_restore_py", "Runtime hooks for Lambda SnapStart for Python.")
    for function in (register_before_snapshot, register_after_restore, get_before_snapshot, get_after_restore):
        setattr(module, function.__name__, function)
    return module


def registered():
    """The library that the function registered its hooks with, if it did."""
    return sys.modules.get("snapshot_restore_py")


def complete_init(runtime):
    """Runs the hooks on both sides of the snapshot. Returns in every environment that starts from it."""
    hooks = registered()
    try:
        # In the reverse order of their registration; those that hooks register run too.
        pending = hooks.get_before_snapshot() if hooks else []
        while pending:
            function, args, kwargs = pending.pop()
            function(*args, **kwargs)
        take(runtime.api)
    except BaseException as error:
        fail(runtime, error, b"/2018-06-01/runtime/init/error", "Runtime.BeforeSnapshotError", 64)
    begin_anew()
    try:
        for function, args, kwargs in hooks.get_after_restore() if hooks else []:
            function(*args, **kwargs)
    except BaseException as error:
        fail(runtime, error, b"/2018-06-01/runtime/restore/error", "Runtime.AfterRestoreError", 65)


def take(api):
    import gc
    import posix

    main = sys.modules["__main__"]
    gc.collect()
    main.flush_output()
    headers = api.restore_next()
    # A connection does not outlive a snapshot.
    api.close()
    if headers.get("lambent-snapshot") != "fork":
        return
    # What is there now is shared by all environments for as long as nobody looks at it.
    gc.freeze()
    if posix.fork():
        posix._exit(1)  # The parent never runs again; it is the child that is copied.


def begin_anew():
    """State of libraries that a process which started by itself would have drawn for itself.

    `random` reseeds itself after a fork; so does OpenSSL, by the process number, and gets a push in any case.
    """
    import posix

    ssl = sys.modules.get("_ssl")
    if ssl is not None:
        ssl.RAND_add(posix.urandom(32), 0.0)
    uuid = sys.modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = None
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None:
        processes.current_process().authkey = posix.urandom(32)


def fail(runtime, error, path, error_type, code):
    payload, _ = sys.modules["__main__"].sibling("lambent_errors").describe(error, None, runtime)
    runtime.report(payload)
    runtime.api.post(path, [(b"Lambda-Runtime-Function-Error-Type", error_type)],
                     runtime.json.dumps(payload).encode("utf-8", "replace"))
    sys.exit(code)
