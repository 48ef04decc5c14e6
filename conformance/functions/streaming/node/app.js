// Streams its response in the ways handlers do.
const { Readable } = require('stream');
const { pipeline } = require('stream/promises');

const streaming = awslambda.streamifyResponse;

exports.handler = streaming(async (event, stream, context) => {
  stream.setContentType('text/plain');
  stream.write('first ');
  stream.write(Buffer.from('second '));
  stream.write({ third: context.awsRequestId.length });
  stream.end();
});
exports.http = streaming(async (event, stream) => {
  const response = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'x-a': 'b' } });
  response.write('created');
  response.end();
});
exports.piped = streaming(async (event, stream) => {
  await pipeline(Readable.from(['a', 'b', 'c']), stream);
});
exports.slow = streaming(async (event, stream) => {
  for (let i = 0; i < 3; i++) {
    stream.write(`piece ${i};`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  stream.end();
});
exports.big = streaming(async (event, stream) => {
  await pipeline(Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(65536, 'x'))), stream);
});
exports.failsLate = streaming(async (event, stream) => {
  stream.write('some');
  await new Promise((resolve) => setTimeout(resolve, 2));
  throw new TypeError('halfway');
});
exports.failsEarly = streaming(async () => {
  throw new TypeError('at once');
});
exports.typeTooLate = streaming(async (event, stream) => {
  stream.write('x');
  stream.setContentType('text/plain');
});
exports.notAsync = streaming((event, stream) => {
  stream.end('x');
});
exports.unfinished = streaming(async (event, stream) => {
  stream.write('never ended');
});
exports.returns = streaming(async (event, stream) => {
  stream.write('x');
  stream.end();
  return 'ignored';
});
