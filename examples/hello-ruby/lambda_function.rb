# frozen_string_literal: true

# Greets whoever the event names.
def lambda_handler(event:, context:)
  name = event.fetch('name', 'World')
  puts "greeting #{name} in request #{context.aws_request_id}"
  { message: "Hello, #{name}!", remaining_ms: context.get_remaining_time_in_millis }
end
