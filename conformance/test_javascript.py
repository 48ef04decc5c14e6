"""The AWS SDK for JavaScript v3: runs js/*.test.mjs against a platform of its own."""
import base64
import json
import os
import shutil
import subprocess

from harness import HERE, zipped
from test_awscli import CODE, NODE, PYTHON
from test_streaming import STREAMING


def test_javascript_sdk(platform, tmp_path):
    packages = {}
    for language, (file, code) in (("python", CODE[PYTHON]), ("node", CODE[NODE])):
        versions = {"old": code, "new": code.replace("got", "now")}
        packages[language] = {version: base64.b64encode(zipped({file: text})).decode()
                              for version, text in versions.items()}
    packages["streaming"] = base64.b64encode(zipped({"app.mjs": STREAMING})).decode()
    path = tmp_path / "packages.json"
    path.write_text(json.dumps(packages))
    node = shutil.which(os.environ.get("LAMBENT_NODE", "node"))
    done = subprocess.run([node, "--test", str(HERE / "js")], env={**platform.environment(), "PACKAGES": str(path)},
                          cwd=HERE / "js", capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
