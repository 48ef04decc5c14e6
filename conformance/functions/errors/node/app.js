// Fails in every way a handler can.
class OrderRefused extends Error {
  constructor(message) {
    super(message);
    this.name = 'OrderRefused';
    this.order = { id: 7 };
  }
}

exports.handler = async () => {
  throw new Error('boom');
};
exports.sync = () => {
  throw new TypeError('boom at once');
};
exports.custom = async () => {
  throw new OrderRefused("no stock\nfor 'ü'");
};
exports.nested = async () => {
  throw new Error('wrapped', { cause: new Error('inner') });
};
exports.text = async () => {
  throw 'only a text';
};
exports.nothing = async () => {
  throw undefined;
};
exports.object = async () => {
  throw { code: 42 };
};
exports.del = async () => {
  throw new Error('del \x7f char');
};
exports.circular = async () => {
  const error = new Error('circular');
  error.self = { error };
  throw error;
};
exports.twice = async (event) => {
  if (event === 'fail') throw new Error('this time');
  return 'fine';
};
exports.rejected = async () => {
  Promise.reject(new Error('nobody listens'));
  await new Promise((resolve) => setTimeout(resolve, 1000));
};
exports.rejectedText = async () => {
  Promise.reject('a text nobody reads');
  await new Promise((resolve) => setTimeout(resolve, 1000));
};
exports.uncaught = () => {
  setTimeout(() => {
    throw new RangeError('from a timer');
  }, 1);
};
