/** rules/rule.schema.json from the key tables of rule files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ruleSchemaText } from '../src/rules/file/schema.ts';

writeFileSync(join(import.meta.dirname, '..', 'rules', 'rule.schema.json'), ruleSchemaText());
