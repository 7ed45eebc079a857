/**
 * The statements that all region shaders are made of: reading launch words, loading operands,
 * evaluating steps, storing results. Knows nothing of loops or of how work is shared.
 *
 * Names in generated code: n<axis> sizes; o<t> offsets and t<t>_<axis> strides of operand t; x<t>
 * its buffer; p<t> the element where it stands; c<slot> constants; s<step> values, s<step>_<lane>
 * where several positions are handled together.
 */
import type { DType, PlannedOperand, RegionPlan, ScalarName, Step } from '@tenon/core';
import { ROWS } from './scalars.ts';
import { type Binding, floatWord, intWord, typeOf, word } from './shader.ts';

/** Whether an operation costs more than storing its value and loading it again. */
export function isCostly(op: ScalarName): boolean {
  return ROWS[op].isCostly;
}

/** Where an operand stands at one of the positions that are handled together. */
export type Locate = (operand: number, lane: number) => string;

/** An operand's share of the bindings. */
export interface RegionBindings {
  /** In the order of the dispatch. */
  readonly bindings: readonly Binding[];
  /** Which of the launch's buffers each of them is. */
  readonly buffers: readonly number[];
  /** Per operand the name of its binding; '' for an iota or an accumulator. */
  readonly names: readonly string[];
}

/**
 * One binding per buffer: an output that overwrites an input shares the input's. Only operands
 * that `isUsed` names are bound.
 */
export function regionBindings(
  plan: RegionPlan,
  isUsed: (operand: number) => boolean = () => true,
): RegionBindings {
  const inputs = plan.spec.inputs.length;
  const sharedWith = (t: number): number => plan.spec.outputs[t - inputs]?.alias ?? -1;
  const isWritten = (t: number): boolean =>
    t >= inputs || plan.spec.outputs.some((output, o) => output.alias === t && isUsed(inputs + o));
  const bindings: Binding[] = [];
  const buffers: number[] = [];
  const names = plan.operands.map((operand, t) => {
    if (operand.buffer < 0) return '';
    const alias = sharedWith(t);
    return alias < 0 ? `x${t}` : `x${alias}`;
  });
  plan.operands.forEach((operand, t) => {
    const name = names[t] ?? '';
    const isBound = bindings.some((binding) => binding.name === name);
    if (operand.buffer < 0 || !isUsed(t) || isBound) return;
    const access = isWritten(t) ? 'w' : 'r';
    bindings.push({ name, dtype: operand.dtype, access });
    buffers.push(operand.buffer);
  });
  return { bindings, buffers, names };
}

export class RegionWriter {
  readonly plan: RegionPlan;
  /** Prelude functions that the text calls. */
  readonly prelude: Set<string> = new Set();
  /** Own module-scope declarations that the text needs, by name. */
  readonly declarations: Map<string, string> = new Map();
  /** Operands that the text loads or stores. */
  readonly used: Set<number> = new Set();
  private readonly lines: string[] = [];
  private indent = 0;
  /** Words that the text names, by position. */
  private readonly header = new Map<number, string>();
  private readonly names: readonly string[];

  constructor(plan: RegionPlan, names: readonly string[] = regionBindings(plan).names) {
    this.plan = plan;
    this.names = names;
  }

  line(text: string): void {
    this.lines.push('  '.repeat(this.indent) + text);
  }

  /** `head {`, what `write` writes, `}`. */
  block(head: string, write: () => void): void {
    this.line(head === '' ? '{' : `${head} {`);
    this.indent++;
    write();
    this.indent--;
    this.line('}');
  }

  /** Everything written, after the words that it names. */
  text(): string {
    const header = [...this.header].sort(([a], [b]) => a - b).map(([, line]) => line);
    return [...header, ...this.lines].join('\n');
  }

  /** A name for launch word `position`. */
  named(name: string, position: number, read: string = word(position)): string {
    this.header.set(position, `let ${name} = ${read};`);
    return name;
  }

  size(axis: number): string {
    const { rank, operands } = this.plan;
    const first = (operands[0]?.word ?? rank) - rank;
    return this.named(`n${axis}`, first + axis);
  }

  isCostly(op: ScalarName): boolean {
    return isCostly(op);
  }

