#!/usr/bin/env node
// The `tenon` command. All there is to it is in program.ts, so that tests can reach it.
import { run } from './program.ts';

process.exitCode = await run(process.argv.slice(2));
