/**
 * The table of a model's layers, output shapes and parameter counts. It runs the model once on
 * zeros, in evaluation mode, without gradients and with the random state put back afterwards.
 */
import { type DType, defaultGenerator, noGrad, Tensor, ValueError, zeros } from '@tenon/core';
import { observeForward } from './forward-path.ts';
import type { Module } from './module.ts';
import { backendOf, rememberModes } from './training/mode.ts';

export interface SummaryOptions {
  /** Dtype of the input: 'i32' for models that begin with an embedding. Default f32. */
  readonly dtype?: DType;
}

interface Row {
  readonly layer: string;
  readonly output: string;
  readonly parameters: string;
}

/** The table, as text. */
export function summarize(
  model: Module,
  inputShape: readonly number[],
  options: SummaryOptions,
): string {
  if (inputShape.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new ValueError(
      'summary: expected the shape of one sample (without the batch axis), got ' +
        `[${inputShape.join(', ')}]`,
    );
  }
  const outputs = outputsOf(model, inputShape, options.dtype ?? 'f32');
  const rows: Row[] = [];
  let activationBytes = 0;
  for (const [name, module] of model.namedModules()) {
    if (module.children().length > 0 && module !== model) continue;
    const found = outputs.get(module);
    activationBytes += module === model && outputs.size > 1 ? 0 : (found?.bytes ?? 0);
    if (module === model && module.children().length > 0) continue;
    const own = module.parameters().reduce((sum, parameter) => sum + parameter.size, 0);
    const layer = `${name === '' ? '' : `${name} `}(${module.constructor.name})`;
    rows.push({ layer, output: found?.shapes ?? 'not called', parameters: grouped(own) });
  }
  const parameters = model.parameters();
  const total = count(parameters);
  const trainable = count(parameters.filter((parameter) => parameter.requiresGrad));
  return [
    `${model.constructor.name}, input [N, ${inputShape.join(', ')}]`,
    ...table(rows),
    `Parameters: ${grouped(total)} (${grouped(trainable)} trainable, ` +
      `${grouped(total - trainable)} frozen)`,
    `Memory: ${bytes(total * 4)} of parameters, ${bytes(activationBytes)} of outputs a sample`,
  ].join('\n');
}

interface Output {
  readonly shapes: string;
  readonly bytes: number;
}

/** What each module gave; of a module that runs several times, the last. */
function outputsOf(
  model: Module,
  inputShape: readonly number[],
  dtype: DType,
): Map<Module, Output> {
  const found = new Map<Module, Output>();
  const backend = backendOf(model);
  const place = backend === null ? {} : { backend };
  const input = zeros([1, ...inputShape], { dtype, ...place });
  const restoreModes = rememberModes(model);
  const generator = defaultGenerator();
  const randomState = generator.save();
  const forward = model.forward as (x: Tensor) => unknown;
  try {
    model.eval();
    noGrad(() =>
      observeForward(
        (module, output) => found.set(module, describe(output)),
        () => void forward(input),
      ),
    );
  } finally {
    restoreModes();
    generator.restore(randomState);
  }
  return found;
}

function describe(output: unknown): Output {
  const tensors = (Array.isArray(output) ? output : [output]).filter((t) => t instanceof Tensor);
  const shapes = tensors.map(
    (t) =>
      `[N${t.shape
        .slice(1)
        .map((n) => `, ${n}`)
        .join('')}]`,
  );
  return { shapes: shapes.join(' '), bytes: tensors.reduce((sum, t) => sum + t.size * 4, 0) };
}

function table(rows: readonly Row[]): string[] {
  const head: Row = { layer: 'Layer', output: 'Output', parameters: 'Parameters' };
  const all = [head, ...rows];
  const width = (key: keyof Row): number => Math.max(...all.map((row) => row[key].length));
  const [first, second, third] = [width('layer'), width('output'), width('parameters')];
  const rule = '─'.repeat(first + second + third + 4);
  const lines = all.map(
    (row) =>
      `${row.layer.padEnd(first)}  ${row.output.padEnd(second)}  ${row.parameters.padStart(third)}`,
  );
  return [rule, lines[0] ?? '', rule, ...lines.slice(1), rule];
}

function count(parameters: readonly { readonly size: number }[]): number {
  return parameters.reduce((sum, parameter) => sum + parameter.size, 0);
}

function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  return n < 1024 ** 2 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1024 ** 2).toFixed(1)} MiB`;
}
