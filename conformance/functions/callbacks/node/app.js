// Reports results in the styles from before async functions.
exports.callback = (event, context, callback) => callback(null, event);
exports.later = (event, context, callback) => setTimeout(() => callback(null, 'later'), 5);
exports.error = (event, context, callback) => callback(new Error('by callback'));
exports.textError = (event, context, callback) => callback('a text');
exports.twice = (event, context, callback) => {
  callback(null, 'first');
  callback(null, 'second');
};
exports.nothing = () => {};
exports.ignoredReturn = () => 'not a promise';
exports.neverSettles = async () => new Promise(() => {});
exports.thenable = () => ({ then: (resolve) => resolve('from a thenable') });
exports.done = (event, context) => context.done(null, 'done');
exports.doneError = (event, context) => context.done(new Error('done badly'));
exports.succeed = (event, context) => context.succeed({ ok: true });
exports.fail = (event, context) => context.fail(new Error('failed'));
exports.failNothing = (event, context) => context.fail();

let order = [];
exports.waits = (event, context, callback) => {
  order = [];
  setTimeout(() => order.push('timer'), 5);
  callback(null, order);
};
exports.doesNotWait = (event, context, callback) => {
  order = [];
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => order.push('timer'), 5);
  callback(null, order);
};
exports.asyncDoesNotWait = async () => {
  order = [];
  setTimeout(() => order.push('timer'), 5);
  return order;
};
exports.circular = (event, context, callback) => {
  const value = {};
  value.self = value;
  context.callbackWaitsForEmptyEventLoop = false;
  callback(null, value);
};
