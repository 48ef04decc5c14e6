"""Never imported by `import json`: on AWS the standard library's is loaded before user code is looked for."""


def handler(event, context):
    return "mine"
