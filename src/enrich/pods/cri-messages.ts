/**
 * The messages of the Container Runtime Interface that are asked for, with the
 * fields that are read, by their numbers in k8s.io/cri-api's runtime/v1/api.proto.
 * Fields that stand not here are skipped, as protobuf wants it.
 */
import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  MessageOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';

const PACKAGE = 'runtime.v1';
export const SERVICE = `${PACKAGE}.RuntimeService`;

/** A field's number and type: text, whole number, `map` of texts, a message, or a list of messages. */
type Field = readonly [number: number, type: string];

const MESSAGES = {
  ListPodSandboxRequest: {},
  ListPodSandboxResponse: { items: [1, 'PodSandbox[]'] },
  PodSandbox: { id: [1, 'string'], metadata: [2, 'PodSandboxMetadata'], state: [3, 'int32'], labels: [5, 'map'] },
  PodSandboxMetadata: { name: [1, 'string'], uid: [2, 'string'], namespace: [3, 'string'] },
  ListContainersRequest: {},
  ListContainersResponse: { containers: [1, 'Container[]'] },
  Container: {
    id: [1, 'string'],
    pod_sandbox_id: [2, 'string'],
    metadata: [3, 'ContainerMetadata'],
    image: [4, 'ImageSpec'],
    image_ref: [5, 'string'],
  },
  ContainerMetadata: { name: [1, 'string'] },
  ImageSpec: { image: [1, 'string'], user_specified_image: [18, 'string'] },
} as const satisfies Record<string, Record<string, Field>>;

export type CriMessage = keyof typeof MESSAGES;

const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'cri.proto',
    package: PACKAGE,
    syntax: 'proto3',
    messageType: Object.entries(MESSAGES).map(([name, fields]) => messageType(name, fields)),
  }),
  () => undefined,
);

export function criMessage(name: CriMessage): DescMessage {
  const found = registry.getMessage(`${PACKAGE}.${name}`);
  if (found === undefined) throw new Error(`${name} is no message`);
  return found;
}

function messageType(name: string, fields: Record<string, Field>): DescriptorProto {
  const entries = Object.entries(fields);
  return create(DescriptorProtoSchema, {
    name,
    field: entries.map(([field, [number, type]]) =>
      create(FieldDescriptorProtoSchema, {
        name: field,
        jsonName: field,
        number,
        label: labelOf(type),
        ...typeOf(name, field, type),
      }),
    ),
    // In protobuf a map is a list of entries.
    nestedType: entries.filter(([, [, type]]) => type === 'map').map(([field]) => mapEntry(entryName(field))),
  });
}

function labelOf(type: string): Label {
  return type === 'map' || type.endsWith('[]') ? Label.REPEATED : Label.OPTIONAL;
}

function entryName(field: string): string {
  return `${field[0]?.toUpperCase()}${field.slice(1)}Entry`;
}

function typeOf(message: string, field: string, type: string) {
  if (type === 'string') return { type: Type.STRING };
  if (type === 'int32') return { type: Type.INT32 };
  const name = type === 'map' ? `${message}.${entryName(field)}` : type.replace('[]', '');
  return { type: Type.MESSAGE, typeName: `.${PACKAGE}.${name}` };
}

function mapEntry(name: string): DescriptorProto {
  const text = (field: string, number: number) =>
    create(FieldDescriptorProtoSchema, {
      name: field,
      jsonName: field,
      number,
      label: Label.OPTIONAL,
      type: Type.STRING,
    });
  return create(DescriptorProtoSchema, {
    name,
    field: [text('key', 1), text('value', 2)],
    options: create(MessageOptionsSchema, { mapEntry: true }),
  });
}
