// Returns a fixed object, and the event as it came.
exports.handler = async () => ({ statusCode: 200, body: 'hello' });
exports.echo = async (event) => event;
