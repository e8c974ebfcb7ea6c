/** Which parts of a condition ask of nothing but the actor: what is found of them holds for its other events, too. */
import { FIELD_NAMES, FIELDS, type FieldId } from '../../schema/fields.ts';
import type { Condition, Subject } from '../tree.ts';
import type { ActorScope } from './turn.ts';

/**
 * What the program, the creator and the control group of a process are, as far as it is the same for programs of one
 * likeness (enrich/program.ts) started by such; see Seat for what is compared before it is believed.
 */
const OWN =
  /^(process\.(uid|euid|name|path|interpreter|args|command_line|cwd|tty|env|auid|inode|memfd|deleted|writable|upper_layer|lower_layer|setuid|program|applet|invoked_path|effective_path|script\.\w+|copy_of|packaged|exe_(owner_uid|writable|modified|new|trusted)|trusted|injected|std(in|out|err)\.(type|path)|cgroup|host_namespaces|parent\.(name|path|args|command_line|cwd|tty|program|trusted|copy_of|invoked_path|effective_path|script\.\w+|stdin\.type))|container\.(id|runtime|pod_uid)|user\.(effective\.)?name)$/;
const LINEAGE = /^process\.(ancestors|ancestor_\w+)$/;

const SCOPES: readonly (ActorScope | undefined)[] = FIELD_NAMES.map((name) => {
  // What only events of some kinds have is not the same for all events of the actor.
  if (FIELDS[name].kinds !== 'all') return undefined;
  return OWN.test(name) ? 'own' : LINEAGE.test(name) ? 'lineage' : undefined;
});

export function scopeOfField(field: FieldId): ActorScope | undefined {
  return SCOPES[field];
}

const wider = (a: ActorScope, b: ActorScope): ActorScope => (a === 'lineage' ? a : b);

function scopeOfSubject(subject: Subject): ActorScope | undefined {
  if (subject.from === 'element') return 'own';
  // It is made of its fields alone.
  if (subject.from === 'derived') return widest(subject.derived.fields.map(scopeOfField));
  return subject.from === 'field' ? scopeOfField(subject.field) : undefined;
}

const known = new WeakMap<Condition, ActorScope | null>();

/** undefined: it also asks of the event. Elements are those of quantifiers within the condition. */
export function scopeOf(condition: Condition): ActorScope | undefined {
  let scope = known.get(condition);
  if (scope === undefined) {
    scope = newScope(condition) ?? null;
    known.set(condition, scope);
  }
  return scope ?? undefined;
}

function newScope(condition: Condition): ActorScope | undefined {
  switch (condition.type) {
    case 'const':
      return 'own';
    case 'not':
      return scopeOf(condition.of);
    case 'all':
    case 'any':
      return widest(condition.of.map(scopeOf));
    case 'quantifier':
      return widest([scopeOfSubject(condition.over), scopeOf(condition.where)]);
    case 'leaf': {
      const { subject, test } = condition;
      return widest([scopeOfSubject(subject), ...(test.op === 'compare' ? [scopeOfSubject(test.other)] : [])]);
    }
  }
}

function widest(scopes: readonly (ActorScope | undefined)[]): ActorScope | undefined {
  let all: ActorScope = 'own';
  for (const scope of scopes) {
    if (scope === undefined) return undefined;
    all = wider(all, scope);
  }
  return all;
}
