"""Compiles this runtime for the interpreter that runs this file: `python3 -I precompile.py FOLDER`.

Copies the sources to FOLDER and writes their bytecode beside them: `bootstrap.pyc`, which is started directly (Python
never caches the main program), and `__pycache__` for the rest. Checked by nothing at start (`unchecked-hash`), so the
result may be mounted read-only, with any file times; run this again when the sources or the interpreter change.
"""
import os
import py_compile
import shutil
import sys

IN_SANDBOX = "/var/runtime"  # The file names that tracebacks show.
MODE = py_compile.PycInvalidationMode.UNCHECKED_HASH


def precompile(folder):
    here = os.path.dirname(os.path.abspath(__file__))
    os.makedirs(folder, exist_ok=True)
    for name in sorted(os.listdir(here)):
        if name != "bootstrap.py" and not (name.startswith("lambent_") and name.endswith(".py")):
            continue
        path = shutil.copyfile(os.path.join(here, name), os.path.join(folder, name))
        target = path + "c" if name == "bootstrap.py" else None
        py_compile.compile(path, target, "%s/%s" % (IN_SANDBOX, name), doraise=True, invalidation_mode=MODE)


if __name__ == "__main__":
    precompile(sys.argv[1])
