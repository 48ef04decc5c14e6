// Response streaming: handlers marked by `awslambda.streamifyResponse` write their response piece by piece.
//
// The response is one chunked POST on the Runtime API's connection. A failure after the first piece can no longer change
// the status, so it travels in the trailers.
'use strict';

const { Writable } = require('stream');
const errors = require('./errors.cjs');

const HTTP_PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';
const PRELUDE_END = Buffer.alloc(8); // Eight NUL bytes separate the prelude from the body.
const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body';

class ResponseStream extends Writable {
  // `open(headers)` begins the POST and gives its raw connection.
  constructor(open, highWaterMark) {
    super({ highWaterMark, decodeStrings: true });
    this.open = open;
    this.connection = undefined;
    this.contentType = 'application/octet-stream';
    this.begun = false;
    this.failure = undefined;
    this._onBeforeFirstWrite = undefined;
  }

  setContentType(contentType) {
    if (this.begun) throw new errors.InvalidStreamingOperation('Cannot set content-type, too late.');
    this.contentType = contentType;
  }

  write(chunk, ...rest) {
    // Anything but text and bytes is written as JSON.
    const isPlain = typeof chunk === 'string' || chunk instanceof Uint8Array;
    this.begun = true;
    return super.write(isPlain ? chunk : JSON.stringify(chunk), ...rest);
  }

  begin() {
    if (this.connection !== undefined) return;
    this.begun = true;
    this.connection = this.open({
      'Content-Type': this.contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: `${ERROR_TYPE}, ${ERROR_BODY}`,
      'Transfer-Encoding': 'chunked',
    });
    if (this._onBeforeFirstWrite) this._onBeforeFirstWrite((data) => this.send(Buffer.from(data)));
  }

  send(data, done) {
    if (data.length === 0) {
      if (done) done(); // An empty chunk would end the body.
      return;
    }
    const size = Buffer.from(`${data.length.toString(16)}\r\n`);
    this.connection.write(Buffer.concat([size, data, Buffer.from('\r\n')]), done);
  }

  _write(chunk, _encoding, done) {
    this.begin();
    this.send(chunk, done);
  }

  _final(done) {
    this.begin();
    let trailers = '';
    if (this.failure !== undefined) {
      const payload = errors.payload(this.failure);
      const type = String(payload.errorType).replace(/[^\x20-\x7e]/g, ' ');
      const body = Buffer.from(JSON.stringify(payload)).toString('base64');
      trailers = `${ERROR_TYPE}: ${type}\r\n${ERROR_BODY}: ${body}\r\n`;
    }
    // From here to the platform's answer nothing else may keep the process alive; before, the handler has to.
    this.connection.ref();
    this.connection.write(`0\r\n${trailers}\r\n`, done);
  }

  fail(error) {
    if (this.writableEnded) return;
    this.failure = error;
    this.end();
  }
}

// Runs one invocation; `done` is called when the platform has taken the whole response. Returns the stream.
function invoke(handler, event, context, open, highWaterMark, done) {
  let answered;
  const answer = new Promise((resolve) => {
    answered = resolve;
  });
  const stream = new ResponseStream((headers) => open(headers, answered), highWaterMark);
  const fail = (error) => {
    errors.log('Invoke Error', error);
    stream.fail(error);
    // A stream the handler had ended already cannot carry the error any more.
    answer.then(done);
  };
  let result;
  try {
    result = handler(event, stream, context);
  } catch (error) {
    fail(error);
    return stream;
  }
  if (!result || typeof result.then !== 'function') {
    fail('Streaming does not support non-async handlers.');
    return stream;
  }
  result.then((value) => {
    if (value !== undefined) console.warn('Streaming handlers ignore return values.');
    answer.then(done);
  }, fail);
  return stream;
}

const HttpResponseStream = {
  // Gives the stream the status, headers and cookies of an HTTP response.
  from(stream, prelude) {
    stream.setContentType(HTTP_PRELUDE_TYPE);
    stream._onBeforeFirstWrite = (write) => {
      write(JSON.stringify(prelude));
      write(PRELUDE_END);
    };
    return stream;
  },
};

module.exports = { HttpResponseStream, invoke };
