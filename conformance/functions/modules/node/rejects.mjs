await Promise.reject(new Error('await failed'));
export const handler = async () => 'ok';
