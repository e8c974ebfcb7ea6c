#!/usr/bin/env node
/** Starts the program, which is in program.ts. Imports next to nothing: the daemon's process may begin anew here. */
import './cli/node-version.ts';
import { closeDebugger } from './cli/debugger.ts';
import { asksForDaemon, becomeLean } from './cli/lean.ts';

// Before anything else: by default Node opens its debugger on this signal, and other daemons' users send it to rotate logs.
process.on('SIGUSR1', () => undefined);
closeDebugger();
if (asksForDaemon(process.argv.slice(2))) becomeLean();
await import('./loading.ts');
