// Mixes the runtime with child processes, full pipes and values that have no JSON.
const { execSync } = require('child_process');
const { AsyncLocalStorage } = require('async_hooks');

exports.child = async () => {
  console.log('before');
  execSync('echo child', { stdio: 'inherit' });
  console.log('after');
};
exports.fullPipe = async () => {
  for (let i = 0; i < 40; i++) console.log('y'.repeat(10000));
  process.stdout.write(`${'z'.repeat(200000)}\n`);
  console.log('end');
};
exports.storage = async () => new AsyncLocalStorage().run(7, async () => null);
exports.aFunction = async () => () => 1;
