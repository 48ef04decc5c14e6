# frozen_string_literal: true

# The table's function in Ruby.

require 'logger'

LOGGER = Logger.new($stdout, progname: 'table')
$calls = 0

def handler(event:, context:)
  $calls += 1
  case event['do']
  when 'fail' then raise ArgumentError, 'as it was told'
  when 'hang' then sleep 60
  when 'exit' then exit!(7)
  when 'big' then return 'x' * event['size']
  when 'hoard' then return Array.new(1 << 12) { 'x' * (1 << 20) }.length
  when 'log'
    puts 'on the standard output'
    warn 'on the standard error'
    LOGGER.info('by the logger')
  end
  {
    event: event, calls: $calls,
    request_id: context.aws_request_id, function: context.function_name, version: context.function_version,
    arn: context.invoked_function_arn, memory: context.memory_limit_in_mb,
    log_group: context.log_group_name, log_stream: context.log_stream_name,
    remaining_ms: context.get_remaining_time_in_millis,
    client: context.client_context && context.client_context['custom'],
    runtime: ENV['AWS_EXECUTION_ENV']
  }
end

# Handlers may be methods of a class, too.
module Shop
  class Orders
    def self.place(event:, context:)
      { placed: event['do'], by: context.function_name }
    end
  end
end

def leave(event:, context:)
  exit event['code']
end

# What gems are for: found by `require` though RubyGems is not loaded at the start.
def gems(event:, context:)
  { before: !Object.autoload?(:Gem), rubygems: Gem::VERSION, after: !Object.autoload?(:Gem) }
end

def layer(event:, context:)
  require event['gem']
  { shout: Loud.shout(event['text']) }
end
