// Replaces the methods of `console` by Lambda's: time, request id and level before each message, or a JSON object.
'use strict';

const fs = require('fs');
const { format } = require('util');

const FRAME_TEXT = 0xa55a0003;
const FRAME_JSON = 0xa55a0002;
// The same global names as in AWS's client: logging libraries read the request id there.
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId');
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

function setInvocation(requestId, tenantId) {
  globalThis[REQUEST_ID] = requestId;
  globalThis[TENANT_ID] = tenantId;
}

function errorName(error) {
  return (error.constructor && error.constructor.name) || 'UnknownError';
}

function stackLines(error, other) {
  return typeof error.stack === 'string' ? error.stack.split('\n') : other;
}

function replaceErrors(_key, value) {
  if (!(value instanceof Error)) return value;
  const stackTrace = stackLines(value, value.stack);
  return { errorType: errorName(value), errorMessage: value.message, stackTrace, ...value };
}

function textRecord(time, level, values) {
  return `${time}\t${globalThis[REQUEST_ID]}\t${level}\t${format(...values)}`;
}

function jsonRecord(time, level, values) {
  const record = { timestamp: time, level, requestId: globalThis[REQUEST_ID] };
  const tenantId = globalThis[TENANT_ID];
  if (tenantId !== undefined && tenantId !== null) record.tenantId = tenantId;
  if (values.length === 1) {
    record.message = values[0];
    try {
      return JSON.stringify(record, replaceErrors);
    } catch {
      record.message = format(values[0]); // Circular, or a BigInt inside.
      return JSON.stringify(record);
    }
  }
  record.message = format(...values);
  const error = values.find((value) => value instanceof Error);
  if (error !== undefined) {
    record.errorType = errorName(error);
    record.errorMessage = error.message;
    record.stackTrace = stackLines(error, []);
  }
  return JSON.stringify(record);
}

// A frame is type, length, microseconds and text, big-endian; header and text leave in one write, so that records of
// several processes on the pipe do not mix while they are short.
function frameWriter(fd, base) {
  return (date, rank, text) => {
    const length = Buffer.byteLength(text);
    const frame = Buffer.allocUnsafe(16 + length);
    frame.writeUInt32BE((base | ((rank + 1) << 2)) >>> 0, 0);
    frame.writeUInt32BE(length, 4);
    const micros = date.getTime() * 1000;
    frame.writeUInt32BE(Math.floor(micros / 0x100000000), 8);
    frame.writeUInt32BE(micros % 0x100000000, 12);
    frame.write(text, 16);
    writeAll(fd, frame);
  };
}

function writeAll(fd, data) {
  let written = 0;
  while (written < data.length) {
    try {
      written += fs.writeSync(fd, data, written);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      // The pipe is full, and non-blocking since process.stdout shares it: wait for its reader.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function isJson() {
  return (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
}

function patchConsole() {
  const json = isJson();
  const fd = process.env._LAMBDA_TELEMETRY_LOG_FD;
  delete process.env._LAMBDA_TELEMETRY_LOG_FD; // Child processes must not write frames.
  const framed = fd === undefined ? undefined : frameWriter(Number(fd), json ? FRAME_JSON : FRAME_TEXT);
  const record = json ? jsonRecord : textRecord;
  // A text frame ends with a newline as in AWS's client; on plain output carriage returns keep a record one line.
  const end = json ? '' : '\n';
  const write = framed
    ? (date, rank, text) => framed(date, rank, text + end)
    : (_date, _rank, text) => process.stdout.write(`${text.replace(/\n/g, '\r')}\n`);

  const wanted = LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase());
  LEVELS.forEach((level, rank) => {
    const method = level.toLowerCase();
    if (rank < wanted && level !== 'FATAL') {
      console[method] = () => {};
      return;
    }
    console[method] = (message, ...values) => {
      const date = new Date();
      write(date, rank, record(date.toISOString(), level, [message, ...values]));
    };
  });
  console.log = console.info;
}

module.exports = { isJson, patchConsole, setInvocation };
