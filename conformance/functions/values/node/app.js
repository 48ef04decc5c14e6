// Returns values at the edge of JSON.
exports.none = async () => {};
exports.nothing = async () => null;
exports.numbers = async () => [1e21, 0.1, -0, NaN, Infinity, undefined, () => 1];
exports.shapes = async () => ({ date: new Date(0), map: new Map([[1, 2]]), skipped: undefined, buffer: Buffer.from('a') });
exports.text = async () => 'é 😀 \u2028 \x7f \x01 " \\ / \ud800';
exports.big = async () => 1n;
exports.circular = async () => {
  const value = {};
  value.self = value;
  return value;
};
exports.toJson = async () => ({ toJSON: () => 'its own' });
