"""How each runtime is started in these tests: ours from this tree, AWS's from a cache folder outside it."""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RUNTIMES = os.path.join(ROOT, "runtimes")
CACHE = os.environ.get("LAMBENT_CLIENTS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "lambent", "official-clients")
AWSLAMBDARIC, AWS_LAMBDA_RIC = "4.2.2", "3.3.0"
PYTHON = os.environ.get("LAMBENT_PYTHON", "/usr/bin/python3")
NODE = os.environ.get("LAMBENT_NODE", "/usr/bin/node")
# Starts AWS's Node client without the line its command-line program prints first.
NODE_STARTER = 'import { run } from "./node_modules/aws-lambda-ric/dist/index.mjs";\n' \
               "await run(process.cwd(), process.argv[2]);\n"


built_python = None


def use_built(folder):
    """Has our Python runtime compiled into `folder`, as the platform does before it starts any."""
    global built_python
    built_python = os.path.join(folder, "runtimes", "python")
    subprocess.run([PYTHON, "-I", os.path.join(RUNTIMES, "python", "precompile.py"), built_python], check=True)


def ours(runtime, handler):
    if runtime == "python":
        return [PYTHON, "-S", "-s", "-X", "utf8", os.path.join(built_python, "bootstrap.pyc")]
    return [NODE, os.path.join(RUNTIMES, "node", "bootstrap.cjs")]


def official(runtime, handler):
    if runtime == "python":
        return [os.path.join(CACHE, "python", "bin", "python"), "-X", "utf8", "-m", "awslambdaric", handler]
    return [NODE, os.path.join(CACHE, "node", "start.mjs"), handler]


def install():
    """Puts AWS's clients into the cache folder; both are exact versions, so a second call does nothing."""
    python = os.path.join(CACHE, "python")
    if not os.path.exists(os.path.join(python, "installed-" + AWSLAMBDARIC)):
        shutil.rmtree(python, ignore_errors=True)
        subprocess.run([PYTHON, "-m", "venv", python], check=True)
        subprocess.run([os.path.join(python, "bin", "pip"), "install", "-q", "awslambdaric==" + AWSLAMBDARIC], check=True)
        open(os.path.join(python, "installed-" + AWSLAMBDARIC), "w").close()
    node = os.path.join(CACHE, "node")
    if not os.path.exists(os.path.join(node, "installed-" + AWS_LAMBDA_RIC)):
        # Builds libcurl and an addon: wants cmake, g++, autoconf, automake and libtool.
        shutil.rmtree(node, ignore_errors=True)
        os.makedirs(node)
        with open(os.path.join(node, "package.json"), "w") as file:
            file.write("{}\n")
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "aws-lambda-ric@" + AWS_LAMBDA_RIC],
                       cwd=node, check=True)
        with open(os.path.join(node, "start.mjs"), "w") as file:
            file.write(NODE_STARTER)
        open(os.path.join(node, "installed-" + AWS_LAMBDA_RIC), "w").close()


def environment(case, folder):
    """A sandbox's environment: explicit and complete, nothing inherited."""
    env = {
        "_HANDLER": case["handler"],
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": folder,
        "AWS_EXECUTION_ENV": {"python": "AWS_Lambda_python3.13", "node": "AWS_Lambda_nodejs22.x"}[case["runtime"]],
        "AWS_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": "sample",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/sample",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef",
        "PYTHONDONTWRITEBYTECODE": "1",  # Tests leave no __pycache__ in the tree.
    }
    env.update(case.get("env", {}))
    return env
