// Streams its response.
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType('text/plain');
  stream.write('first ');
  stream.write('second');
  stream.end();
  await stream.finished;
});
