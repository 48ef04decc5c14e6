// The Runtime API's client: one keep-alive connection on a raw socket.
//
// Node's http module takes twice as long per call. A request is one write, with Nagle off; answers come back in order,
// so the next poll may be sent before the answer to the last post has arrived.
'use strict';

const net = require('net');

const READ_BYTES = 65536;
const DRAIN_MS_MAX = 5000;
// A larger result is sent at once: it may be refused for its size, and takes a while to send.
const HELD_BYTES_MAX = 32768;
const NEXT_PATH = '/2018-06-01/runtime/invocation/next';

class Api {
  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1));
    this.agent = `lambent-node/${process.versions.node}`;
    this.getNext = `${this.head('GET', NEXT_PATH)}\r\n`;
    this.socket = undefined;
    this.held = ''; // A result that leaves with what is sent next.
    this.waiting = []; // What each outstanding request waits for, oldest first.
    this.partial = undefined; // An answer of which some bytes have come.
    this.buffer = Buffer.allocUnsafe(READ_BYTES);
  }

  head(method, path) {
    return `${method} ${path} HTTP/1.1\r\nHost: ${this.host}:${this.port}\r\nUser-Agent: ${this.agent}\r\n`;
  }

  // Waits for the next invocation; only this wait keeps the event loop alive.
  next(onEvent) {
    this.send(this.getNext, {
      isNext: true,
      done: (status, headers, body) => {
        if (status !== 200) fatal(`Failed to get the next invocation: status ${status}`);
        this.socket.unref();
        onEvent(headers, body);
      },
    });
    this.socket.ref();
  }

  // Begins a POST whose body the caller writes to the returned connection, in chunks.
  open(path, headers, onDone) {
    this.send(this.postHead(path, headers), { isNext: false, done: (status) => this.posted(status, '', onDone) });
    return this.socket;
  }

  post(path, headers, body, onDone) {
    const data = Buffer.from(body);
    const head = this.postHead(path, { ...headers, 'Content-Length': data.length });
    this.send(Buffer.concat([head, data]), {
      isNext: false,
      done: (status, _headers, answer) => this.posted(status, answer, onDone),
    });
  }

  // Posts an invocation's result. It may leave with the next poll: one write for both, and one change of process less.
  // Whoever ends the process before that has to call drain().
  respond(id, attempt, body, mayWait) {
    const length = Buffer.byteLength(body);
    const path = `/2018-06-01/runtime/invocation/${id}/response`;
    const more = attempt === undefined ? '' : `Lambda-Runtime-Invocation-Id: ${attempt}\r\n`;
    const type = 'Content-Type: application/json\r\n';
    const text = `${this.head('POST', path)}${type}${more}Content-Length: ${length}\r\n\r\n${body}`;
    const request = { isNext: false, done: (status, _headers, answer) => this.posted(status, answer) };
    if (mayWait && length <= HELD_BYTES_MAX && this.socket !== undefined) {
      request.data = text;
      this.waiting.push(request);
      this.held = text;
    } else this.send(text, request);
  }

  posted(status, answer, onDone) {
    // AWS's client goes on after a refusal (a result too large, an invocation that timed out meanwhile). Only a 500
    // says that nothing will work any more.
    if (status >= 500) fatal(`Failed to post to the Runtime API: status ${status} ${answer.slice(0, 200)}`);
    if (!this.isPolling() && this.socket) this.socket.unref();
    if (onDone) onDone();
  }

  postHead(path, headers) {
    let text = this.head('POST', path);
    for (const name of Object.keys(headers)) {
      // Values come from user code (error names): neither a line break nor a byte no header may hold can pass.
      const value = Buffer.from(String(headers[name])).toString('latin1').replace(/[\r\n\0]/g, ' ');
      text += `${name}: ${value}\r\n`;
    }
    return Buffer.from(`${text}\r\n`, 'latin1');
  }

  isPolling() {
    return this.waiting.some((request) => request.isNext);
  }

  send(data, request) {
    request.data = data;
    this.waiting.push(request);
    if (this.socket === undefined) this.connect();
    if (this.held === '') {
      this.socket.write(data);
      return;
    }
    const held = this.held;
    this.held = '';
    if (typeof data === 'string') {
      this.socket.write(held + data);
    } else {
      this.socket.write(held);
      this.socket.write(data);
    }
  }

  connect() {
    const socket = net.connect({
      host: this.host,
      port: this.port,
      onread: {
        buffer: this.buffer,
        callback: (count, buffer) => {
          this.receive(buffer.subarray(0, count));
          return true;
        },
      },
    });
    socket.setNoDelay(true);
    socket.on('error', (error) => {
      socket.failure = error;
    });
    socket.on('close', () => this.closed(socket));
    this.socket = socket;
  }

  closed(socket) {
    if (this.socket !== socket) return;
    this.socket = undefined;
    const request = this.waiting[0];
    if (request === undefined) return;
    // A connection kept open for long (or through a snapshot) may be gone when the next poll is sent on it. Asking
    // again is safe; posting again is not, and a fresh connection that fails is an error.
    if (!request.isNext || !socket.answered || this.partial !== undefined) {
      fatal(`Lost the connection to the Runtime API: ${socket.failure ? socket.failure.message : 'closed'}`);
    }
    this.connect();
    this.socket.write(request.data);
  }

  // Gives the connection up, whatever is still to come.
  leave() {
    const socket = this.socket;
    this.socket = undefined;
    this.waiting = [];
    this.held = '';
    this.partial = undefined;
    // Reset where that can be done: no trace of it stays in the network then.
    if (socket && socket.resetAndDestroy) socket.resetAndDestroy();
    else if (socket) socket.destroy();
  }

  // Takes bytes of the connection, in any division, and hands complete answers to who waits for them.
  receive(bytes) {
    this.socket.answered = true;
    let data = bytes;
    while (data.length > 0) {
      if (this.partial === undefined) this.partial = { head: undefined, headers: undefined };
      const answer = this.partial;
      if (answer.headers === undefined) {
        data = answer.head === undefined ? data : Buffer.concat([answer.head, data]);
        const end = data.indexOf('\r\n\r\n');
        if (end < 0) {
          answer.head = Buffer.from(data); // Copied: the read buffer is used again.
          return;
        }
        readHead(answer, data.toString('utf8', 0, end));
        data = data.subarray(end + 4);
      }
      const rest = answer.chunked ? readChunks(answer, data) : readBody(answer, data);
      if (rest === undefined) return;
      data = rest;
      this.partial = undefined;
      const request = this.waiting.shift();
      if (request === undefined) fatal('The Runtime API answered what was not asked');
      // What is left lies in the shared read buffer, which a nested drain() would overwrite.
      if (data.length > 0) data = Buffer.from(data);
      request.done(answer.status, answer.headers, answer.text);
    }
  }

  // Waits without the event loop until every post is answered. False when that cannot be done synchronously.
  drain() {
    const pending = () => this.waiting.length > 0 && !this.waiting[0].isNext;
    if (!pending()) return true;
    if (this.held !== '' && this.socket) {
      this.socket.write(this.held);
      this.held = '';
    }
    const fs = require('fs');
    const fd = this.socket && this.socket._handle ? this.socket._handle.fd : -1;
    if (!(fd >= 0) || this.socket.connecting || this.socket.writableLength > 0) return false;
    const deadline = Date.now() + DRAIN_MS_MAX;
    const buffer = Buffer.allocUnsafe(4096);
    while (pending() && Date.now() < deadline) {
      try {
        const count = fs.readSync(fd, buffer, 0, buffer.length, null);
        if (count === 0) return true;
        this.receive(buffer.subarray(0, count));
      } catch (error) {
        if (error.code !== 'EAGAIN') return true;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
    return true;
  }
}

function readHead(answer, text) {
  const lines = text.split('\r\n');
  answer.status = Number(lines[0].split(' ', 2)[1]);
  answer.headers = {};
  for (let i = 1; i < lines.length; i++) {
    const colon = lines[i].indexOf(':');
    answer.headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
  }
  answer.chunked = (answer.headers['transfer-encoding'] || '').toLowerCase() === 'chunked';
  answer.missing = answer.chunked ? 0 : Number(answer.headers['content-length'] || 0);
}

// Returns the bytes after the body, or undefined when more has to come.
function readBody(answer, data) {
  if (answer.body === undefined) {
    if (data.length >= answer.missing) {
      answer.text = data.toString('utf8', 0, answer.missing);
      return data.subarray(answer.missing);
    }
    answer.body = Buffer.allocUnsafe(answer.missing);
  }
  const count = Math.min(answer.missing, data.length);
  data.copy(answer.body, answer.body.length - answer.missing, 0, count);
  answer.missing -= count;
  if (answer.missing > 0) return undefined;
  answer.text = answer.body.toString('utf8');
  return data.subarray(count);
}

function readChunks(answer, data) {
  if (answer.parts === undefined) answer.parts = [];
  let rest = answer.rest === undefined ? data : Buffer.concat([answer.rest, data]);
  for (;;) {
    const end = rest.indexOf('\r\n');
    const size = end < 0 ? NaN : parseInt(rest.toString('latin1', 0, end), 16);
    if (end < 0 || rest.length < end + size + 4) {
      answer.rest = Buffer.from(rest);
      return undefined;
    }
    const start = end + 2;
    answer.parts.push(Buffer.from(rest.subarray(start, start + size)));
    rest = rest.subarray(start + size + 2);
    if (size === 0) {
      answer.text = Buffer.concat(answer.parts).toString('utf8');
      return rest;
    }
  }
}

// The platform is gone or refuses us: nothing can be reported any more.
function fatal(message) {
  process.stderr.write(`${message}\n`);
  process.reallyExit(1);
}

module.exports = { Api };
