# frozen_string_literal: true

# The Runtime API's client: one keep-alive connection on a raw socket.

# The extension alone: the library around it costs as much again, and nothing of it is needed here.
require 'socket.so'

module Lambent
  # net/http takes 40 ms to load. A request is one write, with Nagle off: headers and body in two packets would wait
  # for a delayed acknowledgement.
  class Api
    NEXT = '/2018-06-01/runtime/invocation/next'
    READ_BYTES = 65_536

    # No further answer can come.
    class Gone < StandardError; end

    def initialize(address)
      @host, _, port = address.rpartition(':')
      @port = port.to_i
      @address = address
      @agent = "lambent-ruby/#{RUBY_VERSION}"
      @socket = nil
      @buffer = String.new
    end

    # The next invocation's headers, by lower-case name, and event.
    def next
      status, headers, body = call("#{head('GET', NEXT)}\r\n")
      raise Gone, "Failed to get the next invocation: status #{status}" unless status == 200

      [headers, body]
    end

    def post(path, headers, body)
      text = head('POST', path)
      # Values come from user code (names of errors): a line break must not end the header.
      headers.each { |name, value| text << "#{name}: #{value.to_s.tr("\r\n\0", ' ')}\r\n" }
      text << "Content-Length: #{body.bytesize}\r\n\r\n"
      status, _, answer = call(text.b << body.b)
      # A refusal (a result too large, an invocation that timed out meanwhile) is the platform's to report.
      raise Gone, "Failed to post to the Runtime API: status #{status} #{answer[0, 200]}" if status >= 500
    end

    private

    def head(method, path)
      +"#{method} #{path} HTTP/1.1\r\nHost: #{@address}\r\nUser-Agent: #{@agent}\r\n"
    end

    def call(request)
      is_reused = !@socket.nil?
      begin
        exchange(request)
      rescue SystemCallError, EOFError => e
        @socket = nil
        # A connection kept open for long may be gone; a fresh one that fails is an error.
        raise Gone, "Lost the connection to the Runtime API: #{e.message}" unless is_reused && @buffer.empty?

        is_reused = false
        retry
      end
    end

    def exchange(request)
      connect if @socket.nil?
      @socket.write(request)
      status, headers = receive_head
      [status, headers, receive_body(headers)]
    end

    def connect
      @buffer = String.new
      @socket = TCPSocket.new(@host, @port)
      @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      @socket.sync = true
    end

    def more
      @buffer << @socket.readpartial(READ_BYTES)
    end

    def receive_head
      more until (ending = @buffer.index("\r\n\r\n"))
      lines = @buffer.slice!(0, ending + 4).split("\r\n")
      headers = lines.drop(1).to_h do |line|
        name, _, value = line.partition(':')
        [name.downcase, value.strip.force_encoding(Encoding::UTF_8)]
      end
      [lines.first.split[1].to_i, headers]
    end

    def receive_body(headers)
      return receive_chunks if headers['transfer-encoding'] == 'chunked'

      take(headers.fetch('content-length', '0').to_i)
    end

    def receive_chunks
      body = String.new
      loop do
        more until (ending = @buffer.index("\r\n"))
        size = @buffer.slice!(0, ending + 2).to_i(16)
        body << take(size)
        take(2)
        return body.force_encoding(Encoding::UTF_8) if size.zero?
      end
    end

    def take(size)
      more while @buffer.bytesize < size
      @buffer.slice!(0, size).force_encoding(Encoding::UTF_8)
    end
  end
end
