// Writes the single-operation ONNX models that onnxruntime-web is measured with. Not an exporter:
// only the protobuf fields these need. Field numbers are those of onnx.proto3 (IR version 8).

/** An attribute: integer, float or list of integers. */
export type Attribute = number | { readonly float: number } | readonly number[];

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly number[];
  /** float32 without it. */
  readonly dtype?: 'int32' | 'int64';
}

export interface OnnxConstant extends OnnxValue {
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly constants: readonly OnnxConstant[];
}

type Bytes = readonly Uint8Array[];

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const OPSET = 17;

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.of(...out, rest);
}

function join(parts: Bytes): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, p) => size + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const integer = (field: number, value: number): Uint8Array =>
  join([varint(field * 8), varint(value)]);

function block(field: number, content: Uint8Array): Uint8Array {
  return join([varint(field * 8 + 2), varint(content.length), content]);
}

const text = (field: number, value: string): Uint8Array =>
  block(field, new TextEncoder().encode(value));

function float(field: number, value: number): Uint8Array {
  return join([varint(field * 8 + 5), new Uint8Array(Float32Array.of(value).buffer)]);
}

function attribute(name: string, value: Attribute): Uint8Array {
  if (typeof value === 'number') {
    return join([text(1, name), integer(3, value), integer(20, 2)]);
  }
  if ('float' in value) return join([text(1, name), float(2, value.float), integer(20, 1)]);
  return join([text(1, name), ...value.map((v) => integer(8, v)), integer(20, 7)]);
}

function node(n: OnnxNode): Uint8Array {
  const attributes = Object.entries(n.attributes ?? {});
  return join([
    ...n.inputs.map((name) => text(1, name)),
    ...n.outputs.map((name) => text(2, name)),
    text(4, n.op),
    ...attributes.map(([name, value]) => block(5, attribute(name, value))),
  ]);
}

function typeOf(data: OnnxConstant['data']): number {
  if (data instanceof Float32Array) return FLOAT;
  return data instanceof Int32Array ? INT32 : INT64;
}

function constant(c: OnnxConstant): Uint8Array {
  const { buffer, byteOffset, byteLength } = c.data;
  return join([
    ...c.shape.map((d) => integer(1, d)),
    integer(2, typeOf(c.data)),
    text(8, c.name),
    block(9, new Uint8Array(buffer, byteOffset, byteLength)),
  ]);
}

function value(v: OnnxValue): Uint8Array {
  const shape = join(v.shape.map((d) => block(1, integer(1, d))));
  const type = v.dtype === undefined ? FLOAT : v.dtype === 'int32' ? INT32 : INT64;
  const tensor = join([integer(1, type), block(2, shape)]);
  return join([text(1, v.name), block(2, block(1, tensor))]);
}

/** The bytes of an ONNX model (opset 17). */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  const body = join([
    ...graph.nodes.map((n) => block(1, node(n))),
    text(2, 'graph'),
    ...graph.constants.map((c) => block(5, constant(c))),
    ...graph.inputs.map((v) => block(11, value(v))),
    ...graph.outputs.map((v) => block(12, value(v))),
  ]);
  return join([integer(1, 8), block(7, body), block(8, integer(2, OPSET))]);
}
