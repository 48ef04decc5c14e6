"""What functions import, imported before anybody knows for which function: the usual part of the standard library, and
AWS's SDK where it was fetched.

Nothing here may depend on whose function comes: no environment, no keys, no connection. Names that this loads are in
`crates/execution/src/runtimes/imported.rs`: a package with a module of such a name never gets a runtime that ran this.
"""
import gc
import sys

STANDARD = (
    "base64 collections concurrent.futures contextlib copy csv dataclasses datetime decimal email.utils enum functools"
    " gzip hashlib hmac http.client io itertools json logging math operator os pathlib random re shutil signal socket"
    " ssl string subprocess tempfile threading time traceback typing urllib.parse urllib.request uuid zipfile"
)
# Files of the SDK's that the making of any client asks for, and the services whose clients functions make most.
READ_AHEAD = ("endpoints", "partitions", "sdk-default-configuration", "_retry")
SERVICES = ("dynamodb", "events", "lambda", "s3", "secretsmanager", "sns", "sqs", "ssm")


def preload():
    import warnings

    # Nobody is there yet to be warned.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load()
    gc.collect()
    # What is there stays there: no later collection has to look at it.
    gc.freeze()
    del sys.modules[__name__]


def load():
    for name in STANDARD.split():
        __import__(name)
    import boto3.dynamodb.conditions
    import boto3.dynamodb.transform
    import boto3.s3.inject
    import boto3.s3.transfer
    import boto3.session

    # What making a client imports, and what it finds out about the host; the keys are nobody's.
    session = boto3.session.Session("none", "none", region_name="us-east-1")
    session.client("sts")
    know_services(session._loader)
    read_ahead()
    trust_late()


def know_services(loader):
    """Has the names of all services known, for which there are hundreds of folders to be looked into."""
    import functools
    import os

    from botocore import loaders

    def folders(paths):
        return [path for path in paths if os.path.isdir(path)]

    look = loaders.Loader.list_available_services
    usual = folders(loader.search_paths)
    known = {kind: look(loader, kind) for kind in ("service-2", "endpoint-rule-set-1")}

    @functools.wraps(look)
    def list_available_services(self, type_name):
        # A function may have folders of its own.
        is_usual = type_name in known and folders(self.search_paths) == usual
        return list(known[type_name]) if is_usual else look(self, type_name)

    loaders.Loader.list_available_services = list_available_services


def read_ahead():
    """Has files read that the making of a client asks for, some of a megabyte.

    Each is given to whoever asks first and is theirs alone; who asks again has it read from its file, as ever.
    """
    import functools
    import os

    from botocore import loaders

    load = loaders.JSONFileLoader.load_file
    reader = loaders.JSONFileLoader()
    folder = loaders.Loader.BUILTIN_DATA_PATH
    paths = [os.path.join(folder, name) for name in READ_AHEAD]
    for service in SERVICES:
        latest = os.path.join(folder, service, max(os.listdir(os.path.join(folder, service))))
        paths += [os.path.join(latest, name) for name in ("service-2", "endpoint-rule-set-1")]
    ready = {path: load(reader, path) for path in paths}

    @functools.wraps(load)
    def load_file(self, file_path):
        content = ready.pop(file_path, None)
        return load(self, file_path) if content is None else content

    loaders.JSONFileLoader.load_file = load_file


def trust_late():
    """Has the list of authorities chosen when it is wanted: a function may bring `certifi`, which the SDK prefers."""
    from botocore import httpsession

    def where():
        try:
            from certifi import where
        except ImportError:
            return httpsession.DEFAULT_CA_BUNDLE
        return where()

    httpsession.where = where
