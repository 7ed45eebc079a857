/**
 * A linker for backends that execute at once: the steps as a list of nodes that own their buffers
 * and words, so that `run` only launches and copies. Loops change the words and buffers of their
 * body in place and restore both.
 */
import type {
  Buffer,
  CopyStep,
  Kernel,
  Launch,
  LoopStep,
  Program,
  ProgramStep,
} from './backend.ts';
import { BackendError } from './errors.ts';

/** What a program does at each step. Neither may keep the arrays. */
export interface StepExecutor {
  launch(kernel: Kernel, buffers: readonly Buffer[], args: Int32Array): void;
  /** `from` and `to` instead of those of the step: a loop may have exchanged them. */
  copy(step: CopyStep, from: Buffer, to: Buffer): void;
}

interface LaunchNode {
  readonly kind: 'launch';
  readonly kernel: Kernel;
  readonly buffers: Buffer[];
  readonly args: Int32Array;
}
interface CopyNode {
  readonly kind: 'copy';
  /** [from, to]: an array, so that swaps treat launches and copies alike. */
  readonly buffers: Buffer[];
  readonly step: CopyStep;
}
interface Increment {
  readonly args: Int32Array;
  readonly word: number;
  readonly delta: number;
}
/** Every place of the body that holds one of the two buffers. */
interface Swap {
  readonly first: Buffer;
  readonly second: Buffer;
  readonly places: readonly { readonly buffers: Buffer[]; readonly index: number }[];
}
interface LoopNode {
  readonly kind: 'loop';
  readonly count: number;
  readonly body: readonly Node[];
  readonly increments: readonly Increment[];
  readonly swaps: readonly Swap[];
}
type Node = LaunchNode | CopyNode | LoopNode;

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

function runNodes(nodes: readonly Node[], executor: StepExecutor): void {
  for (const node of nodes) {
    if (node.kind === 'launch') executor.launch(node.kernel, node.buffers, node.args);
    else if (node.kind === 'copy') {
      executor.copy(node.step, node.buffers[0] as Buffer, node.buffers[1] as Buffer);
    } else runLoop(node, executor);
  }
}

function runLoop(node: LoopNode, executor: StepExecutor): void {
  const { body, count, increments, swaps } = node;
  let done = 0;
  try {
    for (; done < count; done++) {
      if (done > 0) {
        add(increments, 1);
        exchange(swaps);
      }
      runNodes(body, executor);
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
      const { kernel } = step;
      const buffers = [...step.buffers];
      const node: LaunchNode = { kind: 'launch', kernel, buffers, args: step.args.slice() };
      launches.set(step, node);
      return node;
    }
    if ('body' in step) return buildLoop(step, launches);
    return { kind: 'copy', buffers: [step.from, step.to], step };
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
    first,
    second,
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

/** A program that has `executor` do one step after another. */
export function linkSteps(steps: readonly ProgramStep[], executor: StepExecutor): Program {
  const launches = new Map<Launch, LaunchNode>();
  let nodes = build(steps, launches);
  return {
    run: () => {
      runNodes(nodes, executor);
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
