const { word } = require('./sibling');

exports.ns = { inner: { handler: async () => ['dir/file', word] } };
