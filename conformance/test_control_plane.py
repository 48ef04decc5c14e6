"""What deployment tools ask for beside functions: policies, code signing, runtimes, event source mappings, tags."""
import json

import botocore.exceptions
import pytest

from harness import ACCOUNT, PYTHON, REGION, ROLE, eventually, wait, zipped

CODE = "def handler(event, context):\n    import sys\n    return '%d.%d' % sys.version_info[:2]\n"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
PROFILE = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/abcdefghij"


@pytest.fixture
def api(functions):
    return functions.api


class refused:
    """Expects this code, and these words in the message."""

    def __init__(self, code, words=""):
        self.code, self.words = code, words

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, botocore.exceptions.ClientError), f"not refused: {error!r}"
        found = error.response["Error"]
        assert found["Code"] == self.code and self.words in found["Message"], found
        return True


def test_statements(api, functions):
    name = functions.create(CODE)
    with refused("ResourceNotFoundException", "The resource you requested does not exist."):
        api.get_policy(FunctionName=name)
    added = api.add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction",
                               Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::bucket", SourceAccount=ACCOUNT)
    statement = json.loads(added["Statement"])
    assert statement == {
        "Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": FUNCTION + name,
        "Condition": {"StringEquals": {"AWS:SourceAccount": ACCOUNT}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}}
    shown = api.get_policy(FunctionName=name)
    assert json.loads(shown["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    with refused("ResourceConflictException", "The statement id (s3) provided already exists."):
        api.add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction",
                           Principal="sns.amazonaws.com")
    with refused("PreconditionFailedException", "GetPolicy"):
        api.add_permission(FunctionName=name, StatementId="b", Action="lambda:InvokeFunction", Principal="*",
                           RevisionId="00000000-0000-0000-0000-000000000000")
    api.remove_permission(FunctionName=name, StatementId="s3", RevisionId=shown["RevisionId"])
    with refused("ResourceNotFoundException", "No policy is associated with the given resource."):
        api.remove_permission(FunctionName=name, StatementId="s3")


def test_whole_documents(api, functions):
    if not hasattr(api, "put_resource_policy"):
        pytest.skip("this client is older than the operation")
    name = functions.create(CODE)
    policy = {"Version": "2012-10-17", "Statement": [
        {"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "lambda:*", "Resource": FUNCTION + name}]}
    stored = api.put_resource_policy(ResourceArn=FUNCTION + name, Policy=json.dumps(policy))
    assert json.loads(stored["Policy"]) == policy
    assert api.get_policy(FunctionName=name)["RevisionId"] == stored["RevisionId"]
    with refused("InvalidParameterValueException", "Syntax errors in policy."):
        api.put_resource_policy(ResourceArn=FUNCTION + name, Policy="{")
    api.delete_resource_policy(ResourceArn=FUNCTION + name, RevisionId=stored["RevisionId"])
    with refused("ResourceNotFoundException"):
        api.get_resource_policy(ResourceArn=FUNCTION + name)


def test_code_signing(api, functions):
    signing = {"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]}}
    config = api.create_code_signing_config(**signing, Tags={"team": "a"})["CodeSigningConfig"]
    arn = config["CodeSigningConfigArn"]
    name = functions.create(CODE, CodeSigningConfigArn=arn)
    assert api.get_function_code_signing_config(FunctionName=name)["CodeSigningConfigArn"] == arn
    assert api.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"] == [FUNCTION + name]
    assert arn in [known["CodeSigningConfigArn"] for known in api.list_code_signing_configs()["CodeSigningConfigs"]]
    with refused("ResourceConflictException"):
        api.delete_code_signing_config(CodeSigningConfigArn=arn)
    api.update_code_signing_config(CodeSigningConfigArn=arn,
                                   CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"})
    with refused("CodeVerificationFailedException"):
        api.update_function_code(FunctionName=name, ZipFile=zipped({"app.py": CODE + "#"}))
    api.delete_function_code_signing_config(FunctionName=name)
    assert "CodeSigningConfigArn" not in api.get_function_code_signing_config(FunctionName=name)
    functions.update(name, {"app.py": CODE + "#"})
    assert api.list_tags(Resource=arn)["Tags"] == {"team": "a"}
    api.delete_code_signing_config(CodeSigningConfigArn=arn)
    with refused("ResourceNotFoundException", "can not be found."):
        api.get_code_signing_config(CodeSigningConfigArn=arn)


def test_runtime_management(api, functions):
    name = functions.create(CODE)
    shown = api.get_function_configuration(FunctionName=name)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    before = functions.ask(name)
    assert api.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Auto"
    api.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="Manual", RuntimeVersionArn=shown)
    assert api.get_runtime_management_config(FunctionName=name)["RuntimeVersionArn"] == shown
    assert functions.ask(name) == before
    with refused("InvalidParameterValueException", "is not available for runtime"):
        api.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="Manual",
                                          RuntimeVersionArn=f"arn:aws:lambda:{REGION}::runtime:{'0' * 64}")
    api.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="Auto")
    assert functions.ask(name) == before


def test_event_source_mappings(api, functions):
    name = functions.create(CODE)
    with refused("InvalidParameterValueException", "AWS.SimpleQueueService.NonExistentQueue"):
        api.create_event_source_mapping(FunctionName=name, EventSourceArn=QUEUE + name)
    made = api.create_event_source_mapping(
        FunctionName=name, EventSourceArn=QUEUE + name, Enabled=False, BatchSize=5, Tags={"team": "a"},
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": [{"prefix": "x"}]}})}]})
    uuid, arn = made["UUID"], made["EventSourceMappingArn"]
    assert (made["State"], made["BatchSize"], made["FunctionArn"]) == ("Creating", 5, FUNCTION + name)

    def settled(state="Disabled"):
        shown = api.get_event_source_mapping(UUID=uuid)
        return shown if shown["State"] == state else None
    eventually(settled, "the mapping to settle")
    with refused("ResourceConflictException", uuid):
        api.create_event_source_mapping(FunctionName=name, EventSourceArn=QUEUE + name, Enabled=False)
    with refused("InvalidParameterValueException", "Invalid filter pattern definition."):
        api.update_event_source_mapping(UUID=uuid, FilterCriteria={"Filters": [{"Pattern": "x"}]})
    api.update_event_source_mapping(UUID=uuid, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    assert eventually(settled, "the update")["BatchSize"] == 100
    pages = api.get_paginator("list_event_source_mappings").paginate(FunctionName=name)
    assert [known["UUID"] for page in pages for known in page["EventSourceMappings"]] == [uuid]
    api.tag_resource(Resource=arn, Tags={"stage": "test"})
    api.untag_resource(Resource=arn, TagKeys=["team"])
    assert api.list_tags(Resource=arn)["Tags"] == {"stage": "test"}
    api.delete_function(FunctionName=name)
    assert settled(), "a mapping outlives its function"
    assert api.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"

    def gone():
        try:
            return not api.get_event_source_mapping(UUID=uuid)
        except api.exceptions.ResourceNotFoundException:
            return True
    eventually(gone, "the mapping to go")


def test_as_sam_deploys(api, functions):
    """Create, wait, publish, alias, permission of the alias by a fixed id; the same again is an update; then all goes."""
    name = functions.name()
    api.create_function(FunctionName=name, Role=ROLE, Runtime=PYTHON, Handler="app.handler", Tags={"stack": name},
                        Code={"ZipFile": zipped({"app.py": CODE})})
    wait(api, "function_active_v2", FunctionName=name)
    version = api.publish_version(FunctionName=name)["Version"]
    api.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    permission = {"FunctionName": name, "Qualifier": "live", "StatementId": f"{name}-Api", "Principal":
                  "apigateway.amazonaws.com", "Action": "lambda:InvokeFunction",
                  "SourceArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:abc/*/GET/"}
    api.add_permission(**permission)
    functions.update(name, {"app.py": CODE + "# two"})
    assert api.publish_version(FunctionName=name)["Version"] != version
    # CloudFormation replaces a permission under a new id before it takes the old one away.
    api.add_permission(**{**permission, "StatementId": f"{name}-Api2"})
    api.remove_permission(FunctionName=name, Qualifier="live", StatementId=f"{name}-Api")
    statements = json.loads(api.get_policy(FunctionName=name, Qualifier="live")["Policy"])["Statement"]
    assert [(one["Sid"], one["Resource"]) for one in statements] == [(f"{name}-Api2", f"{FUNCTION}{name}:live")]
    api.remove_permission(FunctionName=name, Qualifier="live", StatementId=f"{name}-Api2")
    api.delete_alias(FunctionName=name, Name="live")
    assert api.delete_function(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("ResourceNotFoundException", "Function not found"):
        api.get_function(FunctionName=name)


def test_as_terraform_refreshes(api, functions):
    """What a plan reads of a function, a permission and a mapping, there and gone."""
    name = functions.create(CODE, Tags={"a": "b"})
    assert api.get_function(FunctionName=name)["Tags"] == {"a": "b"}
    assert api.get_function_code_signing_config(FunctionName=name)["FunctionName"] == name
    versions = api.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    assert [known["Version"] for page in versions for known in page["Versions"]] == ["$LATEST"]
    with refused("ResourceNotFoundException"):
        api.get_policy(FunctionName=name)
    api.add_permission(FunctionName=name, StatementId="AllowExecutionFromCloudWatch", Action="lambda:InvokeFunction",
                       Principal="events.amazonaws.com", SourceArn=f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r")
    assert "AllowExecutionFromCloudWatch" in api.get_policy(FunctionName=name)["Policy"]
    assert api.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Auto"
    with refused("ResourceNotFoundException"):
        api.get_event_source_mapping(UUID="00000000-0000-0000-0000-000000000000")
    api.delete_function(FunctionName=name)
    for read in (api.get_function, api.get_function_code_signing_config, api.get_policy,
                 api.list_versions_by_function):
        with refused("ResourceNotFoundException"):
            read(FunctionName=name)


def test_everything_survives_a_crash(start):
    platform = start()
    api = platform.client("lambda")
    from harness import Functions
    name = Functions(platform).create(CODE)
    api.add_permission(FunctionName=name, StatementId="a", Action="lambda:InvokeFunction", Principal="*")
    policy = api.get_policy(FunctionName=name)["Policy"]
    config = api.create_code_signing_config(AllowedPublishers={"SigningProfileVersionArns": [PROFILE]})
    arn = config["CodeSigningConfig"]["CodeSigningConfigArn"]
    api.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=arn)
    api.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="FunctionUpdate")
    uuid = api.create_event_source_mapping(FunctionName=name, EventSourceArn=QUEUE + name, Enabled=False)["UUID"]
    platform.kill()
    platform.start()
    api = platform.client("lambda")
    assert api.get_policy(FunctionName=name)["Policy"] == policy
    assert api.get_function_code_signing_config(FunctionName=name)["CodeSigningConfigArn"] == arn
    assert api.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "FunctionUpdate"
    eventually(lambda: api.get_event_source_mapping(UUID=uuid)["State"] == "Disabled", "the mapping to settle")