  offset(t: number): string {
    return this.named(`o${t}`, this.operand(t).word);
  }

  stride(t: number, axis: number): string {
    return this.named(`t${t}_${axis}`, this.operand(t).word + 1 + axis);
  }

  operand(t: number): PlannedOperand {
    const found = this.plan.operands[t];
    if (found === undefined) throw new RangeError(`region: no operand ${t}`);
    return found;
  }

  step(i: number): Step {
    const found = this.plan.spec.steps[i];
    if (found === undefined) throw new RangeError(`region: no step ${i}`);
    return found;
  }

  /** The step whose value output `o` stores. */
  stored(o: number): number {
    return this.plan.spec.outputs[o]?.step ?? 0;
  }

  /** Class of the stride of operand t along an axis that is the last kept or the last one. */
  classAlong(t: number, axis: number): number {
    const operand = this.operand(t);
    return axis < this.plan.spec.keptRank ? operand.keptClass : operand.reducedClass;
  }

  constant(i: number, slot: number): void {
    const dtype = this.plan.spec.constants[slot] ?? 'f32';
    const at = this.plan.constantWords[slot] ?? 0;
    const name = this.named(`c${slot}`, at, constantText(dtype, at));
    this.line(`let s${i} = ${name};`);
  }

  /** `let <name> = <value of step i>`, its arguments under the names that `of` gives. */
  value(i: number, name: string, of: (step: number) => string): void {
    const step = this.step(i);
    if (step.op === 'load' || step.op === 'reduce') throw new RangeError(`region: step ${i}`);
    if (step.op === 'const') {
      this.constant(i, step.index);
      return;
    }
    const row = ROWS[step.op].text(step.args.map(of), step.dtype, step.from);
    for (const needed of row.prelude) this.prelude.add(needed);
    this.line(`let ${name} = ${row.expression};`);
  }

  load(name: string, t: number, element: string): void {
    const { isIota, dtype } = this.operand(t);
    if (isIota) this.line(`let ${name} = ${iotaText(dtype, element)};`);
    else {
      this.used.add(t);
      this.line(`let ${name} = ${this.names[t] ?? ''}[${element}];`);
    }
  }

  store(o: number, element: string, value: string): void {
    const t = this.plan.spec.inputs.length + o;
    this.used.add(t);
    this.line(`${this.names[t] ?? ''}[${element}] = ${value};`);
  }

  /** An element of any operand, as an lvalue or a value. */
  element(t: number, at: string): string {
    this.used.add(t);
    return `${this.names[t] ?? ''}[${at}]`;
  }

  /** Steps and operands that `roots` need: all of it, down to loads, constants and reductions. */
  needs(roots: readonly number[], isAvailable: (step: number) => boolean): number[] {
    const seen = new Set<number>();
    const visit = (i: number): void => {
      if (seen.has(i)) return;
      seen.add(i);
      const step = this.step(i);
      if (step.op === 'load' || step.op === 'const' || isAvailable(i)) return;
      for (const arg of step.args) visit(arg);
    };
    for (const root of roots) visit(root);
    return [...seen].sort((a, b) => a - b);
  }
}

/** A constant slot's value: f16 constants travel as the bits of an f32. */
function constantText(dtype: DType, at: number): string {
  if (dtype === 'f32') return floatWord(at);
  if (dtype === 'f16') return `f16(${floatWord(at)})`;
  if (dtype === 'u32') return word(at);
  if (dtype === 'bool') return `select(0i, 1i, ${word(at)} != 0u)`;
  return intWord(at);
}

/** The value of an iota at a position: indices are integers that wrap. */
function iotaText(dtype: DType, element: string): string {
  if (dtype === 'u32') return element;
  if (dtype === 'bool') return `select(0i, 1i, (${element}) != 0u)`;
  const integer = `bitcast<i32>(${element})`;
  return dtype === 'i32' ? integer : `${typeOf(dtype)}(${integer})`;
}

/** Whether any value or operand is a half: the shader then enables them. */
export function usesHalf(plan: RegionPlan): boolean {
  const { steps, inputs, outputs } = plan.spec;
  return (
    [...steps, ...inputs, ...outputs].some(({ dtype }) => dtype === 'f16') ||
    steps.some((step) => 'from' in step && step.from === 'f16')
  );
}
