// Started before anybody knows for which function: waits until it is claimed, and becomes that function's runtime.
//
// Until then there is nothing of any function in this process. The wait is synchronous, so that what follows runs as if
// the process had just begun: nothing of the event loop has.
'use strict';

const fs = require('fs');

const VARIABLE = '_LAMBENT_BOOT_FD';

// Whether the process was started ahead.
function isWaiting() {
  return process.env[VARIABLE] !== undefined;
}

// One byte says that we are ready; then come the working directory and the environment, each ended by a zero byte.
function wait() {
  const fd = Number(process.env[VARIABLE]);
  letGo();
  fs.writeSync(fd, '.');
  const parts = [];
  for (;;) {
    const buffer = Buffer.allocUnsafe(65536);
    const count = fs.readSync(fd, buffer, 0, buffer.length, null);
    if (count === 0) break;
    parts.push(buffer.subarray(0, count));
  }
  fs.closeSync(fd);
  const texts = Buffer.concat(parts).toString().split('\0');
  // Nobody wants us any more.
  if (texts.length < 2) process.reallyExit(0);
  become(texts[0], texts.slice(1, -1));
}

// Has nothing point to the environment that the process began with: what it is claimed with is to stand there.
function letGo() {
  const environment = process.env;
  delete environment[VARIABLE];
  for (const name of Object.keys(environment)) {
    const value = environment[name];
    environment[name] = value;
  }
}

function become(folder, variables) {
  const environment = process.env;
  const wanted = new Map();
  for (const variable of variables) {
    const equals = variable.indexOf('=');
    wanted.set(variable.slice(0, equals), variable.slice(equals + 1));
  }
  for (const name of Object.keys(environment)) {
    if (!wanted.has(name)) delete environment[name];
  }
  for (const [name, value] of wanted) {
    // Telling Node.js of the time zone that it has is dear.
    if (environment[name] !== value) environment[name] = value;
  }
  process.chdir(folder);
}

// Takes a file of ours out of what is loaded.
function forget(name) {
  delete require.cache[`${__dirname}/${name}`];
}

module.exports = { forget, isWaiting, wait };
