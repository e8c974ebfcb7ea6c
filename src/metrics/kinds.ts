import { KIND_NUMBERS } from '../schema/schema.gen.ts';

type EventKind = keyof typeof KIND_NUMBERS;

/** The event kinds as values of the label `event`: those of the generated schema. */
export const EVENT_KINDS = Object.keys(KIND_NUMBERS) as readonly EventKind[];
