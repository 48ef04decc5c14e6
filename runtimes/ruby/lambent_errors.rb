# frozen_string_literal: true

# Turns whatever was raised into the payload and the X-Ray cause that Lambda makes of it.

module Lambent
  module Errors
    OWN = "#{__dir__}/"
    # AWS's bound of the header.
    CAUSE_BYTES_MAX = 1024 * 1024

    module_function

    # `phase` is what failed: `Function`, or `Init`.
    def payload(error, phase)
      { errorMessage: text(error.message), errorType: "#{phase}<#{error.class.name}>", stackTrace: stack(error) }
    end

    # Without the frames that are ours.
    def stack(error)
      (error.backtrace || []).reject { |frame| frame.start_with?(OWN) }.map { |frame| text(frame) }
    end

    def x_ray_cause(error)
      frames = (error.backtrace_locations || []).map do |frame|
        { path: frame.path, line: frame.lineno, label: frame.label }
      end
      exception = { type: error.class.name, message: text(error.message), stack: frames }
      cause = { working_directory: Dir.pwd, exceptions: [exception], paths: frames.map { |frame| frame[:path] }.uniq }
      json = cause.to_json
      json if json.bytesize <= CAUSE_BYTES_MAX
    rescue StandardError
      nil
    end

    # Messages are user code's: any bytes, and JSON takes UTF-8 alone.
    def text(message)
      message = message.to_s.dup
      message.force_encoding(Encoding::UTF_8) if message.encoding == Encoding::BINARY
      message.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end
  end
end
