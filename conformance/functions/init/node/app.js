exports.value = 7;
exports.handler = async () => 'ok';
