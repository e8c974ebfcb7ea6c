/** How a live record yields each field of fields.ts, by kind. */
import { FIELD_NAMES, kindHasField } from './fields.ts';
import { kindSpec } from './kinds.ts';
import type { KindLayout, RecordLayout } from './layout.ts';
import { type FieldReaders, Members } from './members.ts';
import { callReaders } from './readers/call.ts';
import { eventReaders } from './readers/event.ts';
import { fileReaders, fileSpans } from './readers/file.ts';
import { networkAddresses, networkReaders } from './readers/network.ts';
import { processReaders } from './readers/process.ts';
import { variantsOf } from './variants.ts';
import type { AddressReader, KindShape, SpanReader } from './view.ts';

function throttleReaders(members: Members, kindName: (number: number) => string): FieldReaders {
  const subject = members.number('subject');
  const started = members.number('started');
  return {
    'throttle.kind': (view) => kindName(subject(view)),
    'throttle.started': (view) => started(view) !== 0,
    'throttle.dropped': members.number('dropped'),
  };
}

/** The daemon makes these events; no record has them. */
const SENSOR_READERS: FieldReaders = Object.fromEntries(
  FIELD_NAMES.filter((name) => name.startsWith('sensor.')).map((name) => [name, () => undefined]),
);

function ownReaders(members: Members, kindName: (number: number) => string): FieldReaders {
  switch (members.layout.struct) {
    case 'file_event':
      return fileReaders(members);
    case 'net_event':
      return networkReaders(members);
    case 'call_event':
      return callReaders(members);
    case 'throttle_event':
      return throttleReaders(members, kindName);
    case 'sensor_event':
      return SENSOR_READERS;
  }
  return {};
}

function shapeOf(layout: KindLayout, kindName: (number: number) => string): KindShape {
  const members = new Members(layout);
  const readers: FieldReaders = {
    ...eventReaders(members),
    ...processReaders(members),
    ...ownReaders(members, kindName),
  };
  return {
    kind: layout.kind,
    layout,
    spec: kindSpec(layout.kind),
    members,
    readers: FIELD_NAMES.map((name) => (kindHasField(layout.kind, name) ? readers[name] : undefined)),
    spans: spansOf(members),
    addresses: addressesOf(members),
    variants: variantsOf(members, readers),
    texts: [...layout.members.values()].filter(({ meaning }) => meaning === 'text').map(({ offset }) => offset),
  };
}

function spansOf(members: Members): readonly (SpanReader | undefined)[] {
  const spans = members.layout.struct === 'file_event' ? fileSpans(members) : {};
  return FIELD_NAMES.map((name) => (kindHasField(members.layout.kind, name) ? spans[name] : undefined));
}

function addressesOf(members: Members): readonly (AddressReader | undefined)[] {
  const addresses = members.layout.struct === 'net_event' ? networkAddresses(members) : {};
  return FIELD_NAMES.map((name) => addresses[name]);
}

const known = new WeakMap<RecordLayout, readonly (KindShape | undefined)[]>();

/**
 * A shape for every kind of the layout, by the kind's number. One set of shapes
 * for each layout object: whoever reads views of it must share their slots.
 */
export function shapesOf(layout: RecordLayout): readonly (KindShape | undefined)[] {
  let shapes = known.get(layout);
  if (shapes === undefined) {
    const made: (KindShape | undefined)[] = [];
    const kindName = (number: number) => made[number]?.kind ?? String(number);
    for (const kind of layout.kinds.values()) made[kind.number] = shapeOf(kind, kindName);
    known.set(layout, made);
    shapes = made;
  }
  return shapes;
}
