/**
 * What optimizers share: parameter groups, the learning rate as a variable, per-parameter state as
 * variables, stepping in library mode, state dicts. Nothing here depends on a host counter, so a
 * compiled training step sees all state change.
 */
import {
  DeviceError,
  gradientOf,
  increment,
  library,
  noGrad,
  type Parameter,
  StateDictError,
  type Tensor,
  ValueError,
  type Variable,
  variable,
  zeros,
} from '@tenon/core';
import { assignAll, fit, readEntries, type StateDict, type StateEntry } from '../state-dict.ts';
import { ParameterGroup } from './group.ts';

/** Settings of a group besides its parameters. */
export type Settings = Readonly<Record<string, number | boolean | readonly number[]>>;

/** Parameters with settings of their own; what is left out comes from the optimizer's options. */
export type GroupOptions<S extends Settings> = Partial<S> & {
  readonly parameters: Iterable<Parameter>;
};

/** What `stateDict` gives: moments by position (`0.exp_avg`), and each group's settings. */
export interface OptimizerState {
  readonly tensors: StateDict;
  readonly groups: readonly { readonly size: number; readonly settings: Settings }[];
}

/** A parameter that has a gradient. */
export interface Ready {
  readonly parameter: Parameter;
  readonly gradient: Tensor;
}

/** Name of the step counter among a parameter's state. */
const STEP = 'step';

/** The base of all optimizers. */
export abstract class Optimizer<S extends Settings & { learningRate: number }> {
  readonly groups: readonly ParameterGroup<S>[];
  readonly #state = new Map<Parameter, Map<string, Variable>>();
  readonly #op: string;

  constructor(
    op: string,
    parameters: Iterable<Parameter> | readonly GroupOptions<S>[],
    settings: S,
    check: (settings: S) => void,
  ) {
    this.#op = op;
    const seen = new Set<Parameter>();
    this.groups = groupsOf(op, parameters).map(({ parameters: own, ...rest }) => {
      const merged = withDefaults(op, settings, rest as Partial<S>);
      checkLearningRate(op, merged.learningRate);
      check(merged);
      return new ParameterGroup(op, own, merged, seen);
    });
    if (seen.size === 0) {
      throw new ValueError(`${op}: expected at least one parameter, got none`);
    }
  }

  /** The learning rate of the first group; setting it sets all groups'. */
  get learningRate(): number {
    return this.groups[0]?.learningRate ?? 0;
  }

