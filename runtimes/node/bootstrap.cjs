// The managed Node.js runtime: loads the user's handler and serves the Lambda Runtime API.
//
// Started by the platform as `node /var/runtime/bootstrap.cjs` (see ../README.md). It is CommonJS, and loads CommonJS
// handlers without a promise in between, because the ES module loader is the dearest part of starting Node.
'use strict';

const ahead = require('./ahead.cjs');
const { Api } = require('./api.cjs');
const log = require('./log.cjs');
const user = require('./user.cjs');

const INVOCATION = '/2018-06-01/runtime/invocation/';
const INIT_ERROR = '/2018-06-01/runtime/init/error';
const BEFORE_EXIT = Symbol.for('aws.lambda.beforeExit');
// The exit codes of AWS's own client.
const EXIT_REJECTION = 128;
const EXIT_EXCEPTION = 129;
const EXIT_UNSETTLED = 13;

let api;
// The invocation being run; undefined during init.
let current;
// Whether the handler's promise is being taken up: then it has nothing more to do that its result would wait for.
let settled = false;

// `beforeExit` fires when nothing but our idle connection is left: that is how Lambda knows "the event loop is empty".
function onEmptyLoop(listener) {
  globalThis[BEFORE_EXIT] = listener;
}

const nothing = () => {};

// `attempt` goes back so that the platform can tell an answer to an attempt it already gave up.
function post(invocation, kind, headers, body, done) {
  if (invocation.attempt !== undefined) headers['Lambda-Runtime-Invocation-Id'] = invocation.attempt;
  api.post(`${INVOCATION}${invocation.id}/${kind}`, { 'Content-Type': 'application/json', ...headers }, body, done);
}

function postError(invocation, error, done) {
  const errors = require('./errors.cjs');
  const payload = errors.payload(error);
  const headers = { 'Lambda-Runtime-Function-Error-Type': payload.errorType };
  if (invocation === undefined) {
    headers['Content-Type'] = 'application/json';
    api.post(INIT_ERROR, headers, JSON.stringify(payload), done);
    return;
  }
  const cause = errors.xRayCause(error);
  if (cause) headers['Lambda-Runtime-Function-XRay-Error-Cause'] = cause;
  post(invocation, 'error', headers, JSON.stringify(payload), done);
}

// Reports an error nobody caught and ends the process. User code must not run on while the answer is awaited, so the
// wait is synchronous whenever the connection allows it.
function die(title, error, exitCode) {
  const errors = require('./errors.cjs');
  errors.log(title, error);
  // Between invocations (a forgotten timer) there is nothing to report an error of: the platform sees the exit.
  if (api.isPolling()) process.exit(exitCode);
  if (current !== undefined && current.stream !== undefined && current.stream.begun) {
    current.stream.once('finish', () => process.exit(exitCode));
    current.stream.fail(error);
    return;
  }
  postError(current, error, () => process.exit(exitCode));
  if (api.drain()) process.exit(exitCode);
}

// Completes one invocation exactly once, in one of the ways a handler may choose.
function completion(invocation) {
  let completed = false;
  let finished = false;
  let waitForEmptyLoop = true;

  const succeed = (result) => {
    if (completed) {
      console.error(
        'This invocation was already completed; a handler can report its result only once.',
      );
      return;
    }
    completed = true;
    api.respond(invocation.id, invocation.attempt, stringify(result), settled);
    setImmediate(next);
  };
  const fail = (error) => {
    require('./errors.cjs').log('Invoke Error', error);
    postError(invocation, error);
    setImmediate(next);
  };
  const once = (report) => (...values) => {
    if (finished) return;
    report(...values);
    finished = true;
  };

  const done = (error, result) => {
    onEmptyLoop(nothing);
    if (error !== undefined && error !== null) fail(error);
    else succeed(result);
  };
  const callback = (error, result) => {
    onEmptyLoop(nothing);
    if (error !== undefined && error !== null) fail(error);
    else if (!waitForEmptyLoop) succeed(result);
    else onEmptyLoop(() => setImmediate(() => succeed(result)));
  };
  const context = {
    get callbackWaitsForEmptyEventLoop() {
      return waitForEmptyLoop;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waitForEmptyLoop = value;
    },
    succeed: once((result) => done(null, result)),
    fail: once((error) => done(error === undefined || error === null ? 'handled' : error)),
    done: once(done),
  };
  // A handler that neither called back nor returned a promise that settled: its result is null.
  onEmptyLoop(() => {
    if (!completed) succeed(null);
  });
  return { callback: once(callback), context };
}

function stringify(result) {
  let body;
  try {
    body = JSON.stringify(result === undefined ? null : result);
  } catch {
    // Circular, a BigInt, or a toJSON that throws: AWS's client keeps the reason to itself, too.
  }
  // A function or a symbol has no JSON text at all.
  if (body === undefined) throw new Error('Unable to stringify response body');
  return body;
}

