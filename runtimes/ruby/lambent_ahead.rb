# frozen_string_literal: true

# Started before anybody knows for which function: waits until it is claimed, and becomes that function's runtime.
#
# Until then there is nothing of any function in this process: no code, no environment, no connection.

module Lambent
  module Ahead
    VARIABLE = '_LAMBENT_BOOT_FD'

    module_function

    # One byte says that we are ready; then come the working directory and the environment, each ended by a zero.
    def wait
      socket = IO.for_fd(ENV.delete(VARIABLE).to_i, 'r+b')
      let_go
      rehearse
      socket.syswrite('.')
      folder, *variables = socket.read.force_encoding(Encoding::UTF_8).split("\0")
      socket.close
      exit!(0) unless folder # Nobody wants us any more.
      become(folder, variables)
      forget
    end

    # Has nothing point to the environment that the process began with: what it is claimed with is to stand there.
    def let_go
      ENV.to_h.each { |name, value| ENV[name] = value }
    end

    # What is done once is done: the parser's and the generator's first calls look their classes up.
    def rehearse
      JSON.parse('{"a":["b",1,1.5,true,null]}').to_json
    end

    def become(folder, variables)
      wanted = variables.to_h { |variable| variable.split('=', 2) }
      (ENV.keys - wanted.keys).each { |name| ENV.delete(name) }
      wanted.each { |name, value| ENV[name] = value unless ENV[name] == value }
      Dir.chdir(folder)
    end

    # Nobody is to see that this was here.
    def forget
      $LOADED_FEATURES.delete(__FILE__)
      Lambent.send(:remove_const, :Ahead)
    end
  end
end
