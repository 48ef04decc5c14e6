// What a runtime that is started ahead answers to itself, so that no function is the first: V8 compiles what is called.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const log = require('./log.cjs');
const user = require('./user.cjs');

const DESCRIPTOR = '_LAMBDA_TELEMETRY_LOG_FD';
const EVENT = 'HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: rehearsal\r\nLambda-Runtime-Deadline-Ms: 1\r\n'
  + 'Lambda-Runtime-Trace-Id: rehearsal\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
const ACCEPTED = 'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}';

// The handler of the rehearsal.
function handler(event, context) {
  console.log('rehearsal', context.getRemainingTimeInMillis());
  return Promise.resolve({ event });
}

// Calls `run` with the address of a Runtime API that has one event, `leave` when the next is asked for, and `done` when
// nothing is left of it all.
function rehearse({ run, leave, done }) {
  const nowhere = fs.openSync('/dev/null', 'w');
  process.env[DESCRIPTOR] = String(nowhere);
  log.patchConsole();
  const file = path.basename(__filename, '.cjs');
  const loaded = user.load(__dirname, `${file}.handler`);
  delete globalThis.awslambda;
  let asked = 0;
  const server = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      if (data.toString('latin1', 0, 4) === 'POST') socket.write(ACCEPTED);
      // Pipelined behind the answer, the request for the next event may come with it.
      if (!data.includes('GET ')) return;
      asked += 1;
      if (asked === 1) {
        socket.write(EVENT);
        return;
      }
      fs.closeSync(nowhere);
      log.setInvocation(undefined, undefined);
      delete process.env._X_AMZN_TRACE_ID;
      leave();
      server.close(() => setImmediate(done));
    });
    // The other end goes without a word.
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1', () => run(`127.0.0.1:${server.address().port}`, loaded));
}

module.exports = { handler, rehearse };
