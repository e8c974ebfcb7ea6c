import { join } from 'node:path';
import { boot } from './boot.ts';
import { makeImage } from './image.ts';
import { CACHE, fetchKernel } from './packages.ts';

const [pattern = '6.1', arch = 'amd64', ...words] = process.argv.slice(2);
const image = makeImage(arch as 'amd64');
const kernel = fetchKernel(pattern, arch as 'amd64');
console.log(kernel);
const directory = join(CACHE, 'results', `${arch}-${pattern}`);
const began = Date.now();
await boot(kernel, image, { words, milliseconds: 900_000, directory });
console.log(directory, (Date.now() - began) / 1000);
