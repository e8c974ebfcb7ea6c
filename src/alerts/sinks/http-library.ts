/** What http-client.ts has of undici, so that it can be loaded where it is needed: a bundle gives a CommonJS package no names. */
export { Agent, request } from 'undici';
