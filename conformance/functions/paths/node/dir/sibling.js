exports.word = 'sibling';
