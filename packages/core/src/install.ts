/** Gives tensor.ts its ops. The one module with side effects: package.json lists it. */
import * as ops from './ops.ts';
import { installOps, Tensor } from './tensor.ts';

installOps(ops);

// console.log(x) in Node prints the elements.
Object.defineProperty(Tensor.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Tensor): string {
    return this.toString();
  },
});
