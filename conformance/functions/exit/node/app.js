// Leaves the process from inside a handler.
exports.handler = async (event) => {
  console.log('leaving');
  process.exit(event);
};
exports.afterCallback = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  callback(null, 'last words');
  process.exit(0);
};
