Promise.reject(new Error('nobody listens in init'));
exports.handler = async () => 'ok';
