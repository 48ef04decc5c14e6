// Finds and loads the user's handler: `folder/file.export.path`, CommonJS or ES module.
'use strict';

const fs = require('fs');
const path = require('path');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

// The handler, or a promise of it when its module is an ES module.
function load(root, name) {
  if (name.includes('..')) {
    throw error('MalformedHandlerName', `'${name}' is not a valid handler name: it must not contain '..'.`);
  }
  const base = path.basename(name);
  const folder = name.slice(0, name.indexOf(base));
  const dot = base.indexOf('.');
  if (dot < 0) throw error('MalformedHandlerName', 'Bad handler');
  setGlobals();

  const pick = (module) => {
    const found = base.slice(dot + 1).split('.').reduce((value, key) => value && value[key], module);
    if (!found) throw error('HandlerNotFound', `${name} is undefined or not exported`);
    if (typeof found !== 'function') throw error('HandlerNotFound', `${name} is not a function`);
    isStreaming(found); // Throws now, not at the first invocation.
    return found;
  };
  try {
    const module = loadModule(root, folder, base.slice(0, dot));
    if (module instanceof Promise) return module.then(pick, rethrow);
    return pick(module);
  } catch (thrown) {
    return rethrow(thrown);
  }
}

function error(type, cause) {
  return new (require('./errors.cjs')[type])(cause);
}

function rethrow(thrown) {
  if (thrown instanceof SyntaxError) throw error('UserCodeSyntaxError', thrown);
  if (thrown && thrown.code === 'MODULE_NOT_FOUND') throw error('ImportModuleError', thrown);
  throw thrown;
}

// AWS's order: the exact name, .js as package.json says, .mjs, .cjs, then Node's own search (layers by NODE_PATH).
function loadModule(root, folder, name) {
  const file = path.resolve(root, folder, name);
  if (fs.existsSync(file)) return require(file);
  if (fs.existsSync(`${file}.js`)) {
    return isModulePackage(path.dirname(file)) ? import(`${file}.js`) : require(`${file}.js`);
  }
  if (fs.existsSync(`${file}.mjs`)) return import(`${file}.mjs`);
  if (fs.existsSync(`${file}.cjs`)) return require(`${file}.cjs`);
  return require(require.resolve(name, { paths: [root, folder] }));
}

// Whether the nearest package.json says that .js files are ES modules.
function isModulePackage(start) {
  for (let folder = start; !folder.endsWith('/node_modules'); folder = path.dirname(folder)) {
    let text;
    try {
      text = fs.readFileSync(path.join(folder, 'package.json'), 'utf8');
    } catch {
      if (folder === '/') return false;
      continue;
    }
    try {
      return JSON.parse(text).type === 'module';
    } catch (thrown) {
      console.warn(`${folder}/package.json cannot be read and does not count for ES module detection.`, thrown);
      return false;
    }
  }
  return false;
}

function setGlobals() {
  if (['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response';
      if (options && typeof options.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark;
      return handler;
    },
    get HttpResponseStream() {
      return require('./streaming.cjs').HttpResponseStream;
    },
  };
}

// Whether the handler streams its response.
function isStreaming(handler) {
  const mode = handler[STREAMING];
  if (mode === undefined || mode === null || mode === false) return false;
  if (mode !== 'response') throw error('MalformedStreamingHandler', 'Only response streaming is supported.');
  return true;
}

function highWaterMark(handler) {
  const bytes = parseInt(handler[HIGH_WATER_MARK], 10);
  return Number.isNaN(bytes) ? undefined : bytes;
}

module.exports = { highWaterMark, isStreaming, load };
