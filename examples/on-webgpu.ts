// Makes webgpu the default backend before a program starts, for the programs that choose none:
//   npx node --conditions=@tenon/source --import ./on-webgpu.ts 04-training-loop.ts
import { setDefaultBackend } from '@tenon/core';
import { webgpu } from '@tenon/webgpu/node';

setDefaultBackend(await webgpu());
