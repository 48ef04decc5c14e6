# frozen_string_literal: true

# Loads RubyGems when something needs it: it is three quarters of the time that Ruby takes to start.

module Lambent
  # What `ruby --disable=gems` left out, on demand.
  module Gems
    PLAIN_REQUIRE = Kernel.instance_method(:require)

    class << self
      # Gems that a package or a layer brings may stand for parts of the standard library: then RubyGems comes first.
      def load_if_there_are_any
        folders = ENV.fetch('GEM_PATH', '').split(':')
        load if folders.any? { |folder| File.directory?(folder) }
      end

      def load
        return if @loaded

        @loaded = true
        PLAIN_REQUIRE.bind(Object).call('rubygems')
      end

      attr_reader :loaded
    end
  end
end

# `require` of a gem, `gem 'name'` and `Gem::…` work as ever; the first of them pays.
module Kernel
  def require(path)
    Lambent::Gems::PLAIN_REQUIRE.bind(self).call(path)
  rescue LoadError
    raise if Lambent::Gems.loaded

    Lambent::Gems.load
    # RubyGems has put its own in the place of this method.
    Object.instance_method(:require).bind(self).call(path)
  end
  private :require

  def gem(...)
    Lambent::Gems.load
    Object.instance_method(:gem).bind(self).call(...)
  end
  private :gem
end

Object.autoload(:Gem, 'rubygems') unless defined?(Gem)
Lambent::Gems.load_if_there_are_any
