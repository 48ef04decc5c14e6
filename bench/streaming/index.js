// Writes at once, and again 50 ms later.
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first');
  await new Promise((resolve) => setTimeout(resolve, 50));
  stream.end('second');
});
