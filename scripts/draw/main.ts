/** `npm run picture`: draws docs/NAME.svg from each docs/NAME.pic, and docs/session.svg from docs/session.txt. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {drawPicture} from './picture.js';
import {drawSession} from './session.js';

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));

const draw = (file: string, drawing: (text: string) => string): void =>
  fs.writeFileSync(DOCS + file.replace(/\.\w+$/, '.svg'), drawing(fs.readFileSync(DOCS + file, 'utf8')));

for (const file of fs.readdirSync(DOCS).filter((name) => name.endsWith('.pic'))) draw(file, drawPicture);
draw('session.txt', drawSession);