function addInvocation(context, headers) {
  const environment = process.env;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const traceId = headers['lambda-runtime-trace-id'];
  if (traceId) environment._X_AMZN_TRACE_ID = traceId;
  else delete environment._X_AMZN_TRACE_ID;
  return Object.assign(context, {
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: headerJson(headers['lambda-runtime-client-context'], 'ClientContext'),
    identity: headerJson(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  });
}

function headerJson(text, name) {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

// Called as a method so that traces name it as AWS's do: "exports.f [as handler]".
class Runtime {}
const runtime = new Runtime();

function next() {
  // A promise job starts user code on an empty stack, so that its traces show one frame of ours, as on AWS.
  api.next((headers, event) => Promise.resolve({ headers, event }).then(invoke));
}

function invoke({ headers, event }) {
  const invocation = {
    id: headers['lambda-runtime-aws-request-id'],
    attempt: headers['lambda-runtime-invocation-id'],
  };
  current = invocation;
  log.setInvocation(invocation.id, headers['lambda-runtime-aws-tenant-id']);
  if (user.isStreaming(runtime.handler)) {
    stream(invocation, headers, event);
    return;
  }
  const { callback, context } = completion(invocation);
  try {
    const result = runtime.handler(JSON.parse(event), addInvocation(context, headers), callback);
    if (result && typeof result.then === 'function') {
      // When the result cannot be written `succeed` throws, and that error is the invocation's.
      result.then((value) => settle(context, value), context.fail).catch(context.fail);
    }
  } catch (error) {
    callback(error);
  }
}

function settle(context, value) {
  settled = true;
  try {
    context.succeed(value);
  } finally {
    settled = false;
  }
}

function stream(invocation, headers, event) {
  let waitForEmptyLoop = true;
  const context = {
    get callbackWaitsForEmptyEventLoop() {
      return waitForEmptyLoop;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waitForEmptyLoop = value;
    },
  };
  const done = () => {
    onEmptyLoop(nothing);
    if (waitForEmptyLoop) onEmptyLoop(() => setImmediate(next));
    else next();
  };
  const open = (more, answered) => {
    if (invocation.attempt !== undefined) more['Lambda-Runtime-Invocation-Id'] = invocation.attempt;
    return api.open(`${INVOCATION}${invocation.id}/response`, more, answered);
  };
  // A handler that stops without ending its stream: the caller must learn that the response is not whole.
  onEmptyLoop(() => {
    onEmptyLoop(nothing);
    invocation.stream.fail(new Error('Response stream is not finished.'));
  });
  const run = (value, responseStream, cx) => runtime.handler(value, responseStream, cx);
  const { invoke: invokeStreaming } = require('./streaming.cjs');
  let value;
  let failure;
  try {
    value = JSON.parse(event);
    addInvocation(context, headers);
  } catch (error) {
    failure = error;
  }
  const handler = failure === undefined ? run : () => Promise.reject(failure);
  const mark = user.highWaterMark(runtime.handler);
  invocation.stream = invokeStreaming(handler, value, context, open, mark, done);
}

function start(loaded) {
  runtime.handler = loaded;
  onEmptyLoop(nothing);
  // One turn later, so that a promise rejected during init is reported as init's error.
  setImmediate(next);
}

// Serves what is served when the process is nobody's yet; then waits for whose it is to be.
function rehearse() {
  require('./rehearsal.cjs').rehearse({
    run(address, handler) {
      api = new Api(address);
      runtime.handler = handler;
      next();
    },
    leave() {
      api.leave();
      runtime.handler = undefined;
      current = undefined;
    },
    done() {
      ahead.forget('rehearsal.cjs');
      ahead.wait();
      main();
    },
  });
}

function main() {
  api = new Api(process.env.AWS_LAMBDA_RUNTIME_API);
  log.patchConsole();
  listen();
  try {
    const loaded = user.load(process.env.LAMBDA_TASK_ROOT || process.cwd(), process.env._HANDLER || '');
    if (typeof loaded === 'function') start(loaded);
    else loaded.then(start).catch((error) => die('Uncaught Exception', error, EXIT_EXCEPTION));
  } catch (error) {
    die('Uncaught Exception', error, EXIT_EXCEPTION);
  }
}

function listen() {
  process.on('uncaughtException', (error) => die('Uncaught Exception', error, EXIT_EXCEPTION));
  process.on('unhandledRejection', (reason, promise) => {
    const { UnhandledPromiseRejection } = require('./errors.cjs');
    die('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), EXIT_REJECTION);
  });
  process.on('beforeExit', () => globalThis[BEFORE_EXIT]());
  // A handler may report its result and exit in the same breath: let the platform take the result first.
  process.on('exit', () => {
    const stream = current && current.stream;
    // Nobody answers a response that is never ended.
    if (stream === undefined || !stream.begun || stream.writableFinished) api.drain();
  });
  onEmptyLoop(() => {
    // Init ran dry before the module finished loading: a top-level await that never settles.
    process.exitCode = EXIT_UNSETTLED;
  });
}

if (ahead.isWaiting()) rehearse();
else main();
