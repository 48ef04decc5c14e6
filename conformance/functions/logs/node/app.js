// Writes with every method of console.
exports.levels = async () => {
  console.trace('trace');
  console.debug('debug');
  console.info('info %s', 'formatted', { a: [1, { b: 2 }] });
  console.log('log');
  console.warn('several\nlines');
  console.error('error');
  if (console.fatal) console.fatal('fatal');
};
exports.printed = async () => {
  process.stdout.write('raw out\n');
  console.log('é 😀');
  process.stderr.write('raw err\n');
};
exports.values = async () => {
  console.log();
  console.log(undefined);
  console.log(null, 1, true);
  console.log({ deep: { er: { and: { deeper: 1 } } }, list: [1, 2] });
  console.log('%d %j %%', 5, { a: 1 });
};
exports.errors = async () => {
  const error = new RangeError('out of it');
  error.code = 'E_RANGE';
  console.error(error);
  console.error('with text', error);
};
exports.circular = async () => {
  const value = { name: 'loop' };
  value.self = value;
  console.log(value);
};
