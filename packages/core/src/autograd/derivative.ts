/** From the declared derivative of a primitive to the rule that backward runs. */
import type { Factor, Primitive, VjpContext } from '../primitive.ts';
import { installedOps, type Tensor } from '../tensor.ts';
import type { Backward } from './node.ts';

const rules = new WeakMap<Primitive, Backward>();

/** The reverse-mode rule of a primitive, made once. */
export function derivativeRule(primitive: Primitive): Backward {
  let rule = rules.get(primitive);
  if (rule === undefined) {
    rule = makeRule(primitive);
    rules.set(primitive, rule);
  }
  return rule;
}

function makeRule({ name, derivative }: Primitive): Backward {
  switch (derivative.kind) {
    case 'pointwise':
      return ([g], ctx) =>
        derivative.partials.map((partial, i) =>
          ctx.needs[i] ? scale(g as Tensor, partial(installedOps(), ctx)) : null,
        );
    case 'linear':
      return ([g], ctx) => [derivative.transpose(installedOps(), g as Tensor, ctx)];
    case 'multilinear':
      return ([g], ctx) =>
        derivative.transposes.map((transpose, i) =>
          ctx.needs[i] ? transpose(installedOps(), g as Tensor, ctx) : null,
        );
    case 'custom':
      return ([g], ctx) => derivative.vjp(installedOps(), g as Tensor, ctx);
    case 'none':
      return () => {
        throw new Error(`${name}: has no derivative`);
      };
    default:
      return derivative satisfies never;
  }
}

function scale(g: Tensor, factor: Factor): Tensor | null {
  if (factor === null) return null;
  if (factor === 1) return g;
  if (factor === -1) return installedOps().neg(g);
  return installedOps().mul(g, factor);
}

/** What a rule may look at, over the snapshots of a node. */
export function contextOf(
  name: string,
  inputs: readonly (Tensor | null)[],
  outputs: readonly (Tensor | null)[],
  rest: Pick<VjpContext<unknown>, 'types' | 'attrs' | 'needs'>,
): VjpContext<unknown> {
  const saved = (list: readonly (Tensor | null)[], what: string, index: number): Tensor => {
    const tensor = list[index];
    if (!tensor) throw new Error(`${name}: its derivative reads ${what} ${index}, not in saves`);
    return tensor;
  };
  return {
    input: (index) => saved(inputs, 'input', index),
    output: (index = 0) => saved(outputs, 'output', index),
    ...rest,
  };
}
