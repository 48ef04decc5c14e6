"""The table's function in every language, built once: `package(language)` gives the files of its package.

What is compiled goes to a cache folder under a name made of its sources' checksum, so that it is built again when a
source changes and not otherwise.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import harness

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("LAMBENT_BUILDS") or pathlib.Path.home() / ".cache/lambent/builds")
# Interpreters' clients that the platform is started with.
RUNTIMES = CACHE.parent / "runtimes"


def package(language):
    """The files of the language's package, as `harness.zipped` takes them."""
    if language in BUILDS:
        return harness.folder_files(built(language, BUILDS[language]))
    return harness.folder_files(HERE / language)


def built(language, build):
    """The folder that `build(sources, target)` filled for these very sources."""
    sources = harness.folder_files(HERE / language)
    digest = hashlib.sha256(build.__code__.co_code)
    for path in sorted(sources):
        digest.update(path.encode() + b"\0" + sources[path])
    target = CACHE / f"{language}-{digest.hexdigest()[:16]}"
    if not target.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        staging = pathlib.Path(tempfile.mkdtemp(dir=CACHE))
        try:
            build(HERE / language, staging)
            staging.chmod(0o755)
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return target


def java(sources, target):
    classpath = RUNTIMES / "java-client/lib"
    files = [str(path) for path in sources.rglob("*.java")]
    run("javac", "--release", "11", "-cp", f"{classpath}/*", "-d", str(target), *files, cwd=sources)


def java_events(sources, target):
    copy_dependencies(sources / "pom.xml", target / "lib")
    files = [str(path) for path in sources.rglob("*.java")]
    run("javac", "--release", "11", "-cp", f"{target / 'lib'}/*", "-d", str(target), *files, cwd=sources)


def copy_dependencies(pom, folder):
    run("mvn", "--batch-mode", "--quiet", "--file", str(pom),
        "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", f"-DoutputDirectory={folder}")


def maven(pom, name):
    """The folder with everything that a `pom.xml` names, fetched once."""
    target = CACHE / f"{name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:16]}"
    if not target.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        staging = pathlib.Path(tempfile.mkdtemp(dir=CACHE))
        try:
            copy_dependencies(pom, staging)
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return target


def go(sources, target):
    run("go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(target / "bootstrap"), ".", cwd=sources,
        env={**os.environ, "CGO_ENABLED": "0"})


def rust(sources, target):
    output = CACHE / "cargo"
    run("cargo", "build", "--quiet", "--release", "--locked", "--target-dir", str(output), cwd=sources)
    shutil.copy2(output / "release/bootstrap", target / "bootstrap")


BUILDS = {"java": java, "java-events": java_events, "go": go, "rust": rust}


def install():
    """Fetches what Java's functions need."""
    run(harness.BINARY, "runtimes", "install", "java", "--runtimes", str(RUNTIMES))


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
