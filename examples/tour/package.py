"""Needs a large file: its package may bring it, or a layer."""
import os


def lambda_handler(event, context):
    return next(os.path.getsize(path) for path in ("model.bin", "/opt/model.bin") if os.path.exists(path))
