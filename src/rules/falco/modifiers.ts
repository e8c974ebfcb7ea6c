/** `startswith anyof (a, b)`: a comparison with each of several values, joined. */

import { FalcoFault } from './fault.ts';
import type { CheckExpr, Expr, Modifier } from './syntax.ts';

/** `oneof` becomes a square of comparisons. */
const MAX_ONE_OF = 200;

/** What a comparison with several values means. With none it never holds, whatever the modifier. */
export function modified(modifier: Modifier, check: CheckExpr): Expr {
  const { values, operator } = check;
  const negated = operator === '!=';
  // One comparison holds with any of its values, and `!=` with all of them: the index and the kernel filter know that.
  if (values.length < 2 || modifier === (negated ? 'allof' : 'anyof'))
    return values.length === 0 ? never(check) : check;
  const each = values.map((value): Expr => ({ ...check, values: [value] }));
  if (modifier === 'anyof') return { type: 'or', of: each };
  if (modifier === 'allof') return { type: 'and', of: each };
  if (values.length > MAX_ONE_OF) throw new FalcoFault(`oneof takes ${MAX_ONE_OF} values, not ${values.length}`);
  return {
    type: 'or',
    of: each.map((one, at) => ({
      type: 'and',
      of: [one, ...each.filter((_, other) => other !== at).map((other): Expr => ({ type: 'not', of: other }))],
    })),
  };
}

function never(check: CheckExpr): Expr {
  return { ...check, operator: 'in', values: [] };
}
