// Fails while it is loaded.
function connect() {
  throw new Error('no database');
}
connect();
exports.handler = async () => 'ok';
