/** Writes grafana/dashboards/*.json from grafana/src. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asJson, dashboards } from '../grafana/src/index.ts';

const directory = join(import.meta.dirname, '..', 'grafana', 'dashboards');
mkdirSync(directory, { recursive: true });
const boards = dashboards();
const names = new Set(boards.map(({ uid }) => `${uid}.json`));
for (const file of readdirSync(directory))
  if (file.endsWith('.json') && !names.has(file)) rmSync(join(directory, file));
for (const board of boards) writeFileSync(join(directory, `${board.uid}.json`), asJson(board));
