/** What WebGPU asks of copies and writes, and core does not: whole words, and two buffers. */
import { BackendError } from '@tenon/core';
import type { Copy } from './batch.ts';
import type { Block, BufferPool, GpuBuffer } from './buffers.ts';

/**
 * How many bytes to move so that they are whole words. A buffer of f16 may end on half a word: its
 * block is larger, so the last word goes over whole.
 *
 * @throws BackendError where half a word inside the buffer would have to stay
 */
export function wholeWords(op: string, to: GpuBuffer, toByte: number, byteLength: number): number {
  const isAtEnd = toByte + byteLength === to.byteLength;
  if (toByte % 4 !== 0 || (byteLength % 4 !== 0 && !isAtEnd)) {
    throw new BackendError(
      `${op}: expected whole 4-byte words, got ${byteLength} bytes at byte ${toByte} of ` +
        `${to.byteLength}`,
    );
  }
  return Math.ceil(byteLength / 4) * 4;
}

/**
 * One copy, or two through a block between where both ends are in one: WebGPU has no copies within
 * a buffer. `spare` takes the buffer in between, which may be used again after the second copy.
 */
export function copiesFor(
  step: { readonly fromByte: number; readonly toByte: number; readonly byteLength: number },
  from: Block,
  to: Block,
  target: GpuBuffer,
  pool: BufferPool,
  spare: (buffer: GpuBuffer) => void,
): Copy[] {
  const { fromByte, toByte } = step;
  if (step.byteLength === 0) return [];
  if (fromByte % 4 !== 0) {
    throw new BackendError(`copy: expected a start at whole 4-byte words, got byte ${fromByte}`);
  }
  const byteLength = wholeWords('copy', target, toByte, step.byteLength);
  if (from !== to) return [{ kind: 'copy', from, fromByte, to, toByte, byteLength }];
  const between = pool.allocate(byteLength);
  const middle = between.block as Block;
  spare(between);
  return [
    { kind: 'copy', from, fromByte, to: middle, toByte: 0, byteLength },
    { kind: 'copy', from: middle, fromByte: 0, to, toByte, byteLength },
  ];
}
