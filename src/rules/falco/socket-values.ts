/** Connections as Falco writes them: `client:port->server:port`. */
import type { FieldValue } from '../../schema/event.ts';
import { derived, type Meaning } from './meaning.ts';

const ENDS = [
  'network.source.ip',
  'network.source.port',
  'network.destination.ip',
  'network.destination.port',
] as const;

function end(ip: FieldValue, port: FieldValue, other: FieldValue): string {
  const unspecified = typeof other === 'string' && other.includes(':') ? '::' : '0.0.0.0';
  return `${typeof ip === 'string' ? ip : unspecified}:${typeof port === 'number' ? port : 0}`;
}

/** undefined when neither end is known. */
function tupleText(
  sourceIp: FieldValue,
  sourcePort: FieldValue,
  destinationIp: FieldValue,
  destinationPort: FieldValue,
): string | undefined {
  if (sourceIp === undefined && destinationIp === undefined) return undefined;
  return `${end(sourceIp, sourcePort, destinationIp)}->${end(destinationIp, destinationPort, sourceIp)}`;
}

/** `marked` puts Falco's type in front: `<4t>`. A side alone is an address. */
export function tupleMeaning(name: string, marked: boolean, side?: 'source' | 'destination'): Meaning {
  return derived(name, ENDS, (sourceIp, sourcePort, destinationIp, destinationPort) => {
    if (side === 'source') return sourceIp === undefined ? undefined : end(sourceIp, sourcePort, undefined);
    if (side === 'destination')
      return destinationIp === undefined ? undefined : end(destinationIp, destinationPort, undefined);
    const text = tupleText(sourceIp, sourcePort, destinationIp, destinationPort);
    if (text === undefined || !marked) return text;
    return `<${String(destinationIp ?? sourceIp).includes(':') ? '6' : '4'}>${text}`;
  });
}

/** '4' or '6', by the family or by the form of an address. */
export function familyCharacter(family: FieldValue, source: FieldValue, destination: FieldValue): string | undefined {
  if (family === 'ipv4') return '4';
  if (family === 'ipv6') return '6';
  if (typeof family === 'string') return 'o';
  const address = destination ?? source;
  if (typeof address !== 'string') return undefined;
  return address.includes(':') ? '6' : '4';
}
