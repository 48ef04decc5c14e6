import { word } from './sibling.js';

export const handler = async () => word;
