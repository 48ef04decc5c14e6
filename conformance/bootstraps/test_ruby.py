"""The Ruby bootstrap against a Runtime API of the test's own: logs in both formats, chunks, pieces, a lost connection.

AWS's own client for Ruby is on no registry that the tests use, so what it does is written down here as we know it.
"""
import json
import os
import pathlib
import re
import shutil
import tempfile
import unittest

import platform_side

HERE = pathlib.Path(__file__).resolve().parent
BOOTSTRAP = HERE.parent.parent / "runtimes/ruby/bootstrap.rb"
RUBY = shutil.which("ruby")
FIRST = platform_side.REQUEST_ID % 1
FUNCTION = """
require 'logger'
LOG = Logger.new($stdout)
def handler(event:, context:)
  case event
  when 'log'
    LOG.debug('not said in JSON')
    LOG.warn("two\\nlines")
    LOG.info(key: 'value')
    begin
      raise 'caught'
    rescue StandardError => e
      LOG.error(e)
    end
    $stdout.print 'no line break'
  when 'fail' then raise IOError, 'broken'
  when 'bytes' then raise "\\xff\\xfe".b
  when 'stream' then require 'stringio'; return StringIO.new('as it is')
  when 'file' then return Logger.new('/dev/null').info('nowhere')
  when 'trace' then return ENV['_X_AMZN_TRACE_ID']
  when 'child' then return `echo $_LAMBDA_TELEMETRY_LOG_FD`.strip
  when 'context' then return [context.identity, context.client_context, context.tenant_id, context.deadline_ms]
  end
  event
end
"""
MS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Ruby(unittest.TestCase):
    def run_function(self, events, function=FUNCTION, frames=True, log_format="Text", level=None, **options):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "app.rb").write_text(function)
            env = {"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": folder, "_HANDLER": "app.handler",
                   "AWS_LAMBDA_LOG_FORMAT": log_format, "TZ": ":UTC"}
            if level:
                env["AWS_LAMBDA_LOG_LEVEL"] = level
            command = [RUBY, "--disable=gems", "-EUTF-8", str(BOOTSTRAP)]
            return platform_side.run(command, env, folder, events, frames=frames, **options)

    def answers(self, events, **options):
        run = self.run_function(events, **options)
        self.assertEqual(run.exit_code, None, run.records)
        return [json.loads(post["body"]) for post in run.posts]

    def test_any_event_goes_in_and_out(self):
        events = [None, 7, 1.5, True, "é 😀", [], {"a": [1]}, "x" * 300_000]
        for options in ({}, {"chunked": True}, {"pieces": 700}):
            self.assertEqual(self.answers(events, **options), events)

    def test_a_connection_that_closes_after_each_answer_is_made_again(self):
        self.assertEqual(self.answers([1, 2, 3], hang_up=True), [1, 2, 3])

    def test_what_is_not_json_goes_out_as_it_is(self):
        post, = self.run_function(["stream"]).posts
        self.assertEqual((post["body"], post["headers"]["content-type"]), (b"as it is", "application/unknown"))

    def test_headers_reach_the_function(self):
        headers = {"Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"i"}',
                   "Lambda-Runtime-Client-Context": '{"custom":{"k":"é"}}', "Lambda-Runtime-Aws-Tenant-Id": "t",
                   "Lambda-Runtime-Deadline-Ms": "1700000000123"}
        trace, context = self.answers(["trace", "context"], headers=headers)
        self.assertEqual(trace, platform_side.TRACE_ID)
        self.assertEqual(context, [{"cognitoIdentityId": "i"}, {"custom": {"k": "é"}}, "t", 1700000000123])

    def test_text_records(self):
        records = self.run_function(["log"]).records
        head = rf"[DIWE], \[\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}} #\d+ {FIRST}\] "
        self.assertEqual({kind for kind, _ in records[:4]}, {"text"})
        self.assertRegex(records[0][1], rf"^{head}DEBUG -- : not said in JSON\n$")
        self.assertRegex(records[1][1], rf"^{head} WARN -- : two\nlines\n$")
        self.assertRegex(records[3][1], rf"^{head}ERROR -- : caught \(RuntimeError\)\n")
        self.assertEqual(records[4], ("line", "no line break"))

    def test_records_without_frames_stay_one_line(self):
        records = self.run_function(["log"], frames=False).records
        self.assertTrue(records[1][1].endswith("WARN -- : two\rlines"), records)

    def test_json_records(self):
        records = self.run_function(["log", "fail"], log_format="JSON", level="INFO").records
        found = [json.loads(text) for kind, text in records if kind == "json"]
        self.assertEqual([(one["level"], one["requestId"]) for one in found[:3]],
                         [("WARN", FIRST), ("INFO", FIRST), ("ERROR", FIRST)])
        self.assertEqual(found[0]["message"], "two\nlines")
        self.assertEqual(found[1]["message"], {"key": "value"})
        self.assertEqual((found[2]["errorType"], found[2]["errorMessage"]), ("RuntimeError", "caught"))
        self.assertEqual((found[3]["level"], found[3]["errorType"]), ("ERROR", "Function<IOError>"))
        for one in found:
            self.assertRegex(one["timestamp"], f"^{MS}$")

    def test_an_error_is_reported_and_logged(self):
        run = self.run_function(["fail", "after"])
        error, after = run.posts
        self.assertEqual(error["path"], f"invocation/{FIRST}/error")
        self.assertEqual(error["headers"]["lambda-runtime-function-error-type"], "Function<IOError>")
        payload = json.loads(error["body"])
        self.assertEqual((payload["errorType"], payload["errorMessage"]), ("Function<IOError>", "broken"))
        self.assertRegex(payload["stackTrace"][0], r"/app\.rb:\d+:in [`'].*handler'")
        self.assertFalse([frame for frame in payload["stackTrace"] if "/runtimes/ruby/" in frame])
        cause = json.loads(error["headers"]["lambda-runtime-function-xray-error-cause"])
        self.assertEqual(cause["exceptions"][0]["type"], "IOError")
        self.assertTrue(run.records[0][1].startswith("Error raised from handler method\n{"), run.records)
        self.assertEqual(json.loads(after["body"]), "after")

    def test_a_message_of_any_bytes_is_reported(self):
        post, = self.run_function(["bytes"]).posts
        self.assertEqual(json.loads(post["body"])["errorMessage"], "\ufffd\ufffd")

    def test_init_errors_are_reported_and_end_the_process(self):
        run = self.run_function([1], function="raise 'at once'")
        post, = run.posts
        self.assertEqual((post["path"], run.exit_code), ("init/error", 252))
        self.assertEqual(json.loads(post["body"])["errorType"], "Init<RuntimeError>")

    def test_children_write_no_frames_and_other_loggers_stay(self):
        self.assertEqual(self.answers(["child", "file"]), ["", True])

    def test_a_refused_answer_is_the_platforms_to_report(self):
        run = self.run_function([1, 2], post_status=413)
        self.assertEqual((run.exit_code, len(run.posts)), (None, 2))
        self.assertEqual(self.run_function([1, 2], post_status=500).exit_code, 1)

    def test_rubygems_are_there_when_asked_for(self):
        function = "BEFORE = Object.autoload?(:Gem)\ndef handler(event:, context:)\n" \
                   "  begin\n    require 'no_such_gem'\n  rescue LoadError => e\n    said = e.message\n  end\n" \
                   "  [BEFORE, said, Gem::Version.new('1.2').bump.to_s]\nend\n"
        self.assertEqual(self.answers([1], function=function),
                         [["rubygems", "cannot load such file -- no_such_gem", "2"]])


if __name__ == "__main__":
    unittest.main(verbosity=1)
