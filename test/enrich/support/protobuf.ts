import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

type Value = string | number | Message | readonly (Message | string)[];
/** Fields by number: written and read without the descriptors of what is tested. */
export type Message = { readonly [field: number]: Value };

export function encoded(message: Message): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of Object.entries(message)) {
    const number = Number(field);
    if (typeof value === 'number') writer.tag(number, WireType.Varint).int64(value);
    else
      for (const one of Array.isArray(value) ? value : [value]) {
        writer.tag(number, WireType.LengthDelimited);
        if (typeof one === 'string') writer.string(one);
        else writer.bytes(encoded(one as Message));
      }
  }
  return writer.finish();
}

export const mapOf = (texts: Readonly<Record<string, string>>): Message[] =>
  Object.entries(texts).map(([key, value]) => ({ 1: key, 2: value }));

/** The text that is field 1 of a message. */
export function firstText(message: Uint8Array): string {
  const reader = new BinaryReader(message);
  const [number] = reader.tag();
  if (number !== 1) throw new Error(`field ${number} comes first`);
  return reader.string();
}
