// Registers the gradients of TensorFlow.js. Its Node bundle of the core leaves them out and the
// module that has them imports its neighbours without file endings, which Node refuses: a resolve
// hook adds them while that module loads. The alternative is the whole umbrella package.
import { registerHooks } from 'node:module';

/** Loads and registers every gradient; the registry is shared through the library's global. */
export async function registerGradients(): Promise<void> {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (!specifier.startsWith('.')) throw error;
        return next(`${specifier}.js`, context);
      }
    },
  });
  try {
    await import('@tensorflow/tfjs-core/dist/register_all_gradients.js');
  } finally {
    hooks.deregister();
  }
}
