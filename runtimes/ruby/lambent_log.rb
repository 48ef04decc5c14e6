# frozen_string_literal: true

# What `Logger` writes to the standard output becomes Lambda's records: with the request's id, one frame each.

require 'logger'

module Lambent
  module Log
    FRAME_TEXT = 0xa55a0003
    FRAME_JSON = 0xa55a0002
    SEVERITIES = %w[DEBUG INFO WARN ERROR FATAL].freeze

    class << self
      attr_accessor :request_id
      attr_reader :json, :level

      def set_up
        fd = ENV.delete('_LAMBDA_TELEMETRY_LOG_FD') # Child processes must not write frames.
        @json = ENV.fetch('AWS_LAMBDA_LOG_FORMAT', '').casecmp?('JSON')
        @level = severity(ENV['AWS_LAMBDA_LOG_LEVEL'])
        @pipe = fd && IO.for_fd(fd.to_i, 'wb', autoclose: false).tap { |pipe| pipe.sync = true }
        ::Logger.prepend(Records)
      end

      # A record, on the pipe of frames where there is one.
      def write(text)
        return $stdout.write("#{text.chomp.tr("\n", "\r")}\n") unless @pipe

        text = text.b
        micros = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
        # Header and text leave in one write, so that records of several processes on the pipe do not mix.
        @pipe.write([@json ? FRAME_JSON : FRAME_TEXT, text.bytesize, micros].pack('NNQ>') << text)
      end

      # A failure of the function's.
      def error(title, payload)
        return write("#{title}\n#{payload.to_json}") unless @json

        write({ timestamp: timestamp(Time.now), level: 'ERROR', message: title, requestId: request_id,
                **payload }.compact.to_json)
      end

      def timestamp(time)
        time.getutc.strftime('%Y-%m-%dT%H:%M:%S.%LZ')
      end

      private

      def severity(name)
        name = 'DEBUG' if name == 'TRACE'
        SEVERITIES.index(name.to_s.upcase)
      end
    end

    # Stands for the standard output in a logger.
    module Device
      module_function

      def write(text)
        Log.write(text)
      end

      def close; end
    end

    # `I, [2026-11-25T10:11:12.345678 #8 request-id]  INFO -- progname: message`, or a JSON object.
    class Formatter < ::Logger::Formatter
      def call(severity, time, progname, message)
        return json(severity, time, progname, message) if Log.json

        format("%s, [%s #%d %s] %5s -- %s: %s\n", severity[0], time.strftime('%Y-%m-%dT%H:%M:%S.%6N'), Process.pid,
               Log.request_id, severity, progname, msg2str(message))
      end

      private

      def json(severity, time, progname, message)
        record = { timestamp: Log.timestamp(time), level: severity, requestId: Log.request_id, logger: progname }
        case message
        when ::Exception
          record.update(message: message.message, errorType: message.class.name, errorMessage: message.message,
                        stackTrace: Errors.stack(message))
        when ::Hash, ::String then record[:message] = message
        else record[:message] = msg2str(message)
        end
        record.compact.to_json
      end
    end

    # Loggers on the standard streams.
    module Records
      def initialize(device = nil, *arguments, **options)
        is_ours = device.equal?($stdout) || device.equal?($stderr)
        options[:level] ||= Log.level if is_ours && Log.json && Log.level
        super(is_ours ? Device : device, *arguments, **options)
        @default_formatter = Formatter.new if is_ours
      end
    end
  end
end
