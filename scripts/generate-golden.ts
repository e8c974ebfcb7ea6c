/** Writes the golden files of test/metrics/fixtures. A difference there is one that scrapers see: look at it before it is committed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIXTURES, GOLDEN, golden } from '../test/metrics/support/golden.ts';

for (const [file, format] of GOLDEN) writeFileSync(join(FIXTURES, file), await golden(format));
