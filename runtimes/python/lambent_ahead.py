"""Started before anybody knows for which function: waits until it is claimed, and becomes that function's runtime.

Until then there is nothing of any function in this process: no code, no environment, no connection.
"""
import posix
import sys
import time

VARIABLE = b"_LAMBENT_BOOT_FD"
# There if what functions import is to be imported, too.
PRELOAD = b"_LAMBENT_PRELOAD"
# What comes in place of an environment where others are to be forked from this process.
FORK = b"\x01"


def wait():
    """One byte says that we are ready; then come the working directory and the environment, each ended by a zero."""
    descriptor = int(posix.environ.pop(VARIABLE))
    main = sys.modules["__main__"]
    snapshot = None
    if posix.environ.pop(PRELOAD, None):
        main.sibling("lambent_preload").preload()
        snapshot = main.sibling("lambent_snapshot")
        del sys.modules["lambent_snapshot"]
    # Nothing is to point to the environment that the process began with: what it is claimed with is to stand there.
    posix.unsetenv(VARIABLE)
    own = set(posix.environ) - began_with()
    for name, value in posix.environ.items():
        posix.putenv(name, value)
    for name in ("lambent_api", "lambent_context"):
        main.sibling(name)
    posix.write(descriptor, b".")
    parts = [posix.read(descriptor, 65536)]
    if parts[0] == FORK:
        posix.close(descriptor)
        variables = fork(snapshot)
        become(task_root(variables), variables, own)
    else:
        while parts[-1]:
            parts.append(posix.read(descriptor, 65536))
        posix.close(descriptor)
        folder, *variables = b"".join(parts).split(b"\0")
        if not variables:
            posix._exit(0)  # Nobody wants us any more.
        become(folder, variables[:-1], own)
    del sys.modules[__name__]


def fork(snapshot):
    """Becomes what others are forked from. Comes back in each of those, once it is claimed: with its environment."""
    if posix.fork():
        posix._exit(1)  # Never runs again; it is the child that is copied.
    snapshot.begin_anew()
    logging = sys.modules["logging"]
    logging._startTime = time.time_ns() if isinstance(logging._startTime, int) else time.time()
    return shown()


def task_root(variables):
    name = b"LAMBDA_TASK_ROOT="
    return next((variable[len(name):] for variable in variables if variable.startswith(name)), b"/var/task")


def began_with():
    """The names of the variables that the process was given; more are there than those that Python adds itself."""
    return {variable.partition(b"=")[0] for variable in shown()}


def shown():
    """The environment as it is seen from outside."""
    descriptor = posix.open("/proc/self/environ", posix.O_RDONLY | posix.O_CLOEXEC)
    text = b""
    while True:
        part = posix.read(descriptor, 65536)
        if not part:
            posix.close(descriptor)
            return [variable for variable in text.split(b"\0") if variable]
        text += part


def become(folder, variables, own):
    # `os.environ` is made of this very dictionary.
    environ = posix.environ
    for name in set(environ) - own:
        posix.unsetenv(name)
        del environ[name]
    for variable in variables:
        name, _, value = variable.partition(b"=")
        environ[name] = value
        posix.putenv(name, value)
    time.tzset()
    posix.chdir(folder)
