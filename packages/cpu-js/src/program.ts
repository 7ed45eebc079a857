/**
 * Compiled programs: the steps as a list of nodes that own their buffers and words, so that `run`
 * only calls kernels. Loops change the words and buffers of their body in place and restore both.
 */
import type { Buffer, CopyStep, Launch, LoopStep, Program, ProgramStep } from '@tenon/core';
import { BackendError } from '@tenon/core';
import type { CpuKernel, Run } from './kernel.ts';
import type { CpuBuffer } from './storage.ts';

interface LaunchNode {
  readonly kind: 'launch';
  readonly run: Run;
  readonly buffers: CpuBuffer[];
  readonly args: Int32Array;
}
interface CopyNode {
  readonly kind: 'copy';
  /** [from, to]: an array, so that swaps treat launches and copies alike. */
  readonly buffers: CpuBuffer[];
  readonly step: CopyStep;
}
interface Increment {
  readonly args: Int32Array;
  readonly word: number;
  readonly delta: number;
}
/** Every place of the body that holds one of the two buffers. */
interface Swap {
  readonly first: CpuBuffer;
  readonly second: CpuBuffer;
  readonly places: readonly { readonly buffers: CpuBuffer[]; readonly index: number }[];
}
interface LoopNode {
  readonly kind: 'loop';
  readonly count: number;
  readonly body: readonly Node[];
  readonly increments: readonly Increment[];
  readonly swaps: readonly Swap[];
}
type Node = LaunchNode | CopyNode | LoopNode;

export function copyBytes(step: CopyStep, from: CpuBuffer, to: CpuBuffer): void {
  if (from === to) {
    to.bytes.copyWithin(step.toByte, step.fromByte, step.fromByte + step.byteLength);
    return;
  }
  const bytes = from.bytes.subarray(step.fromByte, step.fromByte + step.byteLength);
  to.bytes.set(bytes, step.toByte);
}

function copyNode(node: CopyNode): void {
  const [from, to] = node.buffers;
  if (from !== undefined && to !== undefined) copyBytes(node.step, from, to);
}

function exchange(swaps: readonly Swap[]): void {
  for (const { first, second, places } of swaps) {
    for (const { buffers, index } of places) {
      buffers[index] = buffers[index] === first ? second : first;
    }
  }
}

function add(increments: readonly Increment[], times: number): void {
  for (const { args, word, delta } of increments) args[word] = (args[word] ?? 0) + delta * times;
}

function runNodes(nodes: readonly Node[]): void {
  for (const node of nodes) {
    if (node.kind === 'launch') node.run(node.buffers, node.args);
    else if (node.kind === 'copy') copyNode(node);
    else runLoop(node);
  }
}

function runLoop(node: LoopNode): void {
  const { body, count, increments, swaps } = node;
  let done = 0;
  try {
    for (; done < count; done++) {
      if (done > 0) {
        add(increments, 1);
        exchange(swaps);
      }
      runNodes(body);
    }
  } finally {
    // Also after an error (an index out of range): the next run starts from the first words again.
    const repeats = Math.max(0, Math.min(done, count - 1));
    add(increments, -repeats);
    if (repeats % 2 === 1) exchange(swaps);
  }
}

/** Links steps; collects the node of each launch in `launches`. */
function build(steps: readonly ProgramStep[], launches: Map<Launch, LaunchNode>): Node[] {
  return steps.map((step): Node => {
    if ('kernel' in step) {
      const kernel = step.kernel as CpuKernel;
      const buffers = [...step.buffers] as CpuBuffer[];
      const node: LaunchNode = {
        kind: 'launch',
        run: kernel.run,
        buffers,
        args: step.args.slice(),
      };
      launches.set(step, node);
      return node;
    }
    if ('body' in step) return buildLoop(step, launches);
    return { kind: 'copy', buffers: [step.from as CpuBuffer, step.to as CpuBuffer], step };
  });
}

function buildLoop(step: LoopStep, launches: Map<Launch, LaunchNode>): LoopNode {
  const body = build(step.body, launches);
  const increments = step.increments.map(({ launch, word, delta }) => {
    const node = launches.get(launch);
    if (node === undefined) {
      throw new BackendError('link: expected increments of launches in the loop, got another one');
    }
    return { args: node.args, word, delta };
  });
  const swaps = step.swaps.map(([first, second]) => ({
    first: first as CpuBuffer,
    second: second as CpuBuffer,
    places: placesOf(body, first, second),
  }));
  return { kind: 'loop', count: step.count, body, increments, swaps };
}

function placesOf(nodes: readonly Node[], first: Buffer, second: Buffer): Swap['places'] {
  return nodes.flatMap((node): Swap['places'] => {
    if (node.kind === 'loop') return placesOf(node.body, first, second);
    const { buffers } = node;
    return buffers.flatMap((buffer, index) =>
      buffer === first || buffer === second ? [{ buffers, index }] : [],
    );
  });
}

/** Links a program for this backend. */
export function linkProgram(steps: readonly ProgramStep[]): Program {
  const launches = new Map<Launch, LaunchNode>();
  let nodes = build(steps, launches);
  return {
    run: () => {
      runNodes(nodes);
    },
    setArgs: (launch, args) => {
      const node = launches.get(launch);
      if (node === undefined || node.args.length !== args.length) {
        throw new BackendError('setArgs: expected a launch of this program and as many words');
      }
      node.args.set(args);
    },
    dispose: () => {
      nodes = [];
      launches.clear();
    },
  };
}
