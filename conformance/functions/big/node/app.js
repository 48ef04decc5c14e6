// Moves payloads near the limit of 6 MB.
exports.returns = async (size) => 'é'.repeat(size / 2);
exports.receives = async (event) => event.length;
