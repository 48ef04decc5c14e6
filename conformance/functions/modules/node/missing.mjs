import notThere from 'not-there';

export const handler = async () => notThere;
