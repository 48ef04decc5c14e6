// Turns whatever was thrown into the payload, X-Ray cause and log record that Lambda makes of it.
'use strict';

const { types } = require('util');
const { isJson } = require('./log.cjs');

class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}
class ImportModuleError extends Error {}
class HandlerNotFound extends Error {}
class MalformedHandlerName extends Error {}
class UserCodeSyntaxError extends Error {}
class MalformedStreamingHandler extends Error {}
class InvalidStreamingOperation extends Error {}

const classes = {
  UnhandledPromiseRejection,
  ImportModuleError,
  HandlerNotFound,
  MalformedHandlerName,
  UserCodeSyntaxError,
  MalformedStreamingHandler,
  InvalidStreamingOperation,
};
for (const [name, type] of Object.entries(classes)) {
  // On the prototype, so that the first line of the stack says it, too.
  type.prototype.name = `Runtime.${name}`;
}

// AWS writes DEL as %7F: the byte is not allowed in a header, where name and message also go.
function clean(text) {
  return text === undefined || text === null ? undefined : text.replace(/\x7F/g, '%7F');
}

function looksLikeError(value) {
  return ['name', 'message', 'stack'].every((key) => value && value[key] && typeof value[key] === 'string');
}

function payload(error) {
  try {
    if (types.isNativeError(error) || looksLikeError(error)) {
      return {
        errorType: clean(error.name),
        errorMessage: clean(error.message),
        trace: clean(error.stack).split('\n'),
      };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'the error given by the handler has no readable name, message or stack',
    };
  }
}

function xRayCause(error) {
  try {
    const stack = !error.stack ? [] : clean(error.stack).split('\n').slice(1).map(stackEntry);
    return JSON.stringify({
      working_directory: process.cwd(),
      exceptions: [{ type: clean(error.name), message: clean(error.message), stack }],
      paths: [...new Set(stack.map((entry) => entry.path))],
    });
  } catch {
    return '';
  }
}

// "at label (path:line:column)" or "at path:line:column".
function stackEntry(text) {
  const line = text.trim().replace(/[()]/g, '').replace(/^\S+ /, '');
  const space = line.lastIndexOf(' ');
  const label = space > 0 ? line.slice(0, space) : '';
  const [path, number] = (label ? line.slice(space + 1) : line).split(':');
  return { path, line: parseInt(number, 10), label: label || 'anonymous' };
}

function withMembers(_key, value) {
  if (!(value instanceof Error)) return value;
  const members = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  if (typeof value.stack === 'string') members.stack = value.stack.split('\n');
  return members;
}

function log(title, thrown) {
  const error = thrown instanceof Error ? thrown : new Error(thrown);
  if (isJson()) {
    console.error(error);
    return;
  }
  let text;
  try {
    text = JSON.stringify(error, withMembers);
  } catch {
    text = JSON.stringify(payload(error)); // Circular members.
  }
  console.error(title, `\t${text}`);
}

module.exports = { ...classes, payload, xRayCause, log };
