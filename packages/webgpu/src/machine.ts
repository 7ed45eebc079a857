/** What a backend runs on: pool, queue and pipelines of one device, and the way to the next. */
import { DeviceLostError, type TenonError } from '@tenon/core';
import { BufferPool } from './buffers.ts';
import { type Counters, newTally, type Tally, take } from './counters.ts';
import type { Opened, Profile } from './device.ts';
import type { Gpu, ShaderSource } from './kernel.ts';
import { explain, type Pipeline, Pipelines } from './pipelines.ts';
import { Queue } from './queue.ts';
import { Session } from './session.ts';
import { Submitter } from './submitter.ts';

export class Machine implements Gpu {
  readonly pipelines: Pipelines;
  profile: Profile;
  session: Session;
  pool: BufferPool;
  queue: Queue;
  submitter: Submitter;
  private readonly tally: Tally = newTally();
  private readonly memoryBytes: number;

  constructor(opened: Opened, memoryBytes: number) {
    this.memoryBytes = memoryBytes;
    this.pipelines = new Pipelines(this.tally);
    this.profile = opened.profile;
    const { session, pool, queue, submitter } = this.connect(opened);
    this.session = session;
    this.pool = pool;
    this.queue = queue;
    this.submitter = submitter;
  }

  /** Goes on with another device; what the old one held is lost. */
  replace(opened: Opened): void {
    Object.assign(this, this.connect(opened));
  }

  /** Gives back what is on the device, and the device itself if it is ours. */
  end(reason: TenonError): void {
    const { session, pool, submitter } = this;
    session.end(reason);
    if (session.isOwn) session.device.destroy();
    else {
      pool.dispose();
      submitter.dispose();
    }
  }

  pipeline(source: ShaderSource): Pipeline {
    return this.pipelines.pipeline(source);
  }

  counters(): Counters {
    return take(this.tally);
  }

  private connect({ device, isOwn, profile }: Opened): {
    session: Session;
    pool: BufferPool;
    queue: Queue;
    submitter: Submitter;
  } {
    const session = new Session(device, isOwn, explainLoss);
    this.pipelines.attach(device);
    const submitter = new Submitter(session, this.pipelines, this.tally);
    const { limits } = profile;
    const queue = new Queue(session, this.pipelines, submitter, limits.maxGroupsPerAxis, () =>
      pool.sweep(),
    );
    const pool = new BufferPool(session, this.tally, this.memoryBytes, limits, {
      isPending: (block) => queue.isPending(block),
      flush: () => queue.flush(),
      report: (error) => queue.report(error),
      forget: (blocks) => submitter.groups.forget(blocks),
    });
    const listen = (event: GPUUncapturedErrorEvent): void => {
      const { message } = event.error;
      // On the application's own device, only what names our objects is ours.
      if (!isOwn && !message.includes('tenon')) return;
      queue.report(explain(message, this.pipelines.byLabel(message)));
      event.preventDefault();
    };
    device.addEventListener('uncapturederror', listen);
    // The application's device goes on without this backend.
    session.onEnd(() => device.removeEventListener('uncapturederror', listen));
    return { session, pool, queue, submitter };
  }
}

function explainLoss({ reason, message }: GPUDeviceLostInfo): DeviceLostError {
  const why = message === '' ? reason : `${reason}, ${message}`;
  return new DeviceLostError(
    `webgpu: the device was lost (${why}): nothing on it can be read any more ` +
      '(backend.recover() goes on with a fresh one)',
  );
}
