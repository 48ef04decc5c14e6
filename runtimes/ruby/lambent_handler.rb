# frozen_string_literal: true

# The user's handler: `file.method` or `file.Class.method`.

module Lambent
  class Handler
    # The handler raised; `cause` is what.
    class Failed < StandardError
      attr_reader :critical, :cause

      def initialize(cause, critical:)
        super()
        @cause = cause
        @critical = critical
      end
    end

    def self.load(name)
      file, *names = name.split('.')
      unless file && [1, 2].include?(names.length)
        raise ArgumentError, "Invalid handler #{name}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD " \
                             'where FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an ' \
                             'optional module/class namespace and METHOD is a callable method. If using CLASS, ' \
                             'METHOD must be a class-level method.'
      end
      TOPLEVEL_BINDING.receiver.send(:require, file)
      method, owner = names.reverse
      new(owner, method.to_sym)
    end

    def initialize(owner, method)
      @owner = owner
      @method = method
    end

    # The answer's content type and bytes.
    def call(body, headers)
      event = headers['content-type'].to_s.start_with?('application/json') ? JSON.parse(body) : body
      target = @owner ? Kernel.const_get(@owner) : TOPLEVEL_BINDING.receiver
      answer(target.send(@method, event: event, context: LambdaContext.new(headers)))
    rescue NoMethodError => e
      # The handler itself is missing: no later invocation will find it.
      raise Failed.new(e, critical: e.name == @method && e.receiver.equal?(target))
    rescue StandardError => e
      raise Failed.new(e, critical: false)
    rescue Exception => e # `exit`, out of memory, a stack too deep.
      raise Failed.new(e, critical: true)
    end

    private

    # A stream is an answer as it is; anything else becomes JSON.
    def answer(result)
      return ['application/unknown', result.read] if result.respond_to?(:read) && result.respond_to?(:rewind)

      ['application/json', result.to_json]
    end
  end
end