  set learningRate(value: number) {
    checkLearningRate(this.#op, value);
    for (const group of this.groups) group.learningRate = value;
  }

  /** All parameters, in the order of the groups. */
  get parameters(): Parameter[] {
    return this.groups.flatMap((group) => [...group.parameters]);
  }

  /** Drops all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.grad = null;
  }

  /** Updates every parameter that has a gradient; the others, and their state, stay as they are. */
  step(): void {
    const steps: { group: ParameterGroup<S>; ready: Ready[] }[] = [];
    for (const group of this.groups) {
      const ready: Ready[] = [];
      for (const parameter of group.parameters) {
        const gradient = gradientOf(parameter);
        if (gradient === null) continue;
        this.#requireSameBackend(parameter);
        ready.push({ parameter, gradient });
      }
      if (ready.length > 0) steps.push({ group, ready });
    }
    library(() =>
      noGrad(() => {
        for (const { group, ready } of steps) this.update(group, ready);
      }),
    );
  }

  /** A copy of all state on the host. */
  async stateDict(): Promise<OptimizerState> {
    const entries: StateEntry[] = [];
    for (const [index, parameter] of this.parameters.entries()) {
      for (const [name, state] of this.#state.get(parameter) ?? []) {
        entries.push({ name: `${index}.${name}`, variable: state });
      }
    }
    const groups = this.groups.map((group) => ({
      size: group.parameters.length,
      settings: { ...group.settings, learningRate: group.learningRate },
    }));
    return { tensors: await readEntries(entries), groups };
  }

  /**
   * Takes over state and settings; all is checked before anything is written.
   *
   * @throws StateDictError where groups, names or shapes do not fit
   */
  loadStateDict({ tensors, groups }: OptimizerState): void {
    const sizes = this.groups.map((group) => group.parameters.length);
    const got = groups.map((group) => group.size);
    if (sizes.join() !== got.join()) {
      throw new StateDictError(
        `${this.#op}: loadStateDict: expected groups of ${sizes.join(', ')} parameters, ` +
          `got ${got.join(', ')}`,
      );
    }
    const parameters = this.parameters;
    const writes: { variable: Variable; data: Exclude<ReturnType<typeof fit>, string> }[] = [];
    const problems: string[] = [];
    const loaded = new Map<Parameter, Map<string, Variable>>();
    for (const [key, stored] of tensors) {
      const [index = '', name = ''] = key.split('.', 2);
      const parameter = /^\d+$/.test(index) ? parameters[Number(index)] : undefined;
      if (parameter === undefined || !this.stateNames().includes(name)) {
        problems.push(`unexpected: ${key}`);
        continue;
      }
      const target = name === STEP ? scalar(parameter, 0) : zerosOf(parameter);
      const data = fit(key, target, stored);
      if (typeof data === 'string') problems.push(data);
      else writes.push({ variable: target, data });
      const own = loaded.get(parameter) ?? new Map<string, Variable>();
      loaded.set(parameter, own.set(name, target));
    }
    if (problems.length > 0) {
      throw new StateDictError(
        `${this.#op}: loadStateDict: the state does not fit, nothing was changed:\n  ` +
          `${problems.join('\n  ')}`,
      );
    }
    assignAll(writes);
    this.#state.clear();
    for (const [parameter, own] of loaded) this.#state.set(parameter, own);
    for (const [index, group] of this.groups.entries()) {
      const settings = groups[index]?.settings as S;
      group.settings = settings;
      group.learningRate = settings.learningRate;
    }
  }

  /** Names of the state that a parameter of this optimizer can have. */
  protected abstract stateNames(): readonly string[];

  /** Updates parameters through `assign`; runs without gradients, in library mode. */
  protected abstract update(group: ParameterGroup<S>, ready: readonly Ready[]): void;

  /** State of a parameter, zeros of its shape at first. */
  protected state(parameter: Parameter, name: string): Variable {
    const own = this.#stateOf(parameter);
    let found = own.get(name);
    if (found === undefined) {
      found = zerosOf(parameter);
      own.set(name, found);
    }
    return found;
  }

  /**
   * Advances the step counters of `ready` by one and gives the parameters by counter. Parameters
   * that have always stepped together share one, so its corrections are computed once.
   */
  protected advance(group: ParameterGroup<S>, ready: readonly Ready[]): Map<Variable, Ready[]> {
    const byClock = new Map<Variable | undefined, Ready[]>();
    for (const item of ready) {
      const clock = this.#stateOf(item.parameter).get(STEP);
      const members = byClock.get(clock);
      if (members === undefined) byClock.set(clock, [item]);
      else members.push(item);
    }
    const advanced = new Map<Variable, Ready[]>();
    for (const [clock, members] of byClock) {
      const sharing = group.parameters.filter((p) => this.#state.get(p)?.get(STEP) === clock);
      let next = clock;
      if (next === undefined || sharing.length > members.length) {
        const first = members[0]?.parameter as Parameter;
        next = scalar(first, 0);
        if (clock !== undefined) next.assign(clock);
        for (const { parameter } of members) this.#stateOf(parameter).set(STEP, next);
      }
      increment(next);
      advanced.set(next, members);
    }
    return advanced;
  }

  /** Before anything is updated: a step that fails half way would leave counters advanced. */
  #requireSameBackend(parameter: Parameter): void {
    for (const state of this.#state.get(parameter)?.values() ?? []) {
      if (state.backend === parameter.backend) continue;
      throw new DeviceError(
        `${this.#op}: step: the state is on ${state.backend.name}, the parameter on ` +
          `${parameter.backend.name}: move the model before training, or call ` +
          'optimizer.loadStateDict(await optimizer.stateDict())',
      );
    }
  }

  #stateOf(parameter: Parameter): Map<string, Variable> {
    let own = this.#state.get(parameter);
    if (own === undefined) {
      own = new Map();
      this.#state.set(parameter, own);
    }
    return own;
  }
}

/** `defaults` with `options` over them. An option of another name would be a silent mistake. */
export function withDefaults<S extends Settings>(op: string, defaults: S, options: Partial<S>): S {
  if (typeof options !== 'object') {
    throw new ValueError(`${op}: expected options such as { learningRate }, got ${options}`);
  }
  const known = Object.keys(defaults);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ValueError(
      `${op}: expected options among ${known.join(', ')}, got '${unknown}'` +
        (unknown === 'lr' ? ' (here: learningRate)' : ''),
    );
  }
  return { ...defaults, ...options };
}

/** A list of parameters is one group without settings of its own. */
function groupsOf<S extends Settings>(
  op: string,
  parameters: Iterable<Parameter> | readonly GroupOptions<S>[],
): { parameters: Iterable<Parameter>; [setting: string]: unknown }[] {
  if (typeof parameters[Symbol.iterator] !== 'function') {
    throw new ValueError(`${op}: expected a list of parameters (of a model: model.parameters())`);
  }
  const plain: Parameter[] = [];
  const groups: { parameters: Iterable<Parameter>; [setting: string]: unknown }[] = [];
  for (const item of parameters) {
    if ('parameters' in item) groups.push({ ...item });
    else plain.push(item);
  }
  if (plain.length > 0) groups.unshift({ parameters: plain });
  return groups;
}

function zerosOf(parameter: Parameter): Variable {
  const { shape, dtype, backend } = parameter;
  return variable(zeros(shape, { dtype, backend }));
}

function scalar({ backend }: Parameter, value: number): Variable {
  return variable(value, { dtype: 'f32', backend });
}

function checkLearningRate(op: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new ValueError(`${op}: learningRate: expected a number of at least 0, got ${value}`);
  }
}
