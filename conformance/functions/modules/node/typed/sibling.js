export const word = 'typed';
