// An ES module with a top-level await.
import { readFile } from 'node:fs/promises';

const text = await readFile(new URL('./data.txt', import.meta.url), 'utf8');

export const handler = async (event) => ({ text: text.trim(), event });
export const required = async () => typeof require;
