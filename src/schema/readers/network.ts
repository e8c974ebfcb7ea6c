import { isMapped, isUnset, mappedNumber } from '../address.ts';
import type { FieldName } from '../fields.ts';
import { kindSpec } from '../kinds.ts';
import type { FieldReaders, Members } from '../members.ts';
import { familyName, transportName } from '../names/enums.ts';
import type { AddressReader, LiveView } from '../view.ts';
import { RECORD_FLAGS as F } from './flags.ts';

const AF_INET = 2;
const AF_INET6 = 10;

/** Of a connection that began before the sensor did it is not known. */
function directionByFlags(flags: number): string | undefined {
  if ((flags & F.CONNECTED) !== 0) return 'outbound';
  return (flags & F.ACCEPTED) !== 0 ? 'inbound' : undefined;
}

/** network.* of the net kinds. */
export function networkReaders(members: Members): FieldReaders {
  const direction = kindSpec(members.layout.kind)?.direction;
  const flags = members.number('header.flags');
  const family = members.number('family');
  const transport = members.number('transport');
  const duration = members.number('duration');
  return {
    'network.transport': (view) => transportName(transport(view)),
    'network.family': familyReader(members, family),
    'network.direction': (view) => direction ?? directionByFlags(flags(view)),
    'network.bytes_sent': members.number('bytes_sent'),
    'network.bytes_received': members.number('bytes_received'),
    'network.duration': (view) => duration(view) / 1e9,
    ...endpointReaders(members, family),
  };
}

/** Of both ends: an end that the record does not have is no IPv4 address. */
export function networkAddresses(members: Members): Partial<Record<FieldName, AddressReader>> {
  const end = (side: 'source' | 'destination'): AddressReader => {
    const offset = members.offset(`${side}.ip`);
    return (view) => mappedNumber(view.buffer.data, view.at + offset);
  };
  return { 'network.source.ip': end('source'), 'network.destination.ip': end('destination') };
}

/** An IPv6 socket that talks to an IPv4 peer is IPv4 on the wire. */
function familyReader(members: Members, family: (view: LiveView) => number) {
  const source = members.offset('source.ip');
  const destination = members.offset('destination.ip');
  return (view: LiveView) => {
    const number = family(view);
    const { bytes } = view.buffer;
    const mapped = isMapped(bytes, view.at + destination) || isMapped(bytes, view.at + source);
    return familyName(number === AF_INET6 && mapped ? AF_INET : number);
  };
}

/** Source and destination; an end that the record does not have is absent. */
export function endpointReaders(members: Members, family: (view: LiveView) => number): FieldReaders {
  const end = (side: 'source' | 'destination') => {
    const offset = members.offset(`${side}.ip`);
    const address = members.address(`${side}.ip`);
    const port = members.number(`${side}.port`);
    // All zero bytes with no port: not filled. `::` with a port is the IPv6 wildcard of a listener.
    const absent = (view: LiveView) =>
      isUnset(view.buffer.bytes, view.at + offset) && (port(view) === 0 || family(view) !== AF_INET6);
    return {
      ip: (view: LiveView) => (absent(view) ? undefined : address(view)),
      port: (view: LiveView) => (absent(view) ? undefined : port(view)),
    };
  };
  const source = end('source');
  const destination = end('destination');
  const hostnameOf = (side: 'source' | 'destination', ip: (view: LiveView) => string | undefined) => {
    const offset = members.offset(`${side}.ip`);
    return (view: LiveView) => {
      // Most addresses have no name: no text is made to find that out.
      const number = mappedNumber(view.buffer.data, view.at + offset);
      if (number !== undefined && !view.host.isNamed(number)) return undefined;
      const address = ip(view);
      return address === undefined ? undefined : view.host.hostnameOf(address, view.process);
    };
  };
  return {
    'network.source.ip': source.ip,
    'network.source.port': source.port,
    'network.destination.ip': destination.ip,
    'network.destination.port': destination.port,
    'network.source.hostname': hostnameOf('source', source.ip),
    'network.destination.hostname': hostnameOf('destination', destination.ip),
  };
}
