# frozen_string_literal: true

# The managed Ruby runtime: loads the user's handler and serves the Lambda Runtime API.
#
# Started by the platform as `ruby --disable=gems -EUTF-8 /var/runtime/bootstrap.rb` (see ../README.md).

require_relative 'lambent_gems'
require 'json'
require_relative 'lambent_api'
require_relative 'lambent_context'
require_relative 'lambent_errors'
require_relative 'lambent_handler'
require_relative 'lambent_log'

module Lambent
  INVOCATION = '/2018-06-01/runtime/invocation/'
  INIT_ERROR = '/2018-06-01/runtime/init/error'
  # The exit codes of AWS's own client.
  EXIT_INIT = -4
  EXIT_CRITICAL = -1

  # The loop of one process: one invocation after the other.
  class Runtime
    def initialize(environment)
      @api = Api.new(environment.fetch('AWS_LAMBDA_RUNTIME_API'))
      @environment = environment
    end

    def run
      handler = load_handler
      loop { serve(handler) }
    end

    private

    def load_handler
      root = @environment.fetch('LAMBDA_TASK_ROOT', Dir.pwd)
      $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
      Handler.load(@environment.fetch('_HANDLER', ''))
    rescue Exception => e # LoadError, SyntaxError, and whatever the file itself raises.
      payload = Errors.payload(e, 'Init')
      Log.error("Init error when loading handler #{@environment['_HANDLER']}", payload)
      post_error(INIT_ERROR, e, payload)
      exit!(EXIT_INIT)
    end

    def serve(handler)
      headers, event = @api.next
      id = headers['lambda-runtime-aws-request-id']
      trace(headers['lambda-runtime-trace-id'])
      Log.request_id = id
      path = "#{INVOCATION}#{id}/"
      type, body = handler.call(event, headers)
      @api.post("#{path}response", { 'Content-Type' => type }, body)
    rescue Handler::Failed => e
      fail_invocation(path, e)
    end

    def fail_invocation(path, failed)
      payload = Errors.payload(failed.cause, 'Function')
      Log.error(failed.critical ? 'Critical exception from handler' : 'Error raised from handler method', payload)
      post_error("#{path}error", failed.cause, payload)
      return unless failed.critical

      $stdout.flush
      exit!(EXIT_CRITICAL)
    end

    def post_error(path, error, payload)
      headers = { 'Content-Type' => 'application/json',
                  'Lambda-Runtime-Function-Error-Type' => payload[:errorType] }
      cause = Errors.x_ray_cause(error)
      headers['Lambda-Runtime-Function-XRay-Error-Cause'] = cause if cause
      @api.post(path, headers, payload.to_json)
    end

    def trace(id)
      id ? ENV['_X_AMZN_TRACE_ID'] = id : ENV.delete('_X_AMZN_TRACE_ID')
    end
  end
end

if ENV.key?('_LAMBENT_BOOT_FD')
  require_relative 'lambent_ahead'
  Lambent::Ahead.wait
end
$stdout.sync = true
Lambent::Log.set_up
begin
  Lambent::Runtime.new(ENV).run
rescue Lambent::Api::Gone => e
  # The platform is gone or refuses us: nothing can be reported any more.
  $stderr.write("#{e.message}\n")
  exit!(1)
end
